// SPDX-License-Identifier: Apache-2.0
// jwt_auth {jwks_file: keys.json, issuer: "https://id.example", audience: agent, leeway: 60s,
// principal: sub, roles: roles, header: Authorization, keep: false, failures_per_minute: 60}: only
// whom the issuer vouches for. Instead of a file, keys come from `jwks: {upstream: id, path: /…}`.
// The algorithm is the key's, never the token's own choice.
// Thread: any (immutable, but for the keys, which are synchronised).
#include <memory>
#include <string>
#include <utility>

#include "filters/credential_field.h"
#include "filters/failure_budget.h"
#include "filters/filters.h"
#include "filters/roles.h"
#include "filters/tokens/key_source.h"
#include "proxy/base/limits.h"
#include "proxy/base/loop.h"
#include "proxy/base/strings.h"
#include "proxy/crypto/jws.h"
#include "proxy/crypto/jwt_claims.h"
#include "proxy/http/grammar.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

constexpr auto kLeewayMax = 5min;

struct ClaimTerms {
  std::string issuer;
  std::string audience;
  std::chrono::seconds leeway{};
  std::string principal;  // the claim that names it
  std::string roles;      // the claim that lists them; empty: none
};

// RFC 8725 3.11: what is explicitly something else is not taken for an access token.
bool isAccessToken(std::string_view type) {
  return type.empty() || equalsIgnoreCase(type, "JWT") || equalsIgnoreCase(type, "at+jwt") ||
         equalsIgnoreCase(type, "application/at+jwt");
}

// A list of texts, or one text with blanks between them (RFC 8693 4.2). What is no name is left
// out: a role that cannot be told is none.
std::string rolesIn(JsonValue claims, std::string_view claim) {
  std::string roles;
  std::size_t count = 0;
  const auto add = [&](std::string_view role) {
    if (!isPrincipalName(role) || count >= limits::kRolesMax) return;
    if (roles.size() + 1 + role.size() > limits::kFactBytesMax) return;
    if (!roles.empty()) roles += ',';
    roles += role;
    ++count;
  };
  const auto value = claims.member(claim);
  if (!value) return roles;
  if (const auto text = value->asString()) {
    for (const std::string_view role : split(*text, ' ')) add(role);
  }
  for (const JsonValue role : value->elements()) add(role.asString().value_or(""));
  return roles;
}

class JwtAuth final : public Filter {
 public:
  JwtAuth(ClaimTerms terms, std::unique_ptr<const KeySource> keys, CredentialField field,
          FailureBudget failures)
      : terms_(std::move(terms)),
        keys_(std::move(keys)),
        field_(std::move(field)),
        failures_(std::move(failures)) {}

  // Refusals are verdicts, never errors: what `on_error` opens must not be open to strangers.
  Outcome onRequestHead(Exchange& exchange, Services& services) const override {
    if (auto refusal = failures_.refuseGuesser(exchange, services)) return *std::move(refusal);
    const Result<Jws> jws = readToken(exchange, services);
    if (!jws) return refuse(jws.error(), exchange, services);
    const Instant now = services.loop.clock().now();
    if (!keys_->takeFetch(jws->key_id, now)) {
      return judge(*jws, keys_->current(now), exchange, services);
    }
    return keys_->fetch(*services.calls, services.loop.clock())
        .map<Result<Verdict>>([this, &exchange, &services](KeySource::Keys keys) {
          const Result<Jws> again = readToken(exchange, services);
          return again ? judge(*again, keys, exchange, services)
                       : refuse(again.error(), exchange, services);
        });
  }

 private:
  Result<Jws> readToken(const Exchange& exchange, Services& services) const {
    TRY_ASSIGN(const std::string_view token, field_.find(exchange, limits::kJwsBytesMax));
    auto jws = readJws(token, services.json);
    if (!jws) return fail(Reason::kCredentialsInvalid, jws.error().message);
    return jws;
  }

