// SPDX-License-Identifier: Apache-2.0
// The streams behind http2_client_codec.h. nghttp2 calls Callbacks out of receive() and pull().
// Thread: one loop (owned by the upstream connection).
#include "proxy/http/http2_client_codec.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/http/http2_client_parts.h"

namespace edgehold {
namespace {

// What has another form here, or none.
bool isReplaced(HeaderId id) {
  switch (id) {
    case HeaderId::kConnection:
    case HeaderId::kContentLength:
    case HeaderId::kHost:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTe:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return true;
    default:
      return false;
  }
}

}  // namespace

void Http2ClientCodec::SessionDeleter::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

Http2ClientCodec::Http2ClientCodec(Events& events, bool is_secure)
    : events_(events), is_secure_(is_secure) {
  nghttp2_session* session = nullptr;
  CHECK_EQ(nghttp2_session_client_new3(&session, Callbacks::table(), this, Callbacks::options(),
                                       http2Memory()),
           0);
  session_.reset(session);
  const std::array<nghttp2_settings_entry, 4> settings = {{
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits::kHttp2ResponseWindowBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits::kHeadBytesMax},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  }};
  CHECK_EQ(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size()),
           0);
  CHECK_EQ(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                                 limits::kHttp2ConnectionWindowBytes),
           0);
}

Http2ClientCodec::~Http2ClientCodec() = default;

Http2ClientCodec::Stream* Http2ClientCodec::find(StreamId stream) const {
  const auto found =
      std::lower_bound(streams_.begin(), streams_.end(), stream,
                       [](const auto& own, StreamId wanted) { return own->id < wanted; });
  return found != streams_.end() && (*found)->id == stream ? found->get() : nullptr;
}

void Http2ClientCodec::forget(StreamId stream) {
  std::erase_if(streams_, [stream](const auto& own) { return own->id == stream; });
}

bool Http2ClientCodec::isUsable() const {
  return !is_failing_ && !is_going_away_ &&
         nghttp2_session_check_request_allowed(session_.get()) != 0;
}

