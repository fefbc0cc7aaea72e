// SPDX-License-Identifier: Apache-2.0
// The name of a field that must come once: looked up in one pass over the fields of a message.
// Thread: any (immutable).
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/base/strings.h"
#include "proxy/http/headers.h"

namespace edgehold {

class FieldName {
 public:
  FieldName() = default;  // no name: in no message
  explicit FieldName(std::string name) : name_(std::move(name)) {}

  struct Found {
    std::size_t count = 0;
    std::string_view value;  // of the last one
  };
  Found find(const Headers& headers) const {
    Found found;
    for (const Header& field : headers) {
      if (!isNameOf(field)) continue;
      ++found.count;
      found.value = field.value;
    }
    return found;
  }
  // Also when it is spelled with `_`: agents that make variables of fields (RFC 3875 4.1.18) take
  // `X_Tenant` for X-Tenant, and what one of the two says must not pass beside the other.
  bool isNameOf(const Header& field) const {
    // Most differ in one of these already, and a call costs more than to see that.
    if (field.name.size() != name_.size()) return false;
    if (plain(field.name.back()) != plain(name_.back())) return false;
    return equalsIgnoreCase(field.name, name_) || isAnotherSpelling(field.name);
  }
  const std::string& text() const { return name_; }
  bool empty() const { return name_.empty(); }

 private:
  static char plain(char c) { return c == '_' ? '-' : asciiLower(c); }
  // REQUIRES: as long as the name.
  bool isAnotherSpelling(std::string_view name) const {
    return std::equal(name.begin(), name.end(), name_.begin(),
                      [](char a, char b) { return plain(a) == plain(b); });
  }

  std::string name_;
};

}  // namespace edgehold
