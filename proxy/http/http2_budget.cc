// SPDX-License-Identifier: Apache-2.0
// The amounts behind http2_budget.h.
// Thread: one loop (owned by the codec).
#include "proxy/http/http2_budget.h"

#include <algorithm>

#include "proxy/base/limits.h"

namespace edgehold {
namespace {

struct Row {
  std::string_view name;
  unsigned most;  // 0: counted by others, never spent here
};

// In the order of Http2Abuse.
constexpr std::array<Row, kHttp2AbuseCount> kRows = {{
    {"client_resets", limits::kHttp2ClientResetsMax},
    {"server_resets", limits::kHttp2ServerResetsMax},
    {"continuations", 0},
    {"header_list", 0},
    {"slow_head", 0},
    {"settings", limits::kHttp2SettingsMax},
    {"pings", limits::kHttp2PingsMax},
    {"priorities", limits::kHttp2PrioritiesMax},
    {"empty_content", limits::kHttp2EmptyContentMax},
    {"window_updates", limits::kHttp2WindowUpdatesMax},
    {"strange_frames", limits::kHttp2StrangeFramesMax},
    {"stalled_streams", 0},
}};

// A client may open its window for every frame it got, stream and connection, and then some.
constexpr unsigned kWindowUpdatesPerContent = 4;
constexpr unsigned kWindowUpdatesPerAnswer = 4;
constexpr unsigned kPrioritiesPerAnswer = 2;
// Browsers send a frame of a reserved type beside some requests.
constexpr unsigned kStrangeFramesPerAnswer = 2;

std::size_t indexOf(Http2Abuse kind) { return static_cast<std::size_t>(kind); }

}  // namespace

std::string_view http2AbuseName(Http2Abuse kind) { return kRows[indexOf(kind)].name; }

Http2Budget::Http2Budget() {
  std::transform(kRows.begin(), kRows.end(), left_.begin(),
                 [](const Row& row) { return row.most; });
}

bool Http2Budget::spend(Http2Abuse kind) {
  unsigned& left = left_[indexOf(kind)];
  if (left == 0) return false;
  --left;
  return true;
}

void Http2Budget::earn(Http2Abuse kind, unsigned amount) {
  unsigned& left = left_[indexOf(kind)];
  left = std::min(left + amount, kRows[indexOf(kind)].most);
}

void Http2Budget::earnAnswer() {
  earn(Http2Abuse::kClientResets, 1);
  earn(Http2Abuse::kServerResets, 1);
  earn(Http2Abuse::kPings, 1);
  earn(Http2Abuse::kPriorities, kPrioritiesPerAnswer);
  earn(Http2Abuse::kEmptyContent, 1);
  earn(Http2Abuse::kWindowUpdates, kWindowUpdatesPerAnswer);
  earn(Http2Abuse::kStrangeFrames, kStrangeFramesPerAnswer);
}

void Http2Budget::earnContent() {
  earn(Http2Abuse::kPings, 1);
  earn(Http2Abuse::kWindowUpdates, kWindowUpdatesPerContent);
}

}  // namespace edgehold
