// SPDX-License-Identifier: Apache-2.0
// What http2_server_codec.h sends: answers, and who waits for the client to take them.
// Thread: one loop (owned by the connection).
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/http/http2_server_codec.h"
#include "proxy/http/http2_server_parts.h"

namespace edgehold {
namespace {

bool isSuccess(std::uint16_t status) { return status >= 200 && status < 300; }

}  // namespace

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
  stream->has_waited = false;
  if (std::exchange(stream->may_tunnel, false) && isSuccess(head.status)) {
    stream->input = Stream::Input::kBody;
    may_deliver_ = true;
  }
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
        fields.push_back(makeHttp2Field(field));
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

// A rest that is declared and fits the stream's window is mostly on its way already: curl takes a
// reset that meets it for a failure, and shows no answer.
bool Http2ServerCodec::isRestShort(const Stream& stream) const {
  const auto room = nghttp2_session_get_stream_local_window_size(
      session_.get(), static_cast<std::int32_t>(stream.id));
  return stream.has_declared && room >= 0 &&
         stream.declared_left <= static_cast<std::uint64_t>(room);
}

// The last frame of a response has left nghttp2. The client need not send what is left of its
// request (RFC 9113 8.1), unless it is short; that is dropped, and waited for no longer than a
// window. A request that was malformed ends in an error.
void Http2ServerCodec::onAnswerSent(Stream& stream) {
  if (stream.is_malformed) return reset(stream.id, NGHTTP2_PROTOCOL_ERROR);
  budget_.earnAnswer();
  const bool waits = stream.has_ended || (!is_draining_ && isRestShort(stream));
  if (!waits) reset(stream.id, NGHTTP2_NO_ERROR);
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
  return std::any_of(streams_.begin(), streams_.end(),
                     [](const auto& stream) { return stream->isWaiting(); });
}

void Http2ServerCodec::resetStalled(std::uint64_t bytes) {
  for (const auto& stream : streams_) {
    const std::uint64_t left = std::exchange(stream->sent_bytes, 0);
    const bool has_waited = std::exchange(stream->has_waited, stream->isWaiting());
    if (!stream->isWaiting() || !has_waited || left >= bytes) continue;
    events_.onAbuse(Http2Abuse::kStalledStreams);
    reset(stream->id, NGHTTP2_CANCEL);  // if the owner still has it: onRequestCancelled()
  }
}

}  // namespace edgehold
