// SPDX-License-Identifier: Apache-2.0
// Reads routes.
// Thread: main only.
#include "proxy/policy/route_schema.h"

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/base/config_units.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/http/target.h"
#include "proxy/policy/filter_schema.h"
#include "proxy/policy/websocket_schema.h"

namespace edgehold {
namespace {

constexpr std::size_t kStreamedBodyBytesMax = std::size_t{1} << 40;

// Requests are matched by their canonical path: a path that is none would match nothing. `*` is
// one, and whoever writes it here means a pattern.
bool isCanonicalPath(std::string_view path) {
  if (path.find_first_of("?*") != std::string_view::npos) return false;
  return path.starts_with('/') && parseTarget(path, Method::kGet).has_value();
}

// A name, an address or `*.suffix`, without a port.
bool isRouteHost(std::string_view host) {
  if (host.starts_with("*.")) host.remove_prefix(2);
  if (host.empty() || host.starts_with('.') || host.ends_with('.') || host.size() > 253) {
    return false;
  }
  return std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || isDigit(c) ||
           std::string_view(".-_:[]").find(c) != std::string_view::npos;
  });
}

std::vector<std::string> readHosts(ConfigReader& match) {
  std::vector<std::string> hosts;
  for (const std::string& written : match.texts("hosts")) {
    std::string host = toLower(written);
    const bool has_port = !host.starts_with('[') && host.find(':') != std::string::npos;
    if (has_port || !isRouteHost(host)) {
      match.reject("hosts",
                   "expected a host such as `bot.example.com` or `*.example.com`, without "
                   "a port, found " +
                       quoteForMessage(written));
    }
    hosts.push_back(std::move(host));
  }
  if (hosts.size() > limits::kRouteHostsMax) {
    match.reject("hosts", "at most " + std::to_string(limits::kRouteHostsMax) + " hosts");
    hosts.clear();
  }
  return hosts;
}

RouteMatch readMatch(ConfigReader& route) {
  RouteMatch spec;
  spec.path = "/";
  auto match = route.child("match");
  if (!match) return spec;
  spec.path = match->text("path", "/");
  if (!isCanonicalPath(spec.path)) {
    match->reject("path",
                  "expected a canonical path such as `/hook`, found " + quoteForMessage(spec.path));
  }
  spec.is_prefix = !match->boolean("exact", false);
  spec.hosts = readHosts(*match);
  match->finish();
  return spec;
}

RouteLimits readLimits(ConfigReader& route) {
  RouteLimits spec;
  auto reader = route.child("limits");
  if (!reader) return spec;
  spec.body_bytes_max = reader->bytes("body", spec.body_bytes_max, kStreamedBodyBytesMax);
  spec.event_bytes_max =
      reader->bytes("event", spec.event_bytes_max, limits::kBufferedBodyBytesCeiling);
  if (spec.event_bytes_max == 0) reader->reject("event", "must be at least `1B`");
  spec.body_timeout = readWait(*reader, "body_timeout", spec.body_timeout);
  spec.first_byte_timeout = readWait(*reader, "first_byte_timeout", spec.first_byte_timeout);
  spec.response_idle_timeout =
      readWait(*reader, "response_idle_timeout", spec.response_idle_timeout);
  spec.is_total_strict = reader->has("total_timeout");
  spec.total_timeout = readWait(*reader, "total_timeout", spec.total_timeout);
  reader->finish();
  return spec;
}

void checkUpstream(ConfigReader& route, const std::string& name,
                   const std::vector<UpstreamSpec>& upstreams) {
  if (name.empty()) return;
  std::vector<std::string_view> names;
  names.reserve(upstreams.size());
  for (const UpstreamSpec& upstream : upstreams) names.push_back(upstream.name);
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  std::string message = "unknown upstream " + quoteForMessage(name);
  if (const auto nearest = nearestOf(name, names)) {
    message.append(", did you mean `").append(*nearest).append("`?");
  }
  route.reject("upstream", message);
}

// RFC 8441 towards upstreams is not spoken: the tunnel is one of HTTP/1.1.
void checkWebSocketUpstream(ConfigReader& route, const std::string& name,
                            const std::vector<UpstreamSpec>& upstreams) {
  const auto found = std::find_if(upstreams.begin(), upstreams.end(),
                                  [&name](const auto& upstream) { return upstream.name == name; });
  if (found == upstreams.end() || found->protocol == UpstreamProtocol::kHttp1) return;
  route.reject("websocket", "needs an upstream of HTTP/1.1, `" + name + "` is `protocol: h2`");
}

