// SPDX-License-Identifier: Apache-2.0
// Randomness as an injected source: the kernel's in production, a seed in tests.
// Thread: one loop (each worker has its own).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace edgehold {

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
};

// getrandom(2), fetched a block at a time. Fit for tokens and identifiers.
class SystemRandom final : public Random {
 public:
  std::uint64_t next() override;

 private:
  static constexpr std::size_t kBlockWords = 64;
  std::uint64_t block_[kBlockWords];
  std::size_t used_ = kBlockWords;
};

// `words` times 64 random bits as lower-case hexadecimal.
std::string randomHex(Random& random, std::size_t words);

}  // namespace edgehold
