// SPDX-License-Identifier: Apache-2.0
// The name of a field that must come once: looked up in one pass over the fields of a message.
// Thread: any (immutable).
#pragma once

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
      // Most names differ in their length already, and a call costs more than to see that.
      if (field.name.size() != name_.size() || !equalsIgnoreCase(field.name, name_)) continue;
      ++found.count;
      found.value = field.value;
    }
    return found;
  }
  const std::string& text() const { return name_; }
  bool empty() const { return name_.empty(); }

 private:
  std::string name_;
};

}  // namespace edgehold
