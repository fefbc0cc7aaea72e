// SPDX-License-Identifier: Apache-2.0
// How a platform exchanges a login code for a user: what is asked, and what its answers mean.
// Thread: any (immutable).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/json.h"
#include "proxy/base/result.h"
#include "proxy/crypto/secret.h"
#include "proxy/exchange/call_desk.h"

namespace edgehold {

enum class LoginPlatform : std::uint8_t {
  kWechat,  // GET /sns/jscode2session?appid&secret&js_code&grant_type
  kWecom,   // GET /cgi-bin/miniprogram/jscode2session?access_token&js_code&grant_type
};

// Who logged in.
struct PlatformUser {
  std::string subject;  // openid, userid
  std::string union_id;
  SecretString session_key;  // its text
};

// Letters, digits, `-` and `_`, as platforms make them: it goes into a query as it is.
bool isLoginCode(std::string_view code);

class CodeExchange {
 public:
  struct Terms {
    LoginPlatform platform = LoginPlatform::kWechat;
    std::string app;       // appid; for WeCom the corpid
    std::string upstream;  // that is the platform
  };
  explicit CodeExchange(Terms terms) : terms_(std::move(terms)) {}

  const Terms& terms() const { return terms_; }
  bool needsAccessToken() const { return terms_.platform == LoginPlatform::kWecom; }

  // `secret` is the app's (WeChat) or an access token (WeCom). REQUIRES: isLoginCode(code).
  CallRequest codeRequest(std::string_view secret, std::string_view code) const;
  // Errors: kLoginCodeInvalid, kLoginCodeUsed, kLoginRefused, kRateLimited, kOverloaded (ask
  // again), kSecretUnavailable (what we authenticate with is refused), kUpstreamMalformed.
  Result<PlatformUser> readUser(const CallAnswer& answer, JsonPool& json) const;

  // WeCom: an access token for a corpsecret.
  CallRequest tokenRequest(std::string_view secret) const;
  struct AccessToken {
    SecretString text;
    std::chrono::seconds lifetime{};
  };
  Result<AccessToken> readToken(const CallAnswer& answer, JsonPool& json) const;

 private:
  const Terms terms_;
};

}  // namespace edgehold
