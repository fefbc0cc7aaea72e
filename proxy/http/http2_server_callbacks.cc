// SPDX-License-Identifier: Apache-2.0
// What nghttp2 tells the codec and asks of it. All is called out of receive() and pull().
// Thread: one loop (owned by the codec).
#include <algorithm>
#include <limits>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/http/http2_server_parts.h"

namespace edgehold {
namespace {

// Frames that a client can make us reset streams with (CVE-2025-8671). Our own reasons to reset
// have other codes.
bool isPeersFault(std::uint32_t code) {
  switch (code) {
    case NGHTTP2_PROTOCOL_ERROR:
    case NGHTTP2_FLOW_CONTROL_ERROR:
    case NGHTTP2_STREAM_CLOSED:
    case NGHTTP2_FRAME_SIZE_ERROR:
    case NGHTTP2_REFUSED_STREAM:
      return true;
    default:
      return false;
  }
}

}  // namespace

int Http2ServerCodec::Callbacks::onBeginHeaders(nghttp2_session*, const nghttp2_frame* frame,
                                                void* user) {
  Http2ServerCodec& self = *static_cast<Http2ServerCodec*>(user);
  const auto id = static_cast<StreamId>(frame->hd.stream_id);
  self.block_stream_ = id;
  const bool is_request = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
  self.head_.begin(is_request ? Http2RequestHead::Block::kHead
                              : Http2RequestHead::Block::kTrailers);
  if (is_request) self.openStream(id);
  return 0;
}

int Http2ServerCodec::Callbacks::onHeader(nghttp2_session*, const nghttp2_frame*,
                                          const std::uint8_t* name, std::size_t name_bytes,
                                          const std::uint8_t* value, std::size_t value_bytes,
                                          std::uint8_t, void* user) {
  Http2ServerCodec& self = *static_cast<Http2ServerCodec*>(user);
  self.head_.add(http2View(name, name_bytes), http2View(value, value_bytes));
  if (self.head_.listBytes() <= limits::kHttp2HeaderListBytesMost) return 0;
  self.endByAbuse(Http2Abuse::kHeaderList);
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Http2ServerCodec::Callbacks::onFrame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Http2ServerCodec& self = *static_cast<Http2ServerCodec*>(user);
  const bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  Stream* const stream = self.find(static_cast<StreamId>(frame->hd.stream_id));
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      self.block_stream_ = kNoStream;
      if (stream == nullptr) break;
      if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        self.onHeadEnd(*stream, is_end);
      } else {
        self.onTrailersEnd(*stream, is_end);
      }
      break;
    case NGHTTP2_DATA:
      if (is_end && stream != nullptr) self.onInputEnd(*stream);
      // Nothing but padding.
      if (is_end || frame->hd.length == 0 || frame->hd.length > frame->data.padlen) break;
      if (self.budget_.spend(Http2Abuse::kEmptyContent)) break;
      self.endByAbuse(Http2Abuse::kEmptyContent);
      break;
    case NGHTTP2_RST_STREAM:
      if (stream != nullptr) stream->has_ended = true;
      break;
    case NGHTTP2_PING:
      if (!self.is_draining_ || (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) break;
      self.is_leaving_ = true;
      nghttp2_submit_goaway(self.session_.get(), NGHTTP2_FLAG_NONE,
                            nghttp2_session_get_last_proc_stream_id(self.session_.get()),
                            NGHTTP2_NO_ERROR, nullptr, 0);
      break;
    default:
      break;
  }
  return self.is_failing_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

int Http2ServerCodec::Callbacks::onContent(nghttp2_session* session, std::uint8_t, std::int32_t id,
                                           const std::uint8_t* bytes, std::size_t count,
                                           void* user) {
  Http2ServerCodec& self = *static_cast<Http2ServerCodec*>(user);
  Stream* const stream = self.find(static_cast<StreamId>(id));
  if (stream != nullptr) {
    self.onContent(*stream, http2View(bytes, count));
  } else {
    nghttp2_session_consume_connection(session, count);
  }
  return self.is_failing_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

int Http2ServerCodec::Callbacks::onClosed(nghttp2_session*, std::int32_t id, std::uint32_t,
                                          void* user) {
  Http2ServerCodec& self = *static_cast<Http2ServerCodec*>(user);
  if (Stream* const stream = self.find(static_cast<StreamId>(id))) self.closeStream(*stream);
  return 0;
}

int Http2ServerCodec::Callbacks::onFrameSent(nghttp2_session*, const nghttp2_frame* frame,
                                             void* user) {
  Http2ServerCodec& self = *static_cast<Http2ServerCodec*>(user);
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA: {
      Stream* const stream = self.find(static_cast<StreamId>(frame->hd.stream_id));
      if (stream == nullptr) break;
      if (frame->hd.type == NGHTTP2_DATA) self.budget_.earnContent();
      if (stream->is_sent) self.onAnswerSent(*stream);
      break;
    }
    case NGHTTP2_RST_STREAM:
      if (!isPeersFault(frame->rst_stream.error_code)) break;
      if (!self.budget_.spend(Http2Abuse::kServerResets)) {
        self.endByAbuse(Http2Abuse::kServerResets);
      }
      break;
    case NGHTTP2_GOAWAY:
      // nghttp2 ends a connection by itself for what a frame must never be.
      if (frame->goaway.error_code != NGHTTP2_NO_ERROR && !self.is_failing_) {
        self.is_failing_ = true;
        // Too many entries in one SETTINGS.
        if (frame->goaway.error_code == NGHTTP2_ENHANCE_YOUR_CALM) {
          self.events_.onAbuse(Http2Abuse::kSettings);
        } else {
          self.events_.onProtocolError();
        }
        self.cancelAll();
      }
      break;
    default:
      break;
  }
  return 0;
}

// A head that cannot be sent (longer than nghttp2 writes) must not leave its stream waiting.
int Http2ServerCodec::Callbacks::onFrameNotSent(nghttp2_session*, const nghttp2_frame* frame, int,
                                                void* user) {
  Http2ServerCodec& self = *static_cast<Http2ServerCodec*>(user);
  if (frame->hd.type == NGHTTP2_HEADERS) {
    self.reset(static_cast<StreamId>(frame->hd.stream_id), NGHTTP2_INTERNAL_ERROR);
  }
  return 0;
}

int Http2ServerCodec::Callbacks::onWrite(nghttp2_session*, nghttp2_frame*,
                                         const std::uint8_t* frame_header, std::size_t bytes,
                                         nghttp2_data_source* source, void* user) {
  Http2ServerCodec& self = *static_cast<Http2ServerCodec*>(user);
  writeHttp2Content(self.output_, frame_header, bytes, *source);
  Stream& stream = static_cast<Stream&>(*static_cast<Http2Outgoing*>(source->ptr));
  stream.sent_bytes += bytes;
  if (stream.content.empty()) stream.has_waited = false;
  return 0;
}

const nghttp2_session_callbacks* Http2ServerCodec::Callbacks::table() {
  static const nghttp2_session_callbacks* const made = makeHttp2Callbacks<Callbacks>();
  return made;
}

const nghttp2_option* Http2ServerCodec::Callbacks::options() {
  static const nghttp2_option* const made = [] {
    nghttp2_option* const option = makeHttp2Option();
    nghttp2_option_set_no_closed_streams(option, 1);
    // By our budget, which has no clock and gives the right code.
    constexpr std::uint64_t kEndless = std::numeric_limits<std::uint64_t>::max();
    nghttp2_option_set_stream_reset_rate_limit(option, kEndless, kEndless);
    return option;
  }();
  return made;
}

}  // namespace edgehold
