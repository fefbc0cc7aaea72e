// SPDX-License-Identifier: Apache-2.0
// The laws of looking up hosts, with a system that answers when the test says so. Thread: main
// only.
#include "proxy/net/resolver.h"

#include <future>
#include <memory>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include "proxy/net/event_loop.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using Addresses = Result<std::vector<IpAddress>>;

constexpr auto kPatience = 20s;

TEST(HostResolver, AnswersOnTheLoopThatAsked) {
  EventLoop loop;
  HostResolver resolver([](const std::string&) -> Addresses {
    return std::vector<IpAddress>{*IpAddress::parse("192.0.2.7")};
  });
  std::optional<Addresses> found;
  auto lookup = resolver.resolve("agent.example", loop);
  lookup.then([&](Addresses addresses) {
    found = std::move(addresses);
    loop.stop();
  });
  const auto patience = loop.makeTimer([&loop] { loop.stop(); });
  patience->arm(kPatience);
  loop.run();
  ASSERT_TRUE(found.has_value() && found->has_value());
  EXPECT_EQ((*found)->at(0), *IpAddress::parse("192.0.2.7"));
}

// Or the process would not end by its deadline while a name server is silent.
TEST(HostResolver, DoesNotWaitForALookUpWhenItEnds) {
  const auto begun = std::make_shared<std::promise<void>>();
  const auto ended = std::make_shared<std::promise<void>>();
  std::promise<void> answer;
  auto loop = std::make_unique<EventLoop>();
  auto resolver = std::make_unique<HostResolver>(
      [begun, ended, silent = answer.get_future().share()](const std::string&) -> Addresses {
        begun->set_value();
        silent.wait();
        ended->set_value();
        return std::vector<IpAddress>{*IpAddress::parse("192.0.2.7")};
      });
  auto lookup = std::make_optional(resolver->resolve("agent.example", *loop));
  ASSERT_EQ(begun->get_future().wait_for(kPatience), std::future_status::ready);
  auto behind = std::make_optional(resolver->resolve("other.example", *loop));
  resolver->stop();
  lookup.reset();
  behind.reset();
  loop.reset();  // the answer that comes now must find nobody
  resolver.reset();
  answer.set_value();
  EXPECT_EQ(ended->get_future().wait_for(kPatience), std::future_status::ready);
}

}  // namespace
}  // namespace edgehold
