// SPDX-License-Identifier: Apache-2.0
// The log lines of an outage, behind write_health.h.
// Thread: any (atomics; the last error synchronised by mutex_).
#include "proxy/base/write_health.h"

#include <utility>

#include "proxy/base/log.h"

namespace edgehold {

Error WriteHealth::noteFailure(std::string message) {
  errors_.fetch_add(1, std::memory_order_relaxed);
  if (is_healthy_.exchange(false, std::memory_order_relaxed)) {
    LOG(ERROR) << message << (consequence_.empty() ? "" : "; ") << consequence_;
  }
  const std::lock_guard lock(mutex_);
  last_error_ = message;
  return Error{Reason::kStoreUnavailable, std::move(message)};
}

void WriteHealth::noteTrouble(const std::string& message) {
  errors_.fetch_add(1, std::memory_order_relaxed);
  LOG(ERROR) << message;
}

void WriteHealth::noteSuccess() {
  if (isHealthy()) return;  // no write to a shared cache line while all is well
  if (!is_healthy_.exchange(true, std::memory_order_relaxed)) {
    LOG(WARNING) << name_ << ": written again";
  }
}

std::string WriteHealth::lastError() const {
  const std::lock_guard lock(mutex_);
  return last_error_;
}

}  // namespace edgehold
