// SPDX-License-Identifier: Apache-2.0
// Configuration in tests, as YAML's flow style has it: `{allow: [10.0.0.0/8], name: "x"}`. Every
// node lies at line 1 and its own column. Not a YAML parser: what a test gets wrong crashes it.
// Thread: main only.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "proxy/base/config_node.h"
#include "proxy/base/log.h"
#include "proxy/base/strings.h"

namespace edgehold {

class ConfigLiteral {
 public:
  static ConfigNode parse(std::string_view text) {
    ConfigLiteral literal(text);
    ConfigNode node = literal.value();
    literal.skipBlanks();
    CHECK(literal.at_ == text.size()) << "junk behind the literal: " << text.substr(literal.at_);
    return node;
  }

 private:
  explicit ConfigLiteral(std::string_view text) : text_(text) {}

  ConfigNode value() {
    skipBlanks();
    ConfigNode node;
    node.place = place();
    if (take('{')) {
      node.kind = ConfigNode::Kind::kMap;
      while (!take('}')) {
        skipBlanks();
        node.key_places.push_back(place());
        std::string key = scalar(":").scalar;
        CHECK(take(':')) << "no `:` at " << at_;
        node.members.emplace_back(std::move(key), value());
        take(',');
      }
    } else if (take('[')) {
      node.kind = ConfigNode::Kind::kList;
      while (!take(']')) {
        node.items.push_back(value());
        take(',');
      }
    } else {
      node = scalar(",]}");
    }
    return node;
  }

  // Plain up to one of `ends`, or in double quotes with `\"` and `\\`.
  ConfigNode scalar(std::string_view ends) {
    ConfigNode node;
    node.kind = ConfigNode::Kind::kScalar;
    node.place = place();
    skipBlanks();
    CHECK(at_ < text_.size()) << "the literal ends too early: " << text_;
    if (text_[at_] != '"') {
      const std::size_t end = std::min(text_.find_first_of(ends, at_), text_.size());
      node.scalar = trimBlanks(text_.substr(at_, end - at_));
      at_ = end;
      return node;
    }
    node.is_quoted = true;
    for (++at_; text_.at(at_) != '"'; ++at_) {
      if (text_[at_] == '\\' && (text_.at(at_ + 1) == '"' || text_[at_ + 1] == '\\')) ++at_;
      node.scalar.push_back(text_[at_]);
    }
    ++at_;
    return node;
  }

  void skipBlanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool take(char c) {
    skipBlanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  ConfigPlace place() const { return {nullptr, 1, static_cast<int>(at_) + 1}; }

  std::string_view text_;
  std::size_t at_ = 0;
};

inline ConfigNode configLiteral(std::string_view text) { return ConfigLiteral::parse(text); }

}  // namespace edgehold
