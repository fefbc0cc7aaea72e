// SPDX-License-Identifier: Apache-2.0
// The inner parts of http2_client_codec.h: one stream, and what nghttp2 is given to call.
// Thread: one loop (owned by the codec).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <nghttp2/nghttp2.h>

#include "proxy/base/arena.h"
#include "proxy/http/http2_client_codec.h"
#include "proxy/http/http2_session.h"

namespace edgehold {

struct Http2ClientCodec::Stream : Http2Outgoing {
  enum class Input : std::uint8_t {
    kHead,
    kBody,
    kWhole,  // the owner has seen the end
    kDeaf,   // whatever comes is dropped
  };
  struct KeptHead {
    Arena arena;
    ResponseHead head;
  };
  StreamId id = kNoStream;
  Input input = Input::kHead;
  std::unique_ptr<KeptHead> kept;   // of a response without content, until its stream ends
  Buffer held;                      // content that came during a pause, bounded by the window
  std::uint64_t request_left = 0;   // of a request with a declared length
  std::uint64_t declared_left = 0;  // of a response with Content-Length
  std::uint8_t informational = 0;   // 1xx heads swallowed
  bool has_request_length = false;
  bool has_declared = false;
  bool is_head_request = false;
  bool forbids_content = false;
  bool has_ended = false;  // END_STREAM came
  bool is_paused = false;
  bool is_closed = false;  // nghttp2 knows it no more: only what is held is left
  bool is_unsent = false;  // nghttp2 would not send it any more

  bool isLive() const { return input == Input::kHead || input == Input::kBody; }
  // The last byte of a declared length waits for the end of the stream: with more behind it the
  // response is malformed (RFC 9113 8.1.1), and must not have looked whole.
  std::size_t doubtfulBytes() const {
    return has_declared && declared_left == 0 && !has_ended ? 1 : 0;
  }
};

struct Http2ClientCodec::Callbacks {
  // One of each for all connections.
  static const nghttp2_session_callbacks* table();
  static const nghttp2_option* options();

  // `user` is the codec.
  static int onBeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int onHeader(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                      std::size_t name_bytes, const std::uint8_t* value, std::size_t value_bytes,
                      std::uint8_t flags, void* user);
  static int onFrame(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int onContent(nghttp2_session* session, std::uint8_t flags, std::int32_t id,
                       const std::uint8_t* bytes, std::size_t count, void* user);
  static int onWrite(nghttp2_session*, nghttp2_frame*, const std::uint8_t* frame_header,
                     std::size_t bytes, nghttp2_data_source* source, void* user);
  static int onFrameSent(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int onFrameNotSent(nghttp2_session*, const nghttp2_frame* frame, int error, void* user);
  static int onClosed(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user);
};

}  // namespace edgehold
