// SPDX-License-Identifier: Apache-2.0
// Addresses, networks and sets of networks. An IPv4-mapped IPv6 address (RFC 4291 2.5.5.2) is the
// IPv4 address everywhere: a rule for 10.0.0.0/8 holds on a dual-stack socket too.
// Thread: any (immutable).
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/bytes.h"
#include "proxy/base/result.h"

struct sockaddr;
struct sockaddr_storage;

namespace edgehold {

inline constexpr std::size_t kIpTextBytesMax = 46;  // INET6_ADDRSTRLEN

class IpAddress {
 public:
  constexpr IpAddress() = default;  // `::`
  static constexpr IpAddress v4(std::uint32_t host_order) {
    return IpAddress(0, kMappedPrefix | host_order);
  }
  static constexpr IpAddress v6(std::uint64_t high, std::uint64_t low) {
    return IpAddress(high, low);
  }
  // Four bytes or sixteen, in network order; nothing for any other size.
  static std::optional<IpAddress> fromBytes(ByteView bytes);
  // Dotted decimal without leading zeros, or RFC 4291 2.2. No brackets, blanks or zone.
  static std::optional<IpAddress> parse(std::string_view text);

  constexpr bool isV4() const { return high_ == 0 && low_ >> 32 == kMappedPrefix >> 32; }
  bool isLoopback() const;
  bool isUnspecified() const;
  // Reachable only inside a site: loopback, link-local, RFC 1918, RFC 4193, RFC 6598.
  bool isPrivate() const;

  // RFC 5952; an IPv4 address in dotted decimal.
  std::string toString() const;
  void appendTo(std::string& out) const;
  // Writes the text and returns its end. REQUIRES: room for kIpTextBytesMax.
  char* writeTo(char* to) const;
  // The sixteen bytes as two numbers; IPv4 in mapped form. Fit for hashing.
  constexpr std::uint64_t high() const { return high_; }
  constexpr std::uint64_t low() const { return low_; }
  constexpr std::uint32_t v4Bits() const { return static_cast<std::uint32_t>(low_); }

  // In the order of the sixteen bytes.
  constexpr auto operator<=>(const IpAddress&) const = default;

 private:
  static constexpr std::uint64_t kMappedPrefix = 0x0000FFFF00000000u;
  constexpr IpAddress(std::uint64_t high, std::uint64_t low) : high_(high), low_(low) {}
  std::uint64_t high_ = 0;
  std::uint64_t low_ = 0;
};

// A network. `::/0` holds every IPv6 address and no IPv4 one.
class Cidr {
 public:
  // `address/length`, or an address alone for itself. Bits behind the prefix must be zero: whoever
  // writes 10.0.0.1/8 meant something else. Errors tell why.
  static Result<Cidr> parse(std::string_view text);
  // REQUIRES: length <= 32 for IPv4, <= 128 for IPv6. Clears the bits behind the prefix.
  static Cidr around(IpAddress address, unsigned length);

  bool contains(IpAddress address) const {
    return address.isV4() == first_.isV4() && first_ <= address && address <= last_;
  }
  IpAddress first() const { return first_; }
  IpAddress last() const { return last_; }
  unsigned length() const { return length_; }
  std::string toString() const;
  bool operator==(const Cidr&) const = default;

 private:
  Cidr(IpAddress first, IpAddress last, unsigned length)
      : first_(first), last_(last), length_(length) {}
  IpAddress first_, last_;
  unsigned length_;
};

// Any number of networks, merged into sorted ranges: one binary search per question.
class CidrSet {
 public:
  CidrSet() = default;
  explicit CidrSet(const std::vector<Cidr>& networks);
  bool contains(IpAddress address) const;
  // Every address of `other` is in here.
  bool covers(const CidrSet& other) const;
  bool empty() const { return v4_.empty() && v6_.empty(); }

 private:
  struct Range {
    IpAddress first, last;
  };
  static bool covers(const std::vector<Range>& outer, const std::vector<Range>& inner);
  static std::vector<Range> merge(std::vector<Range> ranges);
  std::vector<Range> v4_, v6_;
};

struct Endpoint {
  IpAddress ip;
  std::uint16_t port = 0;

  // `192.0.2.1:80` or `[2001:db8::1]:80`; port 0 is allowed (the kernel chooses).
  static std::optional<Endpoint> parse(std::string_view text);
  // Nothing for any family but AF_INET and AF_INET6.
  static std::optional<Endpoint> fromSockaddr(const sockaddr& address);
  // Fills `out` and gives the length that bind(2) and connect(2) want.
  std::size_t toSockaddr(sockaddr_storage& out) const;
  std::string toString() const;
  auto operator<=>(const Endpoint&) const = default;
};

}  // namespace edgehold
