// SPDX-License-Identifier: Apache-2.0
// A channel that decrypts, or signs no body, with dedupe behind it, and requests that its platform
// would send: signed anew, late, by other secrets, with one bit changed.
// Thread: main only.
#pragma once

#include <gtest/gtest.h>

#include "tests/support/channel_fixture.h"

namespace edgehold {

inline constexpr std::string_view kSampleAesKey = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C";
inline constexpr std::string_view kSampleOtherAesKey =
    "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

class SealedChannelTest : public ChannelTest {
 protected:
  SealedChannelTest() {
    f.secrets.secrets = {{"${env:SECRET}", {"s3cret"}},
                         {"${env:TOKEN}", {"t0ken"}},
                         {"${env:AES_KEY}", {std::string(kSampleAesKey)}}};
  }

  // The configuration without braces.
  void use(const std::string& config) {
    ASSERT_NO_FATAL_FAILURE(ChannelTest::use(config));
    f.add("dedupe", "{}");
    signer_ = channelOf(config);
  }
  std::size_t mistakesOf(const std::string& config) const {
    return ChannelTest::mistakesOf(config).size();
  }
  // With the secrets as they are now.
  std::unique_ptr<const Channel> channelOf(const std::string& config) {
    return makeChannel(f, "{" + config + "}");
  }
  // What the platform sends to say `text`, `late` seconds ago by its clock.
  RequestText event(const std::string& text, std::chrono::seconds late = {}) {
    return requestOf(*signer_, text, late);
  }
  RequestText requestOf(const Channel& signer, const std::string& text,
                        std::chrono::seconds late = {}) {
    const WallTime now = f.loop.clock().wallNow() - late;
    auto sample = signer.sample(
        {.platform = "sample", .body = text, .path = "/hook", .now = now, .random = f.random});
    EXPECT_TRUE(sample) << sample.error().message;
    if (!sample) return {};
    return requestTextOf(*std::move(sample));
  }

  Reason send(const RequestText& request) {
    passage = f.send(request);
    if (passage->isAllowed()) passage->commit(f.loop.clock().now());
    return passage->reason();
  }
  Reason say(const std::string& text) { return send(event(text)); }
  const Facts& facts() const { return passage->exchange.facts; }
  const Reply* reply() const { return passage->verdict ? passage->verdict->reply() : nullptr; }

  // The query with the value of one parameter changed, or without the parameter.
  static void setParameter(RequestText& request, const std::string& name,
                           const std::string& value) {
    const std::size_t begin = request.target.find(name + "=") + name.size() + 1;
    const std::size_t end = std::min(request.target.find('&', begin), request.target.size());
    request.target.replace(begin, end - begin, value);
  }
  static std::string parameter(const RequestText& request, const std::string& name) {
    const std::size_t begin = request.target.find(name + "=") + name.size() + 1;
    return request.target.substr(begin, request.target.find('&', begin) - begin);
  }
  // Takes `genuine`, and refuses it with any one bit changed of its query, its fields (but
  // Content-Type), and its body from `begin` to before `end`.
  void expectEveryBitCounts(const RequestText& genuine, std::size_t begin, std::size_t end) {
    ASSERT_EQ(send(genuine), Reason::kAllowed);
    const auto refuse = [&](std::string RequestText::*part, std::size_t at) {
      RequestText changed = genuine;
      flip((changed.*part)[at]);
      expectRefused(changed);
    };
    for (std::size_t i = begin; i < end; ++i) refuse(&RequestText::body, i);
    const std::size_t query = genuine.target.find('?');
    for (std::size_t i = query; i < genuine.target.size(); ++i) refuse(&RequestText::target, i);
    for (std::size_t field = 0; field < genuine.headers.size(); ++field) {
      if (genuine.headers[field].first == "Content-Type") continue;
      for (std::size_t i = 0; i < genuine.headers[field].second.size(); ++i) {
        RequestText changed = genuine;
        flip(changed.headers[field].second[i]);
        expectRefused(changed);
      }
    }
  }
  void expectRefused(const RequestText& request) {
    const Reason reason = send(request);
    EXPECT_TRUE(reason != Reason::kAllowed && reason != Reason::kDuplicate)
        << reasonCode(reason) << ' ' << request.target << ' ' << request.body;
  }
  static void flip(char& byte) { byte = static_cast<char>(byte ^ 1); }

  std::unique_ptr<Passage> passage;

 private:
  std::unique_ptr<const Channel> signer_;
};

}  // namespace edgehold
