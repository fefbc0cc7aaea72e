// SPDX-License-Identifier: Apache-2.0
// The streams behind http2_server_codec.h. nghttp2 calls Callbacks out of receive() and pull(); a
// Stream goes only there, so none dies under an event of its own.
// Thread: one loop (owned by the connection).
#include "proxy/http/http2_server_codec.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/http/http2_server_parts.h"

namespace edgehold {
namespace {

constexpr std::uint8_t kDrainPing[8] = {'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'};

bool isMalformed(Reason reason) {
  return reason == Reason::kMalformedRequest || reason == Reason::kFramingConflict;
}

}  // namespace

void Http2ServerCodec::SessionDeleter::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

Http2ServerCodec::Http2ServerCodec(Events& events, Options options)
    : events_(events), head_(options.is_secure, options.allows_tunnels) {
  openSession(options.allows_tunnels);
}

Http2ServerCodec::~Http2ServerCodec() = default;

void Http2ServerCodec::openSession(bool allows_tunnels) {
  nghttp2_session* session = nullptr;
  CHECK_EQ(nghttp2_session_server_new3(&session, Callbacks::table(), this, Callbacks::options(),
                                       http2Memory()),
           0);
  session_.reset(session);
  const std::array<nghttp2_settings_entry, 5> settings = {{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits::kHttp2StreamsMax},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits::kHttp2StreamWindowBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits::kHeadBytesMax},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
  }};
  CHECK_EQ(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(),
                                   settings.size() - (allows_tunnels ? 0 : 1)),
           0);
  CHECK_EQ(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                                 limits::kHttp2ConnectionWindowBytes),
           0);
}

Http2ServerCodec::Stream* Http2ServerCodec::find(StreamId stream) const {
  if (stream == kNoStream) return nullptr;
  return static_cast<Stream*>(
      nghttp2_session_get_stream_user_data(session_.get(), static_cast<std::int32_t>(stream)));
}

