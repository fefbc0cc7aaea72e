// SPDX-License-Identifier: Apache-2.0
// What the targets of chat platforms share. The first byte says how the rest is taken:
//   R  a request as text (`POST /hook?query`, fields, an empty line, the body) through the channel:
//      nobody who does not have the secret is let in
//   V  what a signature would have proved: read() of hostile text ends, and its facts are bounded
//   S  a body that the platform signed: never refused for its signature
// Thread: main only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "tests/support/exchange_fixture.h"
#include "tests/support/signed_samples.h"

namespace edgehold {

class ChannelInput {
 public:
  // `config` of the channel, which must not count failures; its secrets are `${env:SECRET}`,
  // `${env:TOKEN}` and `${env:AES_KEY}`.
  explicit ChannelInput(std::string_view config,
                        std::string_view secret = "fuzz-secret-no-vector") {
    fixture_.secrets.secrets["${env:SECRET}"] = {std::string(secret)};
    fixture_.secrets.secrets["${env:TOKEN}"] = {"fuzztoken"};
    fixture_.secrets.secrets["${env:AES_KEY}"] = {"ZnV6emZ1enpmdXp6ZnV6emZ1enpmdXp6ZnV6emZ1eno"};
    fixture_.files.files["/jwks.json"] = R"({"keys":[{"kty":"EC","crv":"P-256","kid":"k1",
        "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})";
    channel_ = makeChannel(fixture_, config);
    CHECK(channel_ != nullptr) << config;
    fixture_.add("channel", config);
    CHECK(fixture_.mistakes.empty()) << fixture_.mistakes.front();
  }

  int run(const std::uint8_t* bytes, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(bytes), size);
    if (input.empty()) return 0;
    const std::string_view rest = input.substr(1);
    switch (input.front()) {
      case 'R':
        sendRaw(rest);
        break;
      case 'V':
        readVerified(rest);
        break;
      case 'S':
        sendSigned(rest);
        break;
      default:
        break;
    }
    fixture_.loop.advance(std::chrono::seconds(1));
    return 0;
  }

 private:
  static std::string_view takeLine(std::string_view& text) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    return line;
  }
  static RequestText requestOf(std::string_view text) {
    RequestText request;
    const std::string_view first = takeLine(text);
    const std::size_t blank = first.find(' ');
    request.method = std::string(first.substr(0, blank));
    request.target = blank == std::string_view::npos ? "/" : std::string(first.substr(blank + 1));
    for (std::string_view line = takeLine(text); !line.empty(); line = takeLine(text)) {
      const std::size_t colon = line.find(": ");
      if (colon == std::string_view::npos || request.headers.size() == 64) continue;
      request.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
    request.body = std::string(text);
    return request;
  }

  void sendRaw(std::string_view text) {
    const auto passage = fixture_.send(requestOf(text));
    CHECK(passage->is_over);
    CHECK(!passage->isAllowed()) << "let in without the secret";
  }

  void readVerified(std::string_view text) {
    const auto passage = fixture_.passage(requestOf(text));
    Exchange& exchange = passage->exchange;
    exchange.body.append(requestOf(text).body);
    exchange.is_body_complete = true;
    const Verified verified{.text = exchange.body.view()};
    const auto received = channel_->read(exchange, verified, fixture_.services);
    if (!received) return;
    checkEvent(received->event);
    for (const ChannelEvent& event : received->more) checkEvent(event);
  }
  static void checkEvent(const ChannelEvent& event) {
    for (const std::string_view fact : {event.type, event.id, event.group, event.sender}) {
      CHECK(fact.size() <= limits::kFactBytesMax) << fact;
    }
  }

  void sendSigned(std::string_view body) {
    if (body.empty()) return;  // a sample of the platform's own
    auto sample = channel_->sample({.platform = "sample",
                                    .body = std::string(body),
                                    .path = "/hook",
                                    .now = fixture_.loop.clock().wallNow(),
                                    .random = fixture_.random});
    if (!sample) return;
    const auto passage = fixture_.send(requestTextOf(*std::move(sample)));
    CHECK(passage->is_over);
    CHECK(passage->reason() != Reason::kSignatureMissing);
  }

  ExchangeFixture fixture_;
  std::unique_ptr<const Channel> channel_;
};

}  // namespace edgehold

// The whole of a target.
#define EDGEHOLD_CHANNEL_FUZZ(...)                                                     \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) { \
    static edgehold::ChannelInput input(__VA_ARGS__);                                  \
    return input.run(bytes, size);                                                     \
  }
