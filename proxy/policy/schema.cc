// SPDX-License-Identifier: Apache-2.0
// Checks that several parts of the document need.
// Thread: main only.
#include "proxy/policy/schema.h"

#include <algorithm>

#include "proxy/base/strings.h"

namespace edgehold {
namespace {

constexpr std::size_t kNameBytesMax = 64;

bool isNameByte(char c) {
  const char lower = asciiLower(c);
  return (lower >= 'a' && lower <= 'z') || isDigit(c) || c == '.' || c == '_' || c == '-';
}

}  // namespace

bool checkName(ConfigReader& reader, std::string_view key, std::string_view name) {
  if (!name.empty() && name.size() <= kNameBytesMax &&
      std::all_of(name.begin(), name.end(), isNameByte)) {
    return true;
  }
  reader.reject(key, "a name is made of letters, digits and `._-`, at most 64 of them, found " +
                         quoteForMessage(name));
  return false;
}

std::chrono::nanoseconds readWait(ConfigReader& reader, std::string_view key,
                                  std::chrono::nanoseconds otherwise) {
  const std::chrono::nanoseconds wait = reader.duration(key, otherwise);
  if (wait.count() > 0) return wait;
  reader.reject(key, "must be longer than zero");
  return otherwise;
}

}  // namespace edgehold
