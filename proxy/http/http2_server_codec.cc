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

Http2ServerCodec::Http2ServerCodec(Events& events, bool is_secure)
    : events_(events), head_(is_secure) {
  openSession();
}

Http2ServerCodec::~Http2ServerCodec() = default;

void Http2ServerCodec::openSession() {
  nghttp2_session* session = nullptr;
  CHECK_EQ(nghttp2_session_server_new2(&session, Callbacks::table(), this, Callbacks::options()),
           0);
  session_.reset(session);
  const std::array<nghttp2_settings_entry, 4> settings = {{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits::kHttp2StreamsMax},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits::kHttp2StreamWindowBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits::kHeadBytesMax},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  }};
  CHECK_EQ(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size()),
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
  if (bytes.empty() || is_failing_) return bytes.size();
  is_in_preface_ = !has_preface_;
  const ssize_t used = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (used < 0) endByError(static_cast<int>(used));
  return bytes.size();
}

bool Http2ServerCodec::countFrame(std::uint8_t type, std::uint8_t flags) {
  Http2Abuse kind = Http2Abuse::kPings;
  const bool is_ack = (flags & NGHTTP2_FLAG_ACK) != 0;
  switch (type) {
    case NGHTTP2_PRIORITY:
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
      break;
    case NGHTTP2_WINDOW_UPDATE:
      kind = Http2Abuse::kWindowUpdates;
      break;
    default:
      return true;  // counted by what is in them, or by nghttp2; unknown ones are skipped
  }
  if (budget_.spend(kind)) return true;
  endByAbuse(kind);
  return false;
}

void Http2ServerCodec::onBlockEnd(Stream& stream, bool is_request, bool is_end) {
  stream.has_ended = is_end;
  if (!is_request) {
    return refuse(stream, Error{Reason::kFramingConflict, "request has trailers"});
  }
  auto head = head_.finish(!is_end);
  if (!head) return refuse(stream, std::move(head.error()));
  stream.input = Stream::Input::kBody;
  stream.is_told = true;
  stream.may_continue = head->expects_continue;
  stream.has_declared = head->body.kind == BodyLength::Kind::kKnown;
  stream.declared_left = head->body.bytes;
  events_.onRequestHead(stream.id, std::move(*head));
  if (is_end) deliver(stream);
}

