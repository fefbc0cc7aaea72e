// SPDX-License-Identifier: Apache-2.0
// An exchange worth holding, and waiting for answers on a fake loop.
// Thread: one loop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "proxy/delivery/hold_store.h"
#include "proxy/exchange/route.h"
#include "proxy/state/memory_ledger.h"
#include "tests/support/fake_loop.h"
#include "tests/support/fake_random.h"

namespace edgehold {

using std::chrono::seconds;

inline constexpr std::string_view kHeldBody("{\"to\":\"all\"}\0\xFF", 14);
inline constexpr std::string_view kHeldSecret = "Bearer s3cr3t-s3cr3t-s3cr3t";

inline std::unique_ptr<const Route> makeHoldRoute() {
  Route::Parts parts;
  parts.name = "bot";
  return std::make_unique<const Route>(std::move(parts));
}

class HoldFixture : public testing::Test {
 protected:
  HoldFixture() : route_(makeHoldRoute()) {
    exchange_.request_id = "req1";
    exchange_.client.address = *IpAddress::parse("203.0.113.7");
    exchange_.client.is_secure = true;
    exchange_.route = route_.get();
    exchange_.request.method = Method::kPost;
    exchange_.request.method_token = "POST";
    exchange_.request.target.text = "/broadcast?token=abc";
    exchange_.request.target.path = "/broadcast";
    exchange_.request.authority = "bot.example";
    exchange_.request.headers.add("Content-Type", "application/json");
    exchange_.request.headers.add("Authorization", kHeldSecret);
    exchange_.facts.principal = "qq";
    exchange_.facts.action = "mass_send";
    exchange_.facts.tags.emplace_back("team", "blue");
    exchange_.body.append(kHeldBody);
    exchange_.is_body_complete = true;
  }

  // The value of `async`, which must come without time going by.
  template <class T>
  T await(Async<T> async) {
    std::optional<T> got;
    async.then([&got](T value) { got.emplace(std::move(value)); });
    for (int turns = 0; turns < 100 && !got; ++turns) loop_.turn();
    EXPECT_TRUE(got.has_value()) << "no answer";
    return std::move(*got);
  }
  HoldTicket held(seconds ttl = seconds(3600)) {
    auto ticket = await(store_.hold(
        exchange_, {.ttl = ttl, .rule = "mass_send", .reason = "to all"}, loop_, random_));
    EXPECT_TRUE(ticket.has_value());
    return std::move(*ticket);
  }
  Result<HoldEntry> approve(const std::string& id) {
    return await(store_.approve(loop_, id, {.by = "ann", .reason = "checked"}));
  }
  Result<HoldEntry> deny(const std::string& id) {
    return await(store_.deny(loop_, id, {.by = "ann", .reason = "no"}));
  }
  HoldFate fate(const HoldTicket& ticket) {
    auto found = await(store_.findByToken(loop_, ticket.approval_id, ticket.status_token));
    EXPECT_TRUE(found.has_value());
    return std::move(*found);
  }
  LedgerRecord kept(const std::string& id) { return **await(ledger_.get(loop_, id)); }
  // Overwrites what is kept, as only a broken disk or a foreign hand could.
  void tamper(const std::string& id, std::string body) {
    const LedgerRecord record = kept(id);
    LedgerChange change;
    change.id = id;
    change.expected_version = record.version;
    change.state = record.state;
    change.body = std::move(body);
    EXPECT_TRUE(await(ledger_.compareAndSet(loop_, std::move(change)))->isWritten());
  }

  std::unique_ptr<const Route> route_;
  Exchange exchange_;
  FakeLoop loop_;
  FakeRandom random_;
  MemoryLedger ledger_;
  HoldStore store_{ledger_};
};

}  // namespace edgehold
