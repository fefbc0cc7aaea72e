// SPDX-License-Identifier: Apache-2.0
// The other end of an HTTP/2 connection, written by hand: a client that may send what no library
// would, and reads what comes back.
// Thread: main only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

namespace edgehold {

using Http2Fields = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline std::string http2Frame(int type, int flags, std::uint32_t stream, std::string_view payload) {
  std::string frame;
  const auto put = [&frame](std::size_t byte) { frame += static_cast<char>(byte & 0xff); };
  put(payload.size() >> 16);
  put(payload.size() >> 8);
  put(payload.size());
  put(static_cast<std::size_t>(type));
  put(static_cast<std::size_t>(flags));
  for (const unsigned shift : {24u, 16u, 8u, 0u}) put(stream >> shift);
  frame += payload;
  return frame;
}

inline std::string http2Number(std::uint32_t number) {
  std::string bytes;
  for (const unsigned shift : {24u, 16u, 8u, 0u}) {
    bytes += static_cast<char>((number >> shift) & 0xff);
  }
  return bytes;
}

// Literals without indexing or Huffman code (RFC 7541 6.2.2): any bytes at all.
inline std::string http2Block(const Http2Fields& fields) {
  std::string block;
  const auto put = [&block](std::string_view text) {
    std::size_t length = text.size();
    if (length < 127) {
      block += static_cast<char>(length);
    } else {
      block += static_cast<char>(127);
      for (length -= 127; length >= 128; length /= 128) {
        block += static_cast<char>(length % 128 + 128);
      }
      block += static_cast<char>(length);
    }
    block += text;
  };
  for (const auto& [name, value] : fields) {
    block += '\0';
    put(name);
    put(value);
  }
  return block;
}

inline std::string http2Headers(std::uint32_t stream, const Http2Fields& fields,
                                bool is_end = true) {
  const int flags = NGHTTP2_FLAG_END_HEADERS | (is_end ? NGHTTP2_FLAG_END_STREAM : 0);
  return http2Frame(NGHTTP2_HEADERS, flags, stream, http2Block(fields));
}

inline std::string http2Content(std::uint32_t stream, std::string_view content,
                                bool is_end = true) {
  return http2Frame(NGHTTP2_DATA, is_end ? NGHTTP2_FLAG_END_STREAM : 0, stream, content);
}

inline std::string http2WindowUpdate(std::uint32_t stream, std::uint32_t bytes) {
  return http2Frame(NGHTTP2_WINDOW_UPDATE, 0, stream, http2Number(bytes));
}

inline std::string http2Reset(std::uint32_t stream, std::uint32_t code) {
  return http2Frame(NGHTTP2_RST_STREAM, 0, stream, http2Number(code));
}

inline std::string http2Start() {
  return std::string(kHttp2Preface) + http2Frame(NGHTTP2_SETTINGS, 0, 0, "");
}

inline Http2Fields http2Get(std::string path = "/a", std::string method = "GET") {
  return {{":method", std::move(method)},
          {":scheme", "http"},
          {":authority", "h"},
          {":path", std::move(path)}};
}

inline Http2Fields operator+(Http2Fields fields, const Http2Fields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

// What a server sent, by stream.
class Http2Peer {
 public:
  struct Answer {
    std::vector<std::string> statuses;  // interim ones first
    std::map<std::string, std::string> fields;
    std::string content;
    bool has_ended = false;
    std::optional<std::uint32_t> reset;
  };

  Http2Peer() { EXPECT_EQ(nghttp2_hd_inflate_new(&inflater_), 0); }
  ~Http2Peer() { nghttp2_hd_inflate_del(inflater_); }
  Http2Peer(const Http2Peer&) = delete;
  Http2Peer& operator=(const Http2Peer&) = delete;

  void take(std::string_view bytes) {
    pending_ += bytes;
    while (pending_.size() >= kHeaderBytes) {
      const std::size_t length = byteAt(0) << 16 | byteAt(1) << 8 | byteAt(2);
      if (pending_.size() < kHeaderBytes + length) return;
      takeFrame(static_cast<int>(byteAt(3)), static_cast<int>(byteAt(4)),
                static_cast<std::uint32_t>(numberAt(5) & 0x7fffffff),
                pending_.substr(kHeaderBytes, length));
      pending_.erase(0, kHeaderBytes + length);
    }
  }

  std::map<std::uint32_t, Answer> answers;
  std::map<std::uint32_t, std::uint32_t> settings;
  std::map<std::uint32_t, std::uint64_t> window_opened;  // by WINDOW_UPDATE; 0: the connection
  std::vector<std::pair<std::uint32_t, std::uint32_t>> goaways;  // last stream, code
  std::vector<std::string> pings;                                // not acknowledgements
  std::size_t acknowledged = 0;                                  // PINGs of ours

 private:
  static constexpr std::size_t kHeaderBytes = 9;

  std::size_t byteAt(std::size_t at) const { return static_cast<unsigned char>(pending_[at]); }
  std::uint32_t numberAt(std::size_t at) const { return numberOf(pending_.substr(at, 4)); }
  static std::uint32_t numberOf(std::string_view bytes) {
    std::uint32_t number = 0;
    for (const char byte : bytes.substr(0, 4)) {
      number = number << 8 | static_cast<unsigned char>(byte);
    }
    return number;
  }

  void takeFrame(int type, int flags, std::uint32_t stream, const std::string& payload) {
    const bool is_end = (flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (type) {
      case NGHTTP2_HEADERS:
        EXPECT_NE(flags & NGHTTP2_FLAG_END_HEADERS, 0);
        takeBlock(answers[stream], payload);
        answers[stream].has_ended = is_end;
        break;
      case NGHTTP2_DATA:
        answers[stream].content += payload;
        answers[stream].has_ended = is_end;
        break;
      case NGHTTP2_RST_STREAM:
        answers[stream].reset = numberOf(payload);
        break;
      case NGHTTP2_SETTINGS:
        for (std::size_t at = 0; at + 6 <= payload.size(); at += 6) {
          settings[static_cast<unsigned char>(payload[at + 1])] = numberOf(payload.substr(at + 2));
        }
        break;
      case NGHTTP2_WINDOW_UPDATE:
        window_opened[stream] += numberOf(payload);
        break;
      case NGHTTP2_GOAWAY:
        goaways.emplace_back(numberOf(payload), numberOf(payload.substr(4)));
        break;
      case NGHTTP2_PING:
        if ((flags & NGHTTP2_FLAG_ACK) != 0) {
          ++acknowledged;
        } else {
          pings.push_back(payload);
        }
        break;
      default:
        ADD_FAILURE() << "frame of type " << type;
    }
  }

  void takeBlock(Answer& answer, const std::string& block) {
    const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
    std::size_t left = block.size();
    for (;;) {
      nghttp2_nv field;
      int flags = 0;
      const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, at, left, 1);
      ASSERT_GE(used, 0);
      at += used;
      left -= static_cast<std::size_t>(used);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        const std::string name(reinterpret_cast<const char*>(field.name), field.namelen);
        const std::string value(reinterpret_cast<const char*>(field.value), field.valuelen);
        if (name == ":status") answer.statuses.push_back(value);
        answer.fields[name] = value;
      }
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && left == 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
  }

  nghttp2_hd_inflater* inflater_ = nullptr;
  std::string pending_;
};

}  // namespace edgehold
