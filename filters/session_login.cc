// SPDX-License-Identifier: Apache-2.0
// session_login {platform: wechat, app_id: wx0123456789abcdef, app_secret: "${env:WX_SECRET}",
// upstream: weixin, keys: ["${env:SESSION_KEY}"], idle: 2h, absolute: 24h, single: false,
// logins_per_minute: 30, failures_per_minute: 20}: begins and ends the sessions that session_auth
// asks for. POST {"code": …} of wx.login is exchanged once at the platform and answered with a
// token; DELETE with that token ends the session. Nothing of it reaches the route's own upstream.
// Thread: any (immutable, but for the cache of an access token, which is synchronised).
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "filters/credential_field.h"
#include "filters/failure_budget.h"
#include "filters/filters.h"
#include "filters/sessions/login.h"
#include "filters/upstream_name.h"
#include "filters/value_source.h"
#include "proxy/base/limits.h"
#include "proxy/base/loop.h"
#include "proxy/base/strings.h"
#include "proxy/base/subscriber.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

class SessionLogin final : public Filter {
 public:
  struct Parts {
    LoginTerms terms;
    CredentialField field;
    FailureBudget failures;
    GcraSpec logins;
  };
  explicit SessionLogin(Parts parts) : parts_(std::move(parts)) {}

  FilterNeeds needs() const override { return {.request_body = FilterNeeds::Body::kWhole}; }

  // Refusals are verdicts, never errors: what `on_error` opens must not be open to strangers.
  Outcome onRequestHead(Exchange& exchange, Services& services) const override {
    if (exchange.is_shadow) return Verdict::proceed();  // it would spend the code
    const Method method = exchange.request.method;
    if (method != Method::kPost && method != Method::kDelete) {
      Verdict refusal = Verdict::deny(Reason::kMethodNotAllowed);
      refusal.mutableReply().headers.emplace_back("Allow", "POST, DELETE");
      return refusal;
    }
    if (auto refusal = parts_.failures.refuseGuesser(exchange, services)) {
      return *std::move(refusal);
    }
    return method == Method::kDelete ? logOut(exchange, services) : admit(exchange, services);
  }

  Outcome onRequestBody(Exchange& exchange, Services& services) const override {
    if (exchange.is_shadow) return Verdict::proceed();
    auto asked = readLogin(exchange, services);
    if (!asked) {
      parts_.failures.charge(exchange, services);
      return Verdict::deny(asked.error().reason, asked.error().message);
    }
    return startLogin(parts_.terms, *asked, exchange, services)
        .map<Result<Verdict>>([this, &exchange, &services](Result<std::string> token) {
          return answer(std::move(token), exchange, services);
        });
  }

 private:
  // Anybody can send codes, and each costs a question to the platform: so few from each address.
  Verdict admit(Exchange& exchange, Services& services) const;
  Verdict logOut(Exchange& exchange, Services& services) const;
  Result<Verdict> answer(Result<std::string> token, const Exchange& exchange,
                         Services& services) const;

  const Parts parts_;
};

Verdict SessionLogin::admit(Exchange& exchange, Services& services) const {
  const CounterKey key = services.counters.key(
      {"session.logins", parts_.terms.seal.app(), Subscriber(exchange.client.address).bytes()});
  const RateResult rate =
      services.counters.takeTokens(key, parts_.logins, 1, services.loop.clock().now());
  if (rate.is_allowed) return Verdict::proceed();
  return Verdict::deny(Reason::kRateLimited, "too many logins").byRule("logins");
}

Verdict SessionLogin::logOut(Exchange& exchange, Services& services) const {
  const auto token = parts_.field.find(exchange, limits::kSessionTokenBytesMax);
  auto session = token ? parts_.terms.seal.open(*token, exchange.started_wall)
                       : Result<Session>(fail(token.error()));
  if (!session) {
    if (session.error().reason == Reason::kCredentialsInvalid) {
      parts_.failures.charge(exchange, services);
    }
    return parts_.field.refuse(session.error());
  }
  if (auto ended = parts_.terms.store.end(*session, services); !ended) {
    return Verdict::deny(ended.error().reason, ended.error().message);
  }
  Reply reply;
  reply.status = 204;
  reply.has_body = true;
  return Verdict::respond(Reason::kAllowed, std::move(reply), "logout");
}

