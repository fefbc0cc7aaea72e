// SPDX-License-Identifier: Apache-2.0
// One pass over the tags; texts are checked on the way and decoded when they are asked for.
// Thread: any (immutable).
#include "filters/channels/xml.h"

#include <algorithm>
#include <array>
#include <new>
#include <type_traits>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/base/utf8.h"

namespace edgehold {
namespace {

constexpr std::string_view kCdataBegin = "<![CDATA[";
constexpr std::string_view kCdataEnd = "]]>";
constexpr std::string_view kBlanks = " \t\r\n";

bool isNameStart(char c) { return c == '_' || (asciiLower(c) >= 'a' && asciiLower(c) <= 'z'); }
bool isNameChar(char c) { return isNameStart(c) || isDigit(c) || c == '-' || c == '.'; }
bool isBlank(std::string_view text) {
  return text.find_first_not_of(kBlanks) == std::string_view::npos;
}

// XML 1.0 2.2, Char.
bool isXmlChar(std::uint32_t c) {
  if (c < 0x20) return c == '\t' || c == '\n' || c == '\r';
  const bool is_surrogate = c >= 0xD800 && c <= 0xDFFF;
  return c <= 0x10FFFF && !is_surrogate && c != 0xFFFE && c != 0xFFFF;
}
bool hasControlByte(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 && !isXmlChar(byte);
  });
}

struct Reference {
  std::size_t size = 0;  // of how it is written; 0: it is none
  std::uint32_t character = 0;
};

Reference numericReference(std::string_view digits, std::size_t size) {
  constexpr std::size_t kDigitsMax = 8;
  const bool is_hex = digits.starts_with('x');
  if (is_hex) digits.remove_prefix(1);
  if (digits.empty() || digits.size() > kDigitsMax) return {};
  std::uint64_t value = 0;
  for (const char digit : digits) {
    const int number = is_hex ? hexValue(digit) : isDigit(digit) ? digit - '0' : -1;
    if (number < 0) return {};
    value = value * (is_hex ? 16 : 10) + static_cast<std::uint64_t>(number);
  }
  if (value > 0x10FFFF || !isXmlChar(static_cast<std::uint32_t>(value))) return {};
  return {size, static_cast<std::uint32_t>(value)};
}

// REQUIRES: `text` begins with `&`.
Reference referenceAt(std::string_view text) {
  constexpr std::size_t kSizeMax = 12;
  const std::size_t end = text.substr(0, kSizeMax).find(';');
  if (end == std::string_view::npos) return {};
  const std::string_view name = text.substr(1, end - 1);
  if (name.starts_with('#')) return numericReference(name.substr(1), end + 1);
  struct Named {
    std::string_view name;
    char character;
  };
  for (const Named& known : {Named{"lt", '<'}, Named{"gt", '>'}, Named{"amp", '&'},
                             Named{"apos", '\''}, Named{"quot", '"'}}) {
    if (name == known.name) return {end + 1, static_cast<std::uint32_t>(known.character)};
  }
  return {};
}

char* writeUtf8(char* to, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { *to++ = static_cast<char>(byte); };
  const auto put_rest = [&](unsigned shift) { put(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put_rest(0);
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put_rest(6);
    put_rest(0);
  } else {
    put(0xF0 | (c >> 18));
    put_rest(12);
    put_rest(6);
    put_rest(0);
  }
  return to;
}

// REQUIRES: the content of a parsed element without elements. No character needs more bytes than
// its reference.
std::string_view decodeText(std::string_view content, Arena& arena) {
  char* const decoded = arena.allocate(content.size());
  char* to = decoded;
  while (!content.empty()) {
    std::size_t used = 1;
    if (content.starts_with(kCdataBegin)) {
      const std::size_t end = content.find(kCdataEnd);
      to = std::copy(content.begin() + kCdataBegin.size(), content.begin() + end, to);
      used = end + kCdataEnd.size();
    } else if (content.front() == '&') {
      const Reference reference = referenceAt(content);
      to = writeUtf8(to, reference.character);
      used = reference.size;
    } else {
      *to++ = content.front();
    }
    content.remove_prefix(used);
  }
  return {decoded, static_cast<std::size_t>(to - decoded)};
}

std::string_view textOf(std::string_view content, Arena& arena) {
  if (content.find_first_of("<&") == std::string_view::npos) return content;
  const bool is_one_cdata =
      content.starts_with(kCdataBegin) && content.find(kCdataEnd) == content.size() - 3;
  if (!is_one_cdata) return decodeText(content, arena);
  return content.substr(kCdataBegin.size(), content.size() - kCdataBegin.size() - 3);
}

}  // namespace

