// SPDX-License-Identifier: Apache-2.0
// The queue, the thread and the group commit behind sqlite_ledger.h.
// Thread: any (synchronised by mutex_); what is in the tables belongs to the ledger's thread.
#include "proxy/state/sqlite_ledger.h"

#include <algorithm>
#include <utility>

#include <pthread.h>
#include <signal.h>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"

namespace edgehold {
namespace {

Async<Result<LedgerWrite>> refused(Error error) {
  auto [async, resolver] = Async<Result<LedgerWrite>>::make();
  resolver.resolve(fail(std::move(error)));
  return std::move(async);
}

}  // namespace

class SqliteLedger::Request {
 public:
  explicit Request(Load load) : load_(std::move(load)) {}
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;
  virtual ~Request() = default;
  std::size_t bytes() const { return load_.bytes; }
  const std::string& inserted() const { return load_.inserted; }

  // May be called again after a rollback. An error means that the store failed.
  virtual Result<void> run(LedgerTables& tables) = 0;
  virtual void refuse(const Error& error) = 0;
  virtual void answer() = 0;

 private:
  const Load load_;
};

template <class T>
class SqliteLedger::RequestFor final : public Request {
 public:
  RequestFor(Loop& loop, Load load, Resolver<Result<T>> resolver,
             std::function<Result<T>(LedgerTables&)> work)
      : Request(std::move(load)),
        loop_(loop),
        resolver_(std::move(resolver)),
        work_(std::move(work)) {}

  Result<void> run(LedgerTables& tables) override {
    result_ = work_(tables);
    if (!result_) return tl::unexpected<Error>(result_.error());
    return {};
  }
  void refuse(const Error& error) override { result_ = fail(error); }
  void answer() override {
    loop_.post([resolver = std::move(resolver_), result = std::move(result_)]() mutable {
      resolver.resolve(std::move(result));
    });
  }

 private:
  Loop& loop_;
  Resolver<Result<T>> resolver_;  // resolved on loop_ only
  const std::function<Result<T>(LedgerTables&)> work_;
  Result<T> result_ = fail(Reason::kStoreUnavailable, "the state store is stopping");
};

SqliteLedger::SqliteLedger(LedgerFile file, const Clock& clock,
                           std::unique_ptr<LedgerTables> tables, SipKey seed)
    : file_(std::move(file)),
      clock_(clock),
      seed_(seed),
      watchers_(std::make_shared<LedgerWatchers>()),
      tables_(std::move(tables)) {}

Result<std::unique_ptr<SqliteLedger>> SqliteLedger::open(LedgerFile file, const Clock& clock,
                                                         Random& random) {
  TRY_ASSIGN(auto tables, LedgerTables::open(file, random));
  TRY_ASSIGN(const SipKey seed, tables->seed());
  return std::unique_ptr<SqliteLedger>(
      new SqliteLedger(std::move(file), clock, std::move(tables), seed));
}

SteadyTime SqliteLedger::steadyTime(const SipHash128& boot) {
  CHECK(!thread_.joinable());
  const auto earlier = tables_->timeAnchor(boot);
  // An anchor of this boot that the monotonic clock has not reached yet is of another clock.
  if (earlier && *earlier && (*earlier)->instant <= clock_.now()) return SteadyTime(**earlier);
  // Whole milliseconds, as it is kept.
  const std::chrono::milliseconds instant =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now().time_since_epoch());
  const SteadyTime::Anchor anchor{Instant(instant),
                                  wallTimeFromMilliseconds(unixMilliseconds(clock_.wallNow()))};
  if (const auto kept = tables_->keepTimeAnchor(boot, anchor); !kept) {
    LOG(WARNING) << "the next start will go by the wall clock: " << kept.error().message;
  }
  return SteadyTime(anchor);
}

void SqliteLedger::start() {
  // Signals are for the main thread: the new one inherits a mask that blocks them all.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "ledger");
}

SqliteLedger::~SqliteLedger() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

// --- any thread ---

