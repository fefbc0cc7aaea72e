// SPDX-License-Identifier: Apache-2.0
// The steps of a login, behind login.h.
// Thread: one loop (owned by the exchange).
#include "filters/sessions/login.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "filters/channels/head_fields.h"
#include "filters/sessions/user_proof.h"
#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/base/loop.h"
#include "proxy/state/counters.h"

namespace edgehold {
namespace {

std::string_view textIn(JsonValue object, std::string_view key) {
  const auto member = object.member(key);
  return member ? member->asString().value_or(std::string_view()) : std::string_view();
}

// A code is claimed before the platform is asked, so that two who bring it are not two questions.
// Spent when it goes, unless it was given back.
class CodeClaim {
 public:
  CodeClaim(Services& services, std::string_view app, std::string_view code)
      : services_(services), key_(services.counters.key({"session.code", app, code})) {}
  CodeClaim(const CodeClaim&) = delete;
  CodeClaim& operator=(const CodeClaim&) = delete;
  ~CodeClaim() {
    if (token_ == 0) return;
    const auto spent = services_.counters.commit(key_, token_, services_.loop.clock().now(),
                                                 limits::kLoginCodeKept);
    if (spent) return;
    LogEvery(1000, WARNING) << "session_login: a code may come again: " << spent.error().message;
  }

  Result<void> take() {
    TRY_ASSIGN(const ClaimResult claim, services_.counters.claim(key_, services_.loop.clock().now(),
                                                                 limits::kFilterTimeout));
    if (claim.state != ClaimResult::State::kClaimed) {
      return fail(Reason::kLoginCodeUsed, "this code came before");
    }
    token_ = claim.token;
    return {};
  }
  void giveBack() { services_.counters.release(key_, std::exchange(token_, 0)); }

 private:
  Services& services_;
  const CounterKey key_;
  std::uint64_t token_ = 0;
};

Session newSession(const LoginTerms& terms, std::string subject, WallTime now, Random& random) {
  Session session;
  const std::array<std::uint64_t, 2> words = {random.next(), random.next()};
  static_assert(sizeof(words) == kSessionIdBytes);
  std::memcpy(session.id.data(), words.data(), sizeof(words));
  session.subject = std::move(subject);
  session.until = unixSeconds(now) + terms.absolute.count();
  session.idle_until = unixSeconds(now) + terms.idle.count();
  session.idle_seconds = static_cast<std::uint32_t>(terms.idle.count());
  return session;
}

// What was sent in the client's name must be that of the user who logs in.
Result<void> checkProofs(const LoginRequest& asked, const PlatformUser& user, std::string_view app,
                         Exchange& exchange, Services& services) {
  const ByteView key = user.session_key.reveal();
  if (!asked.signature.empty() && !provesUserInfo(asked.raw_data, key, asked.signature)) {
    return fail(Reason::kSignatureInvalid, "`rawData` is not signed in this session");
  }
  if (asked.encrypted_data.empty()) return {};
  TRY_ASSIGN(const std::string plain, openUserData({asked.encrypted_data, asked.iv}, key, app,
                                                   exchange.started_wall, services.json));
  TRY_ASSIGN(const JsonDocument document, services.json.parse(plain));
  const auto owner = document.root().member("openId");
  if (!owner || owner->asString() == user.subject) return {};
  return fail(Reason::kSignatureInvalid, "`encryptedData` is about another user");
}

// Kept by the Async that it answers.
class Login {
 public:
  Login(const LoginTerms& terms, const LoginRequest& asked, Exchange& exchange, Services& services)
      : terms_(terms),
        asked_(asked),
        exchange_(exchange),
        services_(services),
        claim_(services, terms.seal.app(), asked.code) {}

  void start(const Resolver<Result<std::string>>& resolver) {
    resolver_.emplace(resolver);
    SessionStore::sweep(services_);
    if (auto live = requireSecret(); !live) return finish(fail(std::move(live).error()));
    if (auto taken = claim_.take(); !taken) return finish(fail(std::move(taken).error()));
    if (!terms_.platform.needsAccessToken()) return exchangeCode(secret_->reveal());
    if (const auto cached = terms_.access_token->find(services_.loop.clock().now())) {
      is_token_cached_ = true;
      return exchangeCode(cached->reveal());
    }
    fetchToken();
  }

 private:
  Result<void> requireSecret() {
    TRY(requireLive(terms_.secrets, exchange_.started_wall));
    TRY(terms_.seal.requireKey(exchange_.started_wall));
    for (const DatedSecret& dated : terms_.secrets) {
      if (!dated.validity.includes(exchange_.started_wall)) continue;
      secret_ = dated.key.get();
      return {};
    }
    return fail(Reason::kSecretUnavailable);
  }

  // All questions of a login share one time: the walk gives it no more.
  void ask(CallRequest request) {
    const Duration spent = services_.loop.clock().now() - begun_;
    request.timeout = std::max<Duration>(Duration(1), limits::kCallTimeoutMax - spent);
    call_ = services_.calls->call(std::move(request));
  }

