// SPDX-License-Identifier: Apache-2.0
// Typed reading of configuration maps, with a message for every mistake.
// Thread: main only.
#include "proxy/base/config_reader.h"

#include <algorithm>

#include "proxy/base/config_units.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

using Kind = ConfigNode::Kind;

std::string_view kindName(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kScalar:
      return "a text";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a map";
  }
  return "something else";
}

std::string expected(std::string_view what, const ConfigNode& found) {
  std::string message = "expected " + std::string(what) + ", found ";
  if (found.kind == Kind::kScalar) return message + quoteForMessage(found.scalar);
  return message.append(kindName(found.kind));
}

// A value that is neither: absent key, or a key with nothing behind it.
bool isEmpty(const ConfigNode& node) { return node.kind == Kind::kNull; }

std::string indexed(const std::string& path, std::size_t index) {
  return path + "[" + std::to_string(index) + "]";
}

// Messages end on terminals and in logs: one line, printable, bounded, whatever the file holds.
void makePrintable(std::string& text) {
  constexpr std::size_t kMessageBytesMax = 1024;
  if (text.size() > kMessageBytesMax) text.replace(kMessageBytesMax, std::string::npos, "...");
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) c = '?';
  }
}

}  // namespace

std::string quoteForMessage(std::string_view text) {
  constexpr std::size_t kShownBytesMax = 80;
  std::string shown = "`";
  for (const char c : text.substr(0, kShownBytesMax)) {
    const auto byte = static_cast<unsigned char>(c);
    shown.push_back(byte < 0x20 || byte == 0x7F || c == '`' ? '?' : c);
  }
  return shown + (text.size() > kShownBytesMax ? "...`" : "`");
}

ConfigErrors::Order ConfigErrors::orderOf(const ConfigPlace& place) {
  const std::string file = place.file == nullptr ? std::string() : *place.file;
  auto known = std::find(files_.begin(), files_.end(), file);
  if (known == files_.end()) known = files_.insert(files_.end(), file);
  return {static_cast<std::size_t>(known - files_.begin()), place.line, place.column};
}

void ConfigErrors::add(const ConfigPlace& place, std::string_view path, std::string_view message) {
  if (isFull()) return;
  std::string text;
  if (place.file != nullptr) text.append(*place.file).append(":");
  if (place.line > 0) {
    text.append(std::to_string(place.line)).append(":");
    text.append(std::to_string(place.column)).append(":");
  }
  if (!text.empty()) text.push_back(' ');
  if (!path.empty()) text.append(path).append(": ");
  text.append(message);
  makePrintable(text);
  if (std::find(messages_.begin(), messages_.end(), text) != messages_.end()) return;

  const Order order = orderOf(place);
  const auto after = std::upper_bound(orders_.begin(), orders_.end(), order);
  messages_.insert(messages_.begin() + (after - orders_.begin()), std::move(text));
  orders_.insert(after, order);
}

ConfigReader::ConfigReader(const ConfigNode& node, std::string path, ConfigErrors& errors)
    : node_(node), path_(std::move(path)), errors_(errors) {
  // Nothing at all reads as a map without keys: `dedupe:` is `dedupe: {}`.
  if (node_.kind == Kind::kMap || isEmpty(node_)) return;
  errors_.add(node_.place, path_, expected("a map", node_));
}

const ConfigNode* ConfigReader::find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  for (const auto& [name, value] : node_.members) {
    if (name == key) return &value;
  }
  return nullptr;
}

bool ConfigReader::has(std::string_view key) { return find(key) != nullptr; }

