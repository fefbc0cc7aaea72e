// SPDX-License-Identifier: Apache-2.0
// What one HTTP/2 connection may ask for that costs it little and us much (RFC 9113 10.5).
// Thread: one loop (owned by the codec).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace edgehold {

enum class Http2Abuse : std::uint8_t {
  kClientResets,    // RST_STREAM from the client (CVE-2023-44487)
  kServerResets,    // frames that make us reset a stream (CVE-2025-8671)
  kContinuations,   // a header block in too many frames (CVE-2024-27316)
  kHeaderList,      // a header block that grows without end (CVE-2016-1546 and its like)
  kSlowHead,        // a header block that does not end in time
  kSettings,        // SETTINGS frames (CVE-2019-9515)
  kPings,           // PING frames (CVE-2019-9512)
  kPriorities,      // PRIORITY frames (CVE-2019-9513)
  kEmptyContent,    // DATA frames without content or end (CVE-2019-9518)
  kWindowUpdates,   // WINDOW_UPDATE frames (CVE-2019-9511)
  kStrangeFrames,   // frames that are for nobody: unknown ones, GOAWAY, heads of closed streams
  kStalledStreams,  // a window that hardly opens until the write timeout: only that stream ends
  kCount,           // keep last
};

inline constexpr std::size_t kHttp2AbuseCount = static_cast<std::size_t>(Http2Abuse::kCount);

// The label of metrics.
std::string_view http2AbuseName(Http2Abuse kind);

// Counts down by kind; answers and content that were sent earn some of it back, so that a long and
// honest connection never runs out. No clock: what costs us nothing may be as fast as it likes.
class Http2Budget {
 public:
  Http2Budget();
  // False when there was nothing left of `kind`.
  bool spend(Http2Abuse kind);
  // An answer has been sent to its end.
  void earnAnswer();
  // A DATA frame with content was sent.
  void earnContent();

 private:
  void earn(Http2Abuse kind, unsigned amount);

  std::array<unsigned, kHttp2AbuseCount> left_;
};

}  // namespace edgehold
