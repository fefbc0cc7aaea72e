// SPDX-License-Identifier: Apache-2.0
// Builds the tree from yaml-cpp's events, so that nothing is expanded that we have not counted.
// Thread: main only.
#include "proxy/policy/yaml_source.h"

#include <algorithm>
#include <memory>
#include <sstream>
#include <unordered_set>
#include <utility>
#include <vector>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "proxy/base/limits.h"
#include "proxy/base/utf8.h"

namespace edgehold {
namespace {

using Kind = ConfigNode::Kind;

constexpr std::string_view kKeyIsText = "a key must be a text";
constexpr std::string_view kPlainTag = "?";   // yaml-cpp's name for: none written, not quoted
constexpr std::string_view kQuotedTag = "!";  // none written, quoted or a block text

// yaml-cpp ends an open quote at the end of the text without a word, and a file that was cut off
// there would pass. `text` starts at the quote.
bool isQuoteClosed(std::string_view text) {
  const char quote = text.front();
  if (quote != '"' && quote != '\'') return true;  // a block text
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      const bool is_doubled = quote == '\'' && i + 1 < text.size() && text[i + 1] == quote;
      if (!is_doubled) return true;
      ++i;
    }
  }
  return false;
}

// Collects events into a tree. After the first mistake it ignores what follows: the tree has a hole
// then, and further messages would be about the hole.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, std::shared_ptr<const std::string> file, ConfigErrors& errors)
      : text_(text), file_(std::move(file)), errors_(errors) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) refuse(mark, "a second document; write one document per file");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (admits(mark, kPlainTag, anchor)) place(makeNode(Kind::kNull, mark));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "aliases are not accepted; repeat the value, or use `defaults`");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (!admits(mark, tag, anchor)) return;
    const auto start = static_cast<std::size_t>(mark.pos);
    if (tag == kQuotedTag && start < text_.size() && !isQuoteClosed(text_.substr(start))) {
      return refuse(mark, "the quote that starts here is never closed");
    }
    ConfigNode node = makeNode(Kind::kScalar, mark);
    node.scalar = value;
    node.is_quoted = tag == kQuotedTag;
    place(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    if (admits(mark, tag, anchor)) open(makeNode(Kind::kList, mark));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    if (admits(mark, tag, anchor)) open(makeNode(Kind::kMap, mark));
  }
  void OnMapEnd() override { close(); }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    refuse(mark, "anchors are not accepted; repeat the value, or use `defaults`");
  }

  bool isBroken() const { return is_broken_; }
  void refuse(const YAML::Mark& mark, std::string_view message) {
    if (!is_broken_) refuseAt(placeOf(mark), message);
  }
  // The tree, unless there was a mistake.
  bool isWhole() const { return !is_broken_ && !has_duplicate_; }
  std::optional<ConfigNode> takeRoot() { return std::exchange(root_, std::nullopt); }

 private:
  // A list or map that is not closed yet.
  struct Open {
    ConfigNode node;
    std::unordered_set<std::string> keys;
    std::optional<std::string> key;  // waits for its value
  };

  ConfigPlace placeOf(const YAML::Mark& mark) const {
    if (mark.is_null()) return {file_, 0, 0};
    return {file_, mark.line + 1, mark.column + 1};
  }
  ConfigNode makeNode(Kind kind, const YAML::Mark& mark) const {
    ConfigNode node;
    node.kind = kind;
    node.place = placeOf(mark);
    return node;
  }

  bool admits(const YAML::Mark& mark, std::string_view tag, YAML::anchor_t anchor) {
    if (is_broken_) return false;
    if (anchor != 0) {
      OnAnchor(mark, {});
    } else if (!tag.empty() && tag != kPlainTag && tag != kQuotedTag) {
      refuse(mark, "tags such as " + quoteForMessage(tag) + " are not accepted");
    } else if (++nodes_ > limits::kConfigNodesMax) {
      refuse(mark, "more than " + std::to_string(limits::kConfigNodesMax) + " values");
    }
    return !is_broken_;
  }

  void open(ConfigNode node) {
    if (open_.size() >= limits::kConfigDepthMax) {
      return refuseAt(node.place, "nested deeper than " + std::to_string(limits::kConfigDepthMax));
    }
    if (awaitsKey()) return refuseAt(node.place, kKeyIsText);
    open_.push_back({std::move(node), {}, std::nullopt});
  }
  void close() {
    if (is_broken_) return;
    ConfigNode node = std::move(open_.back().node);
    open_.pop_back();
    place(std::move(node));
  }

  bool awaitsKey() const {
    return !open_.empty() && open_.back().node.kind == Kind::kMap && !open_.back().key;
  }
  void refuseAt(const ConfigPlace& place, std::string_view message) {
    is_broken_ = true;
    errors_.add(place, {}, message);
  }

  // A finished node goes to its place: root, list item, key or value.
  void place(ConfigNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (awaitsKey()) {
      placeKey(std::move(node));
    } else if (open_.back().node.kind == Kind::kMap) {
      Open& map = open_.back();
      map.node.members.emplace_back(std::move(*map.key), std::move(node));
      map.key.reset();
    } else {
      open_.back().node.items.push_back(std::move(node));
    }
  }
  void placeKey(ConfigNode node) {
    Open& map = open_.back();
    if (node.kind != Kind::kScalar || node.scalar.empty()) {
      return refuseAt(node.place, kKeyIsText);
    }
    if (node.scalar.size() > limits::kConfigKeyBytesMax) {
      return refuseAt(node.place, "the key " + quoteForMessage(node.scalar) + " is too long");
    }
    // A duplicate is told and its value read and dropped: the rest of the file is worth checking,
    // and the caller gets no tree in any case.
    if (!map.keys.insert(node.scalar).second) {
      has_duplicate_ = true;
      errors_.add(node.place, {}, "duplicate key " + quoteForMessage(node.scalar));
    }
    map.node.key_places.push_back(node.place);
    map.key = std::move(node.scalar);
  }

  const std::string_view text_;
  const std::shared_ptr<const std::string> file_;
  ConfigErrors& errors_;
  std::vector<Open> open_;
  std::optional<ConfigNode> root_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
  bool is_broken_ = false;
  bool has_duplicate_ = false;
};

