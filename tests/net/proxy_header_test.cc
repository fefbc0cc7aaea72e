// SPDX-License-Identifier: Apache-2.0
// The laws of PROXY protocol headers (proxy-protocol.txt 2.1, 2.2), and of reading no byte more.
// Thread: main only.
#include "proxy/net/proxy_header.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

using Kind = ProxySource::Kind;

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string number16(std::size_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number & 0xFF)};
}

std::string binary(char command, char family, const std::string& block) {
  return kSignature + command + family + number16(block.size()) + block;
}

std::string vectorOf(char type, const std::string& value) {
  return type + number16(value.size()) + value;
}

// 192.0.2.7:4711 to 192.0.2.1:443.
const std::string kV4Block("\xC0\x00\x02\x07\xC0\x00\x02\x01\x12\x67\x01\xBB", 12);
const std::string kV6Block = *hexDecode(
    "20010db8000000000000000000000007"
    "20010db8000000000000000000000001"
    "126701bb");

struct Read {
  std::size_t used = 0;
  std::string source;  // empty: none
  std::string fault;   // empty: none
  bool operator==(const Read&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Read& read) {
  return out << "used " << read.used << " source `" << read.source << "` fault `" << read.fault
             << "`";
}

Read outcome(const ProxyHeaderReader& reader, std::size_t used) {
  Read read{used, {}, {}};
  if (reader.fault()) read.fault = proxyFaultName(*reader.fault());
  if (!reader.source()) return read;
  const ProxySource& source = *reader.source();
  read.source = source.kind == Kind::kClient ? source.client.toString()
                : source.kind == Kind::kOwn  ? "own"
                                             : "unknown";
  return read;
}

Read readWhole(std::string_view bytes) {
  ProxyHeaderReader reader;
  return outcome(reader, reader.receive(bytes));
}

Read readByByte(std::string_view bytes) {
  ProxyHeaderReader reader;
  std::size_t used = 0;
  while (used < bytes.size() && reader.isReading()) used += reader.receive(bytes.substr(used, 1));
  return outcome(reader, used);
}

// The same whole and byte by byte.
Read read(std::string_view bytes) {
  const Read whole = readWhole(bytes);
  const Read cut = readByByte(bytes);
  EXPECT_EQ(whole.source, cut.source);
  EXPECT_EQ(whole.fault, cut.fault);
  EXPECT_TRUE(whole.used == cut.used || !whole.fault.empty());
  return whole;
}

TEST(ProxyHeader, ReadsALineAndNothingBehindIt) {
  const std::string line = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n";
  EXPECT_EQ(read(line + "GET / HTTP/1.1\r\n"), (Read{line.size(), "192.0.2.7:4711", ""}));
}

TEST(ProxyHeader, ReadsEveryFormOfALine) {
  struct Row {
    std::string_view line;
    std::string_view source;
  };
  for (const Row& row : {
           Row{"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535", "255.255.255.255:65535"},
           {"PROXY TCP4 192.0.2.7 192.0.2.1 0 0", "192.0.2.7:0"},
           {"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443", "[2001:db8::7]:4711"},
           {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535",
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
           {"PROXY TCP6 ::ffff:192.0.2.7 ::1 4711 443", "192.0.2.7:4711"},
           {"PROXY UNKNOWN", "unknown"},
           {"PROXY UNKNOWN ffff:f...f:ffff what ever 65535", "unknown"},
       }) {
    EXPECT_EQ(read(std::string(row.line) + "\r\n").source, row.source) << row.line;
  }
}

TEST(ProxyHeader, RefusesALineThatIsNotExactlySo) {
  for (const std::string_view line : {
           "PROXY TCP4  192.0.2.7 192.0.2.1 4711 443",
           "PROXY  TCP4 192.0.2.7 192.0.2.1 4711 443",
           "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443 ",
           "PROXY TCP4 192.0.2.7 192.0.2.1 4711",
           "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443 1",
           "PROXY TCP4\t192.0.2.7 192.0.2.1 4711 443",
           "PROXY tcp4 192.0.2.7 192.0.2.1 4711 443",
           "PROXY TCP5 192.0.2.7 192.0.2.1 4711 443",
           "PROXY TCP4 192.0.2.07 192.0.2.1 4711 443",
           "PROXY TCP4 192.0.2 192.0.2.1 4711 443",
           "PROXY TCP4 192.0.2.256 192.0.2.1 4711 443",
           "PROXY TCP4 192.0.2.7/32 192.0.2.1 4711 443",
           "PROXY TCP4 2001:db8::7 2001:db8::1 4711 443",
           "PROXY TCP6 192.0.2.7 192.0.2.1 4711 443",
           "PROXY TCP6 [2001:db8::7] 2001:db8::1 4711 443",
           "PROXY TCP6 fe80::1%eth0 2001:db8::1 4711 443",
           "PROXY TCP4 192.0.2.7 999.0.2.1 4711 443",
           "PROXY TCP4 192.0.2.7 192.0.2.1 04711 443",
           "PROXY TCP4 192.0.2.7 192.0.2.1 +471 443",
           "PROXY TCP4 192.0.2.7 192.0.2.1 -1 443",
           "PROXY TCP4 192.0.2.7 192.0.2.1 65536 443",
           "PROXY TCP4 192.0.2.7 192.0.2.1 99999999999999999999 443",
           "PROXY TCP4 192.0.2.7 192.0.2.1 4711 65536",
           "PROXY TCP4 192.0.2.7 192.0.2.1 4711 ",
           "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r",
           "PROXY UNKNOWNX",
           "PROXY UNIX",
           "PROXY ",
       }) {
    const Read got = read(std::string(line) + "\r\n");
    EXPECT_EQ(got.fault, "malformed") << line;
    EXPECT_EQ(got.source, "") << line;
  }
  EXPECT_EQ(read("PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\n").fault, "malformed") << "a bare LF";
  EXPECT_EQ(read(std::string("PROXY TCP4 192.0.2.7\0 192.0.2.1 4711 443\r\n", 42)).fault,
            "malformed");
}

TEST(ProxyHeader, TakesALineOf107BytesAndNotOneMore) {
  const std::string start = "PROXY UNKNOWN ";
  const std::string longest = start + std::string(107 - start.size() - 2, 'x') + "\r\n";
  ASSERT_EQ(longest.size(), 107u);
  EXPECT_EQ(read(longest).source, "unknown");
  EXPECT_EQ(read(start + "x" + longest.substr(start.size())).fault, "too_large");
  EXPECT_EQ(read(start + std::string(100'000, 'x')).fault, "too_large");
}

TEST(ProxyHeader, ReadsTheBinaryFormAndNothingBehindIt) {
  const std::string v4 = binary(0x21, 0x11, kV4Block);
  EXPECT_EQ(read(v4 + "\x16\x03\x01"), (Read{v4.size(), "192.0.2.7:4711", ""}));
  const std::string v6 = binary(0x21, 0x21, kV6Block);
  EXPECT_EQ(read(v6 + v6), (Read{v6.size(), "[2001:db8::7]:4711", ""}));
}

TEST(ProxyHeader, DiscardsWhatComesWithLocal) {
  EXPECT_EQ(read(binary(0x20, 0x00, "")).source, "own");
  EXPECT_EQ(read(binary(0x20, 0x11, kV4Block)).source, "own");
  const std::string odd = binary(0x20, 0x77, "whatever this is");
  EXPECT_EQ(read(odd + "GET"), (Read{odd.size(), "own", ""}));
}

TEST(ProxyHeader, RefusesABinaryFormThatSaysNothingCertain) {
  struct Row {
    std::string_view why;
    std::string bytes;
  };
  for (const Row& row : {
           Row{"version 1", binary(0x11, 0x11, kV4Block)},
           {"version 3", binary(0x31, 0x11, kV4Block)},
           {"command 2", binary(0x22, 0x11, kV4Block)},
           {"not specified", binary(0x21, 0x00, "")},
           {"datagram", binary(0x21, 0x12, kV4Block)},
           {"datagram", binary(0x21, 0x22, kV6Block)},
           {"Unix socket", binary(0x21, 0x31, std::string(216, 'x'))},
           {"family 4", binary(0x21, 0x41, kV4Block)},
           {"short address", binary(0x21, 0x11, kV4Block.substr(1))},
           {"v6 with v4 block", binary(0x21, 0x21, kV4Block)},
           {"no block", binary(0x21, 0x11, "")},
           {"half a vector", binary(0x21, 0x11, kV4Block + "\x04")},
           {"vector beyond the end",
            binary(0x21, 0x11, kV4Block + std::string("\x04\x00\x02x", 4))},
       }) {
    EXPECT_EQ(read(row.bytes).fault, "malformed") << row.why;
  }
}

TEST(ProxyHeader, IgnoresVectorsThatAreRight) {
  const std::string vectors = vectorOf(0x01, "h2") + vectorOf(0x02, "agent.example") +
                              vectorOf(0x04, "") + vectorOf('\xEA', std::string(300, 'x'));
  EXPECT_EQ(read(binary(0x21, 0x11, kV4Block + vectors)).source, "192.0.2.7:4711");
}

// The sum by the definition of RFC 3309 (reflected, 0x1EDC6F41), over the header with the sum zero.
std::string withSum(const std::string& block) {
  const auto build = [&](const std::string& sum) {
    return binary(0x21, 0x11, block + vectorOf(0x03, sum));
  };
  const std::string zero = build(std::string(4, '\0'));
  std::uint32_t crc = 0xFFFFFFFF;
  for (const char c : zero) {
    for (int bit = 0; bit < 8; ++bit) {
      const bool is_odd = ((crc ^ (static_cast<unsigned char>(c) >> bit)) & 1) != 0;
      crc = crc >> 1 ^ (is_odd ? 0x82F63B78 : 0);
    }
  }
  crc = ~crc;
  return build(number16(crc >> 16) + number16(crc & 0xFFFF));
}

TEST(ProxyHeader, ChecksASumWhereThereIsOne) {
  const std::string right = withSum(kV4Block + vectorOf(0x04, "padding"));
  EXPECT_EQ(read(right).source, "192.0.2.7:4711");
  const std::size_t type_at = right.size() - 7;  // with another one it is no sum
  for (std::size_t at = 12 + 4; at < right.size(); ++at) {
    if (at == type_at) continue;
    std::string wrong = right;
    wrong[at] = static_cast<char>(wrong[at] ^ 1);
    EXPECT_EQ(read(wrong).fault, "malformed") << at;
  }
  EXPECT_EQ(read(binary(0x21, 0x11, kV4Block + vectorOf(0x03, "abc"))).fault, "malformed");
}

TEST(ProxyHeader, RefusesTwoSums) {
  const std::string one = withSum(kV4Block);
  const std::string block = one.substr(16);
  EXPECT_EQ(read(binary(0x21, 0x11, block + vectorOf(0x03, "abcd"))).fault, "malformed");
}

TEST(ProxyHeader, TakesUpToItsBoundAndRefusesOneMoreUnread) {
  const auto sized = [](std::size_t bytes) {
    return binary(0x21, 0x11, kV4Block + vectorOf(0x04, std::string(bytes - 16 - 12 - 3, 'x')));
  };
  EXPECT_EQ(read(sized(limits::kProxyHeaderBytesMax)).source, "192.0.2.7:4711");
  const Read past = read(sized(limits::kProxyHeaderBytesMax + 1));
  EXPECT_EQ(past.fault, "too_large");
  EXPECT_EQ(past.used, 16u);
}

TEST(ProxyHeader, KnowsWhatIsNoHeaderAtItsFirstWrongByte) {
  for (const std::string_view bytes :
       {std::string_view("GET / HTTP/1.1\r\n"), std::string_view("\x16\x03\x01\x02"),
        std::string_view("PRI * HTTP/2.0\r\n"), std::string_view("proxy TCP4 "),
        std::string_view("\r\n\r\nGET /"), std::string_view("\0", 1)}) {
    EXPECT_EQ(read(bytes).fault, "missing") << bytes;
  }
}

TEST(ProxyHeader, WaitsForWhatIsNotThereYet) {
  for (const std::string& whole :
       {std::string("PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n"), binary(0x21, 0x11, kV4Block)}) {
    for (std::size_t length = 1; length < whole.size(); ++length) {
      ProxyHeaderReader reader;
      EXPECT_EQ(reader.receive(whole.substr(0, length)), length);
      EXPECT_TRUE(reader.isReading()) << length;
      reader.cut();
      EXPECT_EQ(reader.fault(), ProxyFault::kLate);
    }
  }
  ProxyHeaderReader silent;
  silent.cut();
  EXPECT_EQ(silent.fault(), ProxyFault::kMissing);
  ProxyHeaderReader waited_for;
  waited_for.expire();
  EXPECT_EQ(waited_for.fault(), ProxyFault::kLate) << "also when it said nothing at all";
}

}  // namespace
}  // namespace edgehold
