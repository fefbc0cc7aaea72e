// SPDX-License-Identifier: Apache-2.0
// The ledger in one SQLite file, on one thread of its own. Requests wait in a
// bounded queue; what waits at the same time is written in one transaction and answered after its
// commit, so that one flush of the disk serves many.
// Thread: any (synchronised by mutex_); what is in the tables belongs to the ledger's thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "proxy/base/random.h"
#include "proxy/base/write_health.h"
#include "proxy/state/ledger.h"
#include "proxy/state/ledger_tables.h"
#include "proxy/state/ledger_watchers.h"

namespace edgehold {

class SqliteLedger final : public Ledger {
 public:
  // Opens and checks the file (main only). `clock` outlives the ledger. Nothing runs before
  // start(); requests wait.
  static Result<std::unique_ptr<SqliteLedger>> open(LedgerFile file, const Clock& clock,
                                                    Random& random);
  // What the counters must be seeded with so that the claims of earlier lives mean something.
  SipKey counterSeed() const { return seed_; }
  // The time that its records go by: on from the last life of this boot, else from now. Main only,
  // before start().
  SteadyTime steadyTime(const SipHash128& boot);
  void start();
  // False after a failure, until something could be written again; it is tried by itself.
  bool isHealthy() const { return health_.isHealthy(); }
  const WriteHealth& health() const { return health_; }
  // Answers what waits, then ends the thread. Loops must not end before this.
  ~SqliteLedger() override;

  Async<Result<LedgerWrite>> insert(Loop& loop, LedgerRecord record) override;
  Async<Result<std::optional<LedgerRecord>>> get(Loop& loop, std::string id) override;
  Async<Result<LedgerWrite>> compareAndSet(Loop& loop, LedgerChange change) override;
  Async<Result<LedgerWrite>> erase(Loop& loop, std::string id,
                                   std::uint64_t expected_version) override;
  Async<Result<std::vector<LedgerRecord>>> list(Loop& loop, LedgerQuery query) override;
  Async<Result<std::vector<LedgerRecord>>> due(Loop& loop, std::string kind, WallTime now,
                                               std::size_t limit) override;
  Async<Result<std::vector<LedgerStateCount>>> countByState(Loop& loop, std::string kind) override;
  std::unique_ptr<LedgerWatch> watch(std::string kind, Loop& loop,
                                     std::function<void(const LedgerEvent&)> on_change) override;

 private:
  class Request;
  template <class T>
  class RequestFor;
  using Requests = std::vector<std::unique_ptr<Request>>;

  SqliteLedger(LedgerFile file, const Clock& clock, std::unique_ptr<LedgerTables> tables,
               SipKey seed);
  struct Load {
    std::size_t bytes = 0;  // that wait with the request
    std::string inserted;   // the id that it would insert
  };
  template <class T>
  Async<Result<T>> submit(Loop& loop, Load load, std::function<Result<T>(LedgerTables&)> work);
  bool enqueue(std::unique_ptr<Request> request);
  void run();
  // Nothing when it is time to end; empty when it is time to probe.
  std::optional<Requests> takeBatch();
  void serve(Requests& batch);
  Result<void> runTogether(std::span<const std::unique_ptr<Request>> batch);
  Result<void> tryTogether(std::span<const std::unique_ptr<Request>> batch);
  Result<void> openTables();
  void leaveWhatWasTakenAway();
  Result<void> undoDoubtful();
  void noteDoubtful(std::span<const std::unique_ptr<Request>> batch);
  void probe();

  // Const after construction.
  const LedgerFile file_;
  const Clock& clock_;
  const SipKey seed_;
  const std::shared_ptr<LedgerWatchers> watchers_;

  // The ledger's thread only (main, before start()).
  std::unique_ptr<LedgerTables> tables_;  // null after an error, until the file opens again
  bool was_commit_tried_ = false;         // by the last batch
  // Inserts that were refused because their commit failed. SQLite may find the commit whole when it
  // reads its log again: they are undone then, for nobody was told of them.
  std::vector<std::string> doubtful_;

  // Guarded by mutex_.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Request>> queue_;
  std::size_t queue_bytes_ = 0;
  bool is_stopping_ = false;

  WriteHealth health_{"state database", "what must be kept is refused until it can be written"};

  std::thread thread_;
};

}  // namespace edgehold
