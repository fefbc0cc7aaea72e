// SPDX-License-Identifier: Apache-2.0
// Whole-text checks behind grammar.h.
// Thread: any (immutable).
#include "proxy/http/grammar.h"

#include <algorithm>

#include "proxy/base/limits.h"

namespace edgehold {

bool isFieldName(std::string_view name) {
  return !name.empty() && name.size() <= limits::kHeaderNameBytesMax && name.front() != '-' &&
         name.front() != '_' && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), isNameByte);
}

bool isFieldValue(std::string_view value) {
  if (!value.empty() && (isBlank(value.front()) || isBlank(value.back()))) return false;
  return findControl(value.data(), value.data() + value.size()) == value.data() + value.size();
}

}  // namespace edgehold
