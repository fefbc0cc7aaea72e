// SPDX-License-Identifier: Apache-2.0
// The kernel's boot id, behind boot_identity.h.
// Thread: any (immutable).
#include "proxy/state/boot_identity.h"

#include <array>

#include <fcntl.h>
#include <unistd.h>

namespace edgehold {

SipHash128 bootIdentity() {
  const int descriptor = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return {};
  std::array<char, 64> text{};
  const ssize_t bytes = ::read(descriptor, text.data(), text.size());
  ::close(descriptor);
  if (bytes <= 0) return {};
  return sipHash128(SipKey{}, {text.data(), static_cast<std::size_t>(bytes)});
}

}  // namespace edgehold
