// SPDX-License-Identifier: Apache-2.0
// Reads listeners: address, TLS or clear text (one of them, in so many words).
// Thread: main only.
#include "proxy/policy/listener_schema.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/policy/server_schema.h"

namespace edgehold {
namespace {

// An absolute path to a file that exists.
std::string readFilePath(ConfigReader& reader, std::string_view key, SchemaScope& scope) {
  const std::string path = reader.requiredText(key);
  if (path.empty()) return {};
  if (const auto found = scope.files.require(path); !found) {
    reader.reject(key, found.error().message);
  }
  return scope.files.absolute(path);
}

CertificateSpec readCertificate(ConfigReader& reader, SchemaScope& scope) {
  CertificateSpec spec;
  spec.certificate_file = readFilePath(reader, "certificate", scope);
  spec.key_file = readFilePath(reader, "key", scope);
  if (reader.has("ocsp_file")) spec.ocsp_file = readFilePath(reader, "ocsp_file", scope);
  return spec;
}

TicketSpec readTickets(ConfigReader& tls, SchemaScope& scope) {
  TicketSpec spec;
  auto tickets = tls.child("tickets");
  if (!tickets) return spec;
  spec.is_enabled = tickets->boolean("enabled", true);
  if (tickets->has("keys_file")) spec.keys_file = readFilePath(*tickets, "keys_file", scope);
  spec.rotation = tickets->duration("rotation", spec.rotation);
  if (spec.rotation < std::chrono::minutes(1) || spec.rotation > limits::kTicketRotationMax) {
    tickets->reject("rotation", "must be between `1m` and `84h`: no ticket lives over seven days");
  }
  if (tickets->has("rotation") && !spec.keys_file.empty()) {
    tickets->reject("rotation", "the keys of `keys_file` are rotated by whoever writes it");
  }
  tickets->finish();
  return spec;
}

void readClientCertificates(ConfigReader& tls, SchemaScope& scope, TlsSpec& spec) {
  enum class Wanted { kNone, kOptional, kRequired };
  const std::string authorities = tls.text("client_ca");
  // Who names authorities means them, unless it says otherwise.
  const auto wanted = tls.choice<Wanted>(
      "client_certificate", authorities.empty() ? Wanted::kNone : Wanted::kRequired,
      {{"none", Wanted::kNone}, {"optional", Wanted::kOptional}, {"required", Wanted::kRequired}});
  if (wanted != Wanted::kNone && authorities.empty()) {
    tls.reject("client_ca", "required: whose certificates are to be believed?");
  }
  if (authorities.empty()) return;
  if (const auto bytes = scope.files.readInPlace(authorities, limits::kConfigBytesMax); !bytes) {
    tls.reject("client_ca", bytes.error().message);
  }
  if (wanted == Wanted::kNone) return;
  spec.client_ca_file = scope.files.absolute(authorities);
  spec.requires_client_certificate = wanted == Wanted::kRequired;
}

// RFC 6797 6.1. What browsers' preload list demands is checked here: they refuse it without a word.
std::string readHsts(ConfigReader& tls) {
  auto hsts = tls.child("hsts");
  if (!hsts) return {};
  constexpr auto kYear = std::chrono::hours(365 * 24);
  const auto max_age =
      std::chrono::duration_cast<std::chrono::seconds>(hsts->duration("max_age", kYear));
  const bool has_subdomains = hsts->boolean("include_subdomains", false);
  const bool is_preloaded = hsts->boolean("preload", false);
  if (is_preloaded && (!has_subdomains || max_age < kYear)) {
    hsts->reject("preload", "needs `include_subdomains: true` and a `max_age` of `365d` or more");
  }
  hsts->finish();
  std::string value = "max-age=" + std::to_string(max_age.count());
  if (has_subdomains) value += "; includeSubDomains";
  if (is_preloaded) value += "; preload";
  return value;
}

TlsSpec readTls(ConfigReader& tls, SchemaScope& scope) {
  TlsSpec spec;
  // The short form for the usual case: one certificate.
  if (tls.has("certificate") || tls.has("key")) {
    spec.certificates.push_back(readCertificate(tls, scope));
  }
  for (ConfigReader& entry : tls.children("certificates")) {
    spec.certificates.push_back(readCertificate(entry, scope));
    entry.finish();
  }
  if (spec.certificates.empty()) {
    tls.reject("certificates", "at least one `{certificate: FILE, key: FILE}` is required");
  }
  spec.allows_tls12 = tls.choice<bool>("min_version", true, {{"1.2", true}, {"1.3", false}});
  spec.offers_http2 = tls.boolean("http2", true);
  spec.tickets = readTickets(tls, scope);
  readClientCertificates(tls, scope, spec);
  spec.hsts = readHsts(tls);
  tls.finish();
  return spec;
}

// `required` trusts `trusted_proxies`; `{from: [...]}` networks of the listener's own.
std::optional<CidrSet> readAnnouncers(ConfigReader& reader, const CidrSet& trusted_proxies) {
  const ConfigNode* const node = reader.find("proxy_protocol");
  if (node == nullptr) return std::nullopt;
  if (node->kind == ConfigNode::Kind::kMap) {
    auto own = reader.child("proxy_protocol");
    const CidrSet networks(readNetworks(*own, "from"));
    if (networks.empty()) own->reject("from", "at least one network of proxies is required");
    own->finish();
    return networks;
  }
  const bool is_required =
      reader.choice<bool>("proxy_protocol", false, {{"required", true}, {"off", false}});
  if (!is_required) return std::nullopt;
  if (trusted_proxies.empty()) {
    reader.reject("proxy_protocol",
                  "`trusted_proxies` is empty: nobody could connect; name the proxies there, or "
                  "here with `{from: [NETWORK]}`");
  }
  return trusted_proxies;
}

ListenerSpec readListener(ConfigReader& reader, SchemaScope& scope,
                          const CidrSet& trusted_proxies) {
  ListenerSpec spec;
  const std::string address = reader.requiredText("address");
  if (const auto endpoint = Endpoint::parse(address)) {
    spec.address = *endpoint;
  } else if (!address.empty()) {
    reader.reject("address",
                  "expected an address and a port such as `0.0.0.0:8443` or `[::]:8443`"
                  ", found " +
                      quoteForMessage(address));
  }
  spec.name = reader.text("name", address);
  if (reader.has("name")) checkName(reader, "name", spec.name);
  spec.backlog = static_cast<int>(
      reader.number("backlog", static_cast<std::uint64_t>(spec.backlog), 1, 65535));

  spec.announcers = readAnnouncers(reader, trusted_proxies);
  // A wrong value is told once, not again as a missing `tls`.
  const bool is_clear_text = reader.boolean("clear_text", reader.has("clear_text"));
  auto tls = reader.child("tls");
  spec.is_tls = reader.has("tls");
  if (tls) spec.tls = readTls(*tls, scope);
  if (spec.is_tls && is_clear_text) {
    reader.reject("clear_text", "`tls` and `clear_text: true` exclude each other");
  } else if (!spec.is_tls && !is_clear_text) {
    reader.reject("tls", "required, unless `clear_text: true` is written");
  }
  if (spec.is_tls && reader.has("http2")) {
    reader.reject("http2", "of a TLS listener this is `tls.http2`");
  }
  spec.takes_http2 = reader.boolean("http2", false);
  reader.finish();
  return spec;
}

}  // namespace

std::vector<ListenerSpec> readListeners(ConfigReader& root, SchemaScope& scope,
                                        const CidrSet& trusted_proxies) {
  const ConfigNode* const node = root.find("listen");
  if (node == nullptr) {
    root.reject("listen", "required, but not given");
    return {};
  }
  std::vector<ConfigReader> readers;
  if (node->kind == ConfigNode::Kind::kMap) {
    readers.push_back(*root.child("listen"));
  } else {
    readers = root.children("listen");
    if (node->kind != ConfigNode::Kind::kScalar && node->items.empty()) {
      root.reject("listen", "at least one listener is required");
    }
  }
  if (readers.size() > limits::kListenersMax) {
    root.reject("listen", "at most " + std::to_string(limits::kListenersMax) + " listeners");
    return {};
  }
  std::vector<ListenerSpec> all;
  for (ConfigReader& reader : readers) {
    ListenerSpec spec = readListener(reader, scope, trusted_proxies);
    const auto same = [&](const ListenerSpec& other) {
      return other.name == spec.name || (spec.address.port != 0 && other.address == spec.address);
    };
    if (std::any_of(all.begin(), all.end(), same)) {
      reader.reject("address", "another listener has the same address or name");
    }
    all.push_back(std::move(spec));
  }
  return all;
}

}  // namespace edgehold
