// SPDX-License-Identifier: Apache-2.0
// The laws of addresses, networks and endpoints.
// Thread: main only.
#include "proxy/base/ip.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/support/fake_random.h"

namespace edgehold {
namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }
Cidr cidr(std::string_view text) { return Cidr::parse(text).value(); }

TEST(IpAddress, EveryPartOfAnIpv4AddressIsWrittenInPlainDecimal) {
  for (std::uint32_t part = 0; part < 256; ++part) {
    const std::string text = std::to_string(part);
    EXPECT_EQ(IpAddress::v4(part << 24 | part << 16 | part << 8 | part).toString(),
              text + "." + text + "." + text + "." + text);
    EXPECT_EQ(IpAddress::v4(part << 24 | (255 - part)).toString(),
              text + ".0.0." + std::to_string(255 - part));
  }
}

TEST(IpAddress, WritesTheCanonicalForm) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"::", "::"},
      {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
      {"::ffff:192.0.2.1", "192.0.2.1"},
      {"::ffff:c000:201", "192.0.2.1"}};
  for (const auto& [text, canonical] : cases) EXPECT_EQ(ip(text).toString(), canonical);
}

TEST(IpAddress, RefusesEverythingElse) {
  for (const std::string_view text :
       {"",
        ".",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "1.2.3.04",
        "256.1.1.1",
        "1.2.3.-4",
        " 1.2.3.4",
        "1.2.3.4 ",
        "1.2.3.4\n",
        "1..3.4",
        "0x1.2.3.4",
        "1.2.3.1000",
        ":",
        ":::",
        "1::2::3",
        "12345::",
        "::g",
        "::1%eth0",
        "[::1]",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "::1.2.3",
        "::01.2.3.4",
        "localhost",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("::1\0", 4)));
}

TEST(IpAddress, IsTheSameMappedAndPlain) {
  EXPECT_EQ(ip("::ffff:10.0.0.1"), ip("10.0.0.1"));
  EXPECT_TRUE(ip("::ffff:10.0.0.1").isV4());
  EXPECT_FALSE(ip("::10.0.0.1").isV4());
  EXPECT_EQ(IpAddress::fromBytes(std::string_view("\x0A\0\0\1", 4)), ip("10.0.0.1"));
  EXPECT_FALSE(IpAddress::fromBytes("12345"));
}

