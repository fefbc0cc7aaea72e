// SPDX-License-Identifier: Apache-2.0
// Any text as a JSON pointer: what compiles keeps its text and finds without harm.
// Thread: main only.
#include "proxy/base/json.h"
#include "proxy/base/log.h"
#include "proxy/base/utf8.h"

namespace edgehold {
namespace {

constexpr std::string_view kText =
    R"({"a":{"b":[1,{"c":"d"},[]]},"":0,"/":1,"~":2,"0":{"0":[[3]]},"-":4})";

void checkPointer(std::string_view text) {
  SystemRandom random;
  static JsonPool pool(random);
  static const JsonDocument document = std::move(*pool.parse(kText));
  const auto pointer = JsonPointer::compile(text);
  if (!pointer) return;
  CHECK_EQ(pointer->text(), text);
  CHECK(isUtf8(text) && (text.empty() || text.front() == '/'));
  const auto found = pointer->find(document.root());
  if (found) (void)found->size();
  // A pointer finds through its parent what it finds itself.
  if (found && !text.empty()) {
    const auto parent = JsonPointer::compile(text.substr(0, text.rfind('/')));
    CHECK(parent && parent->find(document.root()));
  }
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, std::size_t size) {
  edgehold::checkPointer({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
