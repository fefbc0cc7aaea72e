// SPDX-License-Identifier: Apache-2.0
// Events through the chain, behind event_stream.h.
// Thread: one loop (owned by the exchange driver).
#include "proxy/server/event_stream.h"

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/base/strings.h"
#include "proxy/exchange/route.h"

namespace edgehold {
namespace {

constexpr std::string_view kContentEncoding = "content-encoding";
constexpr std::string_view kIdentity = "identity";
constexpr std::string_view kEventStream = "text/event-stream";

bool isCoded(const Headers& headers) {
  return std::any_of(headers.begin(), headers.end(), [](const Header& field) {
    return equalsIgnoreCase(field.name, kContentEncoding) &&
           !equalsIgnoreCase(field.value, kIdentity);
  });
}

}  // namespace

// Of several fields clients take one or the other: any will do.
bool isEventStream(const ResponseHead& head) {
  return std::any_of(head.headers.begin(), head.headers.end(), [](const Header& field) {
    return field.id == HeaderId::kContentType &&
           equalsIgnoreCase(field.value.substr(0, kEventStream.size()), kEventStream);
  });
}

void EventStream::prepareRequest(RequestHead& request) {
  request.headers.set("Accept-Encoding", kIdentity);
}

Result<bool> EventStream::inspects(const Exchange& exchange, const ResponseHead& head) {
  const bool is_wanted = exchange.route->chain().bodyPlan().sse_events &&
                         exchange.request.method != Method::kHead && head.body.hasBody();
  if (!is_wanted || !isEventStream(head)) return false;
  if (isCoded(head.headers)) {
    return fail(Reason::kUpstreamMalformed,
                "event stream: a content coding that was not asked for");
  }
  return true;
}

EventStream::EventStream(ChainWalk& walk, Exchange& exchange, WorkerMetrics& metrics,
                         ResponseHead& head)
    : walk_(walk),
      exchange_(exchange),
      metrics_(metrics),
      splitter_(exchange.route->limits().event_bytes_max) {
  head.body = BodyLength::untilClose();
  exchange.event_stream.emplace();
}

std::optional<Verdict> EventStream::take(ByteView chunk, ClientSide& client) {
  splitter_.append(chunk);
  for (;;) {
    auto event = splitter_.next();
    if (!event) return Verdict::abort(event.error().reason, std::move(event.error().message));
    if (!*event) return std::nullopt;
    if (auto cut = judge(**event)) return cut;
    if (was_dropped_) continue;
    exchange_.decision.response_body_bytes += (*event)->raw.size();
    client.sendBody((*event)->raw);
  }
}

// What no client dispatches (a comment, a field without data) is nobody's to judge.
std::optional<Verdict> EventStream::judge(const SseEvent& event) {
  if (event.is_rest) return std::nullopt;
  auto verdict = event.has_data ? walk_.sseEvent(event) : std::nullopt;
  if (verdict && verdict->kind() == Verdict::Kind::kAbort) return verdict;
  was_dropped_ = verdict.has_value();
  if (!event.has_data) return std::nullopt;
  EventStreamReport& report = *exchange_.event_stream;
  ++(was_dropped_ ? report.events_dropped : report.events_passed);
  metrics_.sse_events[was_dropped_ ? 1 : 0].add();
  return std::nullopt;
}

}  // namespace edgehold
