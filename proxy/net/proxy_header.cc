// SPDX-License-Identifier: Apache-2.0
// The grammars of both versions, behind proxy_header.h. Section numbers are of proxy-protocol.txt.
// Thread: one loop (owned by the intake).
#include "proxy/net/proxy_header.h"

#include <algorithm>
#include <vector>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

using Kind = ProxySource::Kind;

// 2.1: the longest line there can be, CRLF included.
constexpr std::size_t kLineBytesMax = 107;
constexpr std::string_view kLineStart = "PROXY ";
// 2.2
constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kPrefixBytes = 16;  // signature, version and command, family, length
constexpr std::size_t kTcp4Bytes = 12;    // both addresses and ports
constexpr std::size_t kTcp6Bytes = 36;
constexpr unsigned kTypeCrc32c = 0x03;  // 2.2.4
constexpr std::size_t kCrcBytes = 4;

static_assert(limits::kProxyHeaderBytesMax >= 536, "2.2 wants receivers to take so many");

unsigned byteAt(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

std::uint16_t numberAt(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byteAt(bytes, at) << 8 | byteAt(bytes, at + 1));
}

// As far as it has come, `bytes` begins with `start`.
bool beginsLike(std::string_view bytes, std::string_view start) {
  return start.starts_with(bytes.substr(0, start.size()));
}

// Decimal without a leading zero or sign, as 2.1 demands.
std::optional<std::uint16_t> readPort(std::string_view text) {
  if (text.size() > 5 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  const auto number = parseUnsigned(text);
  if (!number || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

// `is_v6` says how it must be written; an IPv4 client of a dual-stack proxy comes as
// ::ffff:a.b.c.d.
std::optional<IpAddress> readAddress(std::string_view text, bool is_v6) {
  if ((text.find(':') != std::string_view::npos) != is_v6) return std::nullopt;
  return IpAddress::parse(text);
}

// `line` is without its CRLF.
std::optional<ProxySource> readLine(std::string_view line) {
  constexpr std::string_view kUnknown = "PROXY UNKNOWN";
  // What follows UNKNOWN must be ignored.
  if (line == kUnknown || (line.starts_with(kUnknown) && line[kUnknown.size()] == ' ')) {
    return ProxySource{Kind::kUnknown, {}};
  }
  const std::vector<std::string_view> words = split(line, ' ');
  if (words.size() != 6 || words[0] != "PROXY") return std::nullopt;
  const bool is_v6 = words[1] == "TCP6";
  if (!is_v6 && words[1] != "TCP4") return std::nullopt;
  const auto client = readAddress(words[2], is_v6);
  const auto own = readAddress(words[3], is_v6);
  const auto client_port = readPort(words[4]);
  const auto own_port = readPort(words[5]);
  if (!client || !own || !client_port || !own_port) return std::nullopt;
  return ProxySource{Kind::kClient, {*client, *client_port}};
}

// RFC 3309, bit by bit: it is rare, short and once a connection. The bytes of the sum count as
// zero.
std::uint32_t crc32c(std::string_view bytes, std::size_t sum_at) {
  constexpr std::uint32_t kReversed = 0x82F63B78;
  std::uint32_t crc = 0xFFFFFFFF;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i < sum_at || i >= sum_at + kCrcBytes) crc ^= byteAt(bytes, i);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? kReversed : 0);
  }
  return ~crc;
}

// 2.2.1: each has a type, a length and as much as that; they must fill the header exactly.
bool areVectorsRight(std::string_view header, std::size_t at) {
  bool has_sum = false;
  while (at < header.size()) {
    if (header.size() - at < 3) return false;
    const std::size_t length = numberAt(header, at + 1);
    const bool is_sum = byteAt(header, at) == kTypeCrc32c;
    at += 3;
    if (header.size() - at < length) return false;
    if (is_sum) {
      if (has_sum || length != kCrcBytes) return false;
      has_sum = true;
      const std::uint32_t sum =
          std::uint32_t{numberAt(header, at)} << 16 | numberAt(header, at + 2);
      if (sum != crc32c(header, at)) return false;
    }
    at += length;
  }
  return true;
}

// REQUIRES: `header` is as long as it says.
std::optional<ProxySource> readBinary(std::string_view header) {
  constexpr unsigned kLocal = 0x20;
  constexpr unsigned kProxy = 0x21;
  constexpr unsigned kTcp4 = 0x11;
  constexpr unsigned kTcp6 = 0x21;
  const unsigned command = byteAt(header, 12);
  const unsigned family = byteAt(header, 13);
  // 2.2: whatever comes with LOCAL is discarded, the family included.
  if (command == kLocal) return ProxySource{Kind::kOwn, {}};
  // Datagrams, Unix sockets and what is not specified say nothing that a decision could rest on.
  if (command != kProxy || (family != kTcp4 && family != kTcp6)) return std::nullopt;
  const std::size_t block = family == kTcp4 ? kTcp4Bytes : kTcp6Bytes;
  if (header.size() - kPrefixBytes < block) return std::nullopt;
  if (!areVectorsRight(header, kPrefixBytes + block)) return std::nullopt;
  const std::size_t address_bytes = family == kTcp4 ? 4 : 16;
  const auto client = IpAddress::fromBytes(header.substr(kPrefixBytes, address_bytes));
  const std::uint16_t port = numberAt(header, kPrefixBytes + 2 * address_bytes);
  return ProxySource{Kind::kClient, {client.value_or(IpAddress()), port}};
}

}  // namespace

std::size_t ProxyHeaderReader::missing() const {
  if (header_.empty()) return 1;
  if (header_.front() == kLineStart.front()) return 0;
  if (header_.size() < kPrefixBytes) return kPrefixBytes - header_.size();
  return kPrefixBytes + numberAt(header_, 14) - header_.size();
}

std::size_t ProxyHeaderReader::receive(ByteView bytes) {
  CHECK(isReading());
  std::size_t used = 0;
  while (used < bytes.size() && isReading()) {
    const ByteView rest = bytes.substr(used);
    std::size_t length = missing();
    if (length == 0) {
      const std::size_t end = rest.find('\n');
      length =
          std::min(end == ByteView::npos ? rest.size() : end + 1, kLineBytesMax - header_.size());
    }
    length = std::min(length, rest.size());
    header_.append(rest.substr(0, length));
    used += length;
    judge();
  }
  return used;
}

void ProxyHeaderReader::judge() {
  const std::string_view header = header_;
  const bool is_line = beginsLike(header, kLineStart);
  if (!is_line && !beginsLike(header, kSignature)) return fail(ProxyFault::kMissing);
  if (is_line) {
    if (header.back() == '\n') {
      const bool is_ended = header.ends_with("\r\n");
      if (is_ended) source_ = readLine(header.substr(0, header.size() - 2));
      if (!source_) fail(ProxyFault::kMalformed);
    } else if (header.size() >= kLineBytesMax) {
      fail(ProxyFault::kTooLarge);
    }
    return;
  }
  if (header.size() < kPrefixBytes) return;
  const std::size_t whole = kPrefixBytes + numberAt(header, 14);
  if (whole > limits::kProxyHeaderBytesMax) return fail(ProxyFault::kTooLarge);
  if (header.size() < whole) return;
  source_ = readBinary(header);
  if (!source_) fail(ProxyFault::kMalformed);
}

void ProxyHeaderReader::cut() {
  CHECK(isReading());
  fail(header_.empty() ? ProxyFault::kMissing : ProxyFault::kLate);
}

void ProxyHeaderReader::expire() {
  CHECK(isReading());
  fail(ProxyFault::kLate);
}

}  // namespace edgehold
