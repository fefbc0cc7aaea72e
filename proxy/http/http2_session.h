// SPDX-License-Identifier: Apache-2.0
// What both sides of HTTP/2 have in common towards nghttp2: how content leaves, frame by frame, and
// small makings. Thread: one loop (owned by the codec).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <nghttp2/nghttp2.h>

#include "proxy/base/bytes.h"
#include "proxy/base/log.h"
#include "proxy/http/headers.h"

namespace edgehold {

// Content on its way out of one stream. nghttp2 asks for it when windows are open.
struct Http2Outgoing {
  Buffer content;             // that has not been framed
  bool is_over = false;       // no more of it comes
  bool is_deferred = false;   // nghttp2 waits for resumeHttp2()
  bool is_sent = false;       // the last frame is on its way
  bool is_malformed = false;  // an RST_STREAM is its end instead of END_STREAM
};

// REQUIRES: `outgoing` lives as long as its stream.
nghttp2_data_provider http2Provider(Http2Outgoing& outgoing);
// nghttp2's send_data callback: moves what the provider announced.
void writeHttp2Content(Buffer& output, const std::uint8_t* frame_header, std::size_t bytes,
                       const nghttp2_data_source& source);
void resumeHttp2(nghttp2_session& session, std::int32_t stream, Http2Outgoing& outgoing);
// Frames what is ready, as much as leaves well at once.
void pullHttp2(nghttp2_session& session, Buffer& output);

// What nghttp2 calls, from the static functions of `Callbacks`: one table for all connections.
template <class Callbacks>
const nghttp2_session_callbacks* makeHttp2Callbacks() {
  nghttp2_session_callbacks* table = nullptr;
  CHECK_EQ(nghttp2_session_callbacks_new(&table), 0);
  nghttp2_session_callbacks_set_on_begin_headers_callback(table, &Callbacks::onBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(table, &Callbacks::onHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(table, &Callbacks::onFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table, &Callbacks::onContent);
  nghttp2_session_callbacks_set_on_stream_close_callback(table, &Callbacks::onClosed);
  nghttp2_session_callbacks_set_on_frame_send_callback(table, &Callbacks::onFrameSent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(table, &Callbacks::onFrameNotSent);
  nghttp2_session_callbacks_set_send_data_callback(table, &Callbacks::onWrite);
  return table;
}
// What both sides ask of nghttp2: windows, heads and floods are the codecs' own affair.
nghttp2_option* makeHttp2Option();
// Where its sessions take their memory from: dozens of blocks for each request.
nghttp2_mem* http2Memory();

// nghttp2 copies both, and turns the name into lower case.
nghttp2_nv makeHttp2Field(std::string_view name, std::string_view value);
// The same, kept out of the peer's table where it must not or need not be there.
nghttp2_nv makeHttp2Field(const Header& field);

inline ByteView http2View(const std::uint8_t* bytes, std::size_t count) {
  return {reinterpret_cast<const char*>(bytes), count};
}

}  // namespace edgehold