  Verdict refuse(const Error& error, const Exchange& exchange, Services& services) const {
    const bool is_guess = error.reason == Reason::kCredentialsInvalid && !error.message.empty();
    if (is_guess) failures_.charge(exchange, services);
    return field_.refuse(error);
  }

  Verdict judge(const Jws& jws, const KeySource::Keys& keys, Exchange& exchange,
                Services& services) const {
    const Result<void> accepted = accept(jws, keys, exchange, services);
    if (!accepted) return refuse(accepted.error(), exchange, services);
    field_.strip(exchange);
    return Verdict::proceed();
  }

  Result<void> accept(const Jws& jws, const KeySource::Keys& keys, Exchange& exchange,
                      Services& services) const {
    const auto foreign = [](std::string message) {
      return fail(Reason::kCredentialsInvalid, std::move(message));
    };
    if (keys == nullptr)
      return fail(Reason::kSecretUnavailable, "there are no keys to verify with");
    if (const auto verified = keys->verify(jws); !verified) {
      return foreign(verified.error().message);
    }
    if (!isAccessToken(jws.type)) return foreign("the token is of another type");
    const auto document = services.json.parse(jws.payload);
    if (!document) return foreign("the token's claims are no JSON");
    const JsonValue claims = document->root();
    if (!isJwtClaim(claims, "iss", terms_.issuer)) return foreign("the token has another issuer");
    if (!isJwtFor(claims, terms_.audience)) return foreign("the token is for somebody else");
    if (const auto timely = checkJwtTimes(claims, exchange.started_wall, terms_.leeway); !timely) {
      return foreign(timely.error().message);
    }
    const auto member = claims.member(terms_.principal);
    const std::string_view principal =
        member ? member->asString().value_or(std::string_view()) : std::string_view();
    if (principal.empty() || principal.size() > limits::kFactBytesMax || !isFieldValue(principal)) {
      return foreign("the token names no principal");
    }
    exchange.facts.principal = exchange.keepFact(principal);
    if (!terms_.roles.empty()) keepRoles(exchange, rolesIn(claims, terms_.roles));
    if (exchange.request.wants_upgrade) noteEnd(claims, exchange);
    return {};
  }

  void noteEnd(JsonValue claims, Exchange& exchange) const {
    constexpr Admission::End kEnd{Reason::kCredentialsInvalid, "the token has expired"};
    if (exchange.is_shadow) return;
    exchange.admissions.push_back(std::make_unique<Admission>(jwtEnd(claims, terms_.leeway), kEnd));
  }

  const ClaimTerms terms_;
  const std::unique_ptr<const KeySource> keys_;
  const CredentialField field_;
  const FailureBudget failures_;
};

std::unique_ptr<const Filter> make(ConfigReader& config, const FilterBuild& build) {
  constexpr std::uint64_t kFailuresDefault = 60;
  ClaimTerms terms;
  terms.issuer = config.requiredText("issuer");
  terms.audience = config.requiredText("audience");
  const Duration leeway = config.duration("leeway", 60s);
  if (leeway < 0s || leeway > kLeewayMax) config.reject("leeway", "must be at most `5m`");
  terms.leeway = std::chrono::duration_cast<std::chrono::seconds>(leeway);
  terms.principal = config.text("principal", "sub");
  terms.roles = config.text("roles");
  std::unique_ptr<const KeySource> keys = KeySource::read(config, build);
  CredentialField field = CredentialField::read(config);
  FailureBudget failures =
      FailureBudget::read(config, "jwt_auth.failures", std::string(build.route), kFailuresDefault);
  config.finish();
  if (keys == nullptr) return nullptr;
  return std::make_unique<JwtAuth>(std::move(terms), std::move(keys), std::move(field),
                                   std::move(failures));
}

}  // namespace

FilterType jwtAuthType() { return {"jwt_auth", FilterRank::kCredentials, make}; }

}  // namespace edgehold
