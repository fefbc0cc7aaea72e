// SPDX-License-Identifier: Apache-2.0
// The small grammars that several filters' configurations share.
// Thread: any (immutable).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/config_reader.h"
#include "proxy/base/result.h"

namespace edgehold {

// A token (RFC 9110 5.6.2): what a field name or a method may be.
bool isToken(std::string_view text);
inline bool isFieldName(std::string_view text) { return isToken(text); }
// RFC 9110 9.1: methods are case-sensitive; `post` is a mistake, not another spelling.
bool isMethodName(std::string_view text);

// `api.example.org` or `*.example.org`, lower-cased. No port, no final dot.
class HostPattern {
 public:
  static Result<HostPattern> parse(std::string_view text);
  // `host` without port, in any case. `*.` stands for one label or more.
  bool matches(std::string_view host) const;

 private:
  std::string host_;  // with the dot in front when is_suffix_
  bool is_suffix_ = false;
};

// The host of an authority, without port and without the brackets' absence changed: `[::1]:80` is
// `[::1]`. Empty when the port is malformed.
std::string_view hostOf(std::string_view authority);

// A path in which `{name}` stands for one segment that is not empty, and a final `/**` for
// everything below and the path itself. One final slash more or less makes no difference: agents
// ignore it, so a check must.
class PathPattern {
 public:
  static Result<PathPattern> parse(std::string_view text);
  bool matches(std::string_view path) const;
  // To agents that do not mind case either: for what names a danger, not for what lets in.
  bool matchesInAnyCase(std::string_view path) const;

 private:
  template <class Equal>
  bool matchesBy(std::string_view path, Equal equal) const;

  struct Segment {
    std::string text;
    bool is_any = false;
  };
  std::vector<Segment> segments_;
  bool takes_rest_ = false;
};

enum class TimeUnit : std::uint8_t { kSeconds, kMilliseconds };

// Decimal digits only, as Unix milliseconds. Bounded, so that differences of two never overflow.
std::optional<std::int64_t> parseTimestamp(std::string_view text, TimeUnit unit);
TimeUnit readTimeUnit(ConfigReader& config);

}  // namespace edgehold
