// SPDX-License-Identifier: Apache-2.0
// Compares two policies: the process, then each kind of request by the routes that it would take.
// Thread: main only.
#include "proxy/policy/downgrade.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "proxy/base/limits.h"

namespace edgehold {
namespace {

using Texts = std::vector<std::string>;

bool contains(const Texts& texts, const std::string& text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

std::string quoted(const std::string& text) { return "`" + text + "`"; }

// Collects sentences; the same one of several routes is told once, with their names.
class Findings {
 public:
  void add(const std::string& path, const std::string& what) { routes_[path + ": " + what]; }
  void add(const std::string& path, const std::string& what, const std::string& route) {
    routes_[path + ": " + what].insert(route);
  }
  std::vector<std::string> sentences() const;

 private:
  static constexpr std::size_t kNamesMax = 3;
  static std::string nameRoutes(const std::set<std::string>& routes);

  std::map<std::string, std::set<std::string>> routes_;
};

std::string Findings::nameRoutes(const std::set<std::string>& routes) {
  std::string text = routes.size() == 1 ? " (route " : " (routes ";
  std::size_t named = 0;
  for (const std::string& route : routes) {
    if (named == kNamesMax) break;
    text.append(named++ == 0 ? "" : ", ").append(quoted(route));
  }
  if (routes.size() > named) text += " and " + std::to_string(routes.size() - named) + " more";
  return text + ")";
}

std::vector<std::string> Findings::sentences() const {
  std::vector<std::string> all;
  for (const auto& [sentence, routes] : routes_) {
    if (all.size() == limits::kPolicyWeakerMax) {
      all.push_back("and " + std::to_string(routes_.size() - all.size()) + " more");
      break;
    }
    all.push_back(sentence + (routes.empty() ? "" : nameRoutes(routes)));
  }
  return all;
}

// --- the process ---

void compareAdmin(const PolicySnapshot& was, const PolicySnapshot& is, Findings& findings) {
  const auto& old_address = was.server().admin.address;
  const auto& address = is.server().admin.address;
  if (address && !old_address) {
    findings.add("admin.address", "opens " + quoted(address->toString()) +
                                      ", where there was only a socket with permissions");
  } else if (address && old_address->ip.isLoopback() && !address->ip.isLoopback()) {
    findings.add("admin.address",
                 quoted(address->toString()) + " can be reached from other machines");
  }
  if (was.security().deny_public_admin && !is.security().deny_public_admin) {
    findings.add("security.network.deny_public_admin", "was true and is false");
  }
}

void compareAudit(const PolicySnapshot& was, const PolicySnapshot& is, Findings& findings) {
  const AuditSpec& old_spec = was.audit();
  const AuditSpec& spec = is.audit();
  const int days = spec.retention_days;
  if (days != 0 && (old_spec.retention_days == 0 || days < old_spec.retention_days)) {
    findings.add("security.audit.retention_days",
                 "records are kept " + std::to_string(days) + " days, they were kept " +
                     (old_spec.retention_days == 0 ? std::string("for good")
                                                   : std::to_string(old_spec.retention_days)));
  }
  for (const char* const field : {"who", "what", "when", "why", "request_id"}) {
    const bool was_there = old_spec.fields.empty() || contains(old_spec.fields, field);
    const bool is_there = spec.fields.empty() || contains(spec.fields, field);
    if (was_there && !is_there) {
      findings.add("security.audit.fields", "no longer has " + quoted(field));
    }
  }
  const bool was_durable = old_spec.durability == AuditSpec::Durability::kDisk;
  if (was_durable && spec.durability != AuditSpec::Durability::kDisk) {
    findings.add("audit.durability", "was `disk` and is `kernel`");
  }
}

// How much of a certificate a client needs.
int clientProof(const TlsSpec& tls) {
  if (tls.client_ca_file.empty()) return 0;
  return tls.requires_client_certificate ? 2 : 1;
}

void compareListeners(const PolicySnapshot& was, const PolicySnapshot& is, Findings& findings) {
  const auto& old_listeners = was.server().listeners;
  const auto& listeners = is.server().listeners;
  for (std::size_t i = 0; i < std::min(old_listeners.size(), listeners.size()); ++i) {
    const std::string path = "listen[" + std::to_string(i) + "]";
    if (old_listeners[i].is_tls && !listeners[i].is_tls) {
      findings.add(path + ".clear_text", "was TLS and is clear text");
    } else if (listeners[i].is_tls && listeners[i].tls.allows_tls12 &&
               !old_listeners[i].tls.allows_tls12) {
      findings.add(path + ".tls.min_version", "was 1.3 and is 1.2");
    }
    if (clientProof(old_listeners[i].tls) > clientProof(listeners[i].tls)) {
      findings.add(path + ".tls.client_certificate", "demands less of clients");
    }
    const CidrSet announcers = old_listeners[i].announcers.value_or(CidrSet());
    if (!announcers.covers(listeners[i].announcers.value_or(CidrSet()))) {
      findings.add(path + ".proxy_protocol", "believes more networks about who the client is");
    }
  }
}

// --- one filter ---

// How a list may change without making its filter weaker.
enum class ListLaw : std::uint8_t {
  kKeepsTexts,     // may grow
  kKeepsKey,       // may change, but must be there
  kKeepsNetworks,  // must hold all that it held
  kNoNetworkMore,  // must hold nothing that it did not, and be there
};

struct ListRow {
  std::string_view type;
  std::string_view key;
  ListLaw law;
  std::string_view lost;  // `no longer ... TEXT`
};

constexpr std::array<ListRow, 15> kListRows = {{
    {"approval_hold", "actions", ListLaw::kKeepsTexts, "holds"},
    {"action_class", "deny", ListLaw::kKeepsTexts, "denies"},
    {"lua_rules", "rules", ListLaw::kKeepsTexts, "asks"},
    {"rate_limit", "limits", ListLaw::kKeepsTexts, "limits"},
    {"source_budget", "limits", ListLaw::kKeepsTexts, "limits"},
    {"dedupe", "required", ListLaw::kKeepsTexts, "requires an id: `required` was"},
    {"channel", "dialect", ListLaw::kKeepsTexts, "verifies by"},
    {"channel", "refuses", ListLaw::kKeepsTexts, "refuses"},
    {"host_guard", "hosts", ListLaw::kKeepsKey, ""},
    {"host_guard", "origins", ListLaw::kKeepsKey, ""},
    {"method_path", "methods", ListLaw::kKeepsKey, ""},
    {"method_path", "paths", ListLaw::kKeepsKey, ""},
    {"ip_access", "allow", ListLaw::kNoNetworkMore, ""},
    {"ip_access", "deny", ListLaw::kKeepsNetworks, ""},
    {"mtls_identity", "principals", ListLaw::kKeepsKey, ""},
}};

CidrSet networksOf(const Texts& texts) {
  std::vector<Cidr> networks;
  for (const std::string& text : texts) {
    if (const auto network = Cidr::parse(text)) networks.push_back(*network);
  }
  return CidrSet(networks);
}

// A filter of the old policy and what stands for it in the new one.
struct FilterPair {
  const FilterOutline& was;
  const FilterOutline& is;
  const std::string& route;
};

void compareList(const ListRow& row, const FilterPair& pair, Findings& findings) {
  const std::string key(row.key);
  const bool was_there = pair.was.lists.count(key) > 0;
  const Texts& old_texts = pair.was.list(row.key);
  const Texts& texts = pair.is.list(row.key);
  const std::string path = pair.is.path + "." + key;
  if (row.law == ListLaw::kKeepsTexts) {
    for (const std::string& text : old_texts) {
      if (contains(texts, text)) continue;
      findings.add(pair.is.path, "no longer " + std::string(row.lost) + " " + quoted(text),
                   pair.route);
    }
  } else if (was_there && pair.is.lists.count(key) == 0) {
    findings.add(pair.is.path, quoted(key) + " is gone", pair.route);
  } else if (row.law == ListLaw::kNoNetworkMore && was_there &&
             !networksOf(old_texts).covers(networksOf(texts))) {
    findings.add(path, "lets in more networks", pair.route);
  } else if (row.law == ListLaw::kKeepsNetworks && was_there &&
             !networksOf(texts).covers(networksOf(old_texts))) {
    findings.add(path, "keeps out fewer networks", pair.route);
  }
}

void compareFilter(const FilterPair& pair, Findings& findings) {
  const std::string& path = pair.is.path;
  if (!pair.is.is_enforced) {
    return findings.add(path, quoted(pair.was.type) + " only watches now (`mode: shadow`)",
                        pair.route);
  }
  if (pair.was.denies_on_error && !pair.is.denies_on_error) {
    findings.add(path, "lets pass what it cannot check (`on_error: allow`)", pair.route);
  }
  for (const ListRow& row : kListRows) {
    if (row.type == pair.was.type) compareList(row, pair, findings);
  }
}

// --- one kind of request ---

using Partners = std::map<const FilterOutline*, const FilterOutline*>;

// One that is enforced before one that is not.
const FilterOutline* freePartnerOf(const FilterOutline& was, const RouteOutline& filters,
                                   bool needs_name, const std::set<const FilterOutline*>& taken) {
  const FilterOutline* best = nullptr;
  for (const FilterOutline& one : filters) {
    if (one.type != was.type || taken.count(&one) > 0) continue;
    if (needs_name && one.name != was.name) continue;
    if (best == nullptr || (one.is_enforced && !best->is_enforced)) best = &one;
  }
  return best;
}

// What stands for each filter that refused: of its type, the one of its name, else any that stands
// for no other.
Partners partnersOf(const RouteOutline& was, const RouteOutline& is) {
  Partners partners;
  std::set<const FilterOutline*> taken;
  for (const bool needs_name : {true, false}) {
    for (const FilterOutline& filter : was) {
      if (!filter.is_enforced || partners.count(&filter) > 0) continue;
      const FilterOutline* const partner = freePartnerOf(filter, is, needs_name, taken);
      if (partner == nullptr) continue;
      taken.insert(partner);
      partners.emplace(&filter, partner);
    }
  }
  return partners;
}

bool names(const RouteOutline& filters, const std::string& action) {
  return std::any_of(filters.begin(), filters.end(), [&](const FilterOutline& one) {
    return one.type == "action_class" && contains(one.list("names"), action);
  });
}

// A hold for an action that nothing names any more holds nothing.
void compareNamedActions(const RouteOutline& was, const RouteOutline& is, const std::string& route,
                         Findings& findings) {
  for (const FilterOutline& hold : was) {
    if (hold.type != "approval_hold" || !hold.is_enforced) continue;
    for (const std::string& action : hold.list("actions")) {
      if (!names(was, action) || names(is, action)) continue;
      findings.add(hold.path,
                   "holds " + quoted(action) + ", but `action_class` no longer names any so",
                   route);
    }
  }
}

void compareFilters(const RouteOutline& was, const RouteOutline& is, const std::string& route,
                    Findings& findings) {
  const Partners partners = partnersOf(was, is);
  for (const FilterOutline& filter : was) {
    if (!filter.is_enforced) continue;
    const auto partner = partners.find(&filter);
    if (partner == partners.end()) {
      findings.add(filter.path, "requests are no longer checked by " + quoted(filter.name), route);
    } else {
      compareFilter({filter, *partner->second, route}, findings);
    }
  }
  compareNamedActions(was, is, route, findings);
}

const UpstreamSpec* upstreamOf(const PolicySnapshot& policy, const Route& route) {
  for (const UpstreamSpec& spec : policy.upstreams()) {
    if (spec.name == route.upstream()) return &spec;
  }
  return nullptr;
}

void compareUpstreams(const UpstreamSpec& was, const UpstreamSpec& is, const std::string& route,
                      Findings& findings) {
  const std::string path = "upstreams." + is.name;
  if (!was.is_tls) return;
  if (!is.is_tls) {
    findings.add(path, "was `https` and is `http`", route);
  } else if (was.tls.verify && !is.tls.verify) {
    findings.add(path + ".tls.insecure_skip_verify", "its certificate is not verified", route);
  } else if (!was.tls.ca_file.empty() && is.tls.ca_file.empty()) {
    findings.add(path + ".tls.ca", "any public authority is trusted, it was one of your own",
                 route);
  }
}

void compareWebSockets(const Route& was, const Route& is, Findings& findings) {
  if (!is.websocket()) return;
  const WebSocketSpec& spec = *is.websocket();
  const auto add = [&](const char* what) { findings.add("websocket", what, is.name()); };
  if (!was.websocket()) {
    if (!spec.is_inspected) add("opens WebSockets that nobody looks into, they were refused");
    return;
  }
  const WebSocketSpec& old_spec = *was.websocket();
  if (!old_spec.is_inspected) return;
  if (!spec.is_inspected) return add("messages are no longer inspected");
  if (!old_spec.allows_binary && spec.allows_binary) add("lets binary messages pass");
  if (old_spec.protocol != spec.protocol && spec.protocol == WebSocketSpec::Protocol::kNone) {
    add("messages need no longer be of the `protocol`");
  }
  if (old_spec.first_message_bytes_max != 0 && spec.first_message_bytes_max == 0) {
    add("`message_bytes_unauthenticated` is gone");
  }
}

struct Probe {
  std::string host;
  std::string path;
  auto operator<=>(const Probe&) const = default;
};

// Requests that a route is there for: itself, and one below it.
void addProbes(const PolicySnapshot& policy, std::set<Probe>& probes) {
  constexpr const char* kNoHost = "edgehold.invalid";  // RFC 6761 6.4: nobody's name
  for (const auto& route : policy.routes()) {
    const RouteMatch& match = route->match();
    Texts hosts = match.hosts;
    if (hosts.empty()) hosts.emplace_back(kNoHost);
    for (const std::string& host : hosts) {
      const std::string one = host.starts_with("*.") ? "any" + host.substr(1) : host;
      probes.insert({one, match.path});
      if (!match.is_prefix) continue;
      probes.insert({one, match.path + (match.path.ends_with('/') ? "" : "/") + "edgehold-any"});
    }
  }
}

const RouteOutline& outlineOf(const PolicySnapshot& policy, const Route& route) {
  static const RouteOutline kNone;
  const auto found = policy.outline().find(route.name());
  return found != policy.outline().end() ? found->second : kNone;
}

// Not by name: a request that another route now takes is checked by that one. One that none takes
// is refused, and one that none took had no protection to lose.
void compareRoutes(const PolicySnapshot& was, const PolicySnapshot& is, Findings& findings) {
  std::set<Probe> probes;
  addProbes(was, probes);
  addProbes(is, probes);
  std::set<std::pair<const Route*, const Route*>> compared;
  for (const Probe& probe : probes) {
    const Route* const old_route = was.match(probe.host, probe.path);
    const Route* const route = is.match(probe.host, probe.path);
    if (old_route == nullptr || route == nullptr) continue;
    if (!compared.emplace(old_route, route).second) continue;
    compareFilters(outlineOf(was, *old_route), outlineOf(is, *route), route->name(), findings);
    compareWebSockets(*old_route, *route, findings);
    const UpstreamSpec* const old_upstream = upstreamOf(was, *old_route);
    const UpstreamSpec* const upstream = upstreamOf(is, *route);
    if (old_upstream == nullptr || upstream == nullptr) continue;
    compareUpstreams(*old_upstream, *upstream, route->name(), findings);
  }
}

}  // namespace

std::vector<std::string> findWeaker(const PolicySnapshot& running, const PolicySnapshot& next) {
  Findings findings;
  compareAdmin(running, next, findings);
  compareAudit(running, next, findings);
  compareListeners(running, next, findings);
  if (!running.trustedProxies().covers(next.trustedProxies())) {
    findings.add("trusted_proxies", "believes more networks about who the client is");
  }
  for (const std::string& action : running.security().require_approval_for) {
    if (contains(next.security().require_approval_for, action)) continue;
    findings.add("security.actions.require_approval_for", "no longer holds " + quoted(action));
  }
  compareRoutes(running, next, findings);
  return findings.sentences();
}

}  // namespace edgehold
