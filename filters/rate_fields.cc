// SPDX-License-Identifier: Apache-2.0
// Formats the budget fields.
// Thread: any (immutable).
#include "filters/rate_fields.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "proxy/base/strings.h"

namespace edgehold {
namespace {

// `"default";` and two parameters of up to 20 digits.
struct FieldText {
  std::array<char, 64> bytes;
  std::size_t size = 0;

  void add(std::string_view text) {
    std::memcpy(bytes.data() + size, text.data(), text.size());
    size += text.size();
  }
  void add(std::uint64_t number) {
    size = static_cast<std::size_t>(writeNumber(bytes.data() + size, number) - bytes.data());
  }
  std::string_view view() const { return {bytes.data(), size}; }
};

FieldText fieldOf(std::string_view first, std::uint64_t count, std::string_view second,
                  std::chrono::seconds time) {
  FieldText text;
  text.add(R"("default";)");
  text.add(first);
  text.add(count);
  text.add(second);
  text.add(static_cast<std::uint64_t>(time.count()));
  return text;
}

FieldText policyField(const RateReport& report) {
  return fieldOf("q=", report.limit, ";w=", report.window);
}
FieldText limitField(const RateReport& report) {
  return fieldOf("r=", report.remaining, ";t=", report.reset);
}

}  // namespace

void addRateFields(const RateReport& report, Reply& reply) {
  reply.headers.emplace_back("RateLimit-Policy", policyField(report).view());
  reply.headers.emplace_back("RateLimit", limitField(report).view());
}

void addRateFields(const RateReport& report, Arena& arena, Headers& headers) {
  headers.set("RateLimit-Policy", arena.copy(policyField(report).view()));
  headers.set("RateLimit", arena.copy(limitField(report).view()));
}

void addRetryAfter(Duration after, Reply& reply) {
  constexpr Duration kMost = std::chrono::hours(24);
  const Duration bounded = std::clamp<Duration>(after, std::chrono::seconds(1), kMost);
  reply.headers.emplace_back(
      "Retry-After", std::to_string(std::chrono::ceil<std::chrono::seconds>(bounded).count()));
}

}  // namespace edgehold