void Http2ServerCodec::onContent(Stream& stream, ByteView content) {
  if (stream.input != Stream::Input::kBody) {
    nghttp2_session_consume_connection(session_.get(), content.size());
    return;
  }
  stream.may_continue = false;  // the client did not wait
  if (stream.has_declared && content.size() > stream.declared_left) {
    nghttp2_session_consume_connection(session_.get(), content.size());
    return refuse(stream, Error{Reason::kFramingConflict, "request body: longer than declared"});
  }
  stream.declared_left -= stream.has_declared ? content.size() : 0;
  if (!stream.held.empty() || content.size() > stream.credit) {
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
  while (stream.input == Stream::Input::kBody && stream.credit > 0 && !stream.held.empty()) {
    const ByteView some = stream.held.view().substr(0, stream.credit);
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

// --- output --------------------------------------------------------------------------------------

void Http2ServerCodec::sendContinue(StreamId id) {
  Stream* const stream = find(id);
  if (stream == nullptr || stream->is_head_sent || !stream->may_continue) return;
  stream->may_continue = false;
  const nghttp2_nv status = makeHttp2Field(":status", "100");
  nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, static_cast<std::int32_t>(id), nullptr,
                         &status, 1, nullptr);
}

void Http2ServerCodec::sendHead(StreamId id, const ResponseHead& head, bool for_head) {
  Stream* const stream = find(id);
  if (stream == nullptr || stream->is_over || stream->is_head_sent) return;
  DCHECK_GE(head.status, 200) << "interim responses have calls of their own";
  stream->is_head_sent = true;
  stream->may_continue = false;
  const bool has_content = !for_head && head.body.hasBody() && !statusForbidsBody(head.status);
  stream->has_content = has_content;
  stream->has_response_length = has_content && head.body.kind == BodyLength::Kind::kKnown;
  stream->response_left = stream->has_response_length ? head.body.bytes : 0;
  stream->has_moved = true;
  submitHead(*stream, head, has_content);
}

void Http2ServerCodec::submitHead(Stream& stream, const ResponseHead& head, bool has_content) {
  thread_local std::vector<nghttp2_nv> fields;
  fields.clear();
  std::string status;
  appendNumber(status, head.status);
  fields.push_back(makeHttp2Field(":status", status));
  for (const Header& field : head.headers) {
    switch (field.id) {
      case HeaderId::kConnection:
      case HeaderId::kContentLength:
      case HeaderId::kKeepAlive:
      case HeaderId::kProxyConnection:
      case HeaderId::kTransferEncoding:
      case HeaderId::kUpgrade:
        continue;
      default:
        fields.push_back(makeHttp2Field(field.name, field.value));
    }
  }
  std::string length;
  if (head.body.kind == BodyLength::Kind::kKnown && !statusForbidsBody(head.status)) {
    appendNumber(length, head.body.bytes);
    fields.push_back(makeHttp2Field("content-length", length));
  }
  const nghttp2_data_provider provider = http2Provider(stream);
  stream.is_sent = !has_content;
  const int submitted =
      nghttp2_submit_response(session_.get(), static_cast<std::int32_t>(stream.id), fields.data(),
                              fields.size(), has_content ? &provider : nullptr);
  if (submitted != 0) reset(stream.id, NGHTTP2_INTERNAL_ERROR);
}

void Http2ServerCodec::sendBody(StreamId id, ByteView chunk) {
  Stream* const stream = find(id);
  if (stream == nullptr || !stream->has_content || stream->is_over || chunk.empty()) return;
  if (stream->has_response_length) {
    DCHECK_LE(chunk.size(), stream->response_left) << "response longer than declared";
    chunk = chunk.substr(0, static_cast<std::size_t>(stream->response_left));
    stream->response_left -= chunk.size();
  }
  if (stream->content.empty()) stream->has_moved = true;
  stream->content.append(chunk);
  resumeHttp2(*session_, static_cast<std::int32_t>(id), *stream);
}

void Http2ServerCodec::sendEnd(StreamId id) {
  Stream* const stream = find(id);
  if (stream == nullptr || stream->is_over) return;
  if (!stream->is_head_sent || stream->response_left > 0) return abort(id);
  stream->is_over = true;
  stream->input = Stream::Input::kDeaf;
  resumeHttp2(*session_, static_cast<std::int32_t>(id), *stream);
}

// The last frame of a response has left nghttp2. The client need not send what is left of its
// request (RFC 9113 8.1); one that was malformed ends in an error.
void Http2ServerCodec::onAnswerSent(Stream& stream) {
  if (stream.is_malformed) return reset(stream.id, NGHTTP2_PROTOCOL_ERROR);
  budget_.earnAnswer();
  if (!stream.has_ended) reset(stream.id, NGHTTP2_NO_ERROR);
}

void Http2ServerCodec::reset(StreamId stream, std::uint32_t code) {
  if (find(stream) == nullptr) return;
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, static_cast<std::int32_t>(stream),
                            code);
}

void Http2ServerCodec::abort(StreamId id) {
  Stream* const stream = find(id);
  if (stream == nullptr || stream->is_over) return;
  stream->is_over = true;
  stream->input = Stream::Input::kDeaf;
  reset(id, stream->is_malformed ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_INTERNAL_ERROR);
}

Buffer& Http2ServerCodec::pull() {
  pullHttp2(*session_, output_);
  return output_;
}

std::size_t Http2ServerCodec::queuedBytes(StreamId id) const {
  const Stream* const stream = find(id);
  return stream != nullptr ? stream->content.size() : 0;
}

std::size_t Http2ServerCodec::heldBytes() const {
  std::size_t bytes = 0;
  for (const auto& stream : streams_) bytes += stream->held.capacity() + stream->content.capacity();
  return bytes;
}

bool Http2ServerCodec::isStalled() const {
  return std::any_of(streams_.begin(), streams_.end(), [](const auto& stream) {
    return stream->is_head_sent && (stream->is_over || !stream->content.empty());
  });
}

void Http2ServerCodec::resetStalled() {
  for (const auto& stream : streams_) {
    const bool waits = stream->is_head_sent && (stream->is_over || !stream->content.empty());
    if (!waits || std::exchange(stream->has_moved, false)) continue;
    events_.onAbuse(Http2Abuse::kStalledStreams);
    reset(stream->id, NGHTTP2_CANCEL);  // if the owner still has it: onRequestCancelled()
  }
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

void Http2ServerCodec::endByError(int nghttp2_error) {
  if (is_failing_) return;
  switch (nghttp2_error) {
    case NGHTTP2_ERR_FLOODED:
      return endByAbuse(Http2Abuse::kAcknowledged);
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
      return endByAbuse(Http2Abuse::kContinuations);
    default:
      return terminate(NGHTTP2_PROTOCOL_ERROR);
  }
}

void Http2ServerCodec::terminate(std::uint32_t code) {
  is_failing_ = true;
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
  if (is_failing_) return true;
  if (is_end_received_ && streams_.empty()) return true;
  return nghttp2_session_want_read(session_.get()) == 0;
}

}  // namespace edgehold
