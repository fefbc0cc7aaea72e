// SPDX-License-Identifier: Apache-2.0
// Short words for HTTP/2 frames, so that a mutation of one leaves the others whole.
// Thread: main only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace edgehold {

// The client's preface and an empty SETTINGS, then the frames of `words`. A word is a type, flags,
// a stream and a length (one byte each) and a payload. Of the types that nobody has, 0xfd makes its
// length the number of times that the last frame comes once more, 0xfe takes its payload as bytes
// of the connection, and 0xff repeats its first byte 4 times the length (long payloads of DATA).
inline std::string http2BytesOf(std::string_view words) {
  constexpr std::size_t kWordBytes = 4;
  constexpr std::size_t kBytesMax = 1 << 20;
  std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  std::string last;
  const auto put_frame = [&](char type, char flags, char stream, std::string_view payload) {
    last.clear();
    last += '\0';
    last += static_cast<char>(payload.size() >> 8);
    last += static_cast<char>(payload.size());
    last += type;
    last += flags;
    last.append(3, '\0');
    last += stream;
    last += payload;
    bytes += last;
  };
  put_frame('\4', '\0', '\0', {});
  while (words.size() >= kWordBytes && bytes.size() < kBytesMax) {
    const auto type = static_cast<std::uint8_t>(words[0]);
    const std::size_t length = static_cast<std::uint8_t>(words[3]);
    const std::string_view payload = words.substr(kWordBytes, type == 0xfd ? 0 : length);
    if (type == 0xfd) {
      for (std::size_t i = 0; i < length; ++i) bytes += last;
    } else if (type == 0xfe) {
      bytes += payload;
    } else if (type == 0xff) {
      put_frame('\0', words[1], words[2],
                std::string(4 * length, payload.empty() ? 'a' : payload[0]));
    } else {
      put_frame(words[0], words[1], words[2], payload);
    }
    words.remove_prefix(kWordBytes + payload.size());
  }
  return bytes;
}

}  // namespace edgehold