template <class T>
Async<Result<T>> SqliteLedger::submit(Loop& loop, Load load,
                                      std::function<Result<T>(LedgerTables&)> work) {
  auto [async, resolver] = Async<Result<T>>::make();
  if (!enqueue(std::make_unique<RequestFor<T>>(loop, std::move(load), resolver, std::move(work)))) {
    resolver.resolve(fail(Reason::kStoreUnavailable, "too many requests wait for the state store"));
  }
  return std::move(async);
}

bool SqliteLedger::enqueue(std::unique_ptr<Request> request) {
  {
    const std::lock_guard lock(mutex_);
    if (is_stopping_ || queue_.size() >= limits::kLedgerQueueMax) return false;
    if (request->bytes() > limits::kLedgerQueueBytesMax - queue_bytes_) return false;
    queue_bytes_ += request->bytes();
    queue_.push_back(std::move(request));
  }
  wake_.notify_one();
  return true;
}

Async<Result<LedgerWrite>> SqliteLedger::insert(Loop& loop, LedgerRecord record) {
  // Checked here: an error of run() means that the store failed.
  if (auto checked = checkLedgerRecord(record); !checked) return refused(checked.error());
  Load load{record.body.size() + record.summary.size(), record.id};
  return submit<LedgerWrite>(
      loop, std::move(load),
      [record = std::move(record)](LedgerTables& tables) { return tables.insert(record); });
}

Async<Result<std::optional<LedgerRecord>>> SqliteLedger::get(Loop& loop, std::string id) {
  return submit<std::optional<LedgerRecord>>(
      loop, {}, [id = std::move(id)](LedgerTables& tables) { return tables.get(id); });
}

Async<Result<LedgerWrite>> SqliteLedger::compareAndSet(Loop& loop, LedgerChange change) {
  if (auto checked = checkLedgerChange(change); !checked) return refused(checked.error());
  const std::size_t bytes =
      (change.body ? change.body->size() : 0) + (change.summary ? change.summary->size() : 0);
  return submit<LedgerWrite>(loop, {bytes, {}}, [change = std::move(change)](LedgerTables& tables) {
    return tables.compareAndSet(change);
  });
}

Async<Result<LedgerWrite>> SqliteLedger::erase(Loop& loop, std::string id,
                                               std::uint64_t expected_version) {
  return submit<LedgerWrite>(loop, {},
                             [id = std::move(id), expected_version](LedgerTables& tables) {
                               return tables.erase(id, expected_version);
                             });
}

Async<Result<std::vector<LedgerRecord>>> SqliteLedger::list(Loop& loop, LedgerQuery query) {
  return submit<std::vector<LedgerRecord>>(
      loop, {}, [query = std::move(query)](LedgerTables& tables) { return tables.list(query); });
}

Async<Result<std::vector<LedgerRecord>>> SqliteLedger::due(Loop& loop, std::string kind,
                                                           WallTime now, std::size_t limit) {
  return submit<std::vector<LedgerRecord>>(
      loop, {}, [kind = std::move(kind), now, limit](LedgerTables& tables) {
        return tables.due(kind, now, limit);
      });
}

Async<Result<std::vector<LedgerStateCount>>> SqliteLedger::countByState(Loop& loop,
                                                                        std::string kind) {
  return submit<std::vector<LedgerStateCount>>(
      loop, {},
      [kind = std::move(kind)](LedgerTables& tables) { return tables.countByState(kind); });
}

std::unique_ptr<LedgerWatch> SqliteLedger::watch(
    std::string kind, Loop& loop, std::function<void(const LedgerEvent&)> on_change) {
  return watchers_->add(std::move(kind), loop, std::move(on_change));
}

// --- the ledger's thread ---

void SqliteLedger::run() {
  while (std::optional<Requests> batch = takeBatch()) {
    if (batch->empty()) {
      probe();
    } else {
      serve(*batch);
    }
  }
}

std::optional<SqliteLedger::Requests> SqliteLedger::takeBatch() {
  std::unique_lock lock(mutex_);
  const auto is_wanted = [this] { return is_stopping_ || !queue_.empty(); };
  if (isHealthy()) {
    wake_.wait(lock, is_wanted);
  } else {
    wake_.wait_for(lock, limits::kStoreRetryInterval, is_wanted);
  }
  if (is_stopping_ && queue_.empty()) return std::nullopt;
  const std::size_t count = std::min(queue_.size(), limits::kLedgerBatchMax);
  Requests batch;
  batch.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    queue_bytes_ -= queue_.front()->bytes();
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return batch;
}

