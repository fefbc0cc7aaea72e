// SPDX-License-Identifier: Apache-2.0
// The rules behind websocket_handshake.h.
// Thread: any (immutable).
#include "proxy/http/websocket_handshake.h"

#include <algorithm>
#include <array>

#include "proxy/base/base64.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/http/codec.h"
#include "proxy/http/grammar.h"
#include "proxy/http/list.h"

namespace edgehold {
namespace {

constexpr std::string_view kProtocol = "websocket";
constexpr std::string_view kVersion = "13";
constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 1.3
constexpr std::size_t kKeyBytes = 16;
constexpr std::string_view kKeyField = "sec-websocket-key";
constexpr std::string_view kAcceptField = "sec-websocket-accept";
constexpr std::string_view kVersionField = "sec-websocket-version";
constexpr std::string_view kSubprotocolField = "sec-websocket-protocol";
constexpr std::string_view kExtensionField = "sec-websocket-extensions";

using Names = std::vector<std::string_view>;

tl::unexpected<Error> refused(const char* rule) { return fail(Reason::kUpgradeRefused, rule); }
tl::unexpected<Error> wrongAnswer(const char* rule) {
  return fail(Reason::kUpstreamMalformed, rule);
}

bool isListed(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Connection lists `upgrade`, and Upgrade, which comes once, is `websocket` and nothing else.
bool saysUpgrade(const Headers& headers) {
  bool has_token = false;
  for (const Header& field : headers) {
    if (field.id != HeaderId::kConnection) continue;
    forEachListed(field.value, [&has_token](std::string_view option) {
      has_token = has_token || equalsIgnoreCase(option, "upgrade");
    });
  }
  const auto protocol = headers.find(HeaderId::kUpgrade);
  return has_token && headers.count("upgrade") == 1 && equalsIgnoreCase(*protocol, kProtocol);
}

// --- lists ---

void skipBlanks(std::string_view& rest) {
  while (!rest.empty() && isBlank(rest.front())) rest.remove_prefix(1);
}

std::string_view takeToken(std::string_view& rest) {
  const auto* const end = std::find_if_not(rest.begin(), rest.end(), isTokenByte);
  const std::string_view token = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
  rest.remove_prefix(token.size());
  return token;
}

bool takeChar(std::string_view& rest, char c) {
  skipBlanks(rest);
  if (!rest.starts_with(c)) return false;
  rest.remove_prefix(1);
  skipBlanks(rest);
  return true;
}

// RFC 6455 9.1: a quoted value is a token too, once unquoted; so there is nothing to escape.
bool takeParameterValue(std::string_view& rest) {
  if (!rest.starts_with('"')) return !takeToken(rest).empty();
  rest.remove_prefix(1);
  if (takeToken(rest).empty() || !rest.starts_with('"')) return false;
  rest.remove_prefix(1);
  return true;
}

// Adds the names in one field value (RFC 6455 9.1); false when it is malformed.
bool readExtensions(std::string_view rest, Names& names) {
  do {
    skipBlanks(rest);
    const std::string_view name = takeToken(rest);
    if (name.empty() || names.size() == limits::kWebSocketExtensionsMax) return false;
    names.push_back(name);
    while (takeChar(rest, ';')) {
      if (takeToken(rest).empty()) return false;
      if (takeChar(rest, '=') && !takeParameterValue(rest)) return false;
    }
  } while (takeChar(rest, ','));
  return rest.empty();
}

// Adds the names in one field value (RFC 6455 4.1: tokens, each once); false when it is malformed.
bool readSubprotocols(std::string_view rest, Names& names) {
  do {
    skipBlanks(rest);
    const std::string_view name = takeToken(rest);
    if (name.empty() || isListed(names, name)) return false;
    if (names.size() == limits::kWebSocketSubprotocolsMax) return false;
    names.push_back(name);
  } while (takeChar(rest, ','));
  return rest.empty();
}

// --- the request ---

// What both forms of the request have in common.
Result<WebSocketOffer> readOffer(const RequestHead& head) {
  const Headers& headers = head.headers;
  if (headers.count(kVersionField) != 1 || headers.find(kVersionField) != kVersion) {
    return refused("websocket: version is not 13");
  }
  if (headers.count(kAcceptField) != 0) return refused("websocket: an answer in a request");
  WebSocketOffer offer;
  for (const Header& field : headers) {
    if (equalsIgnoreCase(field.name, kSubprotocolField) &&
        !readSubprotocols(field.value, offer.subprotocols)) {
      return refused("websocket: malformed, repeated or too many subprotocols");
    }
    if (equalsIgnoreCase(field.name, kExtensionField) &&
        !readExtensions(field.value, offer.extensions)) {
      return refused("websocket: malformed or too many extensions");
    }
  }
  return offer;
}

bool isKey(std::string_view text) {
  std::array<char, base64DecodedSizeMax(24)> key{};
  return text.size() == 24 && base64Decode(text, Base64::kStandard, key) == kKeyBytes;
}

}  // namespace

bool asksForWebSocket(const RequestHead& head) {
  bool is_asked = false;
  for (const Header& field : head.headers) {
    if (field.id != HeaderId::kUpgrade) continue;
    forEachListed(field.value, [&is_asked](std::string_view protocol) {
      is_asked = is_asked || equalsIgnoreCase(protocol, kProtocol);
    });
  }
  return head.wants_upgrade && is_asked;
}

Result<WebSocketOffer> readWebSocketUpgrade(const RequestHead& head) {
  if (head.method != Method::kGet) return refused("websocket: the method is not GET");
  if (head.version_minor != 1) return refused("websocket: not HTTP/1.1");
  if (head.body.hasBody()) return refused("websocket: a request with content");
  if (!saysUpgrade(head.headers)) return refused("websocket: connection and upgrade do not agree");
  if (head.headers.count(kKeyField) != 1 || !isKey(*head.headers.find(kKeyField))) {
    return refused("websocket: key is not 16 octets in base64");
  }
  TRY_ASSIGN(WebSocketOffer offer, readOffer(head));
  offer.key = *head.headers.find(kKeyField);
  return offer;
}

Result<WebSocketOffer> readWebSocketConnect(const RequestHead& head, std::string_view protocol) {
  if (head.method != Method::kConnect) return refused("websocket: the method is not CONNECT");
  if (protocol != kProtocol) return refused("websocket: another protocol");
  return readOffer(head);
}

std::string webSocketAcceptText(std::string_view key) { return std::string(key).append(kGuid); }

// --- the answer ---

Result<void> checkWebSocketAnswer(const ResponseHead& head, const WebSocketOffer& offer,
                                  std::string_view accept) {
  const Headers& headers = head.headers;
  if (head.status != kSwitchingProtocols || head.version_minor != 1) {
    return wrongAnswer("websocket: the answer is not 101 of HTTP/1.1");
  }
  if (!saysUpgrade(headers)) return wrongAnswer("websocket: 101 to something else");
  if (headers.count(kAcceptField) != 1 || headers.find(kAcceptField) != accept) {
    return wrongAnswer("websocket: accept does not follow from the key");
  }
  // RFC 6455 11.3.2, 11.3.4: neither field may be repeated in an answer.
  if (headers.count(kSubprotocolField) > 1 || headers.count(kExtensionField) > 1) {
    return wrongAnswer("websocket: two subprotocols or lists of extensions");
  }
  const auto subprotocol = headers.find(kSubprotocolField);
  if (subprotocol && !isListed(offer.subprotocols, *subprotocol)) {
    return wrongAnswer("websocket: a subprotocol that was not offered");
  }
  Names extensions;
  const auto list = headers.find(kExtensionField);
  if (list && !readExtensions(*list, extensions)) {
    return wrongAnswer("websocket: malformed extensions");
  }
  const bool are_offered =
      std::all_of(extensions.begin(), extensions.end(),
                  [&offer](std::string_view name) { return isListed(offer.extensions, name); });
  if (!are_offered) return wrongAnswer("websocket: an extension that was not offered");
  return {};
}

}  // namespace edgehold
