// SPDX-License-Identifier: Apache-2.0
// An inspected event stream: each event of an answer passes the chain before the client gets it.
// Thread: one loop (owned by the exchange driver).
#pragma once

#include <cstddef>
#include <optional>

#include "proxy/exchange/exchange.h"
#include "proxy/exchange/filter_chain.h"
#include "proxy/http/sse.h"
#include "proxy/observe/metrics.h"
#include "proxy/server/client_side.h"

namespace edgehold {

// WHATWG HTML 9.2. An event stream lives as long as its client listens.
bool isEventStream(const ResponseHead& head);

class EventStream {
 public:
  // Asks the upstream for an answer that can be read.
  static void prepareRequest(RequestHead& request);
  // Some of the route's filters look at events, and `head` begins some. Fails where nobody could
  // look at them: a content coding (RFC 9110 8.4).
  static Result<bool> inspects(const Exchange& exchange, const ResponseHead& head);

  // REQUIRES: all outlive it. `head` goes to the client without a length: events may be dropped.
  EventStream(ChainWalk& walk, Exchange& exchange, WorkerMetrics& metrics, ResponseHead& head);

  // Passes on what may pass of `chunk`, as it came. The verdict that cuts the stream, or nothing.
  // What is not whole at the end of the stream is no event (9.2.6), and goes no further.
  std::optional<Verdict> take(ByteView chunk, ClientSide& client);

 private:
  // The verdict that cuts the stream, or nothing: was_dropped_ says then what becomes of the event.
  std::optional<Verdict> judge(const SseEvent& event);

  ChainWalk& walk_;
  Exchange& exchange_;
  WorkerMetrics& metrics_;
  SseSplitter splitter_;
  bool was_dropped_ = false;  // the last event
};

}  // namespace edgehold
