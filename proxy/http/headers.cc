// SPDX-License-Identifier: Apache-2.0
// The table of known field names and the list behind headers.h.
// Thread: one loop (owned by the exchange); the table is immutable.
#include "proxy/http/headers.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "proxy/base/strings.h"

namespace edgehold {
namespace {

constexpr std::size_t kIds = static_cast<std::size_t>(HeaderId::kXRequestId) + 1;
constexpr std::size_t kLongestName = 19;  // proxy-authorization
constexpr std::size_t kPadded = 24;

// In the order of HeaderId; lower case.
constexpr std::array<std::string_view, kIds> kNames = {
    "",
    "accept",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "retry-after",
    "server",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
};

// A known name and, per byte, the bit that folds its upper case: 0x20 for letters, nothing for '-',
// so that CR is never taken for '-'.
struct Folded {
  std::array<char, kPadded> lower{};
  std::array<char, kPadded> fold{};
};

struct NameTable {
  std::array<Folded, kIds> names{};
  // By length and first letter, which together are unique among the known names.
  std::array<std::array<std::uint8_t, 26>, kLongestName + 1> ids{};
  bool is_unique = true;
};

constexpr NameTable makeTable() {
  NameTable table;
  for (std::size_t id = 1; id < kIds; ++id) {
    const std::string_view name = kNames[id];
    for (std::size_t i = 0; i < name.size(); ++i) {
      table.names[id].lower[i] = name[i];
      table.names[id].fold[i] = name[i] == '-' ? '\0' : ' ';
    }
    std::uint8_t& slot = table.ids[name.size()][static_cast<std::size_t>(name.front() - 'a')];
    if (slot != 0) table.is_unique = false;
    slot = static_cast<std::uint8_t>(id);
  }
  return table;
}

constexpr NameTable kTable = makeTable();
static_assert(kTable.is_unique, "headerIdOf() needs a better key");

template <class Word>
Word wordAt(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

template <class Word = std::uint64_t>
bool wordMatches(const char* name, const Folded& known, std::size_t at) {
  return (wordAt<Word>(name + at) | wordAt<Word>(known.fold.data() + at)) ==
         wordAt<Word>(known.lower.data() + at);
}

// REQUIRES: `name` is as long as the known name.
bool matches(std::string_view name, const Folded& known) {
  if (name.size() >= 8) {  // words that may overlap
    if (!wordMatches(name.data(), known, 0)) return false;
    if (name.size() > 16 && !wordMatches(name.data(), known, 8)) return false;
    return wordMatches(name.data(), known, name.size() - 8);
  }
  if (name.size() >= 4) {
    return wordMatches<std::uint32_t>(name.data(), known, 0) &&
           wordMatches<std::uint32_t>(name.data(), known, name.size() - 4);
  }
  for (std::size_t i = 0; i < name.size(); ++i) {
    if ((name[i] | known.fold[i]) != known.lower[i]) return false;
  }
  return true;
}

}  // namespace

std::string_view rebased(std::string_view view, std::string_view from, const char* to) {
  const auto at = reinterpret_cast<std::uintptr_t>(view.data());
  const auto begin = reinterpret_cast<std::uintptr_t>(from.data());
  if (at < begin || at + view.size() > begin + from.size()) return view;
  return {to + (at - begin), view.size()};
}

HeaderId headerIdOf(std::string_view name) {
  if (name.empty() || name.size() > kLongestName) return HeaderId::kOther;
  const auto letter = static_cast<unsigned>((name.front() | ' ') - 'a');
  if (letter >= 26) return HeaderId::kOther;
  const std::uint8_t id = kTable.ids[name.size()][letter];
  if (id == 0 || !matches(name, kTable.names[id])) return HeaderId::kOther;
  return static_cast<HeaderId>(id);
}

std::optional<std::string_view> Headers::find(HeaderId id) const {
  for (const Header& field : fields_) {
    if (field.id == id) return field.value;
  }
  return std::nullopt;
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  const HeaderId id = headerIdOf(name);
  if (id != HeaderId::kOther) return find(id);
  for (const Header& field : fields_) {
    if (equalsIgnoreCase(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::size_t Headers::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(fields_.begin(), fields_.end(),
                    [name](const Header& field) { return equalsIgnoreCase(field.name, name); }));
}

void Headers::add(std::string_view name, std::string_view value) {
  fields_.push_back({name, value, headerIdOf(name)});
}

void Headers::set(std::string_view name, std::string_view value) {
  remove(name);
  add(name, value);
}

std::size_t Headers::remove(HeaderId id) {
  return removeIf([id](const Header& field) { return field.id == id; });
}

std::size_t Headers::remove(std::string_view name) {
  return removeIf([name](const Header& field) { return equalsIgnoreCase(field.name, name); });
}

void Headers::rebase(std::string_view from, const char* to) {
  for (Header& field : fields_) {
    field.name = rebased(field.name, from, to);
    field.value = rebased(field.value, from, to);
  }
}

}  // namespace edgehold
