// SPDX-License-Identifier: Apache-2.0
// The small grammars of filters: hosts, authorities, paths, times, signed texts. The first line is
// a pattern, the rest is what it is matched against.
// Thread: main only.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "filters/channels/signed_text.h"
#include "filters/grammar.h"
#include "filters/value_source.h"
#include "proxy/base/log.h"

namespace edgehold {
namespace {

void checkPatterns(std::string_view pattern, std::string_view subject) {
  if (const auto host = HostPattern::parse(pattern)) {
    // A name that is listed as it stands matches itself.
    CHECK(pattern.starts_with("*.") || host->matches(pattern));
    host->matches(hostOf(subject));
  }
  if (const auto path = PathPattern::parse(pattern)) {
    // One final slash makes no difference.
    if (subject.size() > 1 && !subject.ends_with('/')) {
      CHECK(path->matches(subject) == path->matches(std::string(subject) + "/"));
    }
  }
  static_cast<void>(ValueSource::parse(pattern));
}

void checkTimes(std::string_view text) {
  for (const TimeUnit unit : {TimeUnit::kSeconds, TimeUnit::kMilliseconds}) {
    const auto time = parseTimestamp(text, unit);
    CHECK(!time || (*time >= 0 && *time < 100'000'000'000'000));
  }
}

void checkSignedText(std::string_view text, std::string_view body) {
  const auto compiled = SignedText::compile(text);
  if (!compiled) return;
  Exchange exchange;
  exchange.request.method_token = "POST";
  exchange.request.target.text = exchange.request.target.path = "/hook";
  exchange.request.headers.add("X-Id", "id");
  exchange.body.append(body);
  const auto pieces = compiled->evaluate(exchange, "1700000000");
  if (!pieces) return;
  std::size_t bytes = 0;
  for (const ByteView piece : pieces->span()) bytes += piece.size();
  CHECK(bytes >= body.size());
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  const std::string_view first = input.substr(0, input.find('\n'));
  const std::string_view rest = input.substr(std::min(input.size(), first.size() + 1));
  edgehold::checkPatterns(first, rest);
  edgehold::checkTimes(first);
  edgehold::checkSignedText(first, rest);
  return 0;
}