std::size_t Http2ClientCodec::streamsMax() const {
  // In clear text nobody has said yet that it speaks HTTP/2: what reads frames as something else
  // must not find a request among them.
  if (!is_settled_) return is_secure_ ? 1 : 0;
  const std::size_t allowed =
      nghttp2_session_get_remote_settings(session_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return std::min(allowed, limits::kHttp2UpstreamStreamsMax);
}

bool Http2ClientCodec::hasRoom() const { return isUsable() && streams_.size() < streamsMax(); }

// --- the request ---------------------------------------------------------------------------------

StreamId Http2ClientCodec::sendHead(const RequestHead& head) {
  CHECK(isUsable()) << "nothing may begin on this connection";
  auto stream = std::make_unique<Stream>();
  stream->is_head_request = head.method == Method::kHead;
  stream->has_request_length = head.body.kind == BodyLength::Kind::kKnown;
  stream->request_left = stream->has_request_length ? head.body.bytes : 0;
  stream->is_over = stream->is_sent = !head.body.hasBody();
  submitHead(*stream, head);
  const StreamId id = stream->id;
  streams_.push_back(std::move(stream));
  return id;
}

void Http2ClientCodec::submitHead(Stream& stream, const RequestHead& head) {
  thread_local std::vector<nghttp2_nv> fields;
  fields.clear();
  const std::string_view host = head.headers.find(HeaderId::kHost).value_or(head.authority);
  fields.push_back(makeHttp2Field(":method", head.method_token));
  fields.push_back(makeHttp2Field(":scheme", is_secure_ ? "https" : "http"));
  fields.push_back(makeHttp2Field(":authority", host));
  fields.push_back(makeHttp2Field(":path", head.target.text));
  for (const Header& field : head.headers) {
    if (isReplaced(field.id)) continue;
    fields.push_back(makeHttp2Field(field));
  }
  std::string length;
  if (stream.has_request_length) {
    appendNumber(length, stream.request_left);
    fields.push_back(makeHttp2Field("content-length", length));
  }
  const nghttp2_data_provider provider = http2Provider(stream);
  const std::int32_t id =
      nghttp2_submit_request(session_.get(), nullptr, fields.data(), fields.size(),
                             head.body.hasBody() ? &provider : nullptr, nullptr);
  CHECK_GT(id, 0) << nghttp2_strerror(id);
  stream.id = static_cast<StreamId>(id);
}

void Http2ClientCodec::sendBody(StreamId id, ByteView chunk) {
  Stream* const stream = find(id);
  if (stream == nullptr || !stream->isLive() || stream->is_over || chunk.empty()) return;
  if (stream->has_request_length) {
    DCHECK_LE(chunk.size(), stream->request_left) << "request longer than declared";
    chunk = chunk.substr(0, static_cast<std::size_t>(stream->request_left));
    stream->request_left -= chunk.size();
  }
  stream->content.append(chunk);
  resumeHttp2(*session_, static_cast<std::int32_t>(id), *stream);
}

void Http2ClientCodec::sendEnd(StreamId id) {
  Stream* const stream = find(id);
  if (stream == nullptr || !stream->isLive() || stream->is_over) return;
  stream->is_over = true;
  // Less than declared: the upstream must not take it for whole.
  if (stream->request_left > 0) return reset(id, NGHTTP2_CANCEL);
  resumeHttp2(*session_, static_cast<std::int32_t>(id), *stream);
}

std::size_t Http2ClientCodec::queuedBytes(StreamId id) const {
  const Stream* const stream = find(id);
  return stream != nullptr ? stream->content.size() : 0;
}

Buffer& Http2ClientCodec::pull() {
  pullHttp2(*session_, output_);
  return output_;
}

// --- the response --------------------------------------------------------------------------------

std::size_t Http2ClientCodec::receive(ByteView bytes) {
  // Frame by frame: what one makes us say is said before the next is read, however they came.
  for (ByteView rest = bytes; !rest.empty() && !is_failing_;) {
    const ByteView piece = rest.substr(0, borders_.take(rest));
    rest.remove_prefix(piece.size());
    if (borders_.begun() != nullptr && !countFrame(*borders_.begun())) break;
    const ssize_t used = nghttp2_session_mem_recv(
        session_.get(), reinterpret_cast<const std::uint8_t*>(piece.data()), piece.size());
    if (used < 0) endByFault("bytes that are not HTTP/2");
    pullHttp2(*session_, output_);
  }
  return bytes.size();
}

// False: the connection has ended.
bool Http2ClientCodec::countFrame(const Http2FrameHeader& frame) {
  switch (frame.type) {
    case NGHTTP2_HEADERS:
      continuations_ = 0;
      return true;
    case NGHTTP2_CONTINUATION:
      // nghttp2 counts the pieces in which the header of one arrives.
      if (++continuations_ <= limits::kHttp2ContinuationsMax) return true;
      endByFault("a header block in too many frames");
      return false;
    case NGHTTP2_DATA:
      if (frame.bytes > 0 || (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0) return true;
      return spend(Http2Abuse::kEmptyContent);
    case NGHTTP2_RST_STREAM:
      return find(frame.stream) != nullptr || spend(Http2Abuse::kStrangeFrames);
    case NGHTTP2_PRIORITY:
      return spend(Http2Abuse::kPriorities);
    case NGHTTP2_SETTINGS:
      return spend(Http2Abuse::kSettings);
    case NGHTTP2_PING:
      return spend(Http2Abuse::kPings);
    case NGHTTP2_WINDOW_UPDATE:
      return spend(Http2Abuse::kWindowUpdates);
    case NGHTTP2_PUSH_PROMISE:  // RFC 9113 8.4: we said in our first frame that we take none
      endByFault("a push");
      return false;
    default:
      return spend(Http2Abuse::kStrangeFrames);
  }
}

bool Http2ClientCodec::spend(Http2Abuse kind) {
  if (budget_.spend(kind)) return true;
  endByFault("too many frames that ask for nothing");
  return false;
}

void Http2ClientCodec::onBlockEnd(Stream& stream, bool is_end) {
  if (!stream.isLive()) return;
  if (stream.input == Stream::Input::kBody) {
    if (!is_end) return fault(stream, "a head after the head");
    if (!head_.finishTrailers()) return fault(stream, "malformed trailers");
    return onInputEnd(stream);
  }
  auto head = head_.finish(is_end);
  if (!head) return fault(stream, head.error().message.c_str());
  if (head->status == kSwitchingProtocols) return fault(stream, "101 (RFC 9113 8.6)");
  if (head->status < 200) return onInterim(stream, is_end);
  onHead(stream, std::move(*head), is_end);
}

void Http2ClientCodec::onInterim(Stream& stream, bool is_end) {
  if (is_end) return fault(stream, "1xx head that ends the stream");
  // RFC 9110 8.6: it never announces content.
  if (head_.announcesLength()) return fault(stream, "1xx head with a length");
  if (++stream.informational > limits::kInformationalResponsesMax) {
    fault(stream, "too many 1xx heads");
  }
}

void Http2ClientCodec::onHead(Stream& stream, ResponseHead&& head, bool is_end) {
  stream.forbids_content = stream.is_head_request || statusForbidsBody(head.status);
  stream.has_declared = head.body.kind == BodyLength::Kind::kKnown && !stream.forbids_content;
  stream.declared_left = stream.has_declared ? head.body.bytes : 0;
  const bool is_unknown = head.body.kind == BodyLength::Kind::kChunked || !head_.announcesLength();
  if (statusForbidsBody(head.status) || (stream.is_head_request && is_unknown)) {
    head.body = BodyLength::none();
  }
  if (is_end && stream.declared_left > 0) return fault(stream, "content is missing");
  stream.input = Stream::Input::kBody;
  const bool has_no_content =
      stream.forbids_content || (stream.has_declared && stream.declared_left == 0);
  if (has_no_content && !is_end) return keepHead(stream, std::move(head));
  events_.onResponseHead(stream.id, std::move(head));
  if (is_end) onInputEnd(stream);
}

// A reader of HTTP/1 would have all of it at once, and content may still come that makes it
// malformed (RFC 9113 8.1.1).
void Http2ClientCodec::keepHead(Stream& stream, ResponseHead&& head) {
  stream.kept = std::make_unique<Stream::KeptHead>();
  stream.kept->head = std::move(head);
  stream.kept->head.keepIn(stream.kept->arena);
}

// `is_last`: the stream ends with it.
void Http2ClientCodec::onContent(Stream& stream, ByteView content, bool is_last) {
  if (!stream.isLive()) return;
  if (stream.input == Stream::Input::kHead) return fault(stream, "content before the head");
  if (stream.forbids_content) return fault(stream, "content where none may be");
  if (stream.has_declared && content.size() > stream.declared_left) {
    return fault(stream, "longer than declared");
  }
  stream.declared_left -= stream.has_declared ? content.size() : 0;
  if (stream.is_paused || !stream.held.empty()) return stream.held.append(content);
  const std::size_t ready = content.size() - (is_last ? 0 : stream.doubtfulBytes());
  if (ready < content.size()) stream.held.append(content.substr(ready));
  if (ready == 0) return;
  nghttp2_session_consume_stream(session_.get(), static_cast<std::int32_t>(stream.id), ready);
  events_.onResponseBody(stream.id, content.substr(0, ready));
}

void Http2ClientCodec::onInputEnd(Stream& stream) {
  stream.has_ended = true;
  if (!stream.isLive()) return;
  if (stream.input == Stream::Input::kHead) return fault(stream, "ended before the head");
  if (stream.declared_left > 0) return fault(stream, "shorter than declared");
  deliver(stream.id);
}

void Http2ClientCodec::pause(StreamId id, bool is_paused) {
  if (Stream* const stream = find(id)) stream->is_paused = is_paused;
}

void Http2ClientCodec::deliver(StreamId id) {
  Stream* stream = find(id);
  if (stream == nullptr || stream->input != Stream::Input::kBody || stream->is_paused) return;
  if (stream->held.size() > stream->doubtfulBytes()) {
    const Buffer held = std::exchange(stream->held, Buffer());
    const std::size_t ready = held.size() - stream->doubtfulBytes();
    if (ready < held.size()) stream->held.append(held.view().substr(ready));
    nghttp2_session_consume_stream(session_.get(), static_cast<std::int32_t>(id), ready);
    events_.onResponseBody(id, held.view().substr(0, ready));
    stream = find(id);  // the owner may have cancelled it
  }
  const bool is_whole = stream != nullptr && stream->has_ended && stream->isLive();
  if (is_whole && !stream->is_paused) endInput(*stream);
}

// The upstream has its mind made up: what is left of the request is not sent (RFC 9113 8.1).
void Http2ClientCodec::endInput(Stream& stream) {
  const StreamId id = stream.id;
  if (const auto kept = std::move(stream.kept)) {
    events_.onResponseHead(id, std::move(kept->head));
    if (find(id) != &stream || !stream.isLive()) return;  // the owner has cancelled it
  }
  stream.input = Stream::Input::kWhole;
  budget_.earnAnswer();
  if (!stream.is_sent) reset(id, NGHTTP2_NO_ERROR);
  if (stream.is_closed) forget(id);
  events_.onResponseEnd(id);
}

void Http2ClientCodec::onClosed(Stream& stream, std::uint32_t code) {
  stream.is_closed = true;
  if (stream.isLive() && stream.has_ended) return;  // whole, and waits for its reader
  if (stream.isLive()) {
    // Of a response that has begun it is a lie.
    const bool is_untouched = stream.input == Stream::Input::kHead && stream.informational == 0;
    if (is_untouched && (stream.is_unsent || code == NGHTTP2_REFUSED_STREAM)) {
      refuse(stream, "upstream refused the stream");
    } else {
      failStream(stream, Error{Reason::kUpstreamReset, std::string("upstream reset the stream: ") +
                                                           nghttp2_http2_strerror(code)});
    }
  }
  forget(stream.id);
}

void Http2ClientCodec::fault(Stream& stream, const char* why) {
  if (!stream.has_ended || !stream.is_sent) reset(stream.id, NGHTTP2_PROTOCOL_ERROR);
  failStream(stream, Error{Reason::kUpstreamMalformed, std::string("response: ") + why});
}

void Http2ClientCodec::refuse(Stream& stream, const char* why) {
  stream.input = Stream::Input::kDeaf;
  events_.onRequestRefused(stream.id, Error{Reason::kUpstreamReset, why});
}

void Http2ClientCodec::failStream(Stream& stream, Error error) {
  if (!stream.isLive()) return;
  stream.input = Stream::Input::kDeaf;
  stream.kept = nullptr;
  stream.held.release();
  events_.onResponseError(stream.id, std::move(error));
}

void Http2ClientCodec::cancel(StreamId id) {
  Stream* const stream = find(id);
  if (stream == nullptr || !stream->isLive()) return;
  stream->input = Stream::Input::kDeaf;
  stream->kept = nullptr;
  stream->held.release();
  if (stream->is_closed) return forget(id);
  reset(id, NGHTTP2_CANCEL);
}

void Http2ClientCodec::reset(StreamId stream, std::uint32_t code) {
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, static_cast<std::int32_t>(stream),
                            code);
}

// --- the end -------------------------------------------------------------------------------------

void Http2ClientCodec::receiveEnd() {
  if (std::exchange(is_failing_, true)) return;
  failAll(Error{Reason::kUpstreamReset, "upstream closed the connection"});
}

void Http2ClientCodec::endByFault(const char* why) {
  if (std::exchange(is_failing_, true)) return;
  nghttp2_session_terminate_session(session_.get(), NGHTTP2_PROTOCOL_ERROR);
  failAll(Error{Reason::kUpstreamMalformed, std::string("HTTP/2 connection: ") + why});
}

// Responses that are whole, and wait for their readers, are not touched.
void Http2ClientCodec::failAll(const Error& error) {
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    if (!streams_[i]->has_ended) failStream(*streams_[i], error);
  }
}

void Http2ClientCodec::close() {
  is_failing_ = true;
  nghttp2_session_terminate_session(session_.get(), NGHTTP2_NO_ERROR);
}

bool Http2ClientCodec::isFinished() const {
  return is_failing_ || nghttp2_session_want_read(session_.get()) == 0;
}

}  // namespace edgehold
