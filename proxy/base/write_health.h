// SPDX-License-Identifier: Apache-2.0
// Whether something that must be kept can be written, and since what went wrong. Told in the log
// once per outage; a metric and whoever asks isHealthy() tell the rest.
// Thread: any (atomics; the last error synchronised by mutex_).
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "proxy/base/result.h"

namespace edgehold {

class WriteHealth {
 public:
  // `name` is what is written; `consequence`, if any, ends the line that tells of an outage.
  explicit WriteHealth(std::string name, std::string consequence = {})
      : name_(std::move(name)), consequence_(std::move(consequence)) {}

  // `message` names what failed. Returns it as an error, kStoreUnavailable.
  Error noteFailure(std::string message);
  // Counted and told, but what must be kept is kept: nobody has to refuse anything.
  void noteTrouble(const std::string& message);
  void noteSuccess();

  // False after a failure, until something succeeds again.
  bool isHealthy() const { return is_healthy_.load(std::memory_order_relaxed); }
  std::uint64_t errors() const { return errors_.load(std::memory_order_relaxed); }
  std::string lastError() const;

 private:
  const std::string name_;
  const std::string consequence_;
  mutable std::mutex mutex_;
  std::string last_error_;  // guarded by mutex_
  std::atomic<bool> is_healthy_{true};
  std::atomic<std::uint64_t> errors_{0};
};

}  // namespace edgehold
