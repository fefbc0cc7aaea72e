// SPDX-License-Identifier: Apache-2.0
// session_auth {app_id: wx0123456789abcdef, keys: ["${env:SESSION_KEY}"], header: X-Session,
// keep: false, failures_per_minute: 60}: only sessions that session_login began, that have not run
// out and were not ended. Nobody is asked: the token says it, sealed. One that has used up a
// quarter of its idle time is renewed with the upstream's answer (`X-Edgehold-Session`).
// Thread: any (immutable).
#include <algorithm>
#include <string>
#include <utility>

#include "filters/credential_field.h"
#include "filters/failure_budget.h"
#include "filters/filters.h"
#include "filters/sessions/login.h"
#include "filters/sessions/session_store.h"
#include "filters/sessions/session_token.h"
#include "proxy/base/limits.h"
#include "proxy/base/loop.h"

namespace edgehold {
namespace {

class SessionAuth final : public Filter {
 public:
  SessionAuth(SessionSeal seal, CredentialField field, FailureBudget failures)
      : seal_(std::move(seal)), field_(std::move(field)), failures_(std::move(failures)) {}

  // Refusals are verdicts, never errors: what `on_error` opens must not be open to strangers.
  Outcome onRequestHead(Exchange& exchange, Services& services) const override {
    if (auto refusal = failures_.refuseGuesser(exchange, services)) return *std::move(refusal);
    const Result<Session> session = verify(exchange, services);
    if (!session) {
      const Error& error = session.error();
      const bool is_guess = error.reason == Reason::kCredentialsInvalid && !error.message.empty();
      if (is_guess) failures_.charge(exchange, services);
      return field_.refuse(error);
    }
    field_.strip(exchange);
    exchange.facts.principal = exchange.keepFact(seal_.app() + ":" + session->subject);
    exchange.facts.sender = exchange.keepFact(session->subject);
    if (exchange.is_shadow) return Verdict::proceed();
    renew(*session, exchange, services);
    if (exchange.request.wants_upgrade) {
      exchange.admissions.push_back(admissionOf(seal_.app(), *session));
    }
    return Verdict::proceed();
  }

  void onResponseHead(Exchange& exchange, ResponseHead& head) const override {
    if (exchange.renewed_token.empty()) return;
    head.headers.add("X-Edgehold-Session", exchange.renewed_token);
    head.headers.set("Cache-Control", "no-store");  // it is for one client alone
  }

 private:
  Result<Session> verify(const Exchange& exchange, Services& services) const {
    TRY(seal_.requireKey(exchange.started_wall));
    TRY_ASSIGN(const std::string_view token, field_.find(exchange, limits::kSessionTokenBytesMax));
    TRY_ASSIGN(Session session, seal_.open(token, exchange.started_wall));
    if (isRevoked(seal_.app(), session, services)) {
      return fail(Reason::kSessionExpired, "the session was ended");
    }
    return session;
  }

  // Without a new token the old one still counts until its time: no reason to refuse.
  void renew(const Session& session, Exchange& exchange, Services& services) const {
    const std::int64_t now = unixSeconds(exchange.started_wall);
    const std::int64_t idle = session.idle_seconds;
    const std::int64_t next = std::min(session.until, now + idle);
    if (next - session.idle_until < idle / 4) return;
    Session renewed = session;
    renewed.idle_until = next;
    const auto token = seal_.seal(renewed, exchange.started_wall, services.random);
    if (token) exchange.renewed_token = exchange.arena.copy(*token);
  }

  const SessionSeal seal_;
  const CredentialField field_;
  const FailureBudget failures_;
};

std::unique_ptr<const Filter> make(ConfigReader& config, const FilterBuild& build) {
  constexpr std::uint64_t kFailuresDefault = 60;
  std::string app = readAppId(config);
  SealingKeys keys = readSealingKeys(config, build, SessionSeal::kPurpose);
  CredentialField field = CredentialField::read(config);
  FailureBudget failures =
      FailureBudget::read(config, "session_auth.failures", app, kFailuresDefault);
  config.finish();
  return std::make_unique<SessionAuth>(SessionSeal(std::move(app), std::move(keys)),
                                       std::move(field), std::move(failures));
}

}  // namespace

FilterType sessionAuthType() { return {"session_auth", FilterRank::kCredentials, make}; }

}  // namespace edgehold
