// SPDX-License-Identifier: Apache-2.0
// A session as its client carries it: sealed, so that nobody else reads, makes or changes one, and
// verified without asking anybody. It says who and until when; what a platform said in confidence
// (session_key) is never in it.
// Thread: any (immutable).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "filters/channels/credentials.h"
#include "proxy/base/random.h"
#include "proxy/base/result.h"
#include "proxy/crypto/aead.h"
#include "proxy/state/user_sessions.h"

namespace edgehold {

// Unix seconds.
struct Session {
  std::array<char, kSessionIdBytes> id{};  // random; what is revoked
  std::string subject;                     // as the platform names the user: openid, userid
  std::int64_t until = 0;                  // it ends, whatever happens
  std::int64_t idle_until = 0;             // and before, unless the token is renewed
  std::uint32_t idle_seconds = 0;          // by so much

  ByteView idView() const { return {id.data(), id.size()}; }
  bool operator==(const Session&) const = default;
};

// Keys that seal, newest first: the first live one seals, all live ones open.
using SealingKeys = Credentials<AeadKey>;

// From the key `keys` (secret references, dated or not): 32 bytes or more each.
SealingKeys readSealingKeys(ConfigReader& config, const FilterBuild& build,
                            std::string_view purpose);
// With the key's id before it. Nothing when no key is live or the library fails.
std::optional<std::string> sealWithKeys(const SealingKeys& keys, WallTime now, ByteView text,
                                        ByteView bound, Random& random);
std::optional<SecretString> openWithKeys(const SealingKeys& keys, WallTime now, ByteView sealed,
                                         ByteView bound);

class SessionSeal {
 public:
  // Tokens of one `app` (its id at the platform) mean nothing to another.
  SessionSeal(std::string app, SealingKeys keys) : app_(std::move(app)), keys_(std::move(keys)) {}
  static constexpr std::string_view kPurpose = "edgehold session token";

  // `ehs_` and base64url. Errors: kSecretUnavailable.
  Result<std::string> seal(const Session& session, WallTime now, Random& random) const;
  // Errors: kSecretUnavailable, kCredentialsInvalid for what is no token of ours, kSessionExpired.
  Result<Session> open(std::string_view token, WallTime now) const;

  const std::string& app() const { return app_; }
  // Of a token, used by a rate or a claim of this app.
  Result<void> requireKey(WallTime now) const { return requireLive(keys_, now); }

 private:
  std::string app_;
  SealingKeys keys_;
};

}  // namespace edgehold
