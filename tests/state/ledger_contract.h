// SPDX-License-Identifier: Apache-2.0
// What every implementation of Ledger must do. A room of tests instantiates it once for each.
// Thread: main only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/state/ledger.h"
#include "tests/state/mailbox_loop.h"

namespace edgehold {

struct LedgerMaker {
  std::string name;
  std::function<std::unique_ptr<Ledger>()> make;  // an empty one
};

inline LedgerRecord ledgerRecord(std::string id, std::string state = "pending") {
  LedgerRecord record;
  record.kind = "hold";
  record.id = std::move(id);
  record.state = std::move(state);
  return record;
}

class LedgerContract : public testing::TestWithParam<LedgerMaker> {
 protected:
  LedgerContract() : ledger(GetParam().make()) {}

  Result<LedgerWrite> insert(LedgerRecord record) {
    return loop.await(ledger->insert(loop, std::move(record)));
  }
  Result<LedgerWrite> change(std::string id, std::uint64_t version, std::string state) {
    LedgerChange change;
    change.id = std::move(id);
    change.expected_version = version;
    change.state = std::move(state);
    return loop.await(ledger->compareAndSet(loop, std::move(change)));
  }
  LedgerRecord get(const std::string& id) {
    return loop.await(ledger->get(loop, id)).value().value();
  }
  std::string dueIds(WallTime at, std::size_t limit = 100) {
    return idsOf(loop.await(ledger->due(loop, "hold", at, limit)));
  }
  std::string listIds(LedgerQuery query) {
    query.kind = "hold";
    return idsOf(loop.await(ledger->list(loop, std::move(query))));
  }
  static std::string idsOf(const Result<std::vector<LedgerRecord>>& records) {
    std::string ids;
    for (const LedgerRecord& record : records.value()) ids += (ids.empty() ? "" : " ") + record.id;
    return ids;
  }

  MailboxLoop loop;  // outlives the ledger
  std::unique_ptr<Ledger> ledger;
  const WallTime now = loop.clock().wallNow();
};

}  // namespace edgehold
