// SPDX-License-Identifier: Apache-2.0
// The access token that WeCom wants with every question: fetched when it is needed, kept for most
// of its life. Fetching twice does no harm (the platform answers the same token), so nobody waits
// for somebody else's fetch.
// Thread: any (synchronised by mutex_).
#pragma once

#include <mutex>
#include <optional>

#include "proxy/base/clock.h"
#include "proxy/crypto/secret.h"

namespace edgehold {

class AccessTokenCache {
 public:
  std::optional<SecretString> find(Instant now) const {
    const std::lock_guard lock(mutex_);
    if (now >= until_) return std::nullopt;
    return text_.clone();
  }
  // For nine tenths of `lifetime`.
  void keep(const SecretString& text, Instant now, Duration lifetime) {
    const std::lock_guard lock(mutex_);
    text_ = text.clone();
    until_ = now + lifetime / 10 * 9;
  }
  // The platform does not take it any more.
  void forget() {
    const std::lock_guard lock(mutex_);
    until_ = Instant::min();
  }

 private:
  mutable std::mutex mutex_;
  SecretString text_;               // guarded by mutex_
  Instant until_ = Instant::min();  // guarded by mutex_
};

}  // namespace edgehold
