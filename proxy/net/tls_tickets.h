// SPDX-License-Identifier: Apache-2.0
// Keys that session tickets are sealed with (RFC 5077, RFC 8446 4.6.1). All workers seal and open
// with the same; own keys are made anew at intervals, and the one before still opens. Keys of a
// file are shared by several machines, and rotated by whoever writes it. Thread: any (synchronised
// by mutex_).
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/random.h"
#include "proxy/base/result.h"
#include "proxy/net/listener_spec.h"

struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;

namespace edgehold {

class TicketKeys {
 public:
  // REQUIRES: spec.is_enabled. An error names the file.
  static Result<std::shared_ptr<TicketKeys>> make(const TicketSpec& spec);
  // Own keys. REQUIRES: `clock` outlives the object.
  TicketKeys(const Clock& clock, Duration rotation);
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  // Own keys that live on when a policy that asks for the same is loaded.
  bool isFor(const TicketSpec& spec) const;

  static constexpr std::size_t kNameBytes = 16;
  static constexpr std::size_t kIvBytes = 16;
  using Name = std::array<unsigned char, kNameBytes>;

  // Both prepare the contexts with a key (AES-256-CBC, HMAC-SHA-256); false when OpenSSL cannot.
  // Writes the key's name and a new initialisation vector.
  bool seal(Name& name, unsigned char* iv, evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac);
  enum class Opened {
    kFailed,
    kUnknown,  // sealed by somebody else, or too long ago
    kCurrent,
    kFormer,  // good, and a new ticket is due
  };
  Opened open(const Name& name, const unsigned char* iv, evp_cipher_ctx_st* cipher,
              evp_mac_ctx_st* mac);

 private:
  struct Key {
    Name name;
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> mac;
  };
  explicit TicketKeys(std::vector<Key> keys);
  Key newKey();
  void rotate();
  static void wipe(Key& key);

  const Clock* clock_ = nullptr;  // null: the keys of a file
  const Duration rotation_{};
  std::mutex mutex_;
  // guarded by mutex_
  SystemRandom random_;
  std::vector<Key> keys_;  // the first seals; at most limits::kTicketKeysMax
  Instant made_{};         // the first
};

}  // namespace edgehold
