// SPDX-License-Identifier: Apache-2.0
// Questions to login platforms and their answers, behind code_exchange.h.
// Thread: any (immutable).
#include "filters/sessions/code_exchange.h"

#include <array>
#include <utility>

#include "filters/channels/head_fields.h"
#include "filters/sessions/session_token.h"
#include "filters/sessions/user_proof.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

// A parameter's value, whatever it holds (RFC 3986 2.1).
void appendEscaped(std::string& out, std::string_view value) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (const char c : value) {
    if (isPlainWord({&c, 1}, 1, "-_.~")) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 0xF];
  }
}

CallRequest callTo(const std::string& upstream, std::string_view path,
                   std::initializer_list<std::pair<std::string_view, std::string_view>> query) {
  CallRequest call;
  call.upstream = upstream;
  call.target = path;
  char separator = '?';
  for (const auto& [name, value] : query) {
    call.target += std::exchange(separator, '&');
    call.target.append(name) += '=';
    appendEscaped(call.target, value);
  }
  return call;
}

// What the platforms' codes mean to whoever logs in.
struct PlatformCode {
  std::int64_t code;
  Reason reason;
};
constexpr std::array kCodes = {
    PlatformCode{-1, Reason::kOverloaded},            // the platform is busy
    PlatformCode{40001, Reason::kSecretUnavailable},  // our secret or access token is wrong
    PlatformCode{40013, Reason::kSecretUnavailable},  // our appid is
    PlatformCode{40014, Reason::kSecretUnavailable},
    PlatformCode{40029, Reason::kLoginCodeInvalid},
    PlatformCode{40125, Reason::kSecretUnavailable},
    PlatformCode{40163, Reason::kLoginCodeUsed},
    PlatformCode{40226, Reason::kLoginRefused},  // a user that the platform holds for a risk
    PlatformCode{41002, Reason::kSecretUnavailable},
    PlatformCode{41004, Reason::kSecretUnavailable},
    PlatformCode{42001, Reason::kSecretUnavailable},  // the access token ran out
    PlatformCode{45009, Reason::kRateLimited},
    PlatformCode{45011, Reason::kRateLimited},
};

Error errorOf(std::int64_t code) {
  Error error{Reason::kUpstreamMalformed, "the platform answered errcode " + std::to_string(code)};
  for (const PlatformCode& known : kCodes) {
    if (known.code == code) error.reason = known.reason;
  }
  return error;
}

std::string_view textIn(JsonValue object, std::string_view key) {
  const auto member = object.member(key);
  return member ? member->asString().value_or(std::string_view()) : std::string_view();
}

// The answer's object, if it is a success.
Result<JsonDocument> readAnswer(const CallAnswer& answer, JsonPool& json) {
  if (answer.status != 200) {
    return fail(Reason::kUpstreamMalformed,
                "the platform answered status " + std::to_string(answer.status));
  }
  auto document = json.parse(answer.body);
  if (!document || document->root().kind() != JsonKind::kObject) {
    return fail(Reason::kUpstreamMalformed, "the platform answered no JSON object");
  }
  if (const auto member = document->root().member("errcode")) {
    const auto code = member->asInt();
    if (!code) return fail(Reason::kUpstreamMalformed, "the platform's errcode is no number");
    if (*code != 0) return fail(errorOf(*code));
  }
  return document;
}

}  // namespace

bool isLoginCode(std::string_view code) {
  return isPlainWord(code, limits::kLoginCodeBytesMax, "-_");
}

CallRequest CodeExchange::codeRequest(std::string_view secret, std::string_view code) const {
  constexpr std::string_view kGrant = "authorization_code";
  if (terms_.platform == LoginPlatform::kWecom) {
    return callTo(terms_.upstream, "/cgi-bin/miniprogram/jscode2session",
                  {{"access_token", secret}, {"js_code", code}, {"grant_type", kGrant}});
  }
  return callTo(
      terms_.upstream, "/sns/jscode2session",
      {{"appid", terms_.app}, {"secret", secret}, {"js_code", code}, {"grant_type", kGrant}});
}

Result<PlatformUser> CodeExchange::readUser(const CallAnswer& answer, JsonPool& json) const {
  TRY_ASSIGN(const JsonDocument document, readAnswer(answer, json));
  const JsonValue root = document.root();
  const bool is_wecom = terms_.platform == LoginPlatform::kWecom;
  const std::string_view corp = textIn(root, "corpid");
  if (is_wecom && !corp.empty() && corp != terms_.app) {
    return fail(Reason::kLoginRefused, "the user belongs to another corporation");
  }
  const std::string_view subject = textIn(root, is_wecom ? "userid" : "openid");
  const std::string_view key = textIn(root, "session_key");
  if (!isPlainWord(subject, kSessionSubjectBytesMax, "-_.@") || !isSessionKey(key)) {
    return fail(Reason::kUpstreamMalformed, "the platform's answer names no user and key");
  }
  const std::string_view union_id = textIn(root, "unionid");
  if (!union_id.empty() && !isPlainWord(union_id, kSessionSubjectBytesMax, "-_")) {
    return fail(Reason::kUpstreamMalformed, "the platform's `unionid` has no such form");
  }
  return PlatformUser{std::string(subject), std::string(union_id), SecretString(key)};
}

CallRequest CodeExchange::tokenRequest(std::string_view secret) const {
  return callTo(terms_.upstream, "/cgi-bin/gettoken",
                {{"corpid", terms_.app}, {"corpsecret", secret}});
}

Result<CodeExchange::AccessToken> CodeExchange::readToken(const CallAnswer& answer,
                                                          JsonPool& json) const {
  TRY_ASSIGN(const JsonDocument document, readAnswer(answer, json));
  const std::string_view text = textIn(document.root(), "access_token");
  const auto member = document.root().member("expires_in");
  const auto lifetime = member ? member->asInt() : std::nullopt;
  constexpr std::int64_t kDay = 24 * 60 * 60;
  if (text.empty() || !lifetime || *lifetime <= 0 || *lifetime > kDay) {
    return fail(Reason::kUpstreamMalformed, "the platform's answer has no access token");
  }
  return AccessToken{SecretString(text), std::chrono::seconds(*lifetime)};
}

}  // namespace edgehold
