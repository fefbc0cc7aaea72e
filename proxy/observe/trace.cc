// SPDX-License-Identifier: Apache-2.0
// The grammar of traceparent, by hand.
// Thread: any (values).
#include "proxy/observe/trace.h"

#include <algorithm>

#include "proxy/base/strings.h"

namespace edgehold {
namespace {

constexpr std::size_t kTraceAt = 3, kTraceDigits = 32;
constexpr std::size_t kSpanAt = 36, kSpanDigits = 16;
constexpr std::size_t kFlagsAt = 53, kFlagsDigits = 2;
static_assert(kFlagsAt + kFlagsDigits == TraceParent::kTextBytes);

bool isLowerHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return isDigit(c) || (c >= 'a' && c <= 'f'); });
}

bool isId(std::string_view text) {
  return isLowerHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

std::uint64_t nextNonZero(Random& random) {
  std::uint64_t word = random.next();
  while (word == 0) word = random.next();
  return word;
}

}  // namespace

std::optional<TraceParent> TraceParent::parse(std::string_view header) {
  if (header.size() < kTextBytes) return std::nullopt;
  const std::string_view version = header.substr(0, 2);
  if (!isLowerHex(version) || version == "ff") return std::nullopt;
  if (version == "00" && header.size() != kTextBytes) return std::nullopt;
  if (header.size() > kTextBytes && header[kTextBytes] != '-') return std::nullopt;
  if (header[2] != '-' || header[kSpanAt - 1] != '-' || header[kFlagsAt - 1] != '-') {
    return std::nullopt;
  }
  if (!isId(header.substr(kTraceAt, kTraceDigits)) || !isId(header.substr(kSpanAt, kSpanDigits)) ||
      !isLowerHex(header.substr(kFlagsAt, kFlagsDigits))) {
    return std::nullopt;
  }
  TraceParent parent;
  header.copy(parent.text_.data(), kTextBytes);
  // We speak version 00 from here on, whose only flag is `sampled` (2.2.5).
  parent.text_[0] = parent.text_[1] = '0';
  const bool is_sampled = (hexValue(header[kFlagsAt + 1]) & 1) != 0;
  parent.text_[kFlagsAt] = '0';
  parent.text_[kFlagsAt + 1] = is_sampled ? '1' : '0';
  return parent;
}

TraceParent TraceParent::start(Random& random, bool is_sampled) {
  TraceParent parent;
  parent.text_.fill('0');
  parent.text_[2] = parent.text_[kSpanAt - 1] = parent.text_[kFlagsAt - 1] = '-';
  writeHex(&parent.text_[kTraceAt], nextNonZero(random));
  writeHex(&parent.text_[kTraceAt + 16], random.next());
  if (is_sampled) parent.text_[kFlagsAt + 1] = '1';
  parent.setSpan(random);
  return parent;
}

TraceParent TraceParent::next(Random& random) const {
  TraceParent child = *this;
  child.setSpan(random);
  return child;
}

void TraceParent::setSpan(Random& random) { writeHex(&text_[kSpanAt], nextNonZero(random)); }

bool TraceParent::isSampled() const { return text_[kFlagsAt + 1] == '1'; }

}  // namespace edgehold
