// SPDX-License-Identifier: Apache-2.0
// Feishu and Lark, with an encrypt key (larksuite node-sdk; without one nothing is signed, so it is
// required). The signature is a plain SHA-256 behind a key: whoever saw one can sign the same body
// with more bytes behind it, which the strict parser of the outer JSON refuses. Of the encrypted
// text, which may not be empty, the token and the application are compared too, of the set-up
// request as of events.
// Thread: any (immutable).
#include <array>
#include <string>

#include "filters/channels/channel.h"
#include "filters/channels/credentials.h"
#include "filters/channels/head_fields.h"
#include "filters/channels/json_facts.h"
#include "filters/channels/known_events.h"
#include "filters/channels/platform_cipher.h"
#include "filters/channels/replies.h"
#include "filters/grammar.h"
#include "proxy/crypto/aes_cbc.h"
#include "proxy/crypto/digest.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using Signature = std::array<char, 32>;

const FieldName kSignatureField("X-Lark-Signature");
const FieldName kTimestampField("X-Lark-Request-Timestamp");
const FieldName kNonceField("X-Lark-Request-Nonce");
constexpr std::size_t kNonceBytesMax = 64;
constexpr std::size_t kChallengeBytesMax = 256;

// No window is documented. It comes again after 15 s, 5 min, 1 h and 6 h, signed anew.
const ChannelTraits kTraits = {
    .window = 300s, .retry_horizon = 8h, .known_events = known_events::kFeishu};

struct EncryptKey {
  SecretString secret;  // what is signed with
  AesCbcKey aes;        // its digest
};

std::optional<EncryptKey> keyFrom(ByteView secret) {
  DigestBytes digest = digestOf(DigestKind::kSha256, secret);
  auto aes = AesCbcKey::make(digest.view());
  wipe(digest.bytes.data(), digest.size);
  if (!aes) return std::nullopt;
  return EncryptKey{SecretString(secret), *std::move(aes)};
}

// Where the two versions of events say the same. Of messages the first paths of `group` and
// `sender` are true; other events name who acted, and where, by the others.
struct Schema {
  JsonPath token, app_id, type, id, time;
  std::initializer_list<JsonPath> group, sender;
};

class FeishuChannel final : public Channel {
 public:
  using VerificationTokens = Credentials<std::shared_ptr<const SecretString>>;
  FeishuChannel(Credentials<EncryptKey> keys, VerificationTokens tokens, std::string app_id)
      : keys_(std::move(keys)), tokens_(std::move(tokens)), app_id_(std::move(app_id)) {}

  const ChannelTraits& traits() const override { return kTraits; }

  Result<void> checkHead(const Exchange& exchange) const override {
    TRY(requireLive(keys_, exchange.started_wall));
    TRY(requireLive(tokens_, exchange.started_wall));
    TRY(readHead(exchange));
    return {};
  }

  Result<Verified> verify(Exchange& exchange, Services& services) const override {
    TRY_ASSIGN(const Head head, readHead(exchange));
    const auto key = fittingKey(keys_, exchange.started_wall, [&](const EncryptKey& one) {
      return constantTimeEqual(signatureOf(one, head, exchange.body.view()).view(),
                               {head.signature.data(), head.signature.size()});
    });
    if (!key) return fail(Reason::kSignatureInvalid);
    TRY_ASSIGN(const std::string_view text, decrypt(keys_[*key].key.aes, exchange, services));
    return Verified{text, parseTimestamp(head.time, TimeUnit::kSeconds), *key};
  }