Http2ServerCodec::Stream& Http2ServerCodec::openStream(StreamId id) {
  Stream& stream = *streams_.emplace_back(std::make_unique<Stream>());
  stream.id = id;
  const auto wire_id = static_cast<std::int32_t>(id);
  nghttp2_session_set_stream_user_data(session_.get(), wire_id, &stream);
  // RFC 9218 without its signals: all incremental, of one urgency.
  constexpr nghttp2_extpri kEven{NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
  nghttp2_session_change_extpri_stream_priority(session_.get(), wire_id, &kEven,
                                                /*ignore_client_signal=*/1);
  return stream;
}

void Http2ServerCodec::closeStream(Stream& stream) {
  if (block_stream_ == stream.id) block_stream_ = kNoStream;
  // What nobody will ask for any more still counts in the connection's window.
  if (!stream.held.empty()) {
    nghttp2_session_consume_connection(session_.get(), stream.held.size());
  }
  if (stream.has_ended) history_.leave(stream.id);
  const bool is_cancelled = stream.is_told && !stream.is_over && !stream.is_sent;
  const StreamId id = stream.id;
  stream.is_over = true;
  stream.input = Stream::Input::kDeaf;
  nghttp2_session_set_stream_user_data(session_.get(), static_cast<std::int32_t>(id), nullptr);
  const auto found = std::find_if(streams_.begin(), streams_.end(),
                                  [&stream](const auto& own) { return own.get() == &stream; });
  CHECK(found != streams_.end());
  const std::unique_ptr<Stream> closed = std::move(*found);
  *found = std::move(streams_.back());
  streams_.pop_back();
  if (is_cancelled) events_.onRequestCancelled(id);
}

// --- input ---------------------------------------------------------------------------------------

std::size_t Http2ServerCodec::receive(ByteView bytes) {
  if (is_failing_) return bytes.size();
  if (std::exchange(may_deliver_, false)) {
    // By index: an answer may be asked for more, but no stream comes or goes.
    for (std::size_t i = 0; i < streams_.size(); ++i) deliver(*streams_[i]);
  }
  is_in_preface_ = is_in_preface_ || (!has_preface_ && !bytes.empty());
  // Frame by frame: what one makes us say is said before the next is read, however they came.
  for (ByteView rest = bytes; !rest.empty() && !is_failing_;) {
    const ByteView piece = rest.substr(0, borders_.take(rest));
    rest.remove_prefix(piece.size());
    if (borders_.begun() != nullptr && !countFrame(*borders_.begun())) break;
    const ssize_t used = nghttp2_session_mem_recv(
        session_.get(), reinterpret_cast<const std::uint8_t*>(piece.data()), piece.size());
    if (used < 0 && !is_failing_) terminate(NGHTTP2_PROTOCOL_ERROR);
    pullHttp2(*session_, output_);
  }
  return bytes.size();
}

bool Http2ServerCodec::isPastStream(StreamId stream) const {
  return stream % 2 == 1 && stream <= history_.newest() && find(stream) == nullptr;
}

// RFC 9113 5.1, 5.1.1. False: the connection has ended. What came late is skipped by nghttp2.
bool Http2ServerCodec::checkPastStream(StreamId stream) {
  switch (history_.of(stream)) {
    case Http2StreamHistory::Past::kUnknown:
      return true;
    case Http2StreamHistory::Past::kLeft:
      terminate(NGHTTP2_STREAM_CLOSED);
      return false;
    case Http2StreamHistory::Past::kSkipped:
      terminate(NGHTTP2_PROTOCOL_ERROR);
      return false;
  }
  return true;
}

// False: the connection has ended.
bool Http2ServerCodec::countFrame(const Http2FrameHeader& frame) {
  has_preface_ = true;
  is_in_preface_ = false;
  Http2Abuse kind = Http2Abuse::kStrangeFrames;
  const bool is_ack = (frame.flags & NGHTTP2_FLAG_ACK) != 0;
  switch (frame.type) {
    case NGHTTP2_HEADERS:
      continuations_ = 0;
      if (isPastStream(frame.stream)) {
        if (!checkPastStream(frame.stream)) return false;
        break;
      }
      if (frame.stream % 2 == 1 && frame.stream > history_.newest()) history_.open(frame.stream);
      // A block that nghttp2 unpacks and nobody sees.
      if (!is_leaving_) return true;
      break;
    case NGHTTP2_DATA:
      if (isPastStream(frame.stream) && !checkPastStream(frame.stream)) return false;
      if (frame.bytes > 0 || (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0) return true;
      kind = Http2Abuse::kEmptyContent;
      break;
    case NGHTTP2_CONTINUATION:
      if (++continuations_ <= limits::kHttp2ContinuationsMax) return true;
      endByAbuse(Http2Abuse::kContinuations);
      return false;
    case NGHTTP2_PRIORITY:
      if (frame.stream == kNoStream) {  // nghttp2 ignores priorities with all their mistakes
        terminate(NGHTTP2_PROTOCOL_ERROR);
        return false;
      }
      kind = Http2Abuse::kPriorities;
      break;
    case NGHTTP2_RST_STREAM:
      kind = Http2Abuse::kClientResets;
      break;
    case NGHTTP2_SETTINGS:
      kind = Http2Abuse::kSettings;
      break;
    case NGHTTP2_PING:
      if (is_ack && is_draining_) return true;
      kind = Http2Abuse::kPings;
      break;
    case NGHTTP2_WINDOW_UPDATE:
      kind = Http2Abuse::kWindowUpdates;
      break;
    default:
      break;  // GOAWAY, and what nobody knows (RFC 9113 4.1: skipped)
  }
  if (budget_.spend(kind)) return true;
  endByAbuse(kind);
  return false;
}

void Http2ServerCodec::onHeadEnd(Stream& stream, bool is_end) {
  stream.has_ended = is_end;
  auto head = head_.finish(!is_end);
  if (!head) return refuse(stream, std::move(head.error()));
  stream.is_told = true;
  stream.may_continue = head->expects_continue;
  stream.may_tunnel = head->wants_upgrade;
  const auto declared = head_.declaredBytes();
  stream.has_declared = declared.has_value();
  stream.declared_left = declared.value_or(0);
  // What follows a request for a tunnel waits for its answer.
  stream.input = stream.may_tunnel ? Stream::Input::kWhole : Stream::Input::kBody;
  events_.onRequestHead(stream.id, std::move(*head));
  if (stream.may_tunnel) return events_.onRequestEnd(stream.id);
  if (is_end) deliver(stream);
}

void Http2ServerCodec::onTrailersEnd(Stream& stream, bool is_end) {
  if (stream.input != Stream::Input::kBody) return;
  if (!is_end) {
    return refuse(stream, Error{Reason::kMalformedRequest, "trailers without an end"});
  }
  if (auto checked = head_.finishTrailers(); !checked) {
    return refuse(stream, std::move(checked.error()));
  }
  onInputEnd(stream);
}

void Http2ServerCodec::onContent(Stream& stream, ByteView content) {
  if (stream.may_tunnel && stream.input == Stream::Input::kWhole)
    return stream.held.append(content);
  if (stream.input != Stream::Input::kBody) {
    nghttp2_session_consume_connection(session_.get(), content.size());
    return;
  }
  stream.may_continue = false;  // the client did not wait
  if (!stream.has_declared || content.size() <= stream.declared_left) {
    return takeContent(stream, content);
  }
  const auto fits = static_cast<std::size_t>(stream.declared_left);
  nghttp2_session_consume_connection(session_.get(), content.size() - fits);
  if (fits > 0) takeContent(stream, content.substr(0, fits));
  refuse(stream, Error{Reason::kFramingConflict, "request body: longer than declared"});
}

// The last byte of a declared length waits for END_STREAM: whoever counts has no whole request
// while more may come that makes it malformed.
void Http2ServerCodec::takeContent(Stream& stream, ByteView content) {
  stream.declared_left -= stream.has_declared ? content.size() : 0;
  const Http2FrameHeader& frame = borders_.current();
  const bool is_end = (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0 && frame.bytes == content.size();
  const bool must_wait = stream.isDeclaredReached() && !is_end;
  if (must_wait || !stream.held.empty() || content.size() > stream.credit) {
    stream.held.append(content);
    return deliver(stream);
  }
  stream.credit -= content.size();
  nghttp2_session_consume(session_.get(), static_cast<std::int32_t>(stream.id), content.size());
  events_.onRequestBody(stream.id, content);
}

void Http2ServerCodec::onInputEnd(Stream& stream) {
  stream.has_ended = true;
  if (stream.input != Stream::Input::kBody) return;
  if (stream.has_declared && stream.declared_left > 0) {
    return refuse(stream, Error{Reason::kFramingConflict, "request body: shorter than declared"});
  }
  deliver(stream);
}

void Http2ServerCodec::deliver(Stream& stream) {
  const std::size_t kept = stream.isDeclaredReached() && !stream.has_ended ? 1 : 0;
  while (stream.input == Stream::Input::kBody && stream.credit > 0 && stream.held.size() > kept) {
    const ByteView some =
        stream.held.view().substr(0, std::min(stream.credit, stream.held.size() - kept));
    stream.credit -= some.size();
    nghttp2_session_consume(session_.get(), static_cast<std::int32_t>(stream.id), some.size());
    events_.onRequestBody(stream.id, some);
    stream.held.consume(some.size());
  }
  if (stream.input != Stream::Input::kBody || !stream.has_ended || !stream.held.empty()) return;
  stream.input = Stream::Input::kWhole;
  events_.onRequestEnd(stream.id);
}

void Http2ServerCodec::refuse(Stream& stream, Error error) {
  const bool is_half_read =
      stream.input == Stream::Input::kHead || stream.input == Stream::Input::kBody;
  if (!is_half_read || stream.is_over) return;
  stream.input = Stream::Input::kDeaf;
  stream.is_malformed = isMalformed(error.reason);
  stream.is_told = true;
  events_.onRequestError(stream.id, std::move(error));
}

void Http2ServerCodec::receiveEnd() {
  is_end_received_ = true;
  pullHttp2(*session_, output_);  // an error of the connection is not the end of a request
  if (is_failing_) return;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    if (streams_[i]->has_ended) continue;
    refuse(*streams_[i], Error{Reason::kClientClosed, "request: cut short"});
  }
}

void Http2ServerCodec::fail(StreamId stream, Error error) {
  if (Stream* const slow = find(stream)) return refuse(*slow, std::move(error));
  if (stream != kNoStream || !isInHead()) return;
  // Without the rest of the block no other can be read (RFC 9113 4.3): the connection ends.
  if (Stream* const slow = find(block_stream_)) refuse(*slow, std::move(error));
  endByAbuse(Http2Abuse::kSlowHead);
}

void Http2ServerCodec::credit(StreamId id, std::size_t bytes) {
  Stream* const stream = find(id);
  if (stream == nullptr) return;
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  stream->credit = bytes > kMost - stream->credit ? kMost : stream->credit + bytes;
  if (!stream->held.empty()) may_deliver_ = true;
}

// --- the end -------------------------------------------------------------------------------------

void Http2ServerCodec::drain() {
  if (is_failing_ || std::exchange(is_draining_, true)) return;
  nghttp2_submit_shutdown_notice(session_.get());
  nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, kDrainPing);
}

void Http2ServerCodec::endByAbuse(Http2Abuse kind) {
  if (is_failing_) return;
  events_.onAbuse(kind);
  terminate(NGHTTP2_ENHANCE_YOUR_CALM);
}

void Http2ServerCodec::terminate(std::uint32_t code) {
  is_failing_ = true;
  if (code != NGHTTP2_ENHANCE_YOUR_CALM) events_.onProtocolError();
  nghttp2_session_terminate_session(session_.get(), code);
  cancelAll();
}

void Http2ServerCodec::cancelAll() {
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    Stream& stream = *streams_[i];
    stream.input = Stream::Input::kDeaf;
    const bool is_live = stream.is_told && !std::exchange(stream.is_over, true);
    if (is_live) events_.onRequestCancelled(stream.id);
  }
}

bool Http2ServerCodec::isFinished() const {
  if (!output_.empty() || nghttp2_session_want_write(session_.get()) != 0) return false;
  if (is_failing_ || (is_end_received_ && streams_.empty())) return true;
  return nghttp2_session_want_read(session_.get()) == 0;  // all is answered after a GOAWAY
}

}  // namespace edgehold
