// SPDX-License-Identifier: Apache-2.0
// How WeCom, WeChat and DingTalk encrypt (their WXBizMsgCrypt and DingCallbackCrypto): AES-256-CBC
// with the key's first block as IV over random16 ‖ length32be ‖ text ‖ receive id, padded to 32
// bytes, in base64, signed as signed_query.h says. The vendors' own decryptors take any padding and
// any length; this one does not, nor a text of nothing.
// Thread: any (immutable).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "filters/channels/channel.h"
#include "filters/channels/credentials.h"
#include "filters/channels/signed_query.h"
#include "proxy/base/arena.h"
#include "proxy/base/config_reader.h"
#include "proxy/base/random.h"
#include "proxy/base/result.h"
#include "proxy/crypto/aes_cbc.h"
#include "proxy/exchange/sample.h"

namespace edgehold {

class PlatformCipher {
 public:
  PlatformCipher(Tokens tokens, Credentials<AesCbcKey> keys, std::string receive_id)
      : tokens_(std::move(tokens)), keys_(std::move(keys)), receive_id_(std::move(receive_id)) {}
  // From `tokens`, `aes_keys` and `receive_id`. The last one may be empty and must be written, as
  // it is who the text is meant for.
  static PlatformCipher read(ConfigReader& config, const FilterBuild& build);

  Result<void> requireLive(WallTime now) const;

  const Tokens& tokens() const { return tokens_; }

  // Verifies, then decrypts to a text in the arena. Its `key` says which token and which AES key.
  // Errors: kSignatureInvalid.
  Result<Verified> open(const SignedQuery& query, std::string_view encrypted, WallTime now,
                        Arena& arena) const;

  struct Envelope {
    std::string_view random16, timestamp, nonce;
  };
  struct Sealed {
    std::string encrypted, signature;
  };
  // REQUIRES: `key` came from open(); sixteen bytes of random16.
  Sealed seal(std::size_t key, std::string_view text, const Envelope& envelope) const;

  // What a platform would send now, with the first live keys. Errors: no live keys.
  struct SealedSample {
    std::string encrypted, query;
  };
  Result<SealedSample> sealSample(const SampleWish& wish, std::string_view text,
                                  TimeUnit unit) const;

 private:
  // The text within what `key` decrypts to `to`, which has room for `cipher`.
  std::optional<std::string_view> decrypt(const AesCbcKey& key, ByteView cipher, char* to) const;

  const Tokens tokens_;
  const Credentials<AesCbcKey> keys_;
  const std::string receive_id_;
};

// The key that an EncodingAESKey stands for: 43 letters of base64 for 256 bits, of which the last
// has two bits more that mean nothing and need not be zero.
std::optional<AesCbcKey> decodeAesKey(std::string_view encoding_aes_key);

// The bytes that a text is encrypted and a nonce is made of.
struct SealRandom {
  explicit SealRandom(Random& random);
  std::string random16;
  std::string nonce;
};

}  // namespace edgehold