  Result<Received> read(Exchange& exchange, const Verified& verified,
                        Services& services) const override {
    TRY_ASSIGN(const JsonFacts message, objectFacts(exchange, services));
    if (message.string({"type"}) == "url_verification") return challenge(exchange, message);
    if (message.has({"header"})) {
      return readEvent(exchange, message, verified,
                       {.token = {"header", "token"},
                        .app_id = {"header", "app_id"},
                        .type = {"header", "event_type"},
                        .id = {"header", "event_id"},
                        .time = {"header", "create_time"},
                        .group = {{"event", "message", "chat_id"},
                                  {"event", "chat_id"},                  // chats
                                  {"event", "context", "open_chat_id"},  // cards
                                  {"event", "open_chat_id"}},
                        .sender = {{"event", "sender", "sender_id", "open_id"},
                                   {"event", "operator_id", "open_id"},              // chats
                                   {"event", "operator", "open_id"},                 // cards
                                   {"event", "operator", "operator_id", "open_id"},  // menus
                                   {"event", "user_id", "open_id"},                  // reactions
                                   {"event", "reader", "reader_id", "open_id"},
                                   {"event", "open_id"}}});
    }
    return readEvent(exchange, message, verified,
                     {.token = {"token"},
                      .app_id = {"event", "app_id"},
                      .type = {"event", "type"},
                      .id = {"uuid"},
                      .time = {"ts"},
                      .group = {{"event", "open_chat_id"}, {"event", "chat_id"}},
                      .sender = {{"event", "open_id"},
                                 {"event", "operator", "open_id"},
                                 {"event", "operator_open_id"}}});
  }

