// SPDX-License-Identifier: Apache-2.0
// Whatever WeCom, WeChat and DingTalk may have encrypted: what opens is exactly what seal() writes,
// so that each text has one form. The first byte says how the rest is taken:
//   E  the encrypted text as it came
//   P  what it decrypts to, in whole blocks
// Thread: main only.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "filters/channels/platform_cipher.h"
#include "proxy/base/base64.h"
#include "proxy/base/log.h"

namespace edgehold {
namespace {

constexpr std::string_view kToken = "fuzztoken";
constexpr std::string_view kAesKey = "ZnV6emZ1enpmdXp6ZnV6emZ1enpmdXp6ZnV6emZ1eno";
constexpr std::string_view kReceiveId = "corp";
constexpr std::string_view kTime = "1700000000";
constexpr std::string_view kNonce = "n0nce";
constexpr std::size_t kTextAt = 20;  // behind random16 and the length

class CipherInput {
 public:
  CipherInput() : key_(*decodeAesKey(kAesKey)), cipher_(makeCipher()) {}

  void open(std::string_view encrypted) const {
    Arena arena;
    const auto opened = cipher_.open(signedQuery(encrypted), encrypted, WallTime{}, arena);
    const auto plain = decrypted(encrypted);
    const bool is_sealed = plain && isSealed(*plain, encrypted);
    CHECK(is_sealed == static_cast<bool>(opened)) << encrypted;
    if (opened) CHECK(opened->text == plain->substr(kTextAt, opened->text.size()));
  }
  // The padding alone, of either block size that platforms use.
  void openPlain(std::string plain) const {
    plain.resize(plain.size() / kAesBlockBytes * kAesBlockBytes);
    for (const std::size_t block : {kAesBlockBytes, 2 * kAesBlockBytes}) checkPadding(plain, block);
    if (plain.empty()) return;
    CHECK(key_.encrypt(iv(), plain, plain.data()));
    open(base64Encode(plain, Base64::kStandard));
  }

 private:
  static PlatformCipher makeCipher() {
    Tokens tokens;
    tokens.push_back({std::make_shared<const SecretString>(kToken), {}});
    Credentials<AesCbcKey> keys;
    keys.push_back({*decodeAesKey(kAesKey), {}});
    return {std::move(tokens), std::move(keys), std::string(kReceiveId)};
  }
  ByteView iv() const { return key_.bytes().substr(0, kAesBlockBytes); }

  static SignedQuery signedQuery(std::string_view encrypted) {
    SignedQuery query;
    const DigestBytes digest = sortedSha1({kToken, kTime, kNonce, encrypted});
    digest.view().copy(query.signature.data(), query.signature.size());
    query.timestamp = kTime;
    query.nonce = kNonce;
    return query;
  }
  std::optional<std::string> decrypted(std::string_view encrypted) const {
    std::string plain(base64DecodedSizeMax(encrypted.size()), '\0');
    const auto size = base64Decode(encrypted, Base64::kStandard, plain);
    if (!size) return std::nullopt;
    plain.resize(*size);
    if (!key_.decrypt(iv(), plain, plain.data())) return std::nullopt;
    return plain;
  }
  // Some text, sealed, gives this.
  bool isSealed(std::string_view plain, std::string_view encrypted) const {
    if (plain.size() < kTextAt) return false;
    std::size_t length = 0;
    for (const char byte : plain.substr(kAesBlockBytes, 4)) {
      length = length << 8 | static_cast<unsigned char>(byte);
    }
    if (length == 0 || length > plain.size() - kTextAt) return false;
    const auto sealed = cipher_.seal(0, plain.substr(kTextAt, length),
                                     {plain.substr(0, kAesBlockBytes), kTime, kNonce});
    return sealed.encrypted == encrypted;
  }
  static void checkPadding(std::string_view plain, std::size_t block) {
    const auto text = withoutPadding(plain, block);
    if (!text) return;
    const std::size_t pad = plain.size() - text->size();
    CHECK(pad >= 1 && pad <= block);
    CHECK(plain == std::string(*text) + std::string(pad, static_cast<char>(pad)));
  }

  const AesCbcKey key_;
  const PlatformCipher cipher_;
};

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const edgehold::CipherInput input;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (text.starts_with('E')) input.open(text.substr(1));
  if (text.starts_with('P')) input.openPlain(std::string(text.substr(1)));
  return 0;
}
