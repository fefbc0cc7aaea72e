// SPDX-License-Identifier: Apache-2.0
// Both hops of the handshake, behind websocket_upgrade.h.
// Thread: one loop (owned by the exchange driver).
#include "proxy/server/websocket_upgrade.h"

#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "proxy/base/base64.h"
#include "proxy/crypto/digest.h"

namespace edgehold {
namespace {

constexpr std::string_view kVersion = "13";
constexpr std::string_view kKeyField = "Sec-WebSocket-Key";
constexpr std::string_view kVersionField = "Sec-WebSocket-Version";
constexpr std::string_view kExtensionsField = "Sec-WebSocket-Extensions";

std::string_view newKey(Arena& arena, Random& random) {
  std::array<std::uint64_t, 2> words = {random.next(), random.next()};
  std::array<char, sizeof words> bytes;
  std::memcpy(bytes.data(), words.data(), sizeof words);
  return arena.copy(base64Encode({bytes.data(), bytes.size()}, Base64::kStandard));
}

Result<WebSocketOffer> readOffer(const RequestHead& request) {
  return request.protocol.empty() ? readWebSocketUpgrade(request)
                                  : readWebSocketConnect(request, request.protocol);
}

}  // namespace

WebSocketUpgrade::WebSocketUpgrade(Exchange& exchange)
    : offer_(readOffer(exchange.request)),
      is_extended_connect_(!exchange.request.protocol.empty()) {
  RequestHead& request = exchange.request;
  const auto version = request.headers.find(kVersionField);
  is_version_wrong_ = !offer_ && version && *version != kVersion;
  if (!is_extended_connect_) return;
  request.method = Method::kGet;
  request.method_token = "GET";
  // Content is what passes when the tunnel is open; the request itself has none.
  request.body = BodyLength::none();
}

std::optional<Verdict> WebSocketUpgrade::refusal() const {
  if (offer_) return std::nullopt;
  if (!is_version_wrong_) return Verdict::deny(Reason::kUpgradeRefused, offer_.error().message);
  Reply reply;  // RFC 6455 4.4, RFC 9110 15.5.22
  reply.headers = {{std::string(kVersionField), std::string(kVersion)}};
  if (!is_extended_connect_) reply.headers.emplace_back("Upgrade", "websocket");
  return Verdict::respond(Reason::kUpgradeVersion, std::move(reply), offer_.error().message);
}

void WebSocketUpgrade::prepare(Exchange& exchange, const WebSocketSpec& spec, Random& random) {
  Headers& headers = exchange.request.headers;
  if (is_extended_connect_) {
    offer_->key = newKey(exchange.arena, random);
    headers.set(kKeyField, offer_->key);
  }
  // Nobody could read compressed messages between the two.
  if (spec.is_inspected) {
    headers.remove(kExtensionsField);
    offer_->extensions.clear();
  }
  headers.add(Header{"Connection", "Upgrade", HeaderId::kConnection});
  headers.add(Header{"Upgrade", "websocket", HeaderId::kUpgrade});
  accept_ = base64Encode(digestOf(DigestKind::kSha1, webSocketAcceptText(offer_->key)).view(),
                         Base64::kStandard);
}

Result<void> WebSocketUpgrade::check(const ResponseHead& head) const {
  return checkWebSocketAnswer(head, *offer_, accept_);
}

void WebSocketUpgrade::answer(ResponseHead& head) const {
  if (is_extended_connect_) {
    head.status = 200;
    head.reason = {};
    head.headers.remove("Sec-WebSocket-Accept");
    head.body = BodyLength::untilClose();
    return;
  }
  head.headers.add(Header{"Connection", "Upgrade", HeaderId::kConnection});
  head.headers.add(Header{"Upgrade", "websocket", HeaderId::kUpgrade});
}

}  // namespace edgehold