Result<Verdict> SessionLogin::answer(Result<std::string> token, const Exchange& exchange,
                                     Services& services) const {
  if (!token) {
    const Error& error = token.error();
    const std::uint16_t status = reasonRow(error.reason).status;
    if (status == 401 || status == 403) parts_.failures.charge(exchange, services);
    return Verdict::deny(error.reason, error.message);
  }
  Reply reply;
  reply.status = 200;
  reply.headers.emplace_back("Cache-Control", "no-store");
  reply.content_type = "application/json";
  reply.has_body = true;
  reply.body = R"({"token":")" + *token + R"(","token_type":"Bearer","expires_in":)";
  appendNumber(reply.body, static_cast<std::uint64_t>(parts_.terms.idle.count()));
  reply.body += R"(,"session_expires_in":)";
  appendNumber(reply.body, static_cast<std::uint64_t>(parts_.terms.absolute.count()));
  reply.body += '}';
  return Verdict::respond(Reason::kAllowed, std::move(reply), "login");
}

// Whole seconds of at least a minute.
std::chrono::seconds readLife(ConfigReader& config, std::string_view key, Duration otherwise,
                              Duration most) {
  const Duration life = config.duration(key, otherwise);
  if (life < 1min || life > most) {
    config.reject(key,
                  "expected at least `1m` and at most `" +
                      std::to_string(std::chrono::duration_cast<std::chrono::hours>(most).count()) +
                      "h`");
  }
  return std::chrono::duration_cast<std::chrono::seconds>(life);
}

std::unique_ptr<const Filter> make(ConfigReader& config, const FilterBuild& build) {
  constexpr std::uint64_t kLoginsDefault = 30;
  constexpr std::uint64_t kFailuresDefault = 20;
  requireWholeBody(config, "app_id", build);
  CodeExchange::Terms platform;
  platform.platform = config.choice<LoginPlatform>(
      "platform", LoginPlatform::kWechat,
      {{"wechat", LoginPlatform::kWechat}, {"wecom", LoginPlatform::kWecom}});
  const std::string app = platform.app = readAppId(config);
  platform.upstream = readUpstreamName(config, build);
  std::vector<DatedSecret> secrets = readSecrets(config, "app_secret", build);
  const bool is_single = config.boolean("single", false);
  const auto idle = readLife(config, "idle", 2h, limits::kSessionIdleMax);
  const auto absolute = readLife(config, "absolute", 24h, limits::kSessionAbsoluteMax);
  if (absolute < idle) config.reject("absolute", "is shorter than `idle`");
  const std::uint64_t logins = config.number("logins_per_minute", kLoginsDefault, 1, 1'000'000);
  SealingKeys token_keys = readSealingKeys(config, build, SessionSeal::kPurpose);
  SealingKeys record_keys = readSealingKeys(config, build, SessionStore::kPurpose);
  CredentialField field = CredentialField::read(config);
  FailureBudget failures =
      FailureBudget::read(config, "session_login.failures", app, kFailuresDefault);
  config.finish();
  return std::make_unique<SessionLogin>(
      SessionLogin::Parts{.terms = {.platform = CodeExchange(std::move(platform)),
                                    .secrets = std::move(secrets),
                                    .seal = SessionSeal(app, std::move(token_keys)),
                                    .store = SessionStore(app, std::move(record_keys), is_single),
                                    .idle = idle,
                                    .absolute = absolute,
                                    .access_token = std::make_unique<AccessTokenCache>()},
                          .field = std::move(field),
                          .failures = std::move(failures),
                          .logins = GcraSpec::per(logins, 1min, logins)});
}

}  // namespace

FilterType sessionLoginType() { return {"session_login", FilterRank::kCredentials, make}; }

}  // namespace edgehold
