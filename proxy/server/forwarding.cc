// SPDX-License-Identifier: Apache-2.0
// Header fields at the edge, behind forwarding.h.
// Thread: one loop.
#include "proxy/server/forwarding.h"

#include <algorithm>
#include <array>
#include <optional>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/http/hop_by_hop.h"
#include "proxy/observe/trace.h"

namespace edgehold {
namespace {

// Many servers read `X_Forwarded_For` as `X-Forwarded-For` (CGI variables), so both are the same
// here.
bool startsLike(std::string_view text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  for (std::size_t i = 0; i < prefix.size(); ++i) {
    const char c = text[i] == '_' ? '-' : asciiLower(text[i]);
    if (c != prefix[i]) return false;
  }
  return true;
}

// Names that tell an upstream who somebody is or where a request came from. Only edgehold says so.
bool assertsIdentity(const Header& field) {
  switch (field.id) {
    case HeaderId::kForwarded:
    case HeaderId::kXForwardedFor:
    case HeaderId::kXForwardedHost:
    case HeaderId::kXForwardedProto:
    case HeaderId::kXRequestId:
    case HeaderId::kTraceparent:
      return true;
    case HeaderId::kOther:
      break;
    default:
      return false;
  }
  static constexpr std::array<std::string_view, 18> kPrefixes = {
      "x-forwarded-",    "x-edgehold-",     "x-openclaw-",
      "x-auth-request-", "x-authentik-",    "x-pomerium-",
      "x-webauth-",      "x-vouch-",        "x-goog-authenticated-user-",
      "x-goog-iap-",     "x-amzn-oidc-",    "x-ms-client-principal",
      "cf-access-",      "tailscale-user-", "x-ssl-client-",
      "ssl-client-",     "x-client-cert",   "x-token-user-"};
  static constexpr std::array<std::string_view, 23> kNames = {
      "x-real-ip",        "x-client-ip",      "true-client-ip",       "client-ip",
      "cf-connecting-ip", "x-remote-user",    "x-authenticated-user", "x-remote-addr",
      "x-remote-ip",      "x-originating-ip", "x-cluster-client-ip",  "x-original-forwarded-for",
      "x-forwarded",      "z-forwarded-for",  "fastly-client-ip",     "x-proxyuser-ip",
      "x-user",           "remote-user",      "remote-email",         "remote-groups",
      "remote-name",      "front-end-https",  "x-url-scheme"};
  for (const std::string_view prefix : kPrefixes) {
    if (startsLike(field.name, prefix)) return true;
  }
  for (const std::string_view name : kNames) {
    if (field.name.size() == name.size() && startsLike(field.name, name)) return true;
  }
  return false;
}

// Names by which some upstreams take another method, path or host than the one that was decided on.
bool overridesRequest(const Header& field) {
  static constexpr std::array<std::string_view, 10> kNames = {"x-http-method",
                                                              "x-http-method-override",
                                                              "x-method-override",
                                                              "x-original-url",
                                                              "x-rewrite-url",
                                                              "x-original-host",
                                                              "x-host",
                                                              "x-original-method",
                                                              "x-original-uri",
                                                              "x-envoy-original-path"};
  if (field.id != HeaderId::kOther) return false;
  return std::any_of(kNames.begin(), kNames.end(), [&field](std::string_view name) {
    return field.name.size() == name.size() && startsLike(field.name, name);
  });
}

void addFact(Headers& headers, std::string_view name, std::string_view value) {
  if (!value.empty()) headers.add(Header{name, value, HeaderId::kOther});
}

// The facts a filter established; empty ones are left out.
void addFacts(Exchange& exchange) {
  Headers& headers = exchange.request.headers;
  const Facts& facts = exchange.facts;
  addFact(headers, "X-Edgehold-Channel", facts.channel);
  addFact(headers, "X-Edgehold-Event-Id", facts.event_id);
  addFact(headers, "X-Edgehold-Event-Type", facts.event_type);
  addFact(headers, "X-Edgehold-Group", facts.group);
  addFact(headers, "X-Edgehold-Sender", facts.sender);
  addFact(headers, "X-Edgehold-Principal", facts.principal);
  addFact(headers, "X-Edgehold-Action", facts.action);
}

// Continues the trace of a trusted peer, or starts one. What an untrusted peer sends is not its to
// say.
std::string_view traceparentOf(Exchange& exchange, Random& random) {
  Headers& headers = exchange.request.headers;
  const auto sent = headers.find(HeaderId::kTraceparent);
  const auto parent = sent ? TraceParent::parse(*sent) : std::nullopt;
  if (!parent) headers.remove(HeaderId::kTracestate);
  const TraceParent ours = parent ? parent->next(random) : TraceParent::start(random);
  return exchange.arena.copy(ours.text());
}

std::string_view addressText(Exchange& exchange) {
  std::string text;  // 45 bytes at most: short ones stay in place
  exchange.client.address.appendTo(text);
  return exchange.arena.copy(text);
}

}  // namespace

IpAddress clientAddress(const Headers& headers, const Endpoint& peer, const CidrSet& trusted) {
  if (trusted.empty() || !trusted.contains(peer.ip)) return peer.ip;
  IpAddress address = peer.ip;
  // Several fields are one list (RFC 9110 5.3), read from its end: each hop vouches for the one
  // before.
  std::vector<std::string_view> hops;
  for (const Header& field : headers) {
    if (field.id != HeaderId::kXForwardedFor) continue;
    for (const std::string_view hop : split(field.value, ',')) hops.push_back(trimBlanks(hop));
  }
  while (!hops.empty() && trusted.contains(address)) {
    auto hop = IpAddress::parse(hops.back());
    if (!hop) {  // some write the port as well
      if (const auto endpoint = Endpoint::parse(hops.back())) hop = endpoint->ip;
    }
    if (!hop) break;  // what no trusted proxy would write ends the chain of trust
    address = *hop;
    hops.pop_back();
  }
  return address;
}

std::string_view requestIdFrom(const Exchange& exchange) {
  if (!exchange.client.is_trusted_peer) return {};
  const std::string_view sent =
      exchange.request.headers.find(HeaderId::kXRequestId).value_or(std::string_view());
  const bool is_plain = std::all_of(sent.begin(), sent.end(), [](char c) {
    return isDigit(c) || (asciiLower(c) >= 'a' && asciiLower(c) <= 'z') || c == '-' || c == '_' ||
           c == '.';
  });
  return is_plain && sent.size() <= limits::kRequestIdBytesMax ? sent : std::string_view();
}

void prepareForUpstream(Exchange& exchange, const UpstreamSpec& upstream, Random& random) {
  RequestHead& request = exchange.request;
  const std::string_view trace = traceparentOf(exchange, random);
  request.headers.removeIf(assertsIdentity);
  request.headers.removeIf(overridesRequest);
  request.headers.remove(HeaderId::kContentLength);  // the codec writes the framing
  request.headers.remove(HeaderId::kExpect);         // answered here
  if (!upstream.host.empty()) request.headers.set("Host", upstream.host);
  Headers& headers = request.headers;
  headers.add(Header{"X-Forwarded-For", addressText(exchange), HeaderId::kXForwardedFor});
  headers.add(Header{"X-Forwarded-Proto", exchange.client.is_secure ? "https" : "http",
                     HeaderId::kXForwardedProto});
  headers.add(Header{"X-Forwarded-Host", request.authority, HeaderId::kXForwardedHost});
  headers.add(Header{"X-Request-Id", exchange.request_id, HeaderId::kXRequestId});
  headers.add(Header{"traceparent", trace, HeaderId::kTraceparent});
  addFacts(exchange);
}

void prepareForClient(const Exchange& exchange, ResponseHead& head) {
  stripHopByHop(head.headers);
  head.headers.remove(HeaderId::kContentLength);  // the codec writes the framing
  head.headers.remove(HeaderId::kXRequestId);
  head.headers.add(Header{"X-Request-Id", exchange.request_id, HeaderId::kXRequestId});
}

}  // namespace edgehold
