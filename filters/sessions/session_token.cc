// SPDX-License-Identifier: Apache-2.0
// Sealed sessions, behind session_token.h.
// Thread: any (immutable).
#include "filters/sessions/session_token.h"

#include <cstring>
#include <utility>

#include "proxy/base/base64.h"
#include "proxy/base/limits.h"

namespace edgehold {
namespace {

constexpr std::string_view kPrefix = "ehs_";
constexpr char kVersion = 1;

// version | id | until | idle_until | idle_seconds | subject, numbers as they lie in memory.
constexpr std::size_t kFixedBytes = 1 + kSessionIdBytes + 8 + 8 + 4;

template <class Number>
void put(std::string& out, Number number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof number);
}

template <class Number>
Number take(ByteView& rest) {
  Number number;
  std::memcpy(&number, rest.data(), sizeof number);
  rest.remove_prefix(sizeof number);
  return number;
}

std::string encode(const Session& session) {
  std::string text(1, kVersion);
  text.append(session.idView());
  put(text, session.until);
  put(text, session.idle_until);
  put(text, session.idle_seconds);
  return text.append(session.subject);
}

// What is sealed is ours, but may be of another version of this program.
std::optional<Session> decode(ByteView text) {
  if (text.size() <= kFixedBytes || text.size() > kFixedBytes + kSessionSubjectBytesMax) {
    return std::nullopt;
  }
  if (take<char>(text) != kVersion) return std::nullopt;
  Session session;
  session.id = take<std::array<char, kSessionIdBytes>>(text);
  session.until = take<std::int64_t>(text);
  session.idle_until = take<std::int64_t>(text);
  session.idle_seconds = take<std::uint32_t>(text);
  session.subject = text;
  return session;
}

}  // namespace

SealingKeys readSealingKeys(ConfigReader& config, const FilterBuild& build,
                            std::string_view purpose) {
  static_assert(limits::kSessionKeyBytesLeast == 32, "the message below says so");
  return readKeys<AeadKey>(config, "keys", build,
                           "a key has 32 bytes or more, such as `openssl rand -hex 32` makes",
                           [purpose](ByteView secret) -> std::optional<AeadKey> {
                             if (secret.size() < limits::kSessionKeyBytesLeast) return std::nullopt;
                             return AeadKey(secret, purpose);
                           });
}

std::optional<std::string> sealWithKeys(const SealingKeys& keys, WallTime now, ByteView text,
                                        ByteView bound, Random& random) {
  for (const Credential<AeadKey>& one : keys) {
    if (!one.validity.includes(now)) continue;
    auto sealed = one.key.seal(text, bound, random);
    if (sealed) sealed->insert(0, one.key.id());
    return sealed;
  }
  return std::nullopt;
}

std::optional<SecretString> openWithKeys(const SealingKeys& keys, WallTime now, ByteView sealed,
                                         ByteView bound) {
  const ByteView id = sealed.substr(0, kAeadKeyIdBytes);
  for (const Credential<AeadKey>& one : keys) {
    if (one.key.id() != id || !one.validity.includes(now)) continue;
    if (auto opened = one.key.open(sealed.substr(kAeadKeyIdBytes), bound)) return opened;
  }
  return std::nullopt;
}

Result<std::string> SessionSeal::seal(const Session& session, WallTime now, Random& random) const {
  std::string plain = encode(session);
  const auto sealed = sealWithKeys(keys_, now, plain, app_, random);
  wipe(plain.data(), plain.size());
  if (!sealed) return fail(Reason::kSecretUnavailable, "no key seals sessions now");
  std::string token(kPrefix);
  appendBase64(token, *sealed, Base64::kUrlUnpadded);
  return token;
}

Result<Session> SessionSeal::open(std::string_view token, WallTime now) const {
  TRY(requireKey(now));
  const auto foreign = [] { return fail(Reason::kCredentialsInvalid, "no session of this app"); };
  if (!token.starts_with(kPrefix) || token.size() > limits::kSessionTokenBytesMax) return foreign();
  const auto sealed = base64Decode(token.substr(kPrefix.size()), Base64::kUrlUnpadded);
  if (!sealed) return foreign();
  const auto plain = openWithKeys(keys_, now, *sealed, app_);
  if (!plain) return foreign();
  auto session = decode(plain->reveal());
  if (!session) return foreign();
  const std::int64_t second = unixSeconds(now);
  if (second >= session->until || second >= session->idle_until) {
    return fail(Reason::kSessionExpired, "the session ran out");
  }
  return *std::move(session);
}

}  // namespace edgehold
