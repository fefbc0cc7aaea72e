// SPDX-License-Identifier: Apache-2.0
// The laws of whom failed verifications are charged to.
// Thread: main only.
#include "filters/failure_budget.h"

#include <gtest/gtest.h>

#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

class FailureBudgetTest : public testing::Test {
 protected:
  void failFrom(const std::string& address) {
    const auto passage = f_.passage({.address = address});
    budget_.charge(passage->exchange, f_.services);
  }
  bool listensTo(const std::string& address) {
    const auto passage = f_.passage({.address = address});
    return !budget_.refuseGuesser(passage->exchange, f_.services);
  }

  ExchangeFixture f_;
  const FailureBudget budget_{"test.failures", "one", 2};
};

TEST_F(FailureBudgetTest, IsSharedByTheAddressesOfOneIpv6Network) {
  failFrom("2001:db8:0:1::1");
  EXPECT_TRUE(listensTo("2001:db8:0:1::1"));
  failFrom("2001:db8:0:1:ffff:ffff:ffff:ffff");
  EXPECT_FALSE(listensTo("2001:db8:0:1::1"));
  EXPECT_FALSE(listensTo("2001:db8:0:1::"));
}

TEST_F(FailureBudgetTest, IsEachIpv6NetworksOwn) {
  failFrom("2001:db8:0:1::1");
  failFrom("2001:db8:0:1::1");
  EXPECT_FALSE(listensTo("2001:db8:0:1::1"));
  EXPECT_TRUE(listensTo("2001:db8:0:2::1"));
  EXPECT_TRUE(listensTo("2001:db8::1"));
}

TEST_F(FailureBudgetTest, IsEachIpv4AddressesOwn) {
  failFrom("192.0.2.1");
  failFrom("192.0.2.1");
  EXPECT_FALSE(listensTo("192.0.2.1"));
  EXPECT_TRUE(listensTo("192.0.2.2"));
  EXPECT_TRUE(listensTo("::1"));
}

TEST_F(FailureBudgetTest, TakesAMappedAddressForTheIpv4Address) {
  failFrom("192.0.2.1");
  failFrom("::ffff:192.0.2.1");
  EXPECT_FALSE(listensTo("192.0.2.1"));
  EXPECT_FALSE(listensTo("::ffff:192.0.2.1"));
  EXPECT_TRUE(listensTo("::ffff:192.0.2.2"));
}

}  // namespace
}  // namespace edgehold
