// SPDX-License-Identifier: Apache-2.0
// The splitter behind sse.h. Lines end with CRLF, LF or CR; a CR is an end at once, and an LF that
// comes after it in a later read still belongs to it.
// Thread: one loop (owned by the exchange).
#include "proxy/http/sse.h"

#include <algorithm>

namespace edgehold {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool isLineEnd(char c) { return c == '\r' || c == '\n'; }

}  // namespace

void SseSplitter::append(ByteView bytes) {
  pending_.consume(taken_);
  taken_ = 0;
  pending_.append(bytes);
}

Result<std::optional<SseEvent>> SseSplitter::next() {
  pending_.consume(taken_);
  taken_ = 0;
  const ByteView bytes = pending_.view();
  const std::size_t end = findEnd(bytes);
  if ((end == 0 ? bytes.size() : end) > event_bytes_max_) {
    return fail(Reason::kUpstreamMalformed, "event stream: event too large");
  }
  if (end == 0) return std::nullopt;
  taken_ = end;
  line_start_ = scanned_ = 0;
  return parse(bytes.substr(0, end));
}

// The length of the first event with its blank line, or 0 while it is not whole.
std::size_t SseSplitter::findEnd(ByteView bytes) {
  if (ended_with_cr_ && bytes.starts_with('\n')) return 1;
  for (;;) {
    const auto* const found = std::find_if(bytes.begin() + scanned_, bytes.end(), isLineEnd);
    scanned_ = static_cast<std::size_t>(found - bytes.begin());
    if (scanned_ == bytes.size()) return 0;
    const bool is_cr = bytes[scanned_] == '\r';
    const bool is_blank = scanned_ == line_start_;
    if (is_cr && !is_blank && scanned_ + 1 == bytes.size()) return 0;  // LF may follow: wait
    scanned_ += is_cr && bytes.substr(scanned_ + 1, 1) == "\n" ? 2 : 1;
    // Before any field, a comment is of no event: nobody waits for what follows it.
    const bool is_heartbeat = line_start_ == 0 && bytes[0] == ':';
    line_start_ = scanned_;
    if (is_blank || is_heartbeat) return scanned_;
  }
}

SseEvent SseSplitter::parse(ByteView raw) {
  SseEvent event{.raw = raw};
  event.is_rest = ended_with_cr_ && raw == "\n";
  joined_.clear();
  std::string_view rest = raw;
  if (!is_started_ && rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
  is_started_ = true;
  ended_with_cr_ = raw.ends_with('\r');
  while (!rest.empty()) {
    const std::size_t end = rest.find_first_of("\r\n");
    parseLine(rest.substr(0, end), event);
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);  // the LF of CRLF is one more empty line
  }
  if (event.type.empty()) event.type = "message";
  return event;
}

void SseSplitter::parseLine(std::string_view line, SseEvent& event) {
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "event") {
    event.type = value;
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    event.id = value;
  } else if (name == "data" && !event.has_data) {
    event.has_data = true;
    event.data = value;
  } else if (name == "data") {
    if (joined_.empty()) joined_.assign(event.data);
    joined_.append(1, '\n').append(value);
    event.data = joined_;
  }
}

}  // namespace edgehold