  void fetchToken() {
    ask(terms_.platform.tokenRequest(secret_->reveal()));
    call_->then([this](Result<CallAnswer> answer) {
      if (!answer) return failCall(std::move(answer).error());
      auto token = terms_.platform.readToken(*answer, services_.json);
      if (!token) return failCall(std::move(token).error());
      terms_.access_token->keep(token->text, services_.loop.clock().now(), token->lifetime);
      exchangeCode(token->text.reveal());
    });
  }

  void exchangeCode(std::string_view secret) {
    is_code_sent_ = true;
    ask(terms_.platform.codeRequest(secret, asked_.code));
    call_->then([this](Result<CallAnswer> answer) {
      if (!answer) return failCall(std::move(answer).error());
      auto user = terms_.platform.readUser(*answer, services_.json);
      if (user) return keep(*std::move(user));
      const bool is_token_old =
          user.error().reason == Reason::kSecretUnavailable && is_token_cached_;
      if (!is_token_old) return failCall(std::move(user).error());
      is_token_cached_ = false;  // the platform ended it early: once more with a new one
      terms_.access_token->forget();
      fetchToken();
    });
  }

  // A code that the platform did not judge may come again.
  void failCall(Error error) {
    const bool is_unjudged = !is_code_sent_ || error.reason == Reason::kOverloaded ||
                             error.reason == Reason::kUpstreamUnreachable ||
                             error.reason == Reason::kRateLimited ||
                             error.reason == Reason::kSecretUnavailable;
    if (is_unjudged) claim_.giveBack();
    finish(fail(std::move(error)));
  }

  void keep(PlatformUser user) {
    const auto proven = checkProofs(asked_, user, terms_.seal.app(), exchange_, services_);
    if (!proven) return finish(fail(proven.error()));
    session_ = newSession(terms_, user.subject, exchange_.started_wall, services_.random);
    keeping_ = terms_.store.keep(session_, user, services_);
    keeping_->then([this](Result<void> kept) {
      if (!kept) return finish(fail(std::move(kept).error()));
      exchange_.facts.principal = exchange_.keepFact(terms_.seal.app() + ":" + session_.subject);
      exchange_.facts.sender = exchange_.keepFact(session_.subject);
      finish(terms_.seal.seal(session_, exchange_.started_wall, services_.random));
    });
  }

  void finish(Result<std::string> token) {
    const Resolver<Result<std::string>> resolver = *resolver_;  // resolving destroys this
    resolver.resolve(std::move(token));
  }

  const LoginTerms& terms_;
  const LoginRequest asked_;
  Exchange& exchange_;
  Services& services_;
  const Instant begun_ = services_.loop.clock().now();
  CodeClaim claim_;
  const SecretString* secret_ = nullptr;
  bool is_token_cached_ = false;
  bool is_code_sent_ = false;
  Session session_;
  std::optional<Resolver<Result<std::string>>> resolver_;
  std::optional<Async<Result<CallAnswer>>> call_;
  std::optional<Async<Result<void>>> keeping_;
};

}  // namespace

Result<LoginRequest> readLogin(Exchange& exchange, Services& services) {
  if (exchange.body.size() > limits::kLoginBytesMax) return fail(Reason::kPayloadTooLarge);
  const auto& document = exchange.json(services.json);
  if (!document) return fail(document.error());
  const JsonValue root = document->root();
  const LoginRequest asked{.code = textIn(root, "code"),
                           .raw_data = textIn(root, "rawData"),
                           .signature = textIn(root, "signature"),
                           .encrypted_data = textIn(root, "encryptedData"),
                           .iv = textIn(root, "iv")};
  if (!isLoginCode(asked.code)) return fail(Reason::kLoginCodeInvalid, "`code` has no such form");
  if (asked.raw_data.empty() != asked.signature.empty() ||
      asked.encrypted_data.empty() != asked.iv.empty()) {
    return fail(Reason::kMalformedRequest,
                "`rawData` comes with `signature`, `encryptedData` with `iv`");
  }
  return asked;
}

Async<Result<std::string>> startLogin(const LoginTerms& terms, const LoginRequest& asked,
                                      Exchange& exchange, Services& services) {
  auto [answer, resolver] = Async<Result<std::string>>::make();
  const auto login = std::make_shared<Login>(terms, asked, exchange, services);
  answer.keep(login);
  login->start(resolver);
  return std::move(answer);
}

std::string readAppId(ConfigReader& config) {
  constexpr std::size_t kBytesMax = 64;
  std::string app = config.requiredText("app_id");
  if (!app.empty() && !isPlainWord(app, kBytesMax, "-_")) {
    config.reject("app_id", "expected letters, digits, `-` and `_`, at most 64");
  }
  return app;
}

}  // namespace edgehold
