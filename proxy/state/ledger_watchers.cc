// SPDX-License-Identifier: Apache-2.0
// Subscriptions behind ledger_watchers.h.
// Thread: any (synchronised by mutex_).
#include "proxy/state/ledger_watchers.h"

#include <algorithm>
#include <utility>

namespace edgehold {

class LedgerWatchers::Watch final : public LedgerWatch {
 public:
  Watch(std::shared_ptr<LedgerWatchers> watchers, std::shared_ptr<Subscription> subscription)
      : watchers_(std::move(watchers)), subscription_(std::move(subscription)) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() override {
    subscription_->is_wanted = false;
    // Once it is off the list nobody posts to its loop: the loop may go next.
    const std::lock_guard lock(watchers_->mutex_);
    std::erase(watchers_->subscriptions_, subscription_);
  }

 private:
  const std::shared_ptr<LedgerWatchers> watchers_;
  const std::shared_ptr<Subscription> subscription_;
};

std::unique_ptr<LedgerWatch> LedgerWatchers::add(
    std::string kind, Loop& loop, std::function<void(const LedgerEvent&)> on_change) {
  auto subscription = std::make_shared<Subscription>(
      Subscription{std::move(kind), loop, std::move(on_change), true});
  const std::lock_guard lock(mutex_);
  subscriptions_.push_back(subscription);
  return std::make_unique<Watch>(shared_from_this(), std::move(subscription));
}

void LedgerWatchers::tell(const std::vector<LedgerEvent>& events) {
  const std::lock_guard lock(mutex_);
  for (const LedgerEvent& event : events) {
    for (const std::shared_ptr<Subscription>& subscription : subscriptions_) {
      if (subscription->kind != event.kind) continue;
      subscription->loop.post([subscription, event] {
        if (subscription->is_wanted) subscription->on_change(event);
      });
    }
  }
}

}  // namespace edgehold
