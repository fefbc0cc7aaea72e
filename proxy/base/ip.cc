// SPDX-License-Identifier: Apache-2.0
// Text forms, prefixes and range search behind ip.h.
// Thread: any (immutable).
#include "proxy/base/ip.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "proxy/base/log.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

std::uint64_t loadBigEndian(const unsigned char* bytes, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | bytes[i];
  return value;
}

void storeBigEndian(std::uint64_t value, unsigned char* bytes) {
  for (int i = 7; i >= 0; --i, value >>= 8) bytes[i] = static_cast<unsigned char>(value);
}

std::array<unsigned char, 16> bytesOf(IpAddress address) {
  std::array<unsigned char, 16> bytes;
  storeBigEndian(address.high(), bytes.data());
  storeBigEndian(address.low(), bytes.data() + 8);
  return bytes;
}

// A part of an IPv4 address with its dot: every audit line and forwarded request has one address.
struct PartText {
  char text[4];
  std::uint8_t bytes;
};
constexpr std::array<PartText, 256> kPartTexts = [] {
  std::array<PartText, 256> parts{};
  for (unsigned value = 0; value < parts.size(); ++value) {
    PartText& part = parts[value];
    if (value >= 100) part.text[part.bytes++] = static_cast<char>('0' + value / 100);
    if (value >= 10) part.text[part.bytes++] = static_cast<char>('0' + value / 10 % 10);
    part.text[part.bytes++] = static_cast<char>('0' + value % 10);
    part.text[part.bytes++] = '.';
  }
  return parts;
}();

std::optional<IpAddress> parseV4(std::string_view text) {
  std::uint32_t bits = 0;
  for (int part = 0; part < 4; ++part) {
    if (part > 0) {
      if (!text.starts_with('.')) return std::nullopt;
      text.remove_prefix(1);
    }
    std::uint32_t value = 0;
    std::size_t digits = 0;
    for (; digits < text.size() && isDigit(text[digits]); ++digits) {
      if (digits == 3) return std::nullopt;
      value = value * 10 + static_cast<std::uint32_t>(text[digits] - '0');
    }
    // A leading zero means octal to some readers.
    if (digits == 0 || value > 255 || (digits > 1 && text.front() == '0')) return std::nullopt;
    bits = bits << 8 | value;
    text.remove_prefix(digits);
  }
  return text.empty() ? std::optional(IpAddress::v4(bits)) : std::nullopt;
}

// inet_pton is strict: at most four digits a group, one `::`, no zone.
std::optional<IpAddress> parseV6(std::string_view text) {
  char terminated[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof terminated || text.find('\0') != text.npos) return std::nullopt;
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  unsigned char bytes[16];
  if (inet_pton(AF_INET6, terminated, bytes) != 1) return std::nullopt;
  return IpAddress::v6(loadBigEndian(bytes, 8), loadBigEndian(bytes + 8, 8));
}

// The low `count` bits set, as a pair of words.
struct Mask {
  std::uint64_t high, low;
};
Mask lowBits(unsigned count) {
  const auto ones = [](unsigned bits) { return bits == 0 ? 0 : ~std::uint64_t{0} >> (64 - bits); };
  return {ones(count > 64 ? count - 64 : 0), ones(std::min(count, 64u))};
}

std::optional<std::uint16_t> parsePort(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  const std::optional<std::uint64_t> port = parseUnsigned(text);
  if (!port || *port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

}  // namespace

std::optional<IpAddress> IpAddress::fromBytes(ByteView bytes) {
  const auto* const at = reinterpret_cast<const unsigned char*>(bytes.data());
  if (bytes.size() == 4) return v4(static_cast<std::uint32_t>(loadBigEndian(at, 4)));
  if (bytes.size() == 16) return v6(loadBigEndian(at, 8), loadBigEndian(at + 8, 8));
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find(':') == text.npos) return parseV4(text);
  return parseV6(text);
}

bool IpAddress::isLoopback() const {
  return isV4() ? v4Bits() >> 24 == 127 : high_ == 0 && low_ == 1;
}

bool IpAddress::isUnspecified() const { return isV4() ? v4Bits() == 0 : high_ == 0 && low_ == 0; }

bool IpAddress::isPrivate() const {
  if (isLoopback()) return true;
  if (!isV4()) return high_ >> 57 == 0xFC >> 1 || high_ >> 54 == 0xFE80 >> 6;
  const std::uint32_t bits = v4Bits();
  return bits >> 24 == 10 || bits >> 20 == 0xAC1 || bits >> 16 == 0xC0A8 || bits >> 16 == 0xA9FE ||
         bits >> 22 == 0x6440 >> 6;
}

static_assert(kIpTextBytesMax == INET6_ADDRSTRLEN);

char* IpAddress::writeTo(char* to) const {
  if (isV4()) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      const PartText& part = kPartTexts[v4Bits() >> shift & 255];
      std::memcpy(to, part.text, sizeof part.text);
      to += part.bytes;
    }
    return to - 1;  // the last one's dot
  }
  const std::array<unsigned char, 16> bytes = bytesOf(*this);
  PCHECK(inet_ntop(AF_INET6, bytes.data(), to, kIpTextBytesMax) != nullptr);
  return to + std::strlen(to);
}

