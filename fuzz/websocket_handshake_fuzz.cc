// SPDX-License-Identifier: Apache-2.0
// What a handshake offers is made of tokens, bounded and each subprotocol once; an answer that is
// taken gives nothing that was not offered. The order of fields makes no difference to either.
// Thread: main only.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "proxy/base/base64.h"
#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/http/grammar.h"
#include "proxy/http/http1_field_line.h"
#include "proxy/http/websocket_handshake.h"

namespace edgehold {
namespace {

constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

Headers fieldsOf(std::string_view text) {
  Headers fields;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (fields.size() < limits::kHeaderCountMax) {
    const Http1FieldLine line = parseHttp1FieldLine(at, end);
    if (line.outcome != Http1FieldLine::Outcome::kField) break;
    fields.add(line.field);
    at = line.next;
  }
  return fields;
}

Headers reversed(const Headers& fields) {
  Headers back;
  for (auto it = fields.end(); it != fields.begin();) back.add(*--it);
  return back;
}

void checkNames(const std::vector<std::string_view>& names, std::size_t most) {
  CHECK_LE(names.size(), most);
  for (const std::string_view name : names) {
    CHECK(!name.empty() && std::all_of(name.begin(), name.end(), isTokenByte));
  }
}

void checkOffer(const WebSocketOffer& offer) {
  checkNames(offer.subprotocols, limits::kWebSocketSubprotocolsMax);
  checkNames(offer.extensions, limits::kWebSocketExtensionsMax);
  for (const std::string_view name : offer.subprotocols) {
    CHECK_EQ(std::count(offer.subprotocols.begin(), offer.subprotocols.end(), name), 1);
  }
}

void checkRequest(std::string_view text) {
  RequestHead head, back;
  head.headers = fieldsOf(text);
  back.headers = reversed(head.headers);
  head.method = back.method = Method::kGet;
  head.wants_upgrade = back.wants_upgrade = true;
  const auto offer = readWebSocketUpgrade(head);
  CHECK_EQ(offer.has_value(), readWebSocketUpgrade(back).has_value());
  head.method = Method::kConnect;
  const auto connect = readWebSocketConnect(head, "websocket");
  if (connect) checkOffer(*connect);
  if (!offer) return;
  CHECK(asksForWebSocket(back));
  CHECK(connect);
  checkOffer(*offer);
  const auto key = base64Decode(offer->key, Base64::kStandard);
  CHECK(key && key->size() == 16);
}

void checkAnswer(std::string_view text) {
  WebSocketOffer offer;
  offer.subprotocols = {"chat", "v2"};
  offer.extensions = {"foo"};
  ResponseHead head, back;
  head.headers = fieldsOf(text);
  back.headers = reversed(head.headers);
  head.status = back.status = 101;
  const auto checked = checkWebSocketAnswer(head, offer, kAccept);
  CHECK_EQ(checked.has_value(), checkWebSocketAnswer(back, offer, kAccept).has_value());
  if (!checked) return;
  CHECK(head.headers.find("sec-websocket-accept") == kAccept);
  const auto chosen = head.headers.find("sec-websocket-protocol");
  CHECK(!chosen || *chosen == "chat" || *chosen == "v2");
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(input), size);
  edgehold::checkRequest(text);
  edgehold::checkAnswer(text);
  return 0;
}
