// SPDX-License-Identifier: Apache-2.0
// The other end of an HTTP/2 connection that we opened: reads requests as Http2Peer reads answers,
// and answers with what no library would. Thread: main only.
#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/support/http2_peer.h"

namespace edgehold {

class Http2ServerPeer {
 public:
  void take(std::string_view bytes) {
    while (!bytes.empty() && preface_.size() < kHttp2Preface.size()) {
      preface_ += bytes.front();
      bytes.remove_prefix(1);
    }
    ASSERT_TRUE(kHttp2Preface.starts_with(preface_));
    frames.take(bytes);
  }
  // Of a request.
  std::string field(std::uint32_t stream, const std::string& name) {
    const auto found = frames.answers[stream].fields.find(name);
    return found != frames.answers[stream].fields.end() ? found->second : "";
  }
  std::string content(std::uint32_t stream) { return frames.answers[stream].content; }
  bool isWhole(std::uint32_t stream) { return frames.answers[stream].has_ended; }
  // The code of its RST_STREAM.
  std::optional<std::uint32_t> reset(std::uint32_t stream) { return frames.answers[stream].reset; }
  bool hasSeen(std::uint32_t stream) const { return frames.answers.count(stream) != 0; }

  Http2Peer frames;

 private:
  std::string preface_;
};

// What a server says first: it takes so many streams, and has read our own limits.
inline std::string http2ServerStart(std::uint32_t streams_max = 100) {
  return http2Frame(NGHTTP2_SETTINGS, 0, 0, std::string("\0\x03", 2) + http2Number(streams_max)) +
         http2Frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, "");
}

inline std::string http2Status(std::uint32_t stream, std::string status, Http2Fields fields = {},
                               bool is_end = false) {
  return http2Headers(stream, Http2Fields{{":status", std::move(status)}} + fields, is_end);
}

inline std::string http2Ok(std::uint32_t stream, std::string_view content = "ok") {
  return http2Status(stream, "200") + http2Content(stream, content);
}

inline std::string http2Goaway(std::uint32_t last_stream, std::uint32_t code = 0) {
  return http2Frame(NGHTTP2_GOAWAY, 0, 0, http2Number(last_stream) + http2Number(code));
}

}  // namespace edgehold
