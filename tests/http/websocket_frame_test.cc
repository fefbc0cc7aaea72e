// SPDX-License-Identifier: Apache-2.0
// Frame heads, masks, close codes and the frames we compose (RFC 6455 5.2, 5.3, 7.4).
// Thread: main only.
#include "proxy/http/websocket_frame.h"

#include <string>

#include <gtest/gtest.h>

#include "proxy/http/websocket_writer.h"

namespace edgehold {
namespace {

using namespace std::string_literals;

constexpr WebSocketMaskKey kKey = {'\x37', '\xfa', '\x21', '\x3d'};

// "text 5 final", "incomplete", or the law that is broken; the same whatever of it has come.
std::string headOf(const std::string& bytes, bool must_be_masked) {
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto part =
        parseWebSocketFrameHead(std::string_view(bytes).substr(0, length), must_be_masked);
    const auto whole = parseWebSocketFrameHead(bytes, must_be_masked);
    if (!part) {
      EXPECT_EQ(part.error().message, whole ? "nothing" : whole.error().message);
    } else if (*part) {
      EXPECT_EQ((*part)->head_bytes, (*whole)->head_bytes);
    }
  }
  const auto parsed = parseWebSocketFrameHead(bytes, must_be_masked);
  if (!parsed) return parsed.error().message;
  if (!*parsed) return "incomplete";
  const WebSocketFrameHead& head = **parsed;
  return std::to_string(static_cast<int>(head.opcode)) + " " + std::to_string(head.payload_bytes) +
         (head.is_final ? " final" : "") + " in " + std::to_string(head.head_bytes);
}

TEST(WebSocketFrame, ReadsHeads) {
  const struct {
    std::string bytes;
    bool is_masked;
    std::string head;
  } rows[] = {
      {"\x81\x05Hello"s, false, "1 5 final in 2"},  // RFC 6455 5.7
      {"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s, true, "1 5 final in 6"},
      {"\x01\x03Hel"s, false, "1 3 in 2"},
      {"\x80\x02lo"s, false, "0 2 final in 2"},
      {"\x89\x05Hello"s, false, "9 5 final in 2"},
      {"\x8a\x85\x37\xfa\x21\x3d"s, true, "10 5 final in 6"},
      {"\x82\x7E\x01\x00"s, false, "2 256 final in 4"},
      {"\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00"s, false, "2 65536 final in 10"},
      {"\x82\xFF\x00\x00\x00\x00\x00\x01\x00\x00\x01\x02\x03\x04"s, true, "2 65536 final in 14"},
      {"\x81\x00"s, false, "1 0 final in 2"},
      {"\x81\x7D"s, false, "1 125 final in 2"},
      {"\x81\x7E\x00\x7E"s, false, "1 126 final in 4"},
      {"\x81\x7E\xFF\xFF"s, false, "1 65535 final in 4"},
      {"\x81\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s, false, "1 9223372036854775807 final in 10"},
      {"\x88\x7D"s, false, "8 125 final in 2"},
      {""s, false, "incomplete"},
      {"\x81"s, false, "incomplete"},
      {"\x81\x7E\x01"s, false, "incomplete"},
      {"\x81\x7F\x00\x00\x00\x00\x00\x01\x00"s, false, "incomplete"},
      {"\x81\x85\x37\xfa\x21"s, true, "incomplete"},
  };
  for (const auto& row : rows) EXPECT_EQ(headOf(row.bytes, row.is_masked), row.head);
}

TEST(WebSocketFrame, RefusesWhatBreaksALaw) {
  const struct {
    std::string bytes;
    bool must_be_masked;
    std::string law;
  } rows[] = {
      {"\xC1"s, false, "frame: a reserved bit is set"},
      {"\xA1"s, false, "frame: a reserved bit is set"},
      {"\x91"s, false, "frame: a reserved bit is set"},
      {"\xF1\x00"s, false, "frame: a reserved bit is set"},
      {"\x83"s, false, "frame: unknown opcode"},
      {"\x87"s, false, "frame: unknown opcode"},
      {"\x8B"s, false, "frame: unknown opcode"},
      {"\x8F\x00"s, false, "frame: unknown opcode"},
      {"\x08"s, false, "frame: fragmented control"},
      {"\x09\x00"s, false, "frame: fragmented control"},
      {"\x0A\x00"s, false, "frame: fragmented control"},
      {"\x81\x05"s, true, "frame: not masked"},
      {"\x81\x85"s, false, "frame: masked by a server"},
      {"\x88\x7E"s, false, "frame: control of more than 125 octets"},
      {"\x89\x7E\x00\x7E"s, false, "frame: control of more than 125 octets"},
      {"\x8A\xFF"s, true, "frame: control of more than 125 octets"},
      {"\x81\x7E\x00\x00"s, false, "frame: length is not in its shortest form"},
      {"\x81\x7E\x00\x7D"s, false, "frame: length is not in its shortest form"},
      {"\x81\x7F\x00\x00\x00\x00\x00\x00\x00\x05"s, false,
       "frame: length is not in its shortest form"},
      {"\x81\x7F\x00\x00\x00\x00\x00\x00\xFF\xFF"s, false,
       "frame: length is not in its shortest form"},
      {"\x81\x7F\x80\x00\x00\x00\x00\x00\x00\x00"s, false, "frame: length past 63 bits"},
      {"\x81\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s, false, "frame: length past 63 bits"},
  };
  for (const auto& row : rows) EXPECT_EQ(headOf(row.bytes, row.must_be_masked), row.law);
}

TEST(WebSocketFrame, MasksEveryLengthAndOffsetAsTheRfcSays) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += static_cast<char>(i * 7 % 128);
  for (std::size_t offset = 0; offset < 9; ++offset) {
    for (std::size_t length = 0; length + offset <= text.size(); ++length) {
      const std::string_view plain = std::string_view(text).substr(offset, length);
      std::string masked(length, '?');
      maskInto(masked.data(), plain, kKey);
      for (std::size_t i = 0; i < length; ++i) {
        ASSERT_EQ(masked[i], static_cast<char>(plain[i] ^ kKey[i % 4])) << length << " " << i;
      }
      std::string again(length, '?');
      EXPECT_TRUE(maskInto(again.data(), masked, kKey));
      EXPECT_EQ(again, plain);
    }
  }
}

TEST(WebSocketFrame, KnowsWhetherWhatIsUnmaskedIsAscii) {
  for (std::size_t length = 1; length < 70; ++length) {
    for (std::size_t at = 0; at < length; ++at) {
      std::string text(length, 'a');
      text[at] = '\x80';
      std::string masked(length, '?');
      EXPECT_FALSE(maskInto(masked.data(), text, {0, 0, 0, 0})) << length << " " << at;
    }
  }
}

TEST(WebSocketFrame, ContinuesAMaskWhereverItWasCut) {
  const std::string text = "the mask goes on behind a cut";
  std::string whole(text.size(), '?');
  maskInto(whole.data(), text, kKey);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    std::string parts(text.size(), '?');
    maskInto(parts.data(), std::string_view(text).substr(0, cut), kKey);
    maskInto(parts.data() + cut, std::string_view(text).substr(cut), advanceMaskKey(kKey, cut));
    EXPECT_EQ(parts, whole) << cut;
  }
}

TEST(WebSocketFrame, KnowsTheCloseCodesThatMayBeSent) {
  const struct {
    int first, last;
    bool is_sendable;
  } rows[] = {{0, 999, false},     {1000, 1003, true}, {1004, 1006, false}, {1007, 1014, true},
              {1015, 2999, false}, {3000, 4999, true}, {5000, 65535, false}};
  for (const auto& row : rows) {
    for (int code = row.first; code <= row.last; ++code) {
      EXPECT_EQ(isCloseCodeSendable(static_cast<std::uint16_t>(code)), row.is_sendable) << code;
    }
  }
}

std::string composed(WebSocketOpcode opcode, std::string_view payload,
                     std::optional<WebSocketMaskKey> mask) {
  Buffer out;
  appendFrame(out, opcode, payload, mask);
  return std::string(out.view());
}

TEST(WebSocketWriter, WritesTheExamplesOfTheRfc) {
  EXPECT_EQ(composed(WebSocketOpcode::kText, "Hello", std::nullopt), "\x81\x05Hello");
  EXPECT_EQ(composed(WebSocketOpcode::kText, "Hello", kKey),
            "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
  EXPECT_EQ(composed(WebSocketOpcode::kPing, "Hello", std::nullopt), "\x89\x05Hello");
}

TEST(WebSocketWriter, WritesLengthsThatTheParserReads) {
  for (const std::size_t bytes : {0, 1, 125, 126, 127, 65535, 65536, 70000}) {
    const std::string payload(bytes, 'x');
    for (const bool is_masked : {false, true}) {
      const std::string frame = composed(WebSocketOpcode::kBinary, payload,
                                         is_masked ? std::optional(kKey) : std::nullopt);
      const auto head = parseWebSocketFrameHead(frame, is_masked);
      ASSERT_TRUE(head && *head) << bytes;
      EXPECT_EQ((*head)->payload_bytes, bytes);
      EXPECT_EQ((*head)->opcode, WebSocketOpcode::kBinary);
      EXPECT_TRUE((*head)->is_final);
      EXPECT_EQ((*head)->head_bytes + bytes, frame.size());
      std::string plain(bytes, '?');
      maskInto(plain.data(), std::string_view(frame).substr((*head)->head_bytes),
               (*head)->mask_key);
      EXPECT_EQ(plain, payload);
    }
  }
}

std::string closed(std::optional<std::uint16_t> code, std::string_view reason) {
  Buffer out;
  appendClose(out, code, reason, std::nullopt);
  return std::string(out.view());
}

TEST(WebSocketWriter, ClosesWithACodeAndWhatFitsOfTheReason) {
  EXPECT_EQ(closed(std::nullopt, "not said"), "\x88\x00"s);
  EXPECT_EQ(closed(1000, ""), "\x88\x02\x03\xE8"s);
  EXPECT_EQ(closed(1012, "back soon"), "\x88\x0B\x03\xF4"s + "back soon");
  EXPECT_EQ(closed(1000, std::string(123, 'r')).size(), 2 + 125u);
  EXPECT_EQ(closed(1000, std::string(124, 'r')).size(), 2 + 125u);
  // 122 letters and one of two, three, four bytes: it is left out whole.
  for (const std::string last : {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"}) {
    EXPECT_EQ(closed(1000, std::string(122, 'r') + last),
              "\x88\x7C\x03\xE8"s + std::string(122, 'r'));
    const std::string fitting = std::string(123 - last.size(), 'r') + last;
    EXPECT_EQ(closed(1000, fitting), "\x88\x7D\x03\xE8"s + fitting);
  }
}

}  // namespace
}  // namespace edgehold
