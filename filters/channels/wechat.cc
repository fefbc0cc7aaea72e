// SPDX-License-Identifier: Apache-2.0
// WeChat official accounts and the message push of mini programs, {encryption: plain|safe, format:
// xml|json}. In safe mode everything is encrypted and only `msg_signature` counts; `signature`,
// which comes too, does not cover the body. In plain mode that is all there is, so that one
// signature is good for one body. The mixed mode of the platform sends each message both ways and
// is refused: nobody could say which one an upstream reads.
// Thread: any (immutable).
#include "filters/channels/channel.h"
#include "filters/channels/form.h"
#include "filters/channels/head_fields.h"
#include "filters/channels/known_events.h"
#include "filters/channels/platform_cipher.h"
#include "filters/channels/replies.h"
#include "filters/channels/wechat_message.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

// No window is documented. Three retries, five seconds apart.
const ChannelTraits kTraits = {
    .window = 300s, .retry_horizon = 1h, .known_events = known_events::kWechat, .takes_get = true};
constexpr QueryForm kPlainQuery = {.signature = "signature"};
constexpr QueryForm kSafeQuery = {.signature = "msg_signature"};

bool isSetUp(const Exchange& exchange) { return exchange.request.method == Method::kGet; }

class WechatChannel : public Channel {
 public:
  WechatChannel(MessageFormat format, bool signs_body) : format_(format), signs_body_(signs_body) {}

  const ChannelTraits& traits() const override { return kTraits; }

  Result<Received> read(Exchange& exchange, const Verified& verified,
                        Services& services) const override {
    const std::string_view query = exchange.request.target.query;
    if (isSetUp(exchange)) return echo(exchange);
    TRY_ASSIGN(Received received,
               readMessage(exchange, services, verified.text, {.format = format_}));
    TRY_ASSIGN(const auto openid, onlyParameter(query, "openid"));  // not signed
    if (openid && *openid != received.event.sender) {
      return fail(Reason::kMalformedRequest, "`openid` is not who sent the message");
    }
    if (!signs_body_) {
      TRY_ASSIGN(received.credential, credentialOf(exchange));
    }
    return received;
  }

  std::optional<Reply> acknowledge(const Exchange& /*exchange*/,
                                   Random& /*random*/) const override {
    return emptyReply();
  }

 protected:
  // Signed without a body: set-up in either mode, everything in plain mode.
  static Result<Verified> verifyPlain(const Tokens& tokens, const Exchange& exchange) {
    TRY_ASSIGN(const SignedQuery query,
               readSignedQuery(exchange.request.target.query, kPlainQuery));
    const auto token = signingToken(tokens, exchange.started_wall, query, {});
    if (!token) return fail(Reason::kSignatureInvalid);
    return Verified{exchange.body.view(), query.signed_at_ms, *token};
  }
  // `encrypt_type` is `wanted`, or absent where nothing is.
  static Result<void> checkEncryption(const Exchange& exchange, bool is_wanted) {
    TRY_ASSIGN(const auto type, onlyParameter(exchange.request.target.query, "encrypt_type"));
    if ((type.value_or("raw") == "aes") == is_wanted) return {};
    return fail(Reason::kSignatureInvalid, "`encrypt_type` is not that of this mode");
  }

  const MessageFormat format_;

 private:
  // In one spelling: hexadecimal digits have two cases.
  static Result<std::string_view> credentialOf(Exchange& exchange) {
    TRY_ASSIGN(const SignedQuery query,
               readSignedQuery(exchange.request.target.query, kPlainQuery));
    return exchange.arena.copy(hexEncode(query.signatureView()));
  }
  // Nobody signed `echostr`, so what is echoed must not be able to become a page.
  static Result<Received> echo(Exchange& exchange) {
    TRY_ASSIGN(const auto text, onlyParameter(exchange.request.target.query, "echostr"));
    if (!text || !isPlainWord(*text, 64, "_-")) {
      return fail(Reason::kMalformedRequest, "`echostr` is no plain word");
    }
    Received received;
    received.event.type = "url_verify";
    received.handshake = textReply(std::string(*text));
    TRY_ASSIGN(received.credential, credentialOf(exchange));  // or it would sign a message, too
    return received;
  }

