// SPDX-License-Identifier: Apache-2.0
// Reads one map of the configuration by key, type and unit, and collects every mistake at once with
// its file:line:column and the nearest valid key. A key that nobody asked for is a mistake too.
// Thread: main only (configuration is read where snapshots are built).
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/config_node.h"
#include "proxy/base/limits.h"

namespace edgehold {

// All mistakes of one configuration, at most limits::kConfigErrorsMax.
class ConfigErrors {
 public:
  // `path` is the dotted place in the document: routes[3].timeout
  void add(const ConfigPlace& place, std::string_view path, std::string_view message);
  bool empty() const { return messages_.empty(); }
  // No more will be kept: whoever looks for mistakes may stop.
  bool isFull() const { return messages_.size() >= limits::kConfigErrorsMax; }
  // `file:line:column: path: message`, by place; the files in the order in which they came up. The
  // same mistake found twice (a default read for every route) is told once.
  const std::vector<std::string>& messages() const { return messages_; }

 private:
  struct Order {
    std::size_t file = 0;  // index in files_
    int line = 0;
    int column = 0;
    auto operator<=>(const Order&) const = default;
  };
  Order orderOf(const ConfigPlace& place);

  std::vector<std::string> files_;
  std::vector<Order> orders_;  // of messages_, sorted
  std::vector<std::string> messages_;
};

// `text` in backticks as it may be shown: one line, printable, cut when long.
std::string quoteForMessage(std::string_view text);

// A list of values one may choose from, with the name of each in the file.
template <class T>
struct ConfigChoice {
  std::string_view name;
  T value;
};

// One map node. Every getter notes its key as known; finish() reports the keys nobody knew. A
// getter that finds a mistake reports it and returns the default (or nothing), so that reading goes
// on. REQUIRES: node and errors outlive the reader.
class ConfigReader {
 public:
  ConfigReader(const ConfigNode& node, std::string path, ConfigErrors& errors);

  const std::string& path() const { return path_; }
  const ConfigPlace& place() const { return node_.place; }
  ConfigErrors& errors() { return errors_; }
  bool has(std::string_view key);

  std::string text(std::string_view key, std::string_view otherwise = {});
  std::string requiredText(std::string_view key);
  bool boolean(std::string_view key, bool otherwise);
  std::uint64_t number(std::string_view key, std::uint64_t otherwise, std::uint64_t least,
                       std::uint64_t most);
  std::int64_t signedNumber(std::string_view key, std::int64_t otherwise);
  // `10ms`, `30s`, `5m`, `2h`, `7d`: a number with a unit, always.
  std::chrono::nanoseconds duration(std::string_view key, std::chrono::nanoseconds otherwise);
  // `512B`, `64KiB`, `2MiB`, `1GiB` (binary) or `64KB` is an error that names the nearest unit.
  std::size_t bytes(std::string_view key, std::size_t otherwise, std::size_t most);
  // A list of texts; a single text counts as a list of one.
  std::vector<std::string> texts(std::string_view key);
  template <class T>
  T choice(std::string_view key, T otherwise, const std::vector<ConfigChoice<T>>& choices) {
    const ConfigNode* const node = find(key);
    if (node == nullptr) return otherwise;
    std::vector<std::string_view> names;
    for (const auto& one : choices) {
      if (node->kind == ConfigNode::Kind::kScalar && node->scalar == one.name) return one.value;
      names.push_back(one.name);
    }
    rejectChoice(key, *node, names);
    return otherwise;
  }

  // Children. Absent: nothing / an empty list. A node of another kind is reported.
  std::optional<ConfigReader> child(std::string_view key);
  std::vector<ConfigReader> children(std::string_view key);                       // a list of maps
  std::vector<std::pair<std::string, ConfigReader>> named(std::string_view key);  // a map of maps
  // The raw node, for what has a grammar of its own (conditions, secrets); null when absent.
  const ConfigNode* find(std::string_view key);

  // Reports at the value of `key` (or at the map itself when it is absent).
  void reject(std::string_view key, std::string_view message);
  // Reports every key that no getter asked for. Call once, after the last getter.
  void finish();

 private:
  void rejectChoice(std::string_view key, const ConfigNode& node,
                    const std::vector<std::string_view>& names);
  std::string pathOf(std::string_view key) const;
  // The value of `key` when it is a scalar that is not empty; else reports that `what` is expected.
  const ConfigNode* scalar(std::string_view key, std::string_view what);

  const ConfigNode& node_;
  std::string path_;
  ConfigErrors& errors_;
  std::vector<std::string> known_;
};

}  // namespace edgehold
