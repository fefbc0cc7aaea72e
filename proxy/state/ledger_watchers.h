// SPDX-License-Identifier: Apache-2.0
// Who wants to hear of changes, and the telling.
// Thread: any (synchronised by mutex_).
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "proxy/state/ledger.h"

namespace edgehold {

class LedgerWatchers : public std::enable_shared_from_this<LedgerWatchers> {
 public:
  std::unique_ptr<LedgerWatch> add(std::string kind, Loop& loop,
                                   std::function<void(const LedgerEvent&)> on_change);
  void tell(const std::vector<LedgerEvent>& events);

 private:
  struct Subscription {
    std::string kind;
    Loop& loop;
    std::function<void(const LedgerEvent&)> on_change;  // called on loop only
    bool is_wanted = true;                              // loop only
  };
  class Watch;

  std::mutex mutex_;
  std::vector<std::shared_ptr<Subscription>> subscriptions_;  // guarded by mutex_
};

}  // namespace edgehold
