// SPDX-License-Identifier: Apache-2.0
// Certificates for a policy, behind serving.h.
// Thread: main only.
#include "proxy/server/serving.h"

#include <utility>

namespace edgehold {

Result<std::shared_ptr<const Serving>> Serving::make(std::shared_ptr<const PolicySnapshot> policy) {
  auto serving = std::make_shared<Serving>();
  for (const ListenerSpec& listener : policy->server().listeners) {
    std::shared_ptr<const TlsServerContext> context;
    if (listener.is_tls) {
      Result<std::shared_ptr<const TlsServerContext>> made = TlsServerContext::make(listener.tls);
      if (!made) return fail(made.error().within("listen " + listener.address.toString()));
      context = std::move(*made);
    }
    serving->tls.push_back(std::move(context));
  }
  serving->policy = std::move(policy);
  return std::shared_ptr<const Serving>(std::move(serving));
}

}  // namespace edgehold
