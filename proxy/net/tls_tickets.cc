// SPDX-License-Identifier: Apache-2.0
// Rotation and OpenSSL's contexts behind tls_tickets.h.
// Thread: any (synchronised by mutex_).
#include "proxy/net/tls_tickets.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "proxy/base/file.h"
#include "proxy/base/limits.h"

namespace edgehold {
namespace {

bool prepareMac(EVP_MAC_CTX* mac, const std::array<unsigned char, 32>& key) {
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key.data()),
                                        key.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end(),
  };
  return EVP_MAC_CTX_set_params(mac, params) == 1;
}

void fill(Random& random, unsigned char* out, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random.next();
    std::memcpy(out + at, &word, std::min(sizeof word, bytes - at));
  }
}

}  // namespace

Result<std::shared_ptr<TicketKeys>> TicketKeys::make(const TicketSpec& spec) {
  static const SystemClock kClock;
  if (spec.keys_file.empty()) return std::make_shared<TicketKeys>(kClock, spec.rotation);
  static_assert(sizeof(Key) == 80, "a key of the file");
  TRY_ASSIGN(std::string bytes, readFile(spec.keys_file, limits::kTicketKeysMax * sizeof(Key)));
  if (bytes.empty() || bytes.size() % sizeof(Key) != 0) {
    OPENSSL_cleanse(bytes.data(), bytes.size());
    return fail("ticket keys `" + spec.keys_file + "`: expected 80 random bytes for each key");
  }
  std::vector<Key> keys(bytes.size() / sizeof(Key));
  std::memcpy(keys.data(), bytes.data(), bytes.size());
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return std::shared_ptr<TicketKeys>(new TicketKeys(std::move(keys)));
}

TicketKeys::TicketKeys(const Clock& clock, Duration rotation)
    : clock_(&clock), rotation_(rotation) {
  keys_.push_back(newKey());
  made_ = clock.now();
}

TicketKeys::TicketKeys(std::vector<Key> keys) : keys_(std::move(keys)) {}

TicketKeys::~TicketKeys() {
  for (Key& key : keys_) wipe(key);
}

bool TicketKeys::isFor(const TicketSpec& spec) const {
  return clock_ != nullptr && spec.keys_file.empty() && spec.rotation == rotation_;
}

TicketKeys::Key TicketKeys::newKey() {
  Key key;
  fill(random_, key.name.data(), key.name.size());
  fill(random_, key.cipher.data(), key.cipher.size());
  fill(random_, key.mac.data(), key.mac.size());
  return key;
}

void TicketKeys::wipe(Key& key) { OPENSSL_cleanse(&key, sizeof key); }

void TicketKeys::rotate() {
  if (clock_ == nullptr) return;
  const Duration age = clock_->now() - made_;
  if (age < rotation_) return;
  // A key opens for one interval after it has sealed for one, however rarely somebody asks.
  const std::size_t kept = age < 2 * rotation_ ? 1 : 0;
  for (std::size_t i = kept; i < keys_.size(); ++i) wipe(keys_[i]);
  keys_.resize(kept);
  keys_.reserve(2);
  keys_.insert(keys_.begin(), newKey());
  made_ += (age / rotation_) * rotation_;
}

bool TicketKeys::seal(Name& name, unsigned char* iv, evp_cipher_ctx_st* cipher,
                      evp_mac_ctx_st* mac) {
  const std::lock_guard lock(mutex_);
  rotate();
  const Key& key = keys_.front();
  name = key.name;
  fill(random_, iv, kIvBytes);
  return EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv) == 1 &&
         prepareMac(mac, key.mac);
}

TicketKeys::Opened TicketKeys::open(const Name& name, const unsigned char* iv,
                                    evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac) {
  const std::lock_guard lock(mutex_);
  rotate();
  const auto key = std::find_if(keys_.begin(), keys_.end(),
                                [&](const Key& candidate) { return candidate.name == name; });
  if (key == keys_.end()) return Opened::kUnknown;
  const bool is_ready =
      EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv) == 1 &&
      prepareMac(mac, key->mac);
  if (!is_ready) return Opened::kFailed;
  return key == keys_.begin() ? Opened::kCurrent : Opened::kFormer;
}

}  // namespace edgehold
