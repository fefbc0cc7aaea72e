// SPDX-License-Identifier: Apache-2.0
// What the tests of platforms share: a channel as an operator configures it, requests as its
// platform signs them, and the laws that hold for every one.
// Thread: main only.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/base/strings.h"
#include "proxy/crypto/signing_key.h"
#include "tests/support/exchange_fixture.h"
#include "tests/support/signed_samples.h"

namespace edgehold {

class ChannelTest : public ::testing::Test {
 protected:
  using Reasons = std::vector<Reason>;
  using Change = std::function<void(RequestText&)>;
  using Malformation = std::pair<const char*, std::function<std::string(std::string)>>;

  // `config` without braces: `dialect: slack, secrets: "${env:A}"`.
  void use(const std::string& config) {
    f.add("channel", "{" + config + "}");
    ASSERT_TRUE(f.mistakes.empty()) << f.mistakes.front();
  }
  // The mistakes that a configuration has.
  std::vector<std::string> mistakesOf(const std::string& config) const {
    ExchangeFixture other;
    other.secrets.secrets = f.secrets.secrets;
    other.files.files = f.files.files;
    other.add("channel", "{" + config + "}");
    return other.mistakes;
  }

  // As the platform sends it now, or some time before or after; by `signing_key` where there is
  // one.
  RequestText signedRequest(std::string body = {}, std::chrono::seconds later = {}) {
    const auto sample = sampleOf(std::move(body), later);
    if (sample) return requestTextOf(*sample);
    ADD_FAILURE() << sample.error().message;
    return {};
  }
  Result<SampleRequest> sampleOf(std::string body = {}, std::chrono::seconds later = {}) {
    const WallTime now = f.loop.clock().wallNow() + later;
    const auto& entry = f.chain().entries().front();
    for (const ChannelDialect& dialect : channelDialects()) {
      const SampleWish wish{dialect.name, body,     "/hook",
                            now,          f.random, signing_key ? &*signing_key : nullptr};
      if (auto sample = entry.filter->sample(wish)) return *std::move(sample);
    }
    return fail("no filter speaks for a platform");
  }
  // Why no sample can be made; empty when one can.
  std::string sampleMistake(const std::string& body = {}) {
    const auto sample = sampleOf(body);
    return sample ? std::string() : sample.error().message;
  }
  Reason send(const RequestText& request) { return f.send(request)->reason(); }
  Reason sendSigned(const std::string& body, std::chrono::seconds later = {}) {
    return send(signedRequest(body, later));
  }
  Reason sendChanged(RequestText request, const Change& change) {
    change(request);
    return send(request);
  }
  // What the facts of a body are; it must pass.
  Facts factsOf(const RequestText& request) {
    last_ = f.send(request);
    EXPECT_EQ(last_->reason(), Reason::kAllowed) << (last_->verdict ? last_->verdict->why() : "");
    return last_->exchange.facts;
  }
  Facts factsOf(const std::string& body) { return factsOf(signedRequest(body)); }

  static std::string& field(RequestText& request, std::string_view name) {
    for (auto& [key, value] : request.headers) {
      if (equalsIgnoreCase(key, name)) return value;
    }
    ADD_FAILURE() << "no field " << name;
    return request.headers.front().second;
  }
  static void drop(RequestText& request, std::string_view name) {
    std::erase_if(request.headers,
                  [&](const auto& one) { return equalsIgnoreCase(one.first, name); });
  }

  // --- laws

  // Another letter in a field, or another bit in the body, is another request. Digits of a
  // hexadecimal MAC may be written in either case.
  void expectEveryChangeRefused(const RequestText& genuine, std::string_view name) {
    ASSERT_EQ(send(genuine), Reason::kAllowed);
    RequestText whole = genuine;
    const std::string value = field(whole, name);
    for (std::size_t bit = 0; bit < value.size() * 8; ++bit) {
      RequestText request = genuine;
      std::string& text = field(request, name);
      text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
      if (equalsIgnoreCase(text, value) && bit % 8 == 5) continue;
      expectRefused(request, "bit " + std::to_string(bit) + " of " + std::string(name));
    }
    for (std::size_t bit = 0; bit < genuine.body.size() * 8; bit += 3) {
      RequestText request = genuine;
      request.body[bit / 8] = static_cast<char>(request.body[bit / 8] ^ (1 << (bit % 8)));
      expectRefused(request, "bit " + std::to_string(bit) + " of the body");
    }
    RequestText longer = genuine;
    longer.body += ' ';
    expectRefused(longer, "one byte more");
    longer.body = genuine.body.substr(0, genuine.body.size() - 1);
    expectRefused(longer, "one byte less");
  }

  // A field comes once, in one form.
  void expectOneStrictField(const RequestText& genuine, std::string_view name, Reason missing,
                            Reason malformed) {
    EXPECT_EQ(sendChanged(genuine, [&](RequestText& r) { drop(r, name); }), missing) << name;
    const auto twice = [&](RequestText& r) { r.headers.emplace_back(name, field(r, name)); };
    EXPECT_EQ(sendChanged(genuine, twice), malformed) << name << " twice";
    for (const Malformation& one : malformations()) {
      const auto changed = [&](RequestText& r) { field(r, name) = one.second(field(r, name)); };
      EXPECT_EQ(sendChanged(genuine, changed), malformed) << name << " " << one.first;
    }
  }

  // The window is `seconds` both ways, its ends included.
  void expectWindow(int seconds) {
    const std::chrono::seconds window(seconds);
    for (const auto later : {-window, window}) EXPECT_EQ(sendSigned({}, later), Reason::kAllowed);
    for (const auto later : {-window - std::chrono::seconds(1), window + std::chrono::seconds(1)}) {
      EXPECT_EQ(sendSigned({}, later), Reason::kTimestampOutsideWindow) << later.count();
    }
  }

  ExchangeFixture f;
  std::optional<SigningKey> signing_key;  // of samples, for platforms with private keys

 private:
  void expectRefused(const RequestText& request, const std::string& what) {
    const Reason reason = send(request);
    EXPECT_NE(reason, Reason::kAllowed) << what;
    EXPECT_NE(reason, Reason::kRateLimited) << what << ": use failures_per_minute: 0";
    EXPECT_NE(reason, Reason::kInternalError) << what;
  }
  static std::vector<Malformation> malformations() {
    return {{"empty", [](std::string) { return std::string(); }},
            {"cut off", [](std::string v) { return v.substr(0, v.size() - 1); }},
            {"longer", [](std::string v) { return v + "0"; }},
            {"with a blank in front", [](std::string v) { return " " + v; }},
            {"in quotes", [](std::string v) { return '"' + v + '"'; }}};
  }
  std::unique_ptr<Passage> last_;  // its facts are views
};

}  // namespace edgehold
