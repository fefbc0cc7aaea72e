// SPDX-License-Identifier: Apache-2.0
// The laws of who has an address.
// Thread: main only.
#include "proxy/base/subscriber.h"

#include <gtest/gtest.h>

namespace edgehold {
namespace {

Subscriber of(std::string_view address) { return Subscriber(IpAddress::parse(address).value()); }
bool isOne(std::string_view a, std::string_view b) {
  const bool is_one = of(a).network() == of(b).network();
  EXPECT_EQ(is_one, of(a).bytes() == of(b).bytes());
  return is_one;
}

TEST(Subscriber, HasTheIpv6NetworkOf64Bits) {
  EXPECT_EQ(of("2001:db8:1:2:3:4:5:6").network(), IpAddress::parse("2001:db8:1:2::"));
  EXPECT_TRUE(isOne("2001:db8:1:2::", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
  EXPECT_FALSE(isOne("2001:db8:1:2::", "2001:db8:1:3::"));
  EXPECT_FALSE(isOne("2001:db8::", "2001:db9::"));
}

TEST(Subscriber, HasOneIpv4Address) {
  EXPECT_EQ(of("192.0.2.1").network(), IpAddress::parse("192.0.2.1"));
  EXPECT_FALSE(isOne("192.0.2.1", "192.0.2.0"));
  EXPECT_TRUE(isOne("192.0.2.1", "::ffff:192.0.2.1"));
}

// They are in ::/64, and yet no IPv6 subscriber's.
TEST(Subscriber, OfAnIpv4AddressIsNoneOfIpv6) {
  EXPECT_FALSE(isOne("0.0.0.0", "::"));
  EXPECT_FALSE(isOne("127.0.0.1", "::1"));
  EXPECT_TRUE(isOne("::1", "::2"));
}

TEST(Subscriber, HasSixteenBytes) {
  EXPECT_EQ(of("192.0.2.1").bytes().size(), 16u);
  EXPECT_EQ(of("2001:db8::1").bytes().size(), 16u);
}

}  // namespace
}  // namespace edgehold
