// SPDX-License-Identifier: Apache-2.0
// getrandom(2) behind random.h.
// Thread: one loop (each worker has its own).
#include "proxy/base/random.h"

#include <sys/random.h>

#include "proxy/base/log.h"
#include "proxy/base/strings.h"

namespace edgehold {

std::uint64_t SystemRandom::next() {
  if (used_ == kBlockWords) {
    // Past 256 bytes a signal may cut the call short (getrandom(2)).
    std::size_t filled = 0;
    while (filled < sizeof block_) {
      const ssize_t got =
          getrandom(reinterpret_cast<char*>(block_) + filled, sizeof block_ - filled, 0);
      PCHECK(got > 0 || errno == EINTR) << "getrandom";
      if (got > 0) filled += static_cast<std::size_t>(got);
    }
    used_ = 0;
  }
  const std::uint64_t value = block_[used_];
  block_[used_++] = 0;  // what was given away must not lie in memory
  return value;
}

std::string randomHex(Random& random, std::size_t words) {
  std::string bytes;
  for (std::size_t i = 0; i < words; ++i) {
    const std::uint64_t value = random.next();
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return hexEncode(bytes);
}

}  // namespace edgehold
