// SPDX-License-Identifier: Apache-2.0
// What the workers serve at one time: a policy, and the certificates that go with it. A reload
// makes the next one whole before any worker sees it. Thread: any (immutable).
#pragma once

#include <memory>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/net/tls_context.h"
#include "proxy/observe/exposition.h"
#include "proxy/policy/snapshot.h"

namespace edgehold {

struct Serving {
  std::shared_ptr<const PolicySnapshot> policy;
  // By listener, in the policy's order; null for a clear-text one.
  std::vector<std::shared_ptr<const TlsServerContext>> tls;

  // Loads the certificates of `policy`; an error names the listener and the file. `before` is what
  // was served until now (null: nothing): tickets that it gave stay good.
  static Result<std::shared_ptr<const Serving>> make(std::shared_ptr<const PolicySnapshot> policy,
                                                     const Serving* before);
  // Whether each OCSP response there is may be stapled at `now`.
  void render(Exposition& out, WallTime now) const;
};

}  // namespace edgehold
