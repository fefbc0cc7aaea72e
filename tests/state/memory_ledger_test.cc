// SPDX-License-Identifier: Apache-2.0
// The contract for the ledger in memory, and its switch for tests.
// Thread: main only.
#include "proxy/state/memory_ledger.h"

#include "tests/state/ledger_contract.h"

namespace edgehold {

INSTANTIATE_TEST_SUITE_P(Memory, LedgerContract,
                         testing::Values(LedgerMaker{
                             "memory", [] { return std::make_unique<MemoryLedger>(); }}),
                         [](const auto& maker) { return maker.param.name; });

namespace {

TEST(MemoryLedger, AnswersUnavailableWhileToldTo) {
  MailboxLoop loop;
  MemoryLedger ledger;
  ledger.setUnavailable(true);
  const auto refused = loop.await(ledger.insert(loop, ledgerRecord("a")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::kStoreUnavailable);
  ledger.setUnavailable(false);
  EXPECT_TRUE(loop.await(ledger.insert(loop, ledgerRecord("a")))->isWritten());
}

}  // namespace
}  // namespace edgehold
