// SPDX-License-Identifier: Apache-2.0
// Any text through the JSON door: what is accepted has no twin keys, is within its depth, and is
// the same after it was written and read again. Thread: main only.
#include <set>
#include <string>

#include "proxy/base/json.h"
#include "proxy/base/json_tree.h"
#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/base/utf8.h"

namespace edgehold {
namespace {

class FixedRandom final : public Random {
 public:
  std::uint64_t next() override { return 0x9E3779B97F4A7C15u; }
};

void checkString(JsonPool& pool, std::string_view text) {
  CHECK(isUtf8(text));
  std::string quoted;
  appendJsonString(quoted, text);
  const auto again = pool.parse(quoted);
  CHECK(again && again->root().asString() == text);
}

void checkValue(JsonPool& pool, JsonValue value, std::size_t depth) {
  CHECK_LE(depth, limits::kJsonDepthMax);
  std::size_t parts = 0;
  std::set<std::string> keys;
  for (const JsonMember& member : value.members()) {
    ++parts;
    CHECK(keys.insert(toLower(member.key)).second) << "twin keys";
    CHECK(value.member(member.key).has_value());
    checkString(pool, member.key);
    checkValue(pool, member.value, depth + 1);
  }
  for (const JsonValue element : value.elements()) {
    ++parts;
    checkValue(pool, element, depth + 1);
  }
  CHECK_EQ(parts, value.size());
  if (value.kind() == JsonKind::kNumber) CHECK(value.asDouble().has_value());
  if (const auto text = value.asString()) checkString(pool, *text);
}

void checkText(std::string_view text) {
  static FixedRandom random;
  static JsonPool pool(random);
  const auto document = pool.parse(text);
  const auto tree = parseJsonTree(text);
  CHECK_EQ(document.has_value(), tree.has_value());
  // Whatever the bytes are, they can be written as a string.
  std::string quoted;
  appendJsonString(quoted, text);
  CHECK(pool.parse(quoted));
  if (!document) return;
  CHECK(isUtf8(text));
  checkValue(pool, document->root(), 0);
  const auto again = parseJsonTree(writeJsonCompact(*tree));
  CHECK(again && *again == *tree);
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, std::size_t size) {
  edgehold::checkText({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
