// SPDX-License-Identifier: Apache-2.0
// Route lookup: a walk over entries sorted once, without allocation.
// Thread: any (immutable).
#include "proxy/policy/router.h"

#include <algorithm>

#include "proxy/base/strings.h"

namespace edgehold {
namespace {

// RFC 9110 7.2: host and an optional port; a literal IPv6 address is in brackets.
std::string_view hostOf(std::string_view authority) {
  if (authority.starts_with('[')) {
    return authority.substr(0, std::min(authority.find(']'), authority.size() - 1) + 1);
  }
  std::string_view host = authority.substr(0, authority.find(':'));
  if (host.size() > 1 && host.ends_with('.')) host.remove_suffix(1);  // the root label
  return host;
}

bool matchesHost(std::string_view pattern, std::string_view host) {
  if (pattern.empty()) return true;
  if (pattern.front() != '.') return equalsIgnoreCase(pattern, host);
  return host.size() > pattern.size() &&
         equalsIgnoreCase(pattern, host.substr(host.size() - pattern.size()));
}

enum class Fit : std::uint8_t { kNone, kNearly, kWhole };

// Segment by segment: `/hook` is above `/hook/x` and not above `/hooks`. Nearly: for agents that
// mind neither case nor a final slash.
Fit fitOf(const RouteMatch& match, std::string_view path) {
  const std::size_t size = match.path.size();
  if (!equalsIgnoreCase(path.substr(0, size), match.path)) return Fit::kNone;
  const std::string_view rest = path.substr(size);
  const bool is_below = match.path.ends_with('/') || rest.starts_with('/');
  const bool is_whole = rest.empty() || (match.is_prefix && is_below);
  if (!is_whole && rest != "/") return Fit::kNone;
  return is_whole && path.starts_with(match.path) ? Fit::kWhole : Fit::kNearly;
}

// Lower is more specific.
int hostRank(std::string_view pattern) {
  if (pattern.empty()) return 2;
  return pattern.front() == '.' ? 1 : 0;
}

}  // namespace

Router::Router(const std::vector<std::unique_ptr<const Route>>& routes) {
  for (const auto& route : routes) {
    if (route->match().hosts.empty()) entries_.push_back({{}, route.get()});
    for (const std::string& host : route->match().hosts) {
      entries_.push_back({host.starts_with("*.") ? host.substr(1) : host, route.get()});
    }
  }
  const auto is_more_specific = [](const Entry& a, const Entry& b) {
    if (hostRank(a.host) != hostRank(b.host)) return hostRank(a.host) < hostRank(b.host);
    // Of two wildcards the longer suffix.
    if (hostRank(a.host) == 1 && a.host.size() != b.host.size()) {
      return a.host.size() > b.host.size();
    }
    const RouteMatch& left = a.route->match();
    const RouteMatch& right = b.route->match();
    if (left.path.size() != right.path.size()) return left.path.size() > right.path.size();
    return !left.is_prefix && right.is_prefix;
  };
  std::stable_sort(entries_.begin(), entries_.end(), is_more_specific);
}

const Route* Router::match(std::string_view authority, std::string_view path) const {
  const std::string_view host = hostOf(authority);
  const Route* near = nullptr;  // the most specific that an agent might take it for
  for (const Entry& entry : entries_) {
    const Fit fit = fitOf(entry.route->match(), path);
    if (fit == Fit::kNone || !matchesHost(entry.host, host)) continue;
    if (fit == Fit::kWhole) {
      // Not by a wider route past the checks of `near`, unless the two differ in case alone.
      const bool is_sure =
          near == nullptr || equalsIgnoreCase(near->match().path, entry.route->match().path);
      return is_sure ? entry.route : nullptr;
    }
    if (near == nullptr) near = entry.route;
  }
  return nullptr;
}

}  // namespace edgehold