class XmlParser {
 public:
  XmlParser(std::string_view text, Arena& arena) : text_(text), arena_(arena) {}

  Result<XmlDocument> parse() {
    if (!isUtf8(text_) || hasControlByte(text_)) return refused("no text");
    TRY(skipDeclaration());
    skipBlanks();
    TRY(open());
    while (depth_ > 0) TRY(step());
    skipBlanks();
    if (at_ != text_.size()) return refused("text behind the root");
    return document_;
  }

 private:
  struct Level {
    std::string_view name;
    std::size_t content_begin = 0;
    bool has_elements = false;
    bool has_text = false;
  };

  static tl::unexpected<Error> refused(const char* why) {
    return fail(Reason::kMalformedRequest, std::string("xml: ") + why);
  }
  std::string_view rest() const { return text_.substr(at_); }
  bool skip(std::string_view word) {
    if (!rest().starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void skipBlanks() { at_ = std::min(text_.find_first_not_of(kBlanks, at_), text_.size()); }

  Result<void> step() {
    if (rest().starts_with(kCdataBegin)) return cdata();
    if (rest().starts_with("</")) return close();
    if (rest().starts_with('<')) return open();
    return characters();
  }

  Result<std::string_view> name();
  Result<void> skipDeclaration();
  Result<void> open();
  Result<void> close();
  Result<void> cdata();
  Result<void> characters();
  Result<void> noteText(bool is_text);
  void endLevel(std::size_t content_end);

  const std::string_view text_;
  Arena& arena_;
  std::size_t at_ = 0;
  std::array<Level, limits::kXmlDepthMax> levels_;
  std::size_t depth_ = 0;
  std::size_t elements_ = 0;
  XmlElement* last_ = nullptr;
  XmlDocument document_;
};

Result<std::string_view> XmlParser::name() {
  const std::string_view text = rest().substr(0, limits::kXmlNameBytesMax + 1);
  std::size_t size = 0;
  while (size < text.size() && (size == 0 ? isNameStart(text[0]) : isNameChar(text[size]))) ++size;
  if (size == 0 || size > limits::kXmlNameBytesMax) return refused("a name, or none, was expected");
  at_ += size;
  return text.substr(0, size);
}

// XML 1.0 2.8: `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`, the last two optional.
Result<void> XmlParser::skipDeclaration() {
  struct Part {
    std::string_view name;
    std::string_view value, other_value;
    bool is_required;
  };
  if (!rest().starts_with("<?")) return {};
  if (!skip("<?xml")) return refused("a processing instruction");
  for (const Part& part :
       {Part{"version", "1.0", "1.0", true}, Part{"encoding", "utf-8", "utf-8", false},
        Part{"standalone", "yes", "no", false}}) {
    const std::size_t before = at_;
    skipBlanks();
    if (before == at_ || !skip(part.name)) {
      if (part.is_required) return refused("a declaration without version");
      at_ = before;
      continue;
    }
    const std::size_t value_end = text_.find_first_of("'\"", at_ + 2);
    const bool is_quoted = skip("=") && value_end != std::string_view::npos &&
                           (text_[at_] == '"' || text_[at_] == '\'') &&
                           text_[at_] == text_[value_end];
    if (!is_quoted) return refused("a malformed declaration");
    const std::string_view value = text_.substr(at_ + 1, value_end - at_ - 1);
    const bool is_known =
        equalsIgnoreCase(value, part.value) || equalsIgnoreCase(value, part.other_value);
    if (!is_known) return refused("a declaration of another kind of text");
    at_ = value_end + 1;
  }
  skipBlanks();
  if (!skip("?>")) return refused("a malformed declaration");
  return {};
}

Result<void> XmlParser::open() {
  if (!skip("<")) return refused("no root");
  TRY_ASSIGN(const std::string_view tag, name());  // `!` and `?` begin none
  skipBlanks();
  const bool is_closed = skip("/");
  if (!skip(">")) return refused("a malformed tag, or attributes");
  if (depth_ == levels_.size()) return refused("too deep");
  if (++elements_ > limits::kXmlElementsMax) return refused("too many elements");
  if (depth_ == 0) {
    document_.root_ = tag;
  } else {
    levels_[depth_ - 1].has_elements = true;
    TRY(noteText(false));
  }
  if (depth_ == 1) {
    static_assert(std::is_trivially_destructible_v<XmlElement>);
    auto* const element = new (arena_.allocate(sizeof(XmlElement))) XmlElement{.name = tag};
    (last_ == nullptr ? document_.first_ : last_->next) = element;
    last_ = element;
  }
  levels_[depth_++] = {.name = tag, .content_begin = at_};
  if (is_closed) endLevel(at_);
  return {};
}

Result<void> XmlParser::close() {
  const std::size_t content_end = at_;
  at_ += 2;
  TRY_ASSIGN(const std::string_view tag, name());
  skipBlanks();
  if (!skip(">") || tag != levels_[depth_ - 1].name) return refused("tags that do not match");
  endLevel(content_end);
  return {};
}

void XmlParser::endLevel(std::size_t content_end) {
  const Level& level = levels_[--depth_];
  if (depth_ != 1) return;
  last_->content = text_.substr(level.content_begin, content_end - level.content_begin);
  last_->has_elements = level.has_elements;
}

Result<void> XmlParser::cdata() {
  at_ += kCdataBegin.size();
  const std::size_t end = text_.find(kCdataEnd, at_);
  if (end == std::string_view::npos) return refused("a CDATA section without end");
  at_ = end + kCdataEnd.size();
  return noteText(true);
}

Result<void> XmlParser::characters() {
  const std::string_view run = rest().substr(0, rest().find('<'));
  if (run.empty()) return refused("an element without end");
  if (run.find(kCdataEnd) != std::string_view::npos) return refused("`]]>` in text");
  for (std::size_t i = run.find('&'); i != std::string_view::npos; i = run.find('&', i)) {
    const Reference reference = referenceAt(run.substr(i));
    if (reference.size == 0) return refused("an unknown reference");
    i += reference.size;
  }
  at_ += run.size();
  return noteText(!isBlank(run));
}

// One element has text in it, or elements.
Result<void> XmlParser::noteText(bool is_text) {
  Level& level = levels_[depth_ - 1];
  level.has_text = level.has_text || is_text;
  if (level.has_text && level.has_elements) return refused("text beside elements");
  return {};
}

Result<XmlDocument> XmlDocument::parse(ByteView text, Arena& arena) {
  return XmlParser(text, arena).parse();
}

Result<std::optional<std::string_view>> XmlDocument::text(std::string_view name,
                                                          Arena& arena) const {
  const XmlElement* found = nullptr;
  for (const XmlElement* one = first_; one != nullptr; one = one->next) {
    if (one->name != name) continue;
    if (found != nullptr || one->has_elements) {
      return fail(Reason::kMalformedRequest,
                  "xml: `" + std::string(name) + "` is not one element with text in it");
    }
    found = one;
  }
  if (found == nullptr) return std::optional<std::string_view>();
  return std::optional(textOf(found->content, arena));
}

bool XmlDocument::hasOnly(std::initializer_list<std::string_view> names) const {
  for (const XmlElement* one = first_; one != nullptr; one = one->next) {
    if (std::find(names.begin(), names.end(), one->name) == names.end()) return false;
  }
  return true;
}

}  // namespace edgehold
