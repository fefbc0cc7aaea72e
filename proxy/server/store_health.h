// SPDX-License-Identifier: Apache-2.0
// Whether what must be kept can be: the audit log, the ledger, the claim journal. What is behind it
// refuses by itself while it cannot; this tells operators why, and looks whether it is over.
// Thread: main only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/base/loop.h"
#include "proxy/observe/audit_file.h"
#include "proxy/observe/exposition.h"
#include "proxy/state/claim_journal.h"
#include "proxy/state/sqlite_ledger.h"

namespace edgehold {

class StoreHealth {
 public:
  // REQUIRES: all outlive it.
  StoreHealth(Loop& loop, AuditFile& audit, const SqliteLedger& ledger, ClaimJournal& claims);

  bool isHealthy() const;
  // One line for each store that cannot be written now.
  std::vector<std::string> troubles() const;
  // The state families of a scrape.
  void render(Exposition& out) const;

 private:
  void probe();

  AuditFile& audit_;
  const SqliteLedger& ledger_;
  ClaimJournal& claims_;
  Loop& loop_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace edgehold
