// SPDX-License-Identifier: Apache-2.0
// What became of one reference to a secret. Never the secret.
// Thread: any (immutable).
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "proxy/base/clock.h"

namespace edgehold {

struct SecretState {
  std::string reference;
  std::size_t versions = 0;          // live ones; 0: it does not resolve
  std::optional<WallTime> modified;  // of the newest, where its store tells

  bool isDue(WallTime now, int rotate_days) const {
    return modified && now - *modified > std::chrono::hours(24) * rotate_days;
  }
};

}  // namespace edgehold
