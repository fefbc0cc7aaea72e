// SPDX-License-Identifier: Apache-2.0
// WeCom (Enterprise WeChat): `wecom`, the XML of an app's callbacks, and `wecom_bot`, the JSON of
// an AI bot's (developer.work.weixin.qq.com 90930, 100719, 101033). Both encrypt everything; the
// envelope's ToUserName and AgentID are nobody's word and are not looked at. The set-up request
// (GET) wants to be told what its `echostr` decrypts to: a decryption oracle for whoever saw an
// event, so only a plain word is told, which no event is.
// Thread: any (immutable).
#include "filters/channels/channel.h"
#include "filters/channels/form.h"
#include "filters/channels/head_fields.h"
#include "filters/channels/json_facts.h"
#include "filters/channels/known_events.h"
#include "filters/channels/platform_cipher.h"
#include "filters/channels/replies.h"
#include "filters/channels/wechat_message.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

// No window is documented; a nonce is not used twice in two hours. Three retries, at once.
const ChannelTraits kAppTraits = {
    .window = 300s, .retry_horizon = 1h, .known_events = known_events::kWecom, .takes_get = true};
const ChannelTraits kBotTraits = {.window = 300s,
                                  .retry_horizon = 1h,
                                  .known_events = known_events::kWecomBot,
                                  .takes_get = true};
constexpr QueryForm kQuery = {.signature = "msg_signature"};

// What both have in common.
class WecomChannel : public Channel {
 public:
  WecomChannel(ConfigReader& config, const FilterBuild& build)
      : cipher_(PlatformCipher::read(config, build)) {}

  Result<void> checkHead(const Exchange& exchange) const override {
    TRY(cipher_.requireLive(exchange.started_wall));
    TRY(readSignedQuery(exchange.request.target.query, kQuery));
    return {};
  }

  Result<Verified> verify(Exchange& exchange, Services& services) const override {
    TRY_ASSIGN(const SignedQuery query, readSignedQuery(exchange.request.target.query, kQuery));
    TRY_ASSIGN(const std::string_view encrypted,
               isSetUp(exchange) ? echoText(exchange) : encryptedText(exchange, services));
    return cipher_.open(query, encrypted, exchange.started_wall, exchange.arena);
  }

  Result<Received> read(Exchange& exchange, const Verified& verified,
                        Services& services) const override {
    return isSetUp(exchange) ? echo(verified.text) : readEvent(exchange, verified, services);
  }

  std::optional<Reply> acknowledge(const Exchange& /*exchange*/,
                                   Random& /*random*/) const override {
    return emptyReply();
  }

 protected:
  const PlatformCipher& cipher() const { return cipher_; }
  virtual Result<std::string_view> encryptedText(Exchange& exchange, Services& services) const = 0;
  virtual Result<Received> readEvent(Exchange& exchange, const Verified& verified,
                                     Services& services) const = 0;

 private:
  static bool isSetUp(const Exchange& exchange) { return exchange.request.method == Method::kGet; }
  static Result<std::string_view> echoText(Exchange& exchange) {
    TRY_ASSIGN(const auto echo,
               onlyDecoded(exchange.request.target.query, "echostr", exchange.arena));
    if (!echo) return fail(Reason::kMalformedRequest, "no `echostr`");
    return *echo;
  }
  static Result<Received> echo(std::string_view text) {
    if (!isPlainWord(text, 64, "_-")) {
      return fail(Reason::kMalformedRequest, "`echostr` decrypts to no plain word");
    }
    Received received;
    received.event.type = "url_verify";
    received.handshake = textReply(std::string(text));
    return received;
  }

  const PlatformCipher cipher_;
};

class WecomApp final : public WecomChannel {
 public:
  using WecomChannel::WecomChannel;
  const ChannelTraits& traits() const override { return kAppTraits; }

  Result<SampleRequest> sample(const SampleWish& wish) const override {
    const std::string text = wish.body.empty() ? sampleMessage(wish) : wish.body;
    TRY_ASSIGN(auto sealed, cipher().sealSample(wish, text, kQuery.unit));
    SampleRequest request;
    request.query = std::move(sealed.query);
    request.headers = {{"Content-Type", "text/xml"}};
    request.body = "<xml><ToUserName><![CDATA[SAMPLE]]></ToUserName><Encrypt><![CDATA[" +
                   sealed.encrypted + "]]></Encrypt><AgentID><![CDATA[1]]></AgentID></xml>";
    return request;
  }

 private:
  Result<std::string_view> encryptedText(Exchange& exchange, Services& services) const override {
    return encryptedOf(exchange, services,
                       {.format = MessageFormat::kXml,
                        .name = "Encrypt",
                        .names = {"Encrypt", "ToUserName", "AgentID"}});
  }
  Result<Received> readEvent(Exchange& exchange, const Verified& verified,
                             Services& services) const override {
    return readMessage(exchange, services, verified.text,
                       {.format = MessageFormat::kXml, .has_change_type = true});
  }
};

class WecomBot final : public WecomChannel {
 public:
  using WecomChannel::WecomChannel;
  const ChannelTraits& traits() const override { return kBotTraits; }

  Result<SampleRequest> sample(const SampleWish& wish) const override {
    std::string text = wish.body;
    if (text.empty()) {
      text = R"({"msgid":")" + randomHex(wish.random, 2) +
             R"(","aibotid":"SAMPLE","chattype":"single","from":{"userid":"SAMPLE"},)" +
             R"("msgtype":"text","text":{"content":"hello"}})";
    }
    TRY_ASSIGN(auto sealed, cipher().sealSample(wish, text, kQuery.unit));
    SampleRequest request;
    request.query = std::move(sealed.query);
    request.headers = {{"Content-Type", "application/json"}};
    request.body = R"({"encrypt":")" + sealed.encrypted + "\"}";
    return request;
  }

 private:
  Result<std::string_view> encryptedText(Exchange& exchange, Services& services) const override {
    return encryptedOf(exchange, services,
                       {.format = MessageFormat::kJson, .name = "encrypt", .names = {"encrypt"}});
  }
  Result<Received> readEvent(Exchange& exchange, const Verified& verified,
                             Services& services) const override {
    TRY_ASSIGN(const JsonFacts message, objectFacts(exchange, services));
    Received received;
    ChannelEvent& event = received.event;
    event.type = message.fact({"msgtype"});
    if (event.type == "event") event.type = message.fact({"event", "eventtype"});
    event.id = message.id({"msgid"});
    if (event.id.empty()) event.id = hashFact(exchange, verified.text);
    if (message.string({"chattype"}) == "group") event.group = message.fact({"chatid"});
    event.sender = message.fact({"from", "userid"});
    event.timestamp_ms = message.time({"create_time"});
    if (event.type == "stream") {
      TRY_ASSIGN(received.digest, askingOf(exchange));
    }
    return received;
  }
  // The platform asks for the rest of an answer again and again, for minutes. Each asking counts,
  // and no two have the same signature.
  static Result<std::string_view> askingOf(Exchange& exchange) {
    TRY_ASSIGN(const SignedQuery query, readSignedQuery(exchange.request.target.query, kQuery));
    return exchange.arena.copy(hexEncode(query.signatureView()));
  }
};

template <class Kind>
std::unique_ptr<const Channel> make(ConfigReader& config, const FilterBuild& build) {
  return std::make_unique<Kind>(config, build);
}

}  // namespace

ChannelDialect wecomDialect() { return {"wecom", make<WecomApp>}; }
ChannelDialect wecomBotDialect() { return {"wecom_bot", make<WecomBot>}; }

}  // namespace edgehold
