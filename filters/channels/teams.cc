// SPDX-License-Identifier: Apache-2.0
// Bots of Teams and of the Bot Framework's other channels (MicrosoftDocs/bot-docs, "authenticate
// requests from the Bot Connector"): a token of the connector, about the sender and nothing of the
// body. So a key must speak for the body's channel, the token must name the body's service, and an
// activity's id counts with its first body only; for each bot, as two of one conversation are told
// the same activity in two bodies. The document wants 403 for what fails. The keys
// roll: they come from `jwks: {upstream: …, path: /v1/.well-known/keys}`, or from a `jwks_file`.
// Thread: any (immutable, but for the keys, which are synchronised).
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "filters/channels/channel.h"
#include "filters/channels/head_fields.h"
#include "filters/channels/replies.h"
#include "filters/channels/sample_key.h"
#include "filters/channels/teams_activity.h"
#include "filters/tokens/key_source.h"
#include "proxy/base/base64.h"
#include "proxy/base/json_tree.h"
#include "proxy/base/loop.h"
#include "proxy/crypto/jwks.h"
#include "proxy/crypto/jws.h"
#include "proxy/crypto/jwt_claims.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

const FieldName kAuthorization("Authorization");
constexpr std::string_view kScheme = "Bearer ";
constexpr std::string_view kIssuer = "https://api.botframework.com";
constexpr auto kLeeway = 300s;
constexpr auto kSampleLife = 600s;  // no longer than a test lasts: it is good for any body

// Longer than a token lives, which is an hour and its leeway.
const ChannelTraits kTraits = {.retry_horizon = 2h, .known_events = known_events::kTeams};

// Whom tokens are for, who issues them, with which keys.
struct Connector {
  std::string app_id, issuer;
  std::unique_ptr<const KeySource> keys;
};

std::string base64Url(ByteView bytes) { return base64Encode(bytes, Base64::kUrlUnpadded); }

std::string jsonString(std::string_view text) {
  std::string out;
  appendJsonString(out, text);
  return out;
}

// As an entry of the key set says it, so that it can be put there.
std::string jwkOf(const SigningKey& key, std::string_view channel) {
  const auto half = key.publicHalf();
  return R"({"kty":"RSA","kid":"sample","n":")" + base64Url(half.bytes) + R"(","e":")" +
         base64Url(half.exponent) + R"(","endorsements":[)" + jsonString(channel) + "]}";
}

class TeamsChannel final : public Channel {
 public:
  explicit TeamsChannel(Connector connector) : connector_(std::move(connector)) {}

  const ChannelTraits& traits() const override { return kTraits; }

  Result<void> checkHead(const Exchange& exchange) const override {
    TRY(readToken(exchange));
    return {};
  }

  // What is no token of the connector's form asks nobody.
  Attempt attempt(Exchange& exchange, Services& services) const override {
    const Result<Jws> jws = readConnectorJws(exchange, services);
    if (!jws) return Result<Verified>(fail(jws.error()));
    const Clock& clock = services.loop.clock();
    if (!connector_.keys->takeFetch(jws->key_id, clock.now())) {
      return verifyBy(*jws, exchange, services);
    }
    return connector_.keys->fetch(*services.calls, clock)
        .map<Prepared>([](const KeySource::Keys& /*kept*/) { return Prepared{}; });
  }

  Result<Verified> verify(Exchange& exchange, Services& services) const override {
    TRY_ASSIGN(const Jws jws, readConnectorJws(exchange, services));
    return verifyBy(jws, exchange, services);
  }

  Result<Received> read(Exchange& exchange, const Verified& /*verified*/,
                        Services& services) const override {
    TRY_ASSIGN(const JsonFacts body, objectFacts(exchange, services));
    Received received;
    received.event = activityEvent(body);
    received.digest = received.event.group;  // ids are of one conversation
    if (received.event.id.empty()) return fail(Reason::kEventMissing, "no `id`");
    received.credential = exchange.arena.join(
        {connector_.app_id, "\n", received.event.id, "\n", received.event.group});
    return received;
  }

  Result<SampleRequest> sample(const SampleWish& wish) const override {
    SampleRequest request;
    request.body = wish.body.empty() ? sampleActivity(wish) : wish.body;
    TRY_ASSIGN(const Json::Value body, parseJsonTree(request.body));
    const std::string service = textMember(body, "serviceUrl");
    if (service.empty()) return fail("the body has no `serviceUrl`, which its token must name");
    TRY_ASSIGN(const SigningKey* const key, sampleKey(wish, JwsAlgorithm::kRs256, "RSA"));
    const KeySource::Keys keys = connector_.keys->current({});
    if (keys == nullptr) {
      return fail(
          "only a running edgehold fetches keys: for the time of the test configure a "
          "`jwks_file` of them and of your own");
    }
    TRY_ASSIGN(const Jwk* const entry, entryOf(*key, *keys, textMember(body, "channelId")));
    TRY_ASSIGN(const std::string token, sampleToken(wish, *key, entry->id, service));
    request.headers = {{"Content-Type", "application/json"},
                       {kAuthorization.text(), std::string(kScheme) + token}};
    return request;
  }
  bool takesSigningKey() const override { return true; }

