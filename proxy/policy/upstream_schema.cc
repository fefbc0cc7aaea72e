// SPDX-License-Identifier: Apache-2.0
// Reads upstreams and their URLs.
// Thread: main only.
#include "proxy/policy/upstream_schema.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "proxy/base/ip.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

constexpr std::size_t kHostBytesMax = 253;  // RFC 1035 2.3.4
constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

bool isHostName(std::string_view host) {
  if (host.empty() || host.size() > kHostBytesMax) return false;
  if (host.front() == '.' || host.front() == '-') return false;
  return std::all_of(host.begin(), host.end(), [](char c) {
    const char lower = asciiLower(c);
    return (lower >= 'a' && lower <= 'z') || isDigit(c) || c == '.' || c == '-' || c == '_';
  });
}

std::optional<std::uint16_t> parsePort(std::string_view text) {
  const auto port = parseUnsigned(text);
  if (!port || *port == 0 || *port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

struct HostAndPort {
  std::string host;
  std::optional<std::string_view> port;
};

std::optional<HostAndPort> splitAuthority(std::string_view authority) {
  HostAndPort split;
  std::string_view rest;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    split.host = authority.substr(1, end - 1);
    rest = authority.substr(end + 1);
    const auto address = IpAddress::parse(split.host);
    if (!address || address->isV4()) return std::nullopt;
  } else {
    const std::size_t colon = std::min(authority.find(':'), authority.size());
    split.host = toLower(authority.substr(0, colon));
    rest = authority.substr(colon);
    if (!isHostName(split.host)) return std::nullopt;
  }
  if (rest.empty()) return split;
  if (rest.front() != ':') return std::nullopt;
  split.port = rest.substr(1);
  return split;
}

// All endpoints of an upstream speak the same way.
void readUrls(ConfigReader& reader, UpstreamSpec& spec) {
  if (reader.has("url") && reader.has("urls")) reader.reject("url", "give `url` or `urls`");
  const std::string_view key = reader.has("urls") ? "urls" : "url";
  const std::vector<std::string> urls = reader.texts(key);
  if (urls.empty()) reader.reject(key, "required, such as `http://127.0.0.1:18789`");
  if (urls.size() > limits::kUpstreamAddressesMax) {
    reader.reject(key, "at most " + std::to_string(limits::kUpstreamAddressesMax) + " addresses");
    return;
  }
  for (std::size_t i = 0; i < urls.size(); ++i) {
    auto url = parseUpstreamUrl(urls[i]);
    if (!url) {
      reader.reject(key, url.error().message);
      continue;
    }
    if (i > 0 && url->is_tls != spec.is_tls) reader.reject(key, "mixes `http` and `https`");
    spec.is_tls = url->is_tls;
    spec.addresses.push_back(std::move(url->address));
  }
}

UpstreamTlsSpec readTls(ConfigReader& tls, SchemaScope& scope) {
  UpstreamTlsSpec spec;
  const std::string ca = tls.text("ca");
  if (!ca.empty()) {
    spec.ca_file = scope.files.absolute(ca);
    if (const auto bytes = scope.files.readInPlace(ca, limits::kConfigBytesMax); !bytes) {
      tls.reject("ca", bytes.error().message);
    }
  }
  spec.server_name = tls.text("server_name");
  spec.verify = !tls.boolean("insecure_skip_verify", false);
  tls.finish();
  return spec;
}

UpstreamSpec readUpstream(const std::string& name, ConfigReader& reader, SchemaScope& scope) {
  UpstreamSpec spec;
  spec.name = name;
  readUrls(reader, spec);
  if (auto tls = reader.child("tls")) {
    spec.tls = readTls(*tls, scope);
    if (!spec.is_tls) reader.reject("tls", "needs an `https` url");
  }
  if (!spec.tls.verify) {
    scope.warnings.push_back("upstream `" + name +
                             "`: `insecure_skip_verify` is on, anybody on the way can read and "
                             "change its traffic");
  }
  spec.protocol = reader.choice<UpstreamProtocol>(
      "protocol", spec.protocol,
      {{"http1", UpstreamProtocol::kHttp1}, {"h2", UpstreamProtocol::kHttp2}});
  spec.host = reader.text("host");
  if (!spec.host.empty() && !splitAuthority(spec.host)) {
    reader.reject("host", "expected `name` or `name:port`, found " + quoteForMessage(spec.host));
  }
  spec.idle_connections_max =
      reader.number("idle_connections", spec.idle_connections_max, 0, 65536);
  spec.connections_max = reader.number("max_connections", spec.connections_max, 1, 1'000'000);
  spec.connect_timeout = readWait(reader, "connect_timeout", spec.connect_timeout);
  spec.idle_timeout = readWait(reader, "idle_timeout", spec.idle_timeout);
  reader.finish();
  return spec;
}

}  // namespace

Result<UpstreamUrl> parseUpstreamUrl(std::string_view text) {
  const auto reject = [&](std::string_view why) {
    return fail("expected a URL such as `http://127.0.0.1:18789`, found " + quoteForMessage(text) +
                std::string(why));
  };
  UpstreamUrl url;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    url.is_tls = true;
    rest.remove_prefix(std::string_view("https://").size());
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(std::string_view("http://").size());
  } else {
    return reject(": it starts with `http://` or `https://`");
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#") != std::string_view::npos) {
    return reject(": an upstream has no path, requests keep theirs");
  }
  if (rest.find('@') != std::string_view::npos) return reject(": no user or password in a URL");
  auto authority = splitAuthority(rest);
  if (!authority) return reject("");
  const auto port = authority->port ? parsePort(*authority->port)
                                    : std::optional(url.is_tls ? kHttpsPort : kHttpPort);
  if (!port) return reject(": a port is from 1 to 65535");
  url.address = {std::move(authority->host), *port};
  return url;
}

std::vector<UpstreamSpec> readUpstreams(ConfigReader& root, SchemaScope& scope) {
  std::vector<UpstreamSpec> all;
  auto entries = root.named("upstreams");
  if (entries.empty()) root.reject("upstreams", "at least one upstream is required");
  if (entries.size() > limits::kUpstreamsMax) {
    root.reject("upstreams", "at most " + std::to_string(limits::kUpstreamsMax) + " upstreams");
    return all;
  }
  for (auto& [name, reader] : entries) {
    checkName(root, "upstreams", name);
    all.push_back(readUpstream(name, reader, scope));
  }
  return all;
}

}  // namespace edgehold
