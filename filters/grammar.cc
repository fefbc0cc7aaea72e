// SPDX-License-Identifier: Apache-2.0
// Strict readers for hosts, paths and times.
// Thread: any (immutable).
#include "filters/grammar.h"

#include <algorithm>

#include "proxy/base/strings.h"
#include "proxy/http/grammar.h"

namespace edgehold {
namespace {

bool isHostByte(char c) {
  const char lower = asciiLower(c);
  return isDigit(c) || (lower >= 'a' && lower <= 'z') || c == '-' || c == '.' || c == '_' ||
         c == ':' || c == '[' || c == ']';
}

std::string_view withoutFinalSlash(std::string_view path) {
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path;
}

// Takes the next segment off `rest`, which starts with '/'.
std::string_view takeSegment(std::string_view& rest) {
  rest.remove_prefix(1);
  const std::string_view segment = rest.substr(0, rest.find('/'));
  rest.remove_prefix(segment.size());
  return segment;
}

}  // namespace

bool isToken(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return isTokenByte(c); });
}

bool isMethodName(std::string_view text) {
  return isToken(text) &&
         std::none_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

Result<HostPattern> HostPattern::parse(std::string_view text) {
  HostPattern pattern;
  pattern.host_ = toLower(text);
  if (text.starts_with("*.")) {
    pattern.is_suffix_ = true;
    pattern.host_.erase(0, 1);
  }
  const bool is_written_well = pattern.host_.size() > (pattern.is_suffix_ ? 1u : 0u) &&
                               !pattern.host_.ends_with('.') &&
                               std::all_of(pattern.host_.begin(), pattern.host_.end(), isHostByte);
  if (!is_written_well || hostOf(pattern.host_) != pattern.host_) {
    return fail("`" + std::string(text) + "` is no host: write `api.example.org` or " +
                "`*.example.org`, without a port");
  }
  return pattern;
}

bool HostPattern::matches(std::string_view host) const {
  if (!is_suffix_) return equalsIgnoreCase(host, host_);
  return host.size() > host_.size() && host.front() != '.' &&
         equalsIgnoreCase(host.substr(host.size() - host_.size()), host_);
}

std::string_view hostOf(std::string_view authority) {
  std::size_t host_bytes = authority.find(':');
  if (authority.starts_with('[')) {
    const std::size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) return {};
    host_bytes = bracket + 1;
  }
  if (host_bytes >= authority.size()) return authority;
  const std::string_view port = authority.substr(host_bytes + 1);
  const bool has_port = authority[host_bytes] == ':' && port.size() <= 5 &&
                        std::all_of(port.begin(), port.end(), isDigit);
  return has_port ? authority.substr(0, host_bytes) : std::string_view{};
}

Result<PathPattern> PathPattern::parse(std::string_view text) {
  PathPattern pattern;
  if (!text.starts_with('/')) return fail("`" + std::string(text) + "`: a path starts with `/`");
  std::string_view rest = text;
  if (rest.ends_with("/**")) {
    pattern.takes_rest_ = true;
    rest.remove_suffix(3);
  }
  rest = withoutFinalSlash(rest);
  while (!rest.empty()) {
    const std::string_view segment = takeSegment(rest);
    const bool is_any = segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
    if (!is_any && segment.find_first_of("{}*") != std::string_view::npos) {
      return fail("`" + std::string(text) + "`: `{name}` stands for a whole segment, `/**` only " +
                  "at the end");
    }
    pattern.segments_.push_back({std::string(segment), is_any});
  }
  return pattern;
}

bool PathPattern::matches(std::string_view path) const {
  return matchesBy(path, [](std::string_view a, std::string_view b) { return a == b; });
}

bool PathPattern::matchesInAnyCase(std::string_view path) const {
  return matchesBy(path, [](std::string_view a, std::string_view b) {
    return a.size() == b.size() && equalsIgnoreCase(a, b);
  });
}

template <class Equal>
bool PathPattern::matchesBy(std::string_view path, Equal equal) const {
  std::string_view rest = withoutFinalSlash(path);
  if (takes_rest_ && segments_.empty()) return rest.starts_with('/');
  for (const Segment& wanted : segments_) {
    if (!rest.starts_with('/')) return false;
    const std::string_view segment = takeSegment(rest);
    if (wanted.is_any ? segment.empty() : !equal(segment, wanted.text)) return false;
  }
  return takes_rest_ || rest.empty();
}

std::optional<std::int64_t> parseTimestamp(std::string_view text, TimeUnit unit) {
  // Eleven digits of seconds reach the year 5138.
  const std::size_t digits_max = unit == TimeUnit::kSeconds ? 11 : 14;
  if (text.empty() || text.size() > digits_max) return std::nullopt;
  const auto value = parseUnsigned(text);
  if (!value) return std::nullopt;
  const auto number = static_cast<std::int64_t>(*value);
  return unit == TimeUnit::kSeconds ? number * 1000 : number;
}

TimeUnit readTimeUnit(ConfigReader& config) {
  return config.choice<TimeUnit>(
      "unit", TimeUnit::kSeconds,
      {{"seconds", TimeUnit::kSeconds}, {"milliseconds", TimeUnit::kMilliseconds}});
}

}  // namespace edgehold