TEST(IpAddress, KnowsWhichAddressesArePrivate) {
  for (const auto text : {"127.0.0.1", "127.255.0.1", "::1", "10.1.1.1", "172.16.0.1",
                          "172.31.255.255", "192.168.3.4", "169.254.1.1", "100.64.0.1", "fe80::1",
                          "fc00::1", "fdff::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(ip(text).isPrivate()) << text;
  }
  for (const auto text : {"8.8.8.8", "172.15.255.255", "172.32.0.0", "100.128.0.0", "11.0.0.0",
                          "2001:db8::1", "fec0::1", "0.0.0.0", "::"}) {
    EXPECT_FALSE(ip(text).isPrivate()) << text;
  }
}

TEST(Cidr, HoldsItsFirstAndLastAddressAndNotTheirNeighbours) {
  const Cidr network = cidr("192.0.2.128/25");
  EXPECT_TRUE(network.contains(ip("192.0.2.128")));
  EXPECT_TRUE(network.contains(ip("192.0.2.255")));
  EXPECT_FALSE(network.contains(ip("192.0.2.127")));
  EXPECT_FALSE(network.contains(ip("192.0.3.0")));
  EXPECT_TRUE(cidr("2001:db8::/33").contains(ip("2001:db8:7fff::1")));
  EXPECT_FALSE(cidr("2001:db8::/33").contains(ip("2001:db8:8000::")));
  EXPECT_TRUE(cidr("10.0.0.7").contains(ip("10.0.0.7")));
  EXPECT_FALSE(cidr("10.0.0.7").contains(ip("10.0.0.6")));
}

TEST(Cidr, KeepsTheFamiliesApart) {
  EXPECT_FALSE(cidr("::/0").contains(ip("10.0.0.1")));
  EXPECT_FALSE(cidr("0.0.0.0/0").contains(ip("2001:db8::1")));
  EXPECT_TRUE(cidr("0.0.0.0/0").contains(ip("::ffff:1.2.3.4")));
}

TEST(Cidr, RefusesWhatIsNoNetwork) {
  for (const std::string_view text :
       {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/8/8",
        "10.0.0.1/8", "::/129", "2001:db8::1/32", "10.0.0.0 /8", "10.0.0.0/ 8", "10/8",
        "::ffff:10.0.0.0/104"}) {
    EXPECT_FALSE(Cidr::parse(text)) << text;
  }
  EXPECT_NE(Cidr::parse("10.0.0.1/8").error().message.find("`10.0.0.0/8`"), std::string::npos);
}

// The set answers as the list of its networks does, for random networks and their border addresses.
TEST(CidrSet, AgreesWithALinearSearch) {
  FakeRandom random(7);
  std::vector<Cidr> networks;
  for (int i = 0; i < 300; ++i) {
    const auto bits = static_cast<std::uint32_t>(random.next());
    networks.push_back(Cidr::around(IpAddress::v4(bits & 0x0FFFFFFF),
                                    static_cast<unsigned>(12 + random.next() % 21)));
    networks.push_back(Cidr::around(IpAddress::v6(random.next() >> 56 << 56, random.next()),
                                    static_cast<unsigned>(4 + random.next() % 125)));
  }
  const CidrSet set(networks);
  const auto agree = [&](IpAddress address) {
    bool is_listed = false;
    for (const Cidr& network : networks) is_listed |= network.contains(address);
    ASSERT_EQ(set.contains(address), is_listed) << address.toString();
  };
  for (const Cidr& network : networks) {
    agree(network.first());
    agree(network.last());
    agree(IpAddress::v6(network.first().high(), network.first().low() - 1));
    agree(IpAddress::v6(network.last().high(), network.last().low() + 1));
  }
  for (int i = 0; i < 2000; ++i)
    agree(IpAddress::v4(static_cast<std::uint32_t>(random.next()) >> 4));
}

TEST(CidrSet, HoldsNothingWhenEmpty) {
  EXPECT_FALSE(CidrSet().contains(ip("10.0.0.1")));
  EXPECT_FALSE(CidrSet().contains(ip("::")));
  EXPECT_TRUE(CidrSet(std::vector<Cidr>{}).empty());
}

TEST(Endpoint, ParsesAndWritesBothFamilies) {
  for (const std::string_view text :
       {"192.0.2.1:80", "[2001:db8::1]:443", "0.0.0.0:0", "[::]:65535"}) {
    EXPECT_EQ(Endpoint::parse(text).value().toString(), text);
  }
  for (const std::string_view text :
       {"", ":80", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "::1:80", "[1.2.3.4]:80", "[::1]",
        "[::1]80", "1.2.3.4:080", "[::1:80", "host:80", "1.2.3.4:+1"}) {
    EXPECT_FALSE(Endpoint::parse(text)) << text;
  }
}

TEST(Endpoint, SurvivesTheKernelsForm) {
  for (const std::string_view text : {"192.0.2.1:80", "[2001:db8::1]:443"}) {
    const Endpoint endpoint = Endpoint::parse(text).value();
    sockaddr_storage storage;
    EXPECT_GT(endpoint.toSockaddr(storage), 0u);
    EXPECT_EQ(Endpoint::fromSockaddr(reinterpret_cast<const sockaddr&>(storage)), endpoint);
  }
  sockaddr unix_address = {};
  unix_address.sa_family = AF_UNIX;
  EXPECT_FALSE(Endpoint::fromSockaddr(unix_address));
}

}  // namespace
}  // namespace edgehold
