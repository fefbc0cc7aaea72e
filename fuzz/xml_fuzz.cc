// SPDX-License-Identifier: Apache-2.0
// Any text as the XML of chat platforms: what is taken is text, holds no declaration of its own, is
// taken with blanks around it too, and gives the same when it is written anew.
// Thread: main only.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "filters/channels/xml.h"
#include "proxy/base/log.h"
#include "proxy/base/utf8.h"

namespace edgehold {
namespace {

void appendEscaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '<' || c == '&' || c == '>') {
      out.append("&#").append(std::to_string(static_cast<int>(c))).append(";");
    } else {
      out.push_back(c);
    }
  }
}

void check(std::string_view text) {
  Arena arena;
  const auto document = XmlDocument::parse(text, arena);
  if (!document) return;
  CHECK(isUtf8(text));
  std::string again = "<" + std::string(document->rootName()) + ">";
  for (const XmlElement* one = document->first(); one != nullptr; one = one->next) {
    const auto value = document->text(one->name, arena);
    if (!value) continue;  // it is there twice, or has elements
    CHECK(*value && isUtf8(**value));
    again.append("<").append(one->name).append(">");
    appendEscaped(again, **value);
    again.append("</").append(one->name).append(">");
  }
  again.append("</").append(document->rootName()).append(">\n");
  const auto same = XmlDocument::parse(again, arena);
  CHECK(same) << again;
  for (const XmlElement* one = same->first(); one != nullptr; one = one->next) {
    CHECK(*same->text(one->name, arena) == *document->text(one->name, arena)) << one->name;
  }
  const std::string outside(text.substr(text.find("<" + std::string(document->rootName()))));
  CHECK(XmlDocument::parse(" \n" + outside + "\t", arena));
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  edgehold::check({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