void IpAddress::appendTo(std::string& out) const {
  std::array<char, kIpTextBytesMax> text;
  out.append(text.data(), writeTo(text.data()));
}

std::string IpAddress::toString() const {
  std::string text;
  appendTo(text);
  return text;
}

Cidr Cidr::around(IpAddress address, unsigned length) {
  const unsigned bits = address.isV4() ? 32 : 128;
  CHECK_LE(length, bits);
  const Mask rest = lowBits(bits - length);
  return Cidr(IpAddress::v6(address.high() & ~rest.high, address.low() & ~rest.low),
              IpAddress::v6(address.high() | rest.high, address.low() | rest.low), length);
}

Result<Cidr> Cidr::parse(std::string_view text) {
  const auto refuse = [text](const std::string& why) {
    return fail("`" + std::string(text) + "` is no network: " + why);
  };
  const std::size_t slash = text.find('/');
  const std::optional<IpAddress> address = IpAddress::parse(text.substr(0, slash));
  if (!address) return refuse("no IPv4 or IPv6 address before the length");
  const unsigned bits = address->isV4() ? 32 : 128;
  if (slash == text.npos) return around(*address, bits);
  const std::string_view length_text = text.substr(slash + 1);
  const std::optional<std::uint64_t> length = parseUnsigned(length_text);
  if (!length || *length > bits || (length_text.size() > 1 && length_text.front() == '0')) {
    return refuse("the length must be 0 to " + std::to_string(bits));
  }
  const Cidr network = around(*address, static_cast<unsigned>(*length));
  if (network.first() != *address) {
    return refuse("bits are set behind the prefix; did you mean `" + network.toString() + "`");
  }
  return network;
}

std::string Cidr::toString() const { return first_.toString() + "/" + std::to_string(length_); }

CidrSet::CidrSet(const std::vector<Cidr>& networks) {
  std::vector<Range> v4, v6;
  for (const Cidr& network : networks) {
    (network.first().isV4() ? v4 : v6).push_back({network.first(), network.last()});
  }
  v4_ = merge(std::move(v4));
  v6_ = merge(std::move(v6));
}

std::vector<CidrSet::Range> CidrSet::merge(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  std::vector<Range> merged;
  for (const Range& range : ranges) {
    if (!merged.empty() && range.first <= merged.back().last) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

bool CidrSet::contains(IpAddress address) const {
  const std::vector<Range>& ranges = address.isV4() ? v4_ : v6_;
  const auto past =
      std::upper_bound(ranges.begin(), ranges.end(), address,
                       [](IpAddress wanted, const Range& range) { return wanted < range.first; });
  return past != ranges.begin() && address <= std::prev(past)->last;
}

bool CidrSet::covers(const CidrSet& other) const {
  return covers(v4_, other.v4_) && covers(v6_, other.v6_);
}

// Ranges are merged: what is inside of several is inside of one.
bool CidrSet::covers(const std::vector<Range>& outer, const std::vector<Range>& inner) {
  return std::all_of(inner.begin(), inner.end(), [&](const Range& range) {
    return std::any_of(outer.begin(), outer.end(), [&](const Range& around) {
      return around.first <= range.first && range.last <= around.last;
    });
  });
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool is_bracketed = host.starts_with('[') && host.ends_with(']');
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  if (is_bracketed != (host.find(':') != host.npos)) return std::nullopt;
  const std::optional<IpAddress> ip = IpAddress::parse(host);
  const std::optional<std::uint16_t> port = parsePort(text.substr(colon + 1));
  if (!ip || !port) return std::nullopt;
  return Endpoint{*ip, *port};
}

std::optional<Endpoint> Endpoint::fromSockaddr(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &address, sizeof in);
    return Endpoint{IpAddress::v4(ntohl(in.sin_addr.s_addr)), ntohs(in.sin_port)};
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 in;
    std::memcpy(&in, &address, sizeof in);
    const ByteView bytes(reinterpret_cast<const char*>(&in.sin6_addr), sizeof in.sin6_addr);
    return Endpoint{*IpAddress::fromBytes(bytes), ntohs(in.sin6_port)};
  }
  return std::nullopt;
}

std::size_t Endpoint::toSockaddr(sockaddr_storage& out) const {
  out = {};
  if (ip.isV4()) {
    sockaddr_in in = {};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    in.sin_addr.s_addr = htonl(ip.v4Bits());
    std::memcpy(&out, &in, sizeof in);
    return sizeof in;
  }
  sockaddr_in6 in = {};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  const std::array<unsigned char, 16> bytes = bytesOf(ip);
  std::memcpy(&in.sin6_addr, bytes.data(), bytes.size());
  std::memcpy(&out, &in, sizeof in);
  return sizeof in;
}

std::string Endpoint::toString() const {
  const std::string host = ip.toString();
  return (ip.isV4() ? host : "[" + host + "]") + ":" + std::to_string(port);
}

}  // namespace edgehold