  Verdict refuse(Error error) const override {
    const Reason reason = error.reason;
    Verdict verdict = Verdict::deny(reason, std::move(error.message));
    if (reasonRow(reason).status == 401) verdict.mutableReply().status = 403;
    return verdict;
  }
  std::optional<Reply> acknowledge(const Exchange& /*exchange*/,
                                   Random& /*random*/) const override {
    return emptyReply();
  }

 private:
  static Result<std::string_view> readToken(const Exchange& exchange) {
    TRY_ASSIGN(const std::string_view text, signatureField(exchange, kAuthorization));
    if (equalsIgnoreCase(text.substr(0, kScheme.size()), kScheme)) {
      return text.substr(kScheme.size());
    }
    return fail(Reason::kSignatureInvalid, "`Authorization` is of another scheme");
  }

  static Result<Jws> readConnectorJws(const Exchange& exchange, Services& services) {
    TRY_ASSIGN(const std::string_view token, readToken(exchange));
    TRY_ASSIGN(Jws jws, readJws(token, services.json));
    if (jws.algorithm == JwsAlgorithm::kRs256) return jws;
    return fail(Reason::kSignatureInvalid, "the connector signs by RS256 only");
  }

  Result<Verified> verifyBy(const Jws& jws, Exchange& exchange, Services& services) const {
    const KeySource::Keys keys = connector_.keys->current(services.loop.clock().now());
    if (keys == nullptr) {
      return fail(Reason::kSecretUnavailable, "there are no keys to verify with");
    }
    TRY_ASSIGN(const Jwk* const key, keys->verify(jws));
    const auto claims = services.json.parse(jws.payload);
    if (!claims) return fail(Reason::kSignatureInvalid, "the token's payload is no JSON");
    TRY(checkClaims(claims->root(), exchange.started_wall));
    TRY(checkBody(claims->root(), *key, exchange, services));
    return Verified{exchange.body.view(), {}, 0};
  }

  Result<void> checkClaims(JsonValue claims, WallTime now) const {
    if (!isJwtClaim(claims, "iss", connector_.issuer)) {
      return fail(Reason::kSignatureInvalid, "the token is of another issuer");
    }
    if (!isJwtFor(claims, connector_.app_id)) {
      return fail(Reason::kSignatureInvalid, "the token is for another bot");
    }
    return checkJwtTimes(claims, now, kLeeway);
  }

  Result<std::string> sampleToken(const SampleWish& wish, const SigningKey& key,
                                  std::string_view key_id, std::string_view service) const {
    const std::int64_t now = unixSeconds(wish.now);
    const std::string header = R"({"alg":"RS256","typ":"JWT","kid":)" + jsonString(key_id) + "}";
    const std::string claims = R"({"iss":)" + jsonString(connector_.issuer) + R"(,"aud":)" +
                               jsonString(connector_.app_id) + R"(,"serviceurl":)" +
                               jsonString(service) + R"(,"nbf":)" + std::to_string(now) +
                               R"(,"exp":)" + std::to_string(now + kSampleLife.count()) + "}";
    const std::string text = base64Url(header) + "." + base64Url(claims);
    const auto signature = key.sign(text);
    if (!signature) return fail("cannot sign");
    return text + "." + base64Url(*signature);
  }

  // The entry of `keys` that `key` is the private half of, if it speaks for `channel`.
  static Result<const Jwk*> entryOf(const SigningKey& key, const Jwks& keys,
                                    std::string_view channel) {
    constexpr std::string_view kProbe = "sample";
    const auto signature = key.sign(kProbe);
    if (!signature) return fail("cannot sign");
    for (const Jwk& one : keys.keys()) {
      const bool is_fitting =
          one.key.algorithm() == key.algorithm() && one.key.verify(kProbe, *signature);
      if (!is_fitting) continue;
      if (speaksFor(one, channel)) return &one;
      return fail("the key `" + one.id + "` does not speak for " + jsonString(channel) +
                  ": list that in its `endorsements`");
    }
    return fail(
        "the signing key fits none of `jwks_file`: for the time of the test put it among "
        "its `keys` as " +
        jwkOf(key, channel));
  }

  static bool speaksFor(const Jwk& key, std::string_view channel) {
    const auto& endorsed = key.endorsements;
    return std::find(endorsed.begin(), endorsed.end(), channel) != endorsed.end();
  }

  static Result<void> checkBody(JsonValue claims, const Jwk& key, Exchange& exchange,
                                Services& services) {
    TRY_ASSIGN(const JsonFacts body, objectFacts(exchange, services));
    const std::string_view service = body.string({"serviceUrl"}).value_or("");
    if (service.empty() || !isJwtClaim(claims, "serviceurl", service)) {
      return fail(Reason::kSignatureInvalid, "the token is of another service than the body");
    }
    const std::string_view channel = body.string({"channelId"}).value_or("");
    if (speaksFor(key, channel)) return {};
    return fail(Reason::kSignatureInvalid, "the token's key does not speak for the channel");
  }

  const Connector connector_;
};

std::unique_ptr<const Channel> make(ConfigReader& config, const FilterBuild& build) {
  Connector connector;
  connector.app_id = config.requiredText("app_id");
  connector.issuer = config.text("issuer", kIssuer);
  connector.keys = KeySource::read(config, build);
  if (connector.keys == nullptr) return nullptr;
  return std::make_unique<TeamsChannel>(std::move(connector));
}

}  // namespace

ChannelDialect teamsDialect() { return {"teams", make}; }

}  // namespace edgehold
