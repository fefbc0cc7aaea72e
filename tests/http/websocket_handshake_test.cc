// SPDX-License-Identifier: Apache-2.0
// The rules of the opening handshake (RFC 6455 4.1, 4.2, 9.1; RFC 8441 5), one row for each.
// Thread: main only.
#include "proxy/http/websocket_handshake.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/base/limits.h"

namespace edgehold {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

const Fields kAsked = {{"Host", "x"},
                       {"Upgrade", "websocket"},
                       {"Connection", "Upgrade"},
                       {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                       {"Sec-WebSocket-Version", "13"}};
const Fields kAnswered = {{"Upgrade", "websocket"},
                          {"Connection", "Upgrade"},
                          {"Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}};

// `fields` with `name` set to `value`, or left out when it has none.
Fields with(Fields fields, const std::string& name, const std::string& value) {
  std::erase_if(fields, [&name](const auto& field) { return field.first == name; });
  if (!value.empty()) fields.emplace_back(name, value);
  return fields;
}

Fields withAnother(Fields fields, const std::string& name, const std::string& value) {
  fields.emplace_back(name, value);
  return fields;
}

// Views of `fields`.
RequestHead requestOf(const Fields& fields) {
  RequestHead head;
  head.method = Method::kGet;
  head.wants_upgrade = true;
  for (const auto& [name, value] : fields) head.headers.add(name, value);
  return head;
}

// The names that are offered, or the rule that is broken.
std::string offered(const RequestHead& head) {
  const auto offer = readWebSocketUpgrade(head);
  if (!offer) {
    EXPECT_EQ(offer.error().reason, Reason::kUpgradeRefused);
    return offer.error().message;
  }
  std::string names(offer->key);
  for (const std::string_view name : offer->subprotocols) names.append(" ").append(name);
  for (const std::string_view name : offer->extensions) names.append(" +").append(name);
  return names;
}

TEST(WebSocketHandshake, TakesARequestOfTheRfc) {
  EXPECT_EQ(offered(requestOf(kAsked)), "dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_EQ(offered(requestOf(with(kAsked, "Upgrade", "WebSocket"))), "dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_EQ(offered(requestOf(with(kAsked, "Connection", "keep-alive, upgrade"))),
            "dGhlIHNhbXBsZSBub25jZQ==");
}

TEST(WebSocketHandshake, TakesTheKeyApartOnlyAsSixteenOctets) {
  const std::string refusal = "websocket: key is not 16 octets in base64";
  for (const char* const key :
       {"", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZR==",
        "dGhlIHNhbXBsZSBub25jZQ== ", "dGhlIHNhbXBsZSBub25jZTE=", "dGhlIHNhbXBsZSBub25jZTEy",
        "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25-ZQ==", "\"GhlIHNhbXBsZSBub25jZQ=="}) {
    EXPECT_EQ(offered(requestOf(with(kAsked, "Sec-WebSocket-Key", key))), refusal) << key;
  }
  EXPECT_EQ(
      offered(requestOf(withAnother(kAsked, "sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="))),
      refusal);
}

TEST(WebSocketHandshake, RefusesWhatIsNoUpgradeToVersion13) {
  const std::string version = "websocket: version is not 13";
  const std::string upgrade = "websocket: connection and upgrade do not agree";
  const struct {
    Fields fields;
    std::string rule;
  } rows[] = {
      {with(kAsked, "Sec-WebSocket-Version", ""), version},
      {with(kAsked, "Sec-WebSocket-Version", "8"), version},
      {with(kAsked, "Sec-WebSocket-Version", "013"), version},
      {with(kAsked, "Sec-WebSocket-Version", "13, 8"), version},
      {withAnother(kAsked, "Sec-WebSocket-Version", "13"), version},
      {with(kAsked, "Upgrade", ""), upgrade},
      {with(kAsked, "Upgrade", "h2c"), upgrade},
      {with(kAsked, "Upgrade", "websocket, h2c"), upgrade},
      {with(kAsked, "Upgrade", "websocket/13"), upgrade},
      {withAnother(kAsked, "Upgrade", "websocket"), upgrade},
      {with(kAsked, "Connection", ""), upgrade},
      {with(kAsked, "Connection", "keep-alive"), upgrade},
      {with(kAsked, "Connection", "upgraded"), upgrade},
      {with(kAsked, "Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
       "websocket: an answer in a request"},
  };
  for (const auto& row : rows) EXPECT_EQ(offered(requestOf(row.fields)), row.rule);
}

TEST(WebSocketHandshake, IsAGetOfHttp11WithoutContent) {
  RequestHead post = requestOf(kAsked), old = requestOf(kAsked), loaded = requestOf(kAsked);
  post.method = Method::kPost;
  old.version_minor = 0;
  loaded.body = BodyLength::known(1);
  EXPECT_EQ(offered(post), "websocket: the method is not GET");
  EXPECT_EQ(offered(old), "websocket: not HTTP/1.1");
  EXPECT_EQ(offered(loaded), "websocket: a request with content");
  loaded.body = BodyLength::chunked();
  EXPECT_EQ(offered(loaded), "websocket: a request with content");
  loaded.body = BodyLength::known(0);
  EXPECT_EQ(offered(loaded), "dGhlIHNhbXBsZSBub25jZQ==");
}

TEST(WebSocketHandshake, ReadsSubprotocols) {
  const std::string key = "dGhlIHNhbXBsZSBub25jZQ==";
  const std::string refusal = "websocket: malformed, repeated or too many subprotocols";
  const auto subprotocols = [](const std::string& value) {
    return offered(requestOf(with(kAsked, "Sec-WebSocket-Protocol", value)));
  };
  EXPECT_EQ(subprotocols("chat"), key + " chat");
  EXPECT_EQ(subprotocols("chat, super.chat ,v1"), key + " chat super.chat v1");
  for (const char* const value :
       {"chat,", ",chat", "chat,,v1", "a b", "a;b", "chat, chat", "\"a\"", "a/b", "\xC3\xA9"}) {
    EXPECT_EQ(subprotocols(value), refusal) << value;
  }
  const Fields two =
      withAnother(with(kAsked, "Sec-WebSocket-Protocol", "a"), "sec-websocket-protocol", "b");
  EXPECT_EQ(offered(requestOf(two)), key + " a b");
  EXPECT_EQ(offered(requestOf(withAnother(two, "Sec-WebSocket-Protocol", "b"))), refusal);
}

TEST(WebSocketHandshake, ReadsExtensions) {
  const std::string key = "dGhlIHNhbXBsZSBub25jZQ==";
  const std::string refusal = "websocket: malformed or too many extensions";
  const auto extensions = [](const std::string& value) {
    return offered(requestOf(with(kAsked, "Sec-WebSocket-Extensions", value)));
  };
  EXPECT_EQ(extensions("permessage-deflate; client_max_window_bits"), key + " +permessage-deflate");
  EXPECT_EQ(extensions("foo ; bar=2 , foo;bar=\"3\";baz"), key + " +foo +foo");
  for (const char* const value :
       {",", "foo,", "foo;", "foo;=1", "foo;a=", "foo;a=\"", "foo;a=\"\"", "foo;a=\"b c\"",
        "foo;a=\"b\\\"\"", "foo bar", "foo=1", ";a", "foo;;a", "foo;a=\"b\"c"}) {
    EXPECT_EQ(extensions(value), refusal) << value;
  }
}

TEST(WebSocketHandshake, BoundsWhatIsOffered) {
  std::string subprotocols = "p", extensions = "e";
  for (std::size_t i = 1; i < limits::kWebSocketSubprotocolsMax; ++i) {
    subprotocols += ",p" + std::to_string(i);
  }
  for (std::size_t i = 1; i < limits::kWebSocketExtensionsMax; ++i) extensions += ",e";
  const auto most =
      readWebSocketUpgrade(requestOf(with(with(kAsked, "Sec-WebSocket-Protocol", subprotocols),
                                          "Sec-WebSocket-Extensions", extensions)));
  ASSERT_TRUE(most);
  EXPECT_EQ(most->subprotocols.size(), limits::kWebSocketSubprotocolsMax);
  EXPECT_EQ(most->extensions.size(), limits::kWebSocketExtensionsMax);
  EXPECT_FALSE(readWebSocketUpgrade(
      requestOf(with(kAsked, "Sec-WebSocket-Protocol", subprotocols + ",one-more"))));
  EXPECT_FALSE(
      readWebSocketUpgrade(requestOf(with(kAsked, "Sec-WebSocket-Extensions", extensions + ",e"))));
}

TEST(WebSocketHandshake, KnowsWhoAsksForIt) {
  EXPECT_TRUE(asksForWebSocket(requestOf(kAsked)));
  EXPECT_TRUE(asksForWebSocket(requestOf(with(kAsked, "Upgrade", "h2c, WEBSOCKET"))));
  EXPECT_FALSE(asksForWebSocket(requestOf(with(kAsked, "Upgrade", "h2c"))));
  RequestHead unasked = requestOf(kAsked);
  unasked.wants_upgrade = false;
  EXPECT_FALSE(asksForWebSocket(unasked));
}

TEST(WebSocketHandshake, TakesAnExtendedConnect) {
  const Fields fields = {{"sec-websocket-version", "13"}, {"sec-websocket-protocol", "a"}};
  RequestHead head = requestOf(fields);
  head.method = Method::kConnect;
  const auto offer = readWebSocketConnect(head, "websocket");
  ASSERT_TRUE(offer);
  EXPECT_EQ(offer->key, "");
  EXPECT_EQ(offer->subprotocols, std::vector<std::string_view>{"a"});
  EXPECT_FALSE(readWebSocketConnect(head, "connect-udp"));
  EXPECT_FALSE(readWebSocketConnect(head, "WebSocket"));  // RFC 8441 4: names are exact
  head.method = Method::kGet;
  EXPECT_FALSE(readWebSocketConnect(head, "websocket"));
  RequestHead bare = requestOf({});
  bare.method = Method::kConnect;
  EXPECT_FALSE(readWebSocketConnect(bare, "websocket"));
}

TEST(WebSocketHandshake, SaysWhatTheAnswerFollowsFrom) {
  EXPECT_EQ(webSocketAcceptText("dGhlIHNhbXBsZSBub25jZQ=="),
            "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
}

std::string answered(const Fields& fields, std::uint16_t status = 101) {
  ResponseHead head;
  head.status = status;
  for (const auto& [name, value] : fields) head.headers.add(name, value);
  WebSocketOffer offer;
  offer.subprotocols = {"chat", "v2"};
  offer.extensions = {"foo"};
  const auto checked = checkWebSocketAnswer(head, offer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  if (checked) return "open";
  EXPECT_EQ(checked.error().reason, Reason::kUpstreamMalformed);
  return checked.error().message;
}

TEST(WebSocketHandshake, ChecksTheAnswer) {
  const std::string accept = "websocket: accept does not follow from the key";
  const std::string other = "websocket: 101 to something else";
  const std::string twice = "websocket: two subprotocols or lists of extensions";
  const struct {
    Fields fields;
    std::string verdict;
  } rows[] = {
      {kAnswered, "open"},
      {with(kAnswered, "Upgrade", "WebSocket"), "open"},
      {with(kAnswered, "Sec-WebSocket-Protocol", "v2"), "open"},
      {with(kAnswered, "Sec-WebSocket-Extensions", "foo; bar=1"), "open"},
      {with(kAnswered, "Upgrade", ""), other},
      {with(kAnswered, "Upgrade", "h2c"), other},
      {with(kAnswered, "Connection", ""), other},
      {with(kAnswered, "Connection", "close"), other},
      {with(kAnswered, "Sec-WebSocket-Accept", ""), accept},
      {with(kAnswered, "Sec-WebSocket-Accept", "S3pPLMBiTxaQ9kYGzzhZRbK+xOo="), accept},
      {withAnother(kAnswered, "Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), accept},
      {with(kAnswered, "Sec-WebSocket-Protocol", "v3"),
       "websocket: a subprotocol that was not offered"},
      {with(kAnswered, "Sec-WebSocket-Protocol", "Chat"),
       "websocket: a subprotocol that was not offered"},
      {with(kAnswered, "Sec-WebSocket-Protocol", "chat, v2"),
       "websocket: a subprotocol that was not offered"},
      {withAnother(with(kAnswered, "Sec-WebSocket-Protocol", "v2"), "sec-websocket-protocol", "v2"),
       twice},
      {with(kAnswered, "Sec-WebSocket-Extensions", "permessage-deflate"),
       "websocket: an extension that was not offered"},
      {with(kAnswered, "Sec-WebSocket-Extensions", "foo, bar"),
       "websocket: an extension that was not offered"},
      {with(kAnswered, "Sec-WebSocket-Extensions", "foo;"), "websocket: malformed extensions"},
      {withAnother(with(kAnswered, "Sec-WebSocket-Extensions", "foo"), "sec-websocket-extensions",
                   "foo"),
       twice},
  };
  for (const auto& row : rows) EXPECT_EQ(answered(row.fields), row.verdict);
  EXPECT_EQ(answered(kAnswered, 200), "websocket: the answer is not 101 of HTTP/1.1");
}

}  // namespace
}  // namespace edgehold
