// SPDX-License-Identifier: Apache-2.0
// Header fields at the edge, behind forwarding.h.
// Thread: one loop.
#include "proxy/server/forwarding.h"

#include <algorithm>
#include <optional>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/http/hop_by_hop.h"
#include "proxy/http/list.h"
#include "proxy/observe/civil_time.h"
#include "proxy/observe/trace.h"
#include "proxy/policy/snapshot.h"
#include "proxy/server/owned_fields.h"

namespace edgehold {
namespace {

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
  addFact(headers, "X-Edgehold-Seen-Event-Ids", facts.seen_ids);
  constexpr std::int64_t kMillisecondsMax = 4'102'444'800'000;  // 2100: later ones are no times
  if (facts.timestamp_ms && *facts.timestamp_ms >= 0 && *facts.timestamp_ms < kMillisecondsMax) {
    Rfc3339Cache text;
    addFact(headers, "X-Edgehold-Timestamp",
            exchange.arena.copy(text.format(wallTimeFromMilliseconds(*facts.timestamp_ms))));
  }
  addFact(headers, "X-Edgehold-Group", facts.group);
  addFact(headers, "X-Edgehold-Sender", facts.sender);
  addFact(headers, "X-Edgehold-Principal", facts.principal);
  addFact(headers, "X-Edgehold-Roles", facts.roles());
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
  char* const text = exchange.arena.allocate(kIpTextBytesMax);
  return {text, exchange.client.address.writeTo(text)};
}

}  // namespace

std::optional<IpAddress> clientAddress(const Headers& headers, const Endpoint& peer,
                                       const CidrSet& trusted) {
  if (trusted.empty() || !trusted.contains(peer.ip)) return peer.ip;
  IpAddress address = peer.ip;
  // Several fields are one list (RFC 9110 5.3), read from its end: each hop vouches for the one
  // before.
  std::vector<std::string_view> hops;
  for (const Header& field : headers) {
    if (field.id != HeaderId::kXForwardedFor) continue;
    forEachListed(field.value, [&hops](std::string_view hop) { hops.push_back(hop); });
  }
  while (!hops.empty() && trusted.contains(address)) {
    auto hop = IpAddress::parse(hops.back());
    if (!hop) {  // some write the port as well
      if (const auto endpoint = Endpoint::parse(hops.back())) hop = endpoint->ip;
    }
    if (!hop) return std::nullopt;
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
  request.headers.removeIf([](const Header& field) {
    return field.id == HeaderId::kContentLength ||  // the codec writes the framing
           field.id == HeaderId::kExpect ||         // answered here
           isOwnedField(field);
  });
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

void setTransportSecurity(const Exchange& exchange, Headers& headers) {
  constexpr std::string_view kName = "Strict-Transport-Security";
  const auto& listeners = exchange.snapshot->server().listeners;
  std::string_view value;
  if (exchange.client.listener < listeners.size()) {
    value = listeners[exchange.client.listener].tls.hsts;
  }
  if (exchange.client.is_secure && value.empty()) return;
  headers.removeIf([&](const Header& field) {
    return field.name.size() == kName.size() && equalsIgnoreCase(field.name, kName);
  });
  if (exchange.client.is_secure) headers.add(Header{kName, value, HeaderId::kOther});
}

void prepareForClient(const Exchange& exchange, ResponseHead& head) {
  stripHopByHop(head.headers);
  head.headers.removeIf([](const Header& field) {
    return field.id == HeaderId::kContentLength ||  // the codec writes the framing
           isOwnedAnswerField(field);
  });
  head.headers.add(Header{"X-Request-Id", exchange.request_id, HeaderId::kXRequestId});
  setTransportSecurity(exchange, head.headers);
}

}  // namespace edgehold