  const bool signs_body_;
};

class PlainWechat final : public WechatChannel {
 public:
  PlainWechat(ConfigReader& config, const FilterBuild& build, MessageFormat format)
      : WechatChannel(format, false), tokens_(readSecrets(config, "tokens", build)) {}

  Result<void> checkHead(const Exchange& exchange) const override {
    TRY(requireLive(tokens_, exchange.started_wall));
    TRY(checkEncryption(exchange, false));
    TRY(readSignedQuery(exchange.request.target.query, kPlainQuery));
    return {};
  }
  Result<Verified> verify(Exchange& exchange, Services& /*services*/) const override {
    return verifyPlain(tokens_, exchange);
  }
  Result<SampleRequest> sample(const SampleWish& wish) const override {
    const auto* const token = firstLive(tokens_, wish.now);
    if (token == nullptr) return fail("no secret has resolved");
    const std::string time = std::to_string(unixSeconds(wish.now));
    const std::string nonce = randomHex(wish.random, 1);
    SampleRequest request;
    request.query =
        "signature=" + hexEncode(sortedSha1({(*token)->reveal(), time, nonce, {}}).view()) +
        "&timestamp=" + time + "&nonce=" + nonce;
    request.headers = {{"Content-Type", "text/xml"}};
    request.body = wish.body.empty() ? sampleMessage(wish) : wish.body;
    return request;
  }

 private:
  const Tokens tokens_;
};

class SafeWechat final : public WechatChannel {
 public:
  SafeWechat(ConfigReader& config, const FilterBuild& build, MessageFormat format)
      : WechatChannel(format, true), cipher_(PlatformCipher::read(config, build)) {}

  Result<void> checkHead(const Exchange& exchange) const override {
    TRY(cipher_.requireLive(exchange.started_wall));
    const bool is_set_up = isSetUp(exchange);
    if (!is_set_up) TRY(checkEncryption(exchange, true));
    TRY(readSignedQuery(exchange.request.target.query, is_set_up ? kPlainQuery : kSafeQuery));
    return {};
  }
  Result<Verified> verify(Exchange& exchange, Services& services) const override {
    if (isSetUp(exchange)) return verifyPlain(cipher_.tokens(), exchange);
    TRY_ASSIGN(const SignedQuery query, readSignedQuery(exchange.request.target.query, kSafeQuery));
    TRY_ASSIGN(
        const std::string_view encrypted,
        encryptedOf(exchange, services,
                    {.format = format_, .name = "Encrypt", .names = {"Encrypt", "ToUserName"}}));
    return cipher_.open(query, encrypted, exchange.started_wall, exchange.arena);
  }
  Result<SampleRequest> sample(const SampleWish& wish) const override {
    const std::string text = wish.body.empty() ? sampleMessage(wish) : wish.body;
    TRY_ASSIGN(auto sealed, cipher_.sealSample(wish, text, kSafeQuery.unit));
    SampleRequest request;
    request.query = "encrypt_type=aes&" + sealed.query;
    request.headers = {{"Content-Type", "text/xml"}};
    request.body = "<xml><ToUserName><![CDATA[SAMPLE]]></ToUserName><Encrypt><![CDATA[" +
                   sealed.encrypted + "]]></Encrypt></xml>";
    return request;
  }

 private:
  const PlatformCipher cipher_;
};

std::unique_ptr<const Channel> make(ConfigReader& config, const FilterBuild& build) {
  const auto format = config.choice<MessageFormat>(
      "format", MessageFormat::kAny,
      {{"any", MessageFormat::kAny}, {"xml", MessageFormat::kXml}, {"json", MessageFormat::kJson}});
  const std::string encryption = config.text("encryption");
  if (encryption == "plain") return std::make_unique<PlainWechat>(config, build, format);
  if (encryption != "safe") {
    config.reject("encryption",
                  "needs `safe` or `plain`; the platform's mixed mode is not taken, as "
                  "what it sends beside the encrypted text is not signed");
  }
  return std::make_unique<SafeWechat>(config, build, format);
}

}  // namespace

ChannelDialect wechatDialect() { return {"wechat", make}; }

}  // namespace edgehold
