// SPDX-License-Identifier: Apache-2.0
// Opens and seals. CBC has no tag: nothing is decrypted whose signature did not fit, and everything
// that the format fixes is compared.
// Thread: any (immutable).
#include "filters/channels/platform_cipher.h"

#include <array>
#include <cstring>

#include "proxy/base/base64.h"
#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

constexpr std::size_t kPadBlockBytes = 32;
constexpr std::size_t kRandomBytes = 16;
constexpr std::size_t kLengthBytes = 4;

ByteView ivOf(const AesCbcKey& key) { return key.bytes().substr(0, kAesBlockBytes); }

std::uint32_t readLength(ByteView bytes) {
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length = length << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return length;
}

void appendLength(std::string& out, std::size_t length) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(length >> shift));
}

}  // namespace

std::optional<AesCbcKey> decodeAesKey(std::string_view encoding_aes_key) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<char, 43> letters{};
  std::array<char, 32> key{};
  if (encoding_aes_key.size() != letters.size()) return std::nullopt;
  std::memcpy(letters.data(), encoding_aes_key.data(), letters.size());
  const std::size_t last = kLetters.find(letters.back());
  if (last == std::string_view::npos) return std::nullopt;
  letters.back() = kLetters[last & ~std::size_t{3}];
  const auto size = base64Decode({letters.data(), letters.size()}, Base64::kStandardUnpadded, key);
  auto made = size == key.size() ? AesCbcKey::make({key.data(), key.size()}) : std::nullopt;
  wipe(letters.data(), letters.size());
  wipe(key.data(), key.size());
  return made;
}

PlatformCipher PlatformCipher::read(ConfigReader& config, const FilterBuild& build) {
  Tokens tokens = readSecrets(config, "tokens", build);
  auto keys = readKeys<AesCbcKey>(config, "aes_keys", build,
                                  "is no EncodingAESKey: 43 letters and digits", decodeAesKey);
  if (!config.has("receive_id")) config.reject("receive_id", "required, but not given");
  return {std::move(tokens), std::move(keys), config.text("receive_id")};
}

Result<void> PlatformCipher::requireLive(WallTime now) const {
  TRY(edgehold::requireLive(tokens_, now));
  return edgehold::requireLive(keys_, now);
}

std::optional<std::string_view> PlatformCipher::decrypt(const AesCbcKey& key, ByteView cipher,
                                                        char* to) const {
  if (!key.decrypt(ivOf(key), cipher, to)) return std::nullopt;
  const auto plain = withoutPadding({to, cipher.size()}, kPadBlockBytes);
  if (!plain || plain->size() < kRandomBytes + kLengthBytes) return std::nullopt;
  const std::uint32_t length = readLength(plain->substr(kRandomBytes));
  const ByteView rest = plain->substr(kRandomBytes + kLengthBytes);
  // Of no text exchange.json() would give what it came in, which nobody signed.
  if (length == 0 || length > rest.size()) return std::nullopt;
  if (!constantTimeEqual(rest.substr(length), receive_id_)) return std::nullopt;
  return rest.substr(0, length);
}

Result<Verified> PlatformCipher::open(const SignedQuery& query, std::string_view encrypted,
                                      WallTime now, Arena& arena) const {
  const auto token = signingToken(tokens_, now, query, encrypted);
  if (!token) return fail(Reason::kSignatureInvalid);
  const std::size_t room = base64DecodedSizeMax(encrypted.size());
  char* const bytes = arena.allocate(room);
  const auto size = base64Decode(encrypted, Base64::kStandard, {bytes, room});
  // Whole blocks of the padding also keep a part of the nonce from becoming a part of this.
  if (!size || *size == 0 || *size % kPadBlockBytes != 0) {
    return fail(Reason::kSignatureInvalid, "the encrypted text has no form that it could have");
  }
  std::optional<Verified> opened;
  char* scratch = nullptr;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (scratch == nullptr) scratch = arena.allocate(*size);
    const auto text = decrypt(keys_[i].key, {bytes, *size}, scratch);
    if (!text || opened || !keys_[i].validity.includes(now)) continue;
    opened = Verified{*text, query.signed_at_ms, *token * limits::kSecretsMax + i};
    scratch = nullptr;  // the text is in it
  }
  if (!opened) return fail(Reason::kSignatureInvalid, "no key opens it for this receive id");
  return *opened;
}

PlatformCipher::Sealed PlatformCipher::seal(std::size_t key, std::string_view text,
                                            const Envelope& envelope) const {
  const AesCbcKey& aes_key = keys_[key % limits::kSecretsMax].key;
  std::string plain(envelope.random16);
  appendLength(plain, text.size());
  plain.append(text).append(receive_id_);
  const std::size_t pad = kPadBlockBytes - plain.size() % kPadBlockBytes;
  plain.append(pad, static_cast<char>(pad));
  CHECK(aes_key.encrypt(ivOf(aes_key), plain, plain.data()));
  Sealed sealed{base64Encode(plain, Base64::kStandard), {}};
  sealed.signature = hexEncode(sortedSha1({tokens_[key / limits::kSecretsMax].key->reveal(),
                                           envelope.timestamp, envelope.nonce, sealed.encrypted})
                                   .view());
  return sealed;
}

Result<PlatformCipher::SealedSample> PlatformCipher::sealSample(const SampleWish& wish,
                                                                std::string_view text,
                                                                TimeUnit unit) const {
  const auto any = [](const auto&) { return true; };
  const auto token = fittingKey(tokens_, wish.now, any);
  const auto key = fittingKey(keys_, wish.now, any);
  if (!token || !key) return fail("no secret has resolved");
  const SealRandom fresh(wish.random);
  const std::int64_t now_ms = unixMilliseconds(wish.now);
  const std::string time = std::to_string(unit == TimeUnit::kSeconds ? now_ms / 1000 : now_ms);
  Sealed sealed =
      seal(*token * limits::kSecretsMax + *key, text, {fresh.random16, time, fresh.nonce});
  return SealedSample{
      std::move(sealed.encrypted),
      "msg_signature=" + sealed.signature + "&timestamp=" + time + "&nonce=" + fresh.nonce};
}

SealRandom::SealRandom(Random& random) : nonce(randomHex(random, 1)) {
  for (int i = 0; i < 2; ++i) {
    const std::uint64_t word = random.next();
    random16.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
}

}  // namespace edgehold
