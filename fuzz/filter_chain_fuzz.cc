// SPDX-License-Identifier: Apache-2.0
// A hostile body and its signature through the filters that look into bodies. The first line goes
// into every header that they read. Whatever it is: the walk ends or waits, and nothing is allowed
// whose body is no JSON.
// Thread: main only.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/base/log.h"
#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

// Everything unsigned that trusts a pointer; the channel in shadow mode, so that what is behind it
// is reached.
std::unique_ptr<ExchangeFixture> makeChain() {
  auto f = std::make_unique<ExchangeFixture>();
  f->secrets.secrets["${env:HOOK}"] = {"s3cret"};
  f->add("channel", R"({dialect: hmac, secrets: ["${env:HOOK}"],
         signature: {header: X-Signature, encoding: base64}, signed: "{header:X-Id}.{body}",
         timestamp: {pointer: /ts}, facts: {event_id: /id, group: /group/id}})",
         FilterMode::kShadow);
  f->add("replay_window", "{header: X-Timestamp}", FilterMode::kShadow);
  f->add("replay_window", "{pointer: /ts}", FilterMode::kShadow);
  f->add("event_types", "{pointer: /type, known: [a, b]}", FilterMode::kShadow);
  f->add("dedupe", "{id: \"json:/id\"}", FilterMode::kShadow);
  f->add("rate_limit", R"({limits: [{key: ["json:/group/id", "header:X-Id"], rate: 1000000/1s}]})");
  f->add("action_class", R"({rows: [{action: many, path: /**, when: {any: [
         {pointer: /to, op: len_gt, value: 2}, {pointer: /to, op: csv_len_gt, value: 2},
         {pointer: /to, op: token_is, value: all}, {pointer: /n, op: gt, value: 5},
         {pointer: "query:all", op: eq, value: 1}]}}]})");
  CHECK(f->mistakes.empty()) << f->mistakes.front();
  return f;
}

void send(ExchangeFixture& f, std::string_view field, std::string_view body) {
  const std::string text(field);
  const auto passage =
      f.send({.target = "/a?" + text,
              .headers = {{"X-Signature", text}, {"X-Id", text}, {"X-Timestamp", text}},
              .body = std::string(body)});
  CHECK(passage->is_over);
  if (passage->isAllowed() && !body.empty()) {
    CHECK(passage->exchange.json(f.json).has_value());
  }
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const std::unique_ptr<edgehold::ExchangeFixture> fixture = edgehold::makeChain();
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  const std::string_view first = input.substr(0, input.find('\n'));
  edgehold::send(*fixture, first, input.substr(std::min(input.size(), first.size() + 1)));
  return 0;
}
