// SPDX-License-Identifier: Apache-2.0
// The two unit tables and what people write in their place.
// Thread: any (immutable).
#include "proxy/base/config_units.h"

#include <array>
#include <cstdint>
#include <optional>

#include "proxy/base/config_reader.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
struct Misspelling {
  std::string_view written;  // lower case
  std::string_view meant;
};
// One kind of quantity: its units, what is often written instead, and how it is spoken of.
struct Quantity {
  std::array<Unit, 5> units;
  std::string_view noun;         // "a time"
  std::string_view example;      // "30s"
  std::string_view bare_unit;    // proposed for a number without one
  std::string_view units_named;  // for the message when nothing is near
  std::uint64_t most;            // in the smallest unit's factor
};

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kSecond = 1000 * kMillisecond;
constexpr std::uint64_t kDay = 24 * 3600 * kSecond;

// Ten years keep every instant plus a wait inside 64 bits of nanoseconds.
constexpr Quantity kTime = {{{{"ms", kMillisecond},
                              {"s", kSecond},
                              {"m", 60 * kSecond},
                              {"h", 3600 * kSecond},
                              {"d", kDay}}},
                            "a time",
                            "30s",
                            "s",
                            "ms, s, m, h, d",
                            3650 * kDay};
constexpr Quantity kSize = {
    {{{"B", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}, {"TiB", 1ull << 40}}},
    "a size",
    "64KiB",
    "B",
    "B, KiB, MiB, GiB, TiB",
    1ull << 50};

constexpr Misspelling kMisspellings[] = {
    {"msec", "ms"},         {"msecs", "ms"}, {"millis", "ms"}, {"millisecond", "ms"},
    {"milliseconds", "ms"}, {"sec", "s"},    {"secs", "s"},    {"second", "s"},
    {"seconds", "s"},       {"min", "m"},    {"mins", "m"},    {"minute", "m"},
    {"minutes", "m"},       {"hr", "h"},     {"hrs", "h"},     {"hour", "h"},
    {"hours", "h"},         {"day", "d"},    {"days", "d"},    {"byte", "B"},
    {"bytes", "B"},         {"k", "KiB"},    {"kb", "KiB"},    {"ki", "KiB"},
    {"kilobytes", "KiB"},   {"m", "MiB"},    {"mb", "MiB"},    {"mi", "MiB"},
    {"megabytes", "MiB"},   {"g", "GiB"},    {"gb", "GiB"},    {"gi", "GiB"},
    {"gigabytes", "GiB"},   {"t", "TiB"},    {"tb", "TiB"},    {"ti", "TiB"},
};

const Unit* findUnit(const Quantity& quantity, std::string_view name) {
  for (const Unit& unit : quantity.units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

// The unit that somebody who wrote `name` had in mind.
std::optional<std::string_view> meantUnit(const Quantity& quantity, std::string_view name) {
  for (const Unit& unit : quantity.units) {
    if (equalsIgnoreCase(unit.name, name)) return unit.name;
  }
  for (const Misspelling& row : kMisspellings) {
    if (equalsIgnoreCase(row.written, name) && findUnit(quantity, row.meant) != nullptr) {
      return row.meant;
    }
  }
  return std::nullopt;
}

std::string unitProblem(const Quantity& quantity, std::string_view digits, std::string_view name) {
  const auto propose = [&](std::string_view unit) {
    return std::string(", write `").append(digits).append(unit).append("`");
  };
  if (name.empty()) return quoteForMessage(digits) + " has no unit" + propose(quantity.bare_unit);
  const std::string unknown = "unknown unit " + quoteForMessage(name);
  if (const auto meant = meantUnit(quantity, name)) return unknown + propose(*meant);
  return unknown + ", the units are " + std::string(quantity.units_named);
}

Result<std::uint64_t> parseQuantity(const Quantity& quantity, std::string_view text) {
  std::size_t digits = 0;
  while (digits < text.size() && isDigit(text[digits])) ++digits;
  const std::string_view number = text.substr(0, digits);
  const std::string_view name = text.substr(digits);
  const auto expected = [&] {
    return fail("expected " + std::string(quantity.noun) + " such as `" +
                std::string(quantity.example) + "`, found " + quoteForMessage(text));
  };
  if (digits == 0 || name.find_first_of("0123456789.,") != std::string_view::npos)
    return expected();
  const Unit* const unit = findUnit(quantity, name);
  if (unit == nullptr) {
    const std::string_view bare = trimBlanks(name);
    if (const Unit* const spaced = findUnit(quantity, bare)) {
      return fail("no space before the unit, write `" + std::string(number) +
                  std::string(spaced->name) + "`");
    }
    return fail(unitProblem(quantity, number, bare));
  }
  const auto value = parseUnsigned(number);
  if (!value || *value > quantity.most / unit->factor) {
    return fail(quoteForMessage(text) + " is too large");
  }
  return *value * unit->factor;
}

}  // namespace

Result<std::chrono::nanoseconds> parseDuration(std::string_view text) {
  TRY_ASSIGN(const std::uint64_t count, parseQuantity(kTime, text));
  return std::chrono::nanoseconds(static_cast<std::int64_t>(count));
}

Result<std::size_t> parseByteCount(std::string_view text) { return parseQuantity(kSize, text); }

std::string formatByteCount(std::size_t bytes) {
  const Unit* best = &kSize.units[0];
  for (const Unit& unit : kSize.units) {
    if (bytes > 0 && bytes % unit.factor == 0) best = &unit;
  }
  return std::to_string(bytes / best->factor) + std::string(best->name);
}

}  // namespace edgehold