// Two routes with the same match: the second would never be taken.
void checkMatchUnique(ConfigReader& reader, const RouteMatch& match,
                      const std::vector<std::unique_ptr<const Route>>& routes) {
  for (const auto& route : routes) {
    const RouteMatch& other = route->match();
    if (other.path == match.path && other.is_prefix == match.is_prefix &&
        other.hosts == match.hosts) {
      reader.reject("match", "the same match as route `" + route->name() + "`");
      return;
    }
  }
}

// Whether `host` is one of those that `wider` means without naming it.
bool isAmong(const std::string& host, const RouteMatch& wider) {
  if (wider.hosts.empty()) return true;
  bool is_among = false;
  for (const std::string& pattern : wider.hosts) {
    if (pattern == host) return false;
    if (!pattern.starts_with("*.")) continue;
    const std::string_view suffix = std::string_view(pattern).substr(1);
    is_among |= host.size() > suffix.size() && host.ends_with(suffix);
  }
  return is_among;
}

// The host decides before the path: of a host that another route names, what lies below that
// route's path never comes to a route for any host, however long its own path is.
void warnOfHosts(const std::vector<std::unique_ptr<const Route>>& routes,
                 std::vector<std::string>& warnings) {
  for (const auto& wide : routes) {
    const std::string& path = wide->match().path;
    for (const auto& narrow : routes) {
      const RouteMatch& other = narrow->match();
      if (!other.is_prefix || path.size() <= other.path.size()) continue;
      if (!path.starts_with(other.path)) continue;
      if (!other.path.ends_with('/') && path[other.path.size()] != '/') continue;
      const auto host =
          std::find_if(other.hosts.begin(), other.hosts.end(),
                       [&wide](const std::string& one) { return isAmong(one, wide->match()); });
      if (host == other.hosts.end()) continue;
      warnings.push_back("route `" + wide->name() + "`: `" + path + "` of the host `" + *host +
                         "` goes to route `" + narrow->name() +
                         "`, which names that host; name it here too");
      break;
    }
  }
}

void checkBodyBuffer(ConfigReader& reader, const Route& route) {
  const std::size_t most = limits::kBufferedBodyBytesCeiling;
  if (!route.collectsBody() || route.limits().body_bytes_max <= most) return;
  reader.reject("limits", "a filter of this route reads the whole body: `body` must be at most `" +
                              formatByteCount(most) + "`");
}

std::unique_ptr<const Route> readRoute(ConfigReader& reader, FilterSchema& filters,
                                       const std::vector<UpstreamSpec>& upstreams) {
  Route::Parts parts;
  parts.name = reader.requiredText("name");
  if (!parts.name.empty()) checkName(reader, "name", parts.name);
  parts.match = readMatch(reader);
  parts.upstream = reader.requiredText("upstream");
  checkUpstream(reader, parts.upstream, upstreams);
  parts.limits = readLimits(reader);
  parts.websocket = readWebSocket(reader);
  if (parts.websocket) checkWebSocketUpstream(reader, parts.upstream, upstreams);
  parts.filters =
      filters.read(reader.find("filters"), reader.path() + ".filters", parts.name, reader.errors());
  reader.finish();
  return std::make_unique<const Route>(std::move(parts));
}

}  // namespace

std::vector<std::unique_ptr<const Route>> readRoutes(ConfigReader& root, SchemaScope& scope,
                                                     SecretSource& secrets,
                                                     const SecurityBlock& security,
                                                     const std::vector<UpstreamSpec>& upstreams) {
  std::vector<std::unique_ptr<const Route>> routes;
  const ConfigNode* default_filters = nullptr;
  if (auto defaults = root.child("defaults")) {
    default_filters = defaults->find("filters");
    defaults->finish();
  }
  auto readers = root.children("routes");
  if (readers.empty()) root.reject("routes", "at least one route is required");
  if (readers.size() > limits::kRoutesMax) {
    root.reject("routes", "at most " + std::to_string(limits::kRoutesMax) + " routes");
    return routes;
  }
  FilterSchema filters(scope, secrets, security, default_filters);
  for (ConfigReader& reader : readers) {
    if (root.errors().isFull()) break;
    auto route = readRoute(reader, filters, upstreams);
    const auto same_name = [&](const auto& other) { return other->name() == route->name(); };
    if (std::any_of(routes.begin(), routes.end(), same_name)) {
      reader.reject("name", "another route has this name");
    }
    checkMatchUnique(reader, route->match(), routes);
    checkBodyBuffer(reader, *route);
    warnOfWebSocket(*route, scope.warnings);
    routes.push_back(std::move(route));
  }
  warnOfHosts(routes, scope.warnings);
  return routes;
}

}  // namespace edgehold