std::string ConfigReader::pathOf(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

void ConfigReader::reject(std::string_view key, std::string_view message) {
  const ConfigNode* const node = find(key);
  errors_.add(node == nullptr ? node_.place : node->place, pathOf(key), message);
}

const ConfigNode* ConfigReader::scalar(std::string_view key, std::string_view what) {
  const ConfigNode* const node = find(key);
  if (node == nullptr) return nullptr;
  if (node->kind == Kind::kScalar) return node;
  reject(key, expected(what, *node));
  return nullptr;
}

std::string ConfigReader::text(std::string_view key, std::string_view otherwise) {
  const ConfigNode* const node = scalar(key, "a text");
  return node == nullptr ? std::string(otherwise) : node->scalar;
}

std::string ConfigReader::requiredText(std::string_view key) {
  if (!has(key)) {
    reject(key, "required, but not given");
    return {};
  }
  const ConfigNode* const node = scalar(key, "a text");
  if (node == nullptr) return {};
  if (node->scalar.empty()) reject(key, "must not be empty");
  return node->scalar;
}

bool ConfigReader::boolean(std::string_view key, bool otherwise) {
  const ConfigNode* const node = scalar(key, "`true` or `false`");
  if (node == nullptr) return otherwise;
  if (!node->is_quoted && node->scalar == "true") return true;
  if (!node->is_quoted && node->scalar == "false") return false;
  reject(key, expected("`true` or `false`", *node) + (node->is_quoted ? " in quotes" : ""));
  return otherwise;
}

std::uint64_t ConfigReader::number(std::string_view key, std::uint64_t otherwise,
                                   std::uint64_t least, std::uint64_t most) {
  const ConfigNode* const node = scalar(key, "a whole number");
  if (node == nullptr) return otherwise;
  const auto value = node->is_quoted ? std::nullopt : parseUnsigned(node->scalar);
  if (!value) {
    reject(key, expected("a whole number", *node) + (node->is_quoted ? " in quotes" : ""));
    return otherwise;
  }
  if (*value < least || *value > most) {
    reject(key, "must be from " + std::to_string(least) + " to " + std::to_string(most) +
                    ", found " + quoteForMessage(node->scalar));
    return otherwise;
  }
  return *value;
}

std::int64_t ConfigReader::signedNumber(std::string_view key, std::int64_t otherwise) {
  const ConfigNode* const node = scalar(key, "a whole number");
  if (node == nullptr) return otherwise;
  const auto value = node->is_quoted ? std::nullopt : parseSigned(node->scalar);
  if (!value)
    reject(key, expected("a whole number", *node) + (node->is_quoted ? " in quotes" : ""));
  return value.value_or(otherwise);
}

std::chrono::nanoseconds ConfigReader::duration(std::string_view key,
                                                std::chrono::nanoseconds otherwise) {
  const ConfigNode* const node = scalar(key, "a time such as `30s`");
  if (node == nullptr) return otherwise;
  const auto value = parseDuration(node->scalar);
  if (!value) reject(key, value.error().message);
  return value ? *value : otherwise;
}

std::size_t ConfigReader::bytes(std::string_view key, std::size_t otherwise, std::size_t most) {
  const ConfigNode* const node = scalar(key, "a size such as `64KiB`");
  if (node == nullptr) return otherwise;
  const auto value = parseByteCount(node->scalar);
  if (!value) {
    reject(key, value.error().message);
    return otherwise;
  }
  if (*value > most) {
    reject(key, "must be at most `" + formatByteCount(most) + "`, found " +
                    quoteForMessage(node->scalar));
    return otherwise;
  }
  return *value;
}

std::vector<std::string> ConfigReader::texts(std::string_view key) {
  const ConfigNode* const node = find(key);
  if (node == nullptr || isEmpty(*node)) return {};
  if (node->kind == Kind::kScalar) return {node->scalar};
  std::vector<std::string> all;
  if (node->kind == Kind::kMap) reject(key, expected("a list of texts", *node));
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    const ConfigNode& item = node->items[i];
    if (item.kind == Kind::kScalar) {
      all.push_back(item.scalar);
    } else {
      errors_.add(item.place, indexed(pathOf(key), i), expected("a text", item));
    }
  }
  return all;
}

std::optional<ConfigReader> ConfigReader::child(std::string_view key) {
  const ConfigNode* const node = find(key);
  if (node == nullptr) return std::nullopt;
  ConfigReader reader(*node, pathOf(key), errors_);
  if (node->kind != Kind::kMap && !isEmpty(*node)) return std::nullopt;
  return reader;
}

std::vector<ConfigReader> ConfigReader::children(std::string_view key) {
  const ConfigNode* const node = find(key);
  if (node == nullptr || isEmpty(*node)) return {};
  if (node->kind != Kind::kList) {
    reject(key, expected("a list", *node));
    return {};
  }
  std::vector<ConfigReader> all;
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    const ConfigNode& item = node->items[i];
    ConfigReader reader(item, indexed(pathOf(key), i), errors_);
    if (item.kind == Kind::kMap || isEmpty(item)) all.push_back(std::move(reader));
  }
  return all;
}

std::vector<std::pair<std::string, ConfigReader>> ConfigReader::named(std::string_view key) {
  const ConfigNode* const node = find(key);
  if (node == nullptr || isEmpty(*node)) return {};
  if (node->kind != Kind::kMap) {
    reject(key, expected("a map of names", *node));
    return {};
  }
  std::vector<std::pair<std::string, ConfigReader>> all;
  for (const auto& [name, value] : node->members) {
    ConfigReader reader(value, pathOf(key) + "." + name, errors_);
    if (value.kind == Kind::kMap || isEmpty(value)) all.emplace_back(name, std::move(reader));
  }
  return all;
}

void ConfigReader::rejectChoice(std::string_view key, const ConfigNode& node,
                                const std::vector<std::string_view>& names) {
  std::string message = "expected ";
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) message += i + 1 == names.size() ? " or " : ", ";
    message.append("`").append(names[i]).append("`");
  }
  reject(key, message + expected("", node).substr(std::string_view("expected ").size()));
}

void ConfigReader::finish() {
  const std::vector<std::string_view> candidates(known_.begin(), known_.end());
  for (std::size_t i = 0; i < node_.members.size() && !errors_.isFull(); ++i) {
    const std::string& key = node_.members[i].first;
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    std::string message = "unknown key " + quoteForMessage(key);
    if (const auto nearest = nearestOf(key, candidates)) {
      message.append(", did you mean `").append(*nearest).append("`?");
    }
    const bool has_place = i < node_.key_places.size();
    errors_.add(has_place ? node_.key_places[i] : node_.members[i].second.place, path_, message);
  }
}

}  // namespace edgehold
