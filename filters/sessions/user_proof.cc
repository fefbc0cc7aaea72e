// SPDX-License-Identifier: Apache-2.0
// Proofs of user data, behind user_proof.h.
// Thread: any (stateless).
#include "filters/sessions/user_proof.h"

#include <array>
#include <chrono>
#include <optional>

#include "filters/channels/head_fields.h"
#include "proxy/base/base64.h"
#include "proxy/crypto/aes_cbc.h"
#include "proxy/crypto/digest.h"
#include "proxy/crypto/hmac.h"

namespace edgehold {
namespace {

bool equalsHex(std::string_view text, ByteView bytes) {
  std::array<char, kDigestBytesMax> decoded{};
  if (text.size() != 2 * bytes.size()) return false;
  if (!decodeHexInto(text, std::span(decoded.data(), bytes.size()))) return false;
  return constantTimeEqual({decoded.data(), bytes.size()}, bytes);
}

Result<std::string> decrypt(const EncryptedUserData& sent, std::string_view session_key) {
  const auto foreign = [] { return fail(Reason::kSignatureInvalid, "user data does not decrypt"); };
  std::array<char, kAesBlockBytes> key_bytes;
  std::array<char, kAesBlockBytes> iv;
  if (!decodeBase64Into(session_key, Base64::kStandard, key_bytes)) return foreign();
  const auto key = AesCbcKey::make({key_bytes.data(), key_bytes.size()});
  wipe(key_bytes.data(), key_bytes.size());
  std::optional<std::string> text = base64Decode(sent.text, Base64::kStandard);
  if (!key || !text || !decodeBase64Into(sent.iv, Base64::kStandard, iv)) return foreign();
  if (!key->decrypt({iv.data(), iv.size()}, *text, text->data())) return foreign();
  const auto plain = withoutPadding(*text, kAesBlockBytes);
  if (!plain) return foreign();
  text->resize(plain->size());
  return *std::move(text);
}

}  // namespace

bool isSessionKey(std::string_view text) {
  std::array<char, kAesBlockBytes> bytes;
  const bool is_one = decodeBase64Into(text, Base64::kStandard, bytes);
  wipe(bytes.data(), bytes.size());
  return is_one;
}

bool provesUserInfo(ByteView raw, std::string_view session_key, std::string_view signature) {
  Digest digest(DigestKind::kSha1);
  digest.update(raw);
  digest.update(session_key);
  return equalsHex(signature, digest.finish().view());
}

bool provesPost(ByteView posted, std::string_view session_key, std::string_view signature) {
  return equalsHex(signature, HmacKey(DigestKind::kSha256, session_key).sign(posted).view());
}

Result<std::string> openUserData(const EncryptedUserData& sent, std::string_view session_key,
                                 std::string_view app, WallTime now, JsonPool& json) {
  auto plain = decrypt(sent, session_key);
  if (!plain) return plain;
  const auto document = json.parse(*plain);
  // CBC proves nothing: what does not read as the platform writes it was not encrypted by it.
  if (!document) return fail(Reason::kSignatureInvalid, "user data is no JSON");
  const auto watermark = document->root().member("watermark");
  const auto owner = watermark ? watermark->member("appid") : std::nullopt;
  if (!owner || owner->asString() != app) {
    return fail(Reason::kSignatureInvalid, "user data of another app");
  }
  const auto second = watermark->member("timestamp");
  const auto written = second ? second->asInt() : std::nullopt;
  const std::int64_t window = std::chrono::seconds(kWatermarkWindow).count();
  const std::int64_t present = unixSeconds(now);
  if (!written || *written < present - window || *written > present + window) {
    return fail(Reason::kTimestampOutsideWindow, "user data is not fresh");
  }
  return plain;
}

}  // namespace edgehold
