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

constexpr std::string_view kName = R"("default";)";

// The RateLimit field: `"default";r=`, `;t=` and two numbers.
struct FieldText {
  std::array<char, 64> bytes;
  char* end = bytes.data();

  void add(std::string_view text) {
    std::memcpy(end, text.data(), text.size());
    end += text.size();
  }
  void add(std::uint64_t number) { end = writeNumber(end, number); }
  std::string_view view() const {
    return {bytes.data(), static_cast<std::size_t>(end - bytes.data())};
  }
};

void writeLimitField(const RateReport& report, FieldText& text) {
  text.add(kName);
  text.add("r=");
  text.add(report.remaining);
  text.add(";t=");
  text.add(static_cast<std::uint64_t>(report.reset.count()));
}

}  // namespace

std::string ratePolicyText(std::uint64_t count, Duration period) {
  const auto window = std::chrono::ceil<std::chrono::seconds>(period);
  return std::string(kName) + "q=" + std::to_string(count) + ";w=" + std::to_string(window.count());
}

void addRateFields(const RateReport& report, Reply& reply) {
  FieldText text;
  writeLimitField(report, text);
  reply.headers.emplace_back("RateLimit-Policy", report.policy);
  reply.headers.emplace_back("RateLimit", text.view());
}

void addRateFields(const RateReport& report, Arena& arena, Headers& headers) {
  FieldText text;
  writeLimitField(report, text);
  headers.set("RateLimit-Policy", report.policy);
  headers.set("RateLimit", arena.copy(text.view()));
}

void addRetryAfter(Duration after, Reply& reply) {
  constexpr Duration kMost = std::chrono::hours(24);
  const Duration bounded = std::clamp<Duration>(after, std::chrono::seconds(1), kMost);
  reply.headers.emplace_back(
      "Retry-After", std::to_string(std::chrono::ceil<std::chrono::seconds>(bounded).count()));
}

}  // namespace edgehold
