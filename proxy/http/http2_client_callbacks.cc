// SPDX-License-Identifier: Apache-2.0
// What nghttp2 tells the codec and asks of it. All is called out of receive() and pull().
// Thread: one loop (owned by the codec).
#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/http/http2_client_parts.h"

namespace edgehold {

int Http2ClientCodec::Callbacks::onBeginHeaders(nghttp2_session*, const nghttp2_frame*,
                                                void* user) {
  static_cast<Http2ClientCodec*>(user)->head_.begin();
  return 0;
}

int Http2ClientCodec::Callbacks::onHeader(nghttp2_session*, const nghttp2_frame*,
                                          const std::uint8_t* name, std::size_t name_bytes,
                                          const std::uint8_t* value, std::size_t value_bytes,
                                          std::uint8_t, void* user) {
  Http2ClientCodec& self = *static_cast<Http2ClientCodec*>(user);
  self.head_.add(http2View(name, name_bytes), http2View(value, value_bytes));
  if (self.head_.listBytes() <= limits::kHttp2HeaderListBytesMost) return 0;
  self.endByFault("a header block without end");
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Http2ClientCodec::Callbacks::onFrame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Http2ClientCodec& self = *static_cast<Http2ClientCodec*>(user);
  const bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  Stream* const stream = self.find(static_cast<StreamId>(frame->hd.stream_id));
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      if (stream != nullptr) self.onBlockEnd(*stream, is_end);
      break;
    case NGHTTP2_DATA:
      if (is_end && stream != nullptr) self.onInputEnd(*stream);
      // Nothing but padding.
      if (is_end || frame->hd.length == 0 || frame->hd.length > frame->data.padlen) break;
      self.spend(Http2Abuse::kEmptyContent);
      break;
    case NGHTTP2_SETTINGS:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) self.is_settled_ = true;
      break;
    case NGHTTP2_GOAWAY:
      self.is_going_away_ = true;  // what it refuses is closed by nghttp2
      break;
    default:
      break;
  }
  return self.is_failing_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

int Http2ClientCodec::Callbacks::onContent(nghttp2_session* session, std::uint8_t flags,
                                           std::int32_t id, const std::uint8_t* bytes,
                                           std::size_t count, void* user) {
  Http2ClientCodec& self = *static_cast<Http2ClientCodec*>(user);
  // Each stream has a window of its own to stop it by; this one is for all.
  nghttp2_session_consume_connection(session, count);
  self.budget_.earnContent();
  const bool is_last = (flags & NGHTTP2_FLAG_END_STREAM) != 0 && self.borders_.left() == 0;
  if (Stream* const stream = self.find(static_cast<StreamId>(id))) {
    self.onContent(*stream, http2View(bytes, count), is_last);
  }
  return self.is_failing_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

int Http2ClientCodec::Callbacks::onClosed(nghttp2_session*, std::int32_t id, std::uint32_t code,
                                          void* user) {
  Http2ClientCodec& self = *static_cast<Http2ClientCodec*>(user);
  if (Stream* const stream = self.find(static_cast<StreamId>(id))) self.onClosed(*stream, code);
  return 0;
}

int Http2ClientCodec::Callbacks::onFrameSent(nghttp2_session*, const nghttp2_frame* frame,
                                             void* user) {
  Http2ClientCodec& self = *static_cast<Http2ClientCodec*>(user);
  if (frame->hd.type == NGHTTP2_DATA) self.budget_.earnContent();
  // nghttp2 ends a connection by itself for what a frame must never be.
  const bool is_failure =
      frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR;
  if (is_failure && !self.is_failing_) self.endByFault("a frame that breaks the protocol");
  return 0;
}

// Its stream is closed next.
int Http2ClientCodec::Callbacks::onFrameNotSent(nghttp2_session*, const nghttp2_frame* frame,
                                                int error, void* user) {
  Http2ClientCodec& self = *static_cast<Http2ClientCodec*>(user);
  if (frame->hd.type != NGHTTP2_HEADERS || error != NGHTTP2_ERR_START_STREAM_NOT_ALLOWED) return 0;
  Stream* const stream = self.find(static_cast<StreamId>(frame->hd.stream_id));
  if (stream != nullptr) stream->is_unsent = true;
  return 0;
}

int Http2ClientCodec::Callbacks::onWrite(nghttp2_session*, nghttp2_frame*,
                                         const std::uint8_t* frame_header, std::size_t bytes,
                                         nghttp2_data_source* source, void* user) {
  writeHttp2Content(static_cast<Http2ClientCodec*>(user)->output_, frame_header, bytes, *source);
  return 0;
}

const nghttp2_session_callbacks* Http2ClientCodec::Callbacks::table() {
  static const nghttp2_session_callbacks* const made = makeHttp2Callbacks<Callbacks>();
  return made;
}

const nghttp2_option* Http2ClientCodec::Callbacks::options() {
  static const nghttp2_option* const made = makeHttp2Option();
  return made;
}

}  // namespace edgehold