void SqliteLedger::serve(Requests& batch) {
  // One request that cannot be stored (no room for its body) must not take the others with it.
  if (!runTogether(batch) && batch.size() > 1) {
    for (const std::unique_ptr<Request>& request : batch) (void)runTogether({&request, 1});
  }
  for (const std::unique_ptr<Request>& request : batch) request->answer();
}

Result<void> SqliteLedger::runTogether(std::span<const std::unique_ptr<Request>> batch) {
  was_commit_tried_ = false;
  Result<void> done = tryTogether(batch);
  if (done) {
    std::vector<LedgerEvent> events = tables_->takeEvents();
    if (!events.empty()) health_.noteSuccess();
    watchers_->tell(std::move(events));
    return done;
  }
  if (tables_ != nullptr) tables_->rollback();
  for (const std::unique_ptr<Request>& request : batch) request->refuse(done.error());
  (void)health_.noteFailure(done.error().message);
  if (was_commit_tried_) noteDoubtful(batch);
  // The connection knows best what was not committed; one that does not recover may be the trouble
  // itself, and the next batch opens the file again.
  const bool is_lost = tables_ != nullptr && tables_->isSuspect() && !tables_->recover();
  if (is_lost) tables_.reset();
  return done;
}

Result<void> SqliteLedger::tryTogether(std::span<const std::unique_ptr<Request>> batch) {
  TRY(openTables());
  TRY(tables_->begin());
  TRY(undoDoubtful());
  for (const std::unique_ptr<Request>& request : batch) TRY(request->run(*tables_));
  was_commit_tried_ = true;
  TRY(tables_->commit());
  doubtful_.clear();
  return {};
}

Result<void> SqliteLedger::openTables() {
  leaveWhatWasTakenAway();
  if (tables_ != nullptr) return {};
  auto tables = LedgerTables::reopen(file_);
  if (!tables) {
    return fail(Reason::kStoreUnavailable, "`" + file_.path + "` cannot be opened again (" +
                                               tables.error().message +
                                               "); put it back, or restore it from a copy");
  }
  tables_ = std::move(*tables);
  return {};
}

// All that a log without a name holds goes into the database first. A database without a name has
// nothing to go into: until it is back, all is refused.
void SqliteLedger::leaveWhatWasTakenAway() {
  if (tables_ == nullptr || !tables_->isTakenAway()) return;
  health_.noteTrouble("state database `" + file_.path +
                      "`: it or its log was removed or replaced while it was in use");
  (void)tables_->recover();
  tables_.reset();
}

Result<void> SqliteLedger::undoDoubtful() {
  for (const std::string& id : doubtful_) TRY(tables_->undoInsert(id));
  return {};
}

void SqliteLedger::noteDoubtful(std::span<const std::unique_ptr<Request>> batch) {
  for (const std::unique_ptr<Request>& request : batch) {
    const bool is_new =
        std::find(doubtful_.begin(), doubtful_.end(), request->inserted()) == doubtful_.end();
    if (!request->inserted().empty() && is_new && doubtful_.size() < limits::kLedgerQueueMax) {
      doubtful_.push_back(request->inserted());
    }
  }
}

// Whether there is room again shows only when something is written.
void SqliteLedger::probe() {
  const auto probed = [this]() -> Result<void> {
    TRY(openTables());
    TRY(tables_->begin());
    TRY(undoDoubtful());
    TRY(tables_->writeProbe());
    TRY(tables_->commit());
    doubtful_.clear();
    return {};
  }();
  if (probed) return health_.noteSuccess();
  if (tables_ != nullptr) {
    tables_->rollback();
    if (tables_->isSuspect() && !tables_->recover()) tables_.reset();
  }
  (void)health_.noteFailure(probed.error().message);
}

}  // namespace edgehold
