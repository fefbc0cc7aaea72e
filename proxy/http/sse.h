// SPDX-License-Identifier: Apache-2.0
// Splits a text/event-stream body into events (WHATWG HTML 9.2). Knows nothing of HTTP framing.
// Thread: one loop (owned by the exchange).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/bytes.h"
#include "proxy/base/result.h"

namespace edgehold {

// Views are valid until the splitter's next call.
struct SseEvent {
  // The event's bytes as they came, its blank line included: the raws joined are the stream.
  // Comment lines before its first field (heartbeats) come by themselves, as soon as they end.
  ByteView raw = {};
  std::string_view type = {};  // "message" when the event names none
  std::string_view data = {};  // lines joined by LF
  std::string_view id = {};    // of this event, if it sets one
  // A comment or an empty block: forwarded, but no client dispatches it.
  bool has_data = false;
  // The LF of a CRLF whose CR ended the event before, which did not wait for it: part of that one.
  bool is_rest = false;
};

class SseSplitter {
 public:
  // `event_bytes_max` bounds the raw bytes of one event.
  explicit SseSplitter(std::size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}

  // Take the events out after each call: only the last, incomplete one stays.
  void append(ByteView bytes);
  // The next whole event, or nothing until more bytes come. Fails with kUpstreamMalformed once an
  // event is over its bound; the splitter is then of no use.
  Result<std::optional<SseEvent>> next();
  // What is left of the stream at its end: no client dispatches it.
  ByteView remainder() const { return pending_.view().substr(taken_); }

 private:
  std::size_t findEnd(ByteView bytes);
  SseEvent parse(ByteView raw);
  void parseLine(std::string_view line, SseEvent& event);

  const std::size_t event_bytes_max_;
  Buffer pending_;
  std::string joined_;          // data of more than one line
  std::size_t taken_ = 0;       // given out by the last next()
  std::size_t line_start_ = 0;  // of the first line that has not ended, behind taken_
  std::size_t scanned_ = 0;
  bool is_started_ = false;     // the byte order mark is behind us
  bool ended_with_cr_ = false;  // an LF at the start belongs to the event before
};

}  // namespace edgehold