  Result<SampleRequest> sample(const SampleWish& wish) const override {
    const EncryptKey* const key = firstLive(keys_, wish.now);
    const auto* const token = firstLive(tokens_, wish.now);
    if (key == nullptr || token == nullptr) return fail("no secret has resolved");
    const std::string text = wish.body.empty() ? sampleEvent(wish, (*token)->reveal()) : wish.body;
    std::string plain(text);
    plain.append(padding(text.size()), static_cast<char>(padding(text.size())));
    const SealRandom fresh(wish.random);
    if (!key->aes.encrypt(fresh.random16, plain, plain.data())) return fail("cannot encrypt");
    SampleRequest request;
    request.body =
        R"({"encrypt":")" + base64Encode(fresh.random16 + plain, Base64::kStandard) + "\"}";
    const std::string time = std::to_string(unixSeconds(wish.now));
    const DigestBytes signature = signatureOf(*key, {time, fresh.nonce, {}}, request.body);
    request.headers = {{"Content-Type", "application/json"},
                       {"X-Lark-Request-Timestamp", time},
                       {"X-Lark-Request-Nonce", fresh.nonce},
                       {"X-Lark-Signature", hexEncode(signature.view())}};
    return request;
  }

  std::optional<Reply> acknowledge(const Exchange& /*exchange*/,
                                   Random& /*random*/) const override {
    return jsonReply("{}");
  }

 private:
  struct Head {
    std::string_view time, nonce;
    Signature signature;
  };
  static Result<Head> readHead(const Exchange& exchange) {
    Head head;
    TRY_ASSIGN(const std::string_view text, signatureField(exchange, kSignatureField));
    if (!decodeHexInto(text, head.signature)) {
      return fail(Reason::kSignatureInvalid, "the signature is not 64 hexadecimal digits");
    }
    TRY_ASSIGN(head.time, timestampField(exchange, kTimestampField, 10));
    TRY_ASSIGN(head.nonce, signatureField(exchange, kNonceField));
    if (isPlainWord(head.nonce, kNonceBytesMax, "_-")) return head;
    return fail(Reason::kSignatureInvalid, "the nonce is no plain word");
  }

  static DigestBytes signatureOf(const EncryptKey& key, const Head& head, ByteView body) {
    Digest digest(DigestKind::kSha256);
    for (const ByteView piece : {head.time, head.nonce, key.secret.reveal(), body}) {
      digest.update(piece);
    }
    return digest.finish();
  }
  static std::size_t padding(std::size_t size) { return kAesBlockBytes - size % kAesBlockBytes; }
  std::string sampleEvent(const SampleWish& wish, std::string_view token) const {
    std::string text = R"({"schema":"2.0","header":{"event_id":")" + randomHex(wish.random, 2);
    text.append(R"(","event_type":"im.message.receive_v1","create_time":")");
    text.append(std::to_string(unixMilliseconds(wish.now))).append(R"(","token":)");
    appendJsonString(text, token);
    text.append(R"(,"app_id":)");
    appendJsonString(text, app_id_);
    return text.append(R"(},"event":{"sender":{"sender_id":{"open_id":"SAMPLE"}},)"
                       R"("message":{"chat_id":"SAMPLE","message_type":"text"}}})");
  }

  // base64 of one block that is the IV, and of what is padded to whole blocks (RFC 5652 6.3).
  static Result<std::string_view> decrypt(const AesCbcKey& key, Exchange& exchange,
                                          Services& services) {
    // Not exchange.json(): that is for what it decrypts to.
    TRY_ASSIGN(const JsonDocument document, services.json.parse(exchange.body.view()));
    const auto member = document.root().member("encrypt");
    const auto encrypted = member ? member->asString() : std::nullopt;
    if (!encrypted) return fail(Reason::kSignatureInvalid, "the body is not encrypted");
    const std::size_t room = base64DecodedSizeMax(encrypted->size());
    char* const bytes = exchange.arena.allocate(room);
    const auto size = base64Decode(*encrypted, Base64::kStandard, {bytes, room});
    if (!size || *size <= kAesBlockBytes) return fail(Reason::kSignatureInvalid, "no base64");
    const ByteView iv(bytes, kAesBlockBytes);
    char* const text = bytes + kAesBlockBytes;
    const std::size_t text_size = *size - kAesBlockBytes;
    const auto plain = key.decrypt(iv, {text, text_size}, text)
                           ? withoutPadding({text, text_size}, kAesBlockBytes)
                           : std::nullopt;
    // Of no text exchange.json() would give what it came in.
    if (!plain || plain->empty()) {
      return fail(Reason::kSignatureInvalid, "the key does not open it, or it is empty");
    }
    return *plain;
  }

  Result<void> checkToken(const Exchange& exchange, const JsonFacts& message, JsonPath path) const {
    const std::string_view token = message.string(path).value_or("");
    const auto fitting = fittingKey(tokens_, exchange.started_wall, [&](const auto& one) {
      return constantTimeEqual(one->reveal(), token);
    });
    if (fitting) return {};
    return fail(Reason::kSignatureInvalid, "the token is not ours");
  }

  Result<Received> challenge(const Exchange& exchange, const JsonFacts& message) const {
    TRY(checkToken(exchange, message, {"token"}));
    const std::string_view text = message.string({"challenge"}).value_or("");
    if (text.empty() || text.size() > kChallengeBytesMax) {
      return fail(Reason::kMalformedRequest, "no `challenge`, or a long one");
    }
    std::string body = R"({"challenge":)";
    appendJsonString(body, text);
    Received received;
    received.event.type = "url_verification";
    received.handshake = jsonReply(body.append("}"));
    return received;
  }

  Result<Received> readEvent(Exchange& exchange, const JsonFacts& message, const Verified& verified,
                             const Schema& schema) const {
    TRY(checkToken(exchange, message, schema.token));
    if (message.string(schema.app_id) != app_id_) {
      return fail(Reason::kSignatureInvalid, "the application is not ours");
    }
    Received received;
    ChannelEvent& event = received.event;
    event.type = message.fact(schema.type);
    event.id = message.id(schema.id);
    if (event.id.empty()) event.id = hashFact(exchange, verified.text);
    event.group = message.firstFact(schema.group);
    event.sender = message.firstFact(schema.sender);
    event.timestamp_ms = message.time(schema.time);
    return received;
  }

  const Credentials<EncryptKey> keys_;
  const VerificationTokens tokens_;
  const std::string app_id_;
};

std::unique_ptr<const Channel> make(ConfigReader& config, const FilterBuild& build) {
  auto keys =
      readKeys<EncryptKey>(config, "encrypt_keys", build, "is no key to encrypt with", keyFrom);
  auto tokens = readSecrets(config, "verification_tokens", build);
  return std::make_unique<FeishuChannel>(std::move(keys), std::move(tokens),
                                         config.requiredText("app_id"));
}

}  // namespace

ChannelDialect feishuDialect() { return {"feishu", make}; }

}  // namespace edgehold
