// SPDX-License-Identifier: Apache-2.0
// Asking the stores, behind store_health.h.
// Thread: main only.
#include "proxy/server/store_health.h"

#include "proxy/base/limits.h"

namespace edgehold {

StoreHealth::StoreHealth(Loop& loop, AuditFile& audit, const SqliteLedger& ledger,
                         ClaimJournal& claims)
    : audit_(audit),
      ledger_(ledger),
      claims_(claims),
      loop_(loop),
      timer_(loop.makeTimer([this] { probe(); })) {
  timer_->arm(limits::kStoreRetryInterval);
}

// The ledger tries by itself. Nobody else would, once all is refused for their sake.
void StoreHealth::probe() {
  timer_->arm(limits::kStoreRetryInterval);
  audit_.probe(loop_.clock().wallNow());
  claims_.probe(loop_.clock());
}

bool StoreHealth::isHealthy() const {
  return audit_.isHealthy() && ledger_.isHealthy() && claims_.isHealthy();
}

std::vector<std::string> StoreHealth::troubles() const {
  std::vector<std::string> troubles;
  if (!audit_.isHealthy()) troubles.push_back(audit_.health().lastError());
  if (!ledger_.isHealthy()) troubles.push_back(ledger_.health().lastError());
  if (!claims_.isHealthy()) troubles.push_back(claims_.health().lastError());
  return troubles;
}

void StoreHealth::render(Exposition& out) const {
  using Type = Exposition::Type;
  out.family("edgehold_store_healthy", Type::kGauge,
             "Whether a store of durable state can be written.");
  out.sample(std::uint64_t{ledger_.isHealthy() ? 1u : 0u}, {{"store", "ledger"}});
  out.sample(std::uint64_t{claims_.isHealthy() ? 1u : 0u}, {{"store", "claims"}});
  out.family("edgehold_store_errors_total", Type::kCounter,
             "Failures to write, sync or read a store of durable state.");
  out.sample(ledger_.health().errors(), {{"store", "ledger"}});
  out.sample(claims_.health().errors(), {{"store", "claims"}});
  out.family("edgehold_claim_journal_bytes", Type::kGauge,
             "Disk space of the journal of event ids, with what is set aside for it.");
  out.sample(claims_.bytes());
}

}  // namespace edgehold
