// SPDX-License-Identifier: Apache-2.0
// The public keys that tokens are verified by: from a file, read with the policy, or fetched from
// whoever publishes them and fetched again from time to time, and when a token names a key that is
// not among them. How often strangers can cause that is bounded; keys that cannot be renewed are
// used for a while, and then no more.
// Thread: any (synchronised by mutex_).
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "proxy/base/async.h"
#include "proxy/base/clock.h"
#include "proxy/base/config_reader.h"
#include "proxy/crypto/jwks.h"
#include "proxy/exchange/call_desk.h"
#include "proxy/exchange/filter_registry.h"

namespace edgehold {

class KeySource {
 public:
  struct Terms {
    std::string upstream;
    std::string path;
    Duration refresh{};   // keys are fetched again when they are so old
    Duration lifetime{};  // and not used any more when they are so old
  };
  using Keys = std::shared_ptr<const Jwks>;

  // Keys that never change.
  explicit KeySource(Jwks keys);
  explicit KeySource(Terms terms) : terms_(std::move(terms)) {}

  // From `jwks_file: FILE` or `jwks: {upstream: …, path: /…, refresh: 1h, lifetime: 24h}`. Mistakes
  // go to `config`; null then.
  static std::unique_ptr<KeySource> read(ConfigReader& config, const FilterBuild& build);

  // Null: there are none that count.
  Keys current(Instant now) const;
  // True when whoever asks shall fetch first: there are no keys, they are old, or they do not know
  // `key_id`. The next true comes after `kFetchInterval`, or when this fetch is given up; without
  // any keys at most `kFirstFetchesMax` fetch at once.
  bool takeFetch(std::string_view key_id, Instant now) const;
  // The keys after the fetch: new ones, or those that were there. REQUIRES: takeFetch() was true.
  Async<Keys> fetch(CallDesk& calls, const Clock& clock) const;

  static constexpr Duration kFetchInterval = std::chrono::seconds(30);
  static constexpr std::size_t kFirstFetchesMax = 16;

 private:
  class Fetch;
  void end(bool is_answered) const;
  void keep(Keys keys, Instant now) const;

  const Terms terms_;
  mutable std::mutex mutex_;
  mutable Keys keys_;                            // guarded by mutex_
  mutable Instant fetched_ = Instant::max();     // guarded by mutex_; max: never grow old
  mutable Instant next_fetch_ = Instant::min();  // guarded by mutex_
  mutable std::size_t under_way_ = 0;            // guarded by mutex_
};

}  // namespace edgehold
