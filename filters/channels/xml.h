// SPDX-License-Identifier: Apache-2.0
// The XML that WeCom and WeChat write, and nothing else of XML 1.0: elements, text, CDATA, the five
// entities and numeric references. Refused: DOCTYPE and with it every entity of one's own,
// processing instructions, comments, attributes, namespaces, text beside elements, what is no
// UTF-8, and whatever stands behind the root. One pass, no recursion, within limits.h.
// Thread: any (immutable).
#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>

#include "proxy/base/arena.h"
#include "proxy/base/bytes.h"
#include "proxy/base/result.h"

namespace edgehold {

// A child of the root.
struct XmlElement {
  std::string_view name;
  std::string_view content = {};  // as it is written, found well-formed
  bool has_elements = false;
  const XmlElement* next = nullptr;
};

// Views into the text that was parsed, elements in the arena: it lives as long as both.
class XmlDocument {
 public:
  // Errors: kMalformedRequest.
  static Result<XmlDocument> parse(ByteView text, Arena& arena);

  std::string_view rootName() const { return root_; }
  const XmlElement* first() const { return first_; }
  // The text of the only child of that name; nothing when there is none. Errors: kMalformedRequest
  // when there are two (another parser would take the other one), or it has elements in it.
  Result<std::optional<std::string_view>> text(std::string_view name, Arena& arena) const;
  // True when no child is called otherwise.
  bool hasOnly(std::initializer_list<std::string_view> names) const;

 private:
  friend class XmlParser;
  std::string_view root_;
  const XmlElement* first_ = nullptr;
};

}  // namespace edgehold
