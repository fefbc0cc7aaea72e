// SPDX-License-Identifier: Apache-2.0
// A request worth holding, put into a store without a socket.
// Thread: one loop.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "proxy/delivery/hold_store.h"
#include "proxy/exchange/route.h"
#include "tests/support/fake_loop.h"
#include "tests/support/fake_random.h"

namespace edgehold {

// The value of `async`, which must come without time going by.
template <class T>
T awaitOn(FakeLoop& loop, Async<T> async) {
  std::optional<T> got;
  async.then([&got](T value) { got.emplace(std::move(value)); });
  for (int turns = 0; turns < 100 && !got; ++turns) loop.turn();
  EXPECT_TRUE(got.has_value()) << "no answer";
  return std::move(*got);
}

class HeldExchange {
 public:
  explicit HeldExchange(std::string_view body = R"({"to":"all"})") {
    Route::Parts parts;
    parts.name = "bot";
    route_ = std::make_unique<const Route>(std::move(parts));
    exchange_.request_id = "req1";
    exchange_.client.address = *IpAddress::parse("203.0.113.7");
    exchange_.route = route_.get();
    exchange_.request.method = Method::kPost;
    exchange_.request.method_token = "POST";
    exchange_.request.target.text = "/broadcast";
    exchange_.request.target.path = "/broadcast";
    exchange_.request.authority = "bot.example";
    exchange_.request.headers.add("Content-Type", "application/json");
    exchange_.request.headers.add("Authorization", "Bearer s3cr3t-s3cr3t-s3cr3t");
    exchange_.facts.principal = "qq";
    exchange_.facts.action = "mass_send";
    exchange_.body.append(body);
    exchange_.is_body_complete = true;
  }

  HoldTicket holdIn(HoldStore& store, std::chrono::seconds ttl = std::chrono::hours(1)) {
    auto ticket =
        awaitOn(loop_, store.hold(exchange_, {ttl, "mass_send", "to all"}, loop_, random_));
    EXPECT_TRUE(ticket.has_value());
    return std::move(*ticket);
  }
  FakeLoop& loop() { return loop_; }
  FakeRandom& random() { return random_; }

 private:
  FakeLoop loop_;
  FakeRandom random_;
  std::unique_ptr<const Route> route_;
  Exchange exchange_;
};

}  // namespace edgehold
