// SPDX-License-Identifier: Apache-2.0
// Committed claims that outlive the process: whoever answers a client only after record() has
// answered will find the claim committed after any crash.
// Thread: any; answers come on the loop that was given.
#pragma once

#include "proxy/base/async.h"
#include "proxy/base/loop.h"
#include "proxy/base/result.h"
#include "proxy/state/counters.h"

namespace edgehold {

class ClaimJournal {
 public:
  virtual ~ClaimJournal() = default;
  // Answers when `key` is durably committed until `expires`; batched with other writes. Errors:
  // kStoreUnavailable. The key is of Counters seeded with this store's seed.
  virtual Async<Result<void>> record(Loop& loop, CounterKey key, WallTime expires) = 0;
};

}  // namespace edgehold
