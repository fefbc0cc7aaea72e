// SPDX-License-Identifier: Apache-2.0
// The inner parts of http2_server_codec.h: one stream, and what nghttp2 is given to call.
// Thread: one loop (owned by the codec).
#pragma once

#include <cstddef>
#include <cstdint>

#include <nghttp2/nghttp2.h>

#include "proxy/base/recycled.h"
#include "proxy/http/http2_server_codec.h"
#include "proxy/http/http2_session.h"

namespace edgehold {

struct Http2ServerCodec::Stream final : Http2Outgoing, Recycled<Http2ServerCodec::Stream> {
  enum class Input : std::uint8_t {
    kHead,
    kBody,   // delivers content, as far as credit goes
    kWhole,  // the owner has seen the end; what follows a request for a tunnel is held
    kDeaf,   // whatever comes is dropped
  };
  StreamId id = kNoStream;
  Input input = Input::kHead;
  Buffer held;  // request content without credit, bounded by the stream's window
  std::size_t credit = 0;
  std::uint64_t declared_left = 0;  // of a request with Content-Length
  std::uint64_t response_left = 0;  // of a response with a known length
  bool has_declared = false;
  bool has_response_length = false;
  bool is_told = false;    // the owner knows of it; is_over: and waits for nothing more
  bool has_ended = false;  // END_STREAM came
  bool may_continue = false;
  bool is_head_sent = false;
  bool has_content = false;      // the response has
  bool may_tunnel = false;       // it is an extended CONNECT (RFC 8441) without an answer
  bool has_waited = false;       // ever since resetStalled() looked
  std::uint64_t sent_bytes = 0;  // of content, since then

  bool isDeclaredReached() const { return has_declared && declared_left == 0; }
  // For the client to open its window.
  bool isWaiting() const { return is_head_sent && (is_over || !content.empty()); }
};

struct Http2ServerCodec::Callbacks {
  // One of each for all connections.
  static const nghttp2_session_callbacks* table();
  static const nghttp2_option* options();

  // In the order of a request. `user` is the codec.
  static int onBeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int onHeader(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                      std::size_t name_bytes, const std::uint8_t* value, std::size_t value_bytes,
                      std::uint8_t flags, void* user);
  static int onFrame(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int onContent(nghttp2_session* session, std::uint8_t flags, std::int32_t id,
                       const std::uint8_t* bytes, std::size_t count, void* user);
  // Response content.
  static int onWrite(nghttp2_session*, nghttp2_frame*, const std::uint8_t* frame_header,
                     std::size_t bytes, nghttp2_data_source* source, void* user);
  static int onFrameSent(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int onFrameNotSent(nghttp2_session*, const nghttp2_frame* frame, int error, void* user);
  static int onClosed(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user);
};

}  // namespace edgehold