// yaml-cpp guesses UTF-16 and UTF-32 from zero bytes and lets control characters pass.
std::optional<std::size_t> findForeignByte(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0x7F || (byte < 0x20 && byte != '\n' && byte != '\t' && byte != '\r')) return i;
  }
  return std::nullopt;
}

std::size_t utf8PrefixOf(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = utf8SequenceLength(text.substr(at));
    if (length == 0) break;
    at += length;
  }
  return at;
}

int lineOf(std::string_view text, std::size_t offset) {
  int line = 1;
  for (const char c : text.substr(0, offset)) line += c == '\n' ? 1 : 0;
  return line;
}

bool isAcceptableText(std::string_view text, const ConfigPlace& file, ConfigErrors& errors) {
  if (text.size() > limits::kConfigBytesMax) {
    errors.add(file, {}, "longer than " + std::to_string(limits::kConfigBytesMax) + " bytes");
    return false;
  }
  if (const auto foreign = findForeignByte(text)) {
    errors.add({file.file, lineOf(text, *foreign), 1}, {}, "a control character");
    return false;
  }
  if (isUtf8(text)) return true;
  errors.add({file.file, lineOf(text, utf8PrefixOf(text)), 1}, {}, "not UTF-8");
  return false;
}

// YAML 1.2 6.1: tabs do not indent, and what yaml-cpp says of them is no help.
bool isIndentedByTab(std::string_view text, int line) {
  for (; line > 0; --line) text.remove_prefix(std::min(text.size(), text.find('\n') + 1));
  const std::string_view indent = text.substr(0, text.find_first_not_of(" \t"));
  return indent.find('\t') != std::string_view::npos;
}

// The one place where yaml-cpp's exceptions end.
void parseInto(TreeBuilder& tree, std::string_view text) {
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (!tree.isBroken() && parser.HandleNextDocument(tree)) {
    }
  } catch (const YAML::Exception& exception) {
    const bool is_tab = !exception.mark.is_null() && isIndentedByTab(text, exception.mark.line);
    tree.refuse(exception.mark, is_tab ? "a tab; indent with spaces" : exception.msg);
  }
}

}  // namespace

std::optional<ConfigNode> parseYaml(std::string_view text, std::string file, ConfigErrors& errors) {
  const ConfigPlace start{std::make_shared<const std::string>(std::move(file)), 0, 0};
  // A byte order mark is none of the text, and yaml-cpp does not count it either.
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (!isAcceptableText(text, start, errors)) return std::nullopt;

  TreeBuilder tree(text, start.file, errors);
  parseInto(tree, text);
  if (!tree.isWhole()) return std::nullopt;
  std::optional<ConfigNode> root = tree.takeRoot();
  if (!root || root->kind != Kind::kMap) {
    errors.add(root ? root->place : start, {}, "expected a map of keys at the top");
    return std::nullopt;
  }
  return root;
}

}  // namespace edgehold
