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
  explicit Request(std::size_t bytes) : bytes_(bytes) {}
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;
  virtual ~Request() = default;
  std::size_t bytes() const { return bytes_; }

  // May be called again after a rollback. An error means that the store failed.
  virtual Result<void> run(LedgerTables& tables) = 0;
  virtual void refuse(const Error& error) = 0;
  virtual void answer() = 0;

 private:
  const std::size_t bytes_;
};

template <class T>
class SqliteLedger::RequestFor final : public Request {
 public:
  RequestFor(Loop& loop, std::size_t bytes, Resolver<Result<T>> resolver,
             std::function<Result<T>(LedgerTables&)> work)
      : Request(bytes), loop_(loop), resolver_(std::move(resolver)), work_(std::move(work)) {}

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
Async<Result<T>> SqliteLedger::submit(Loop& loop, std::size_t bytes,
                                      std::function<Result<T>(LedgerTables&)> work) {
  auto [async, resolver] = Async<Result<T>>::make();
  if (!enqueue(std::make_unique<RequestFor<T>>(loop, bytes, resolver, std::move(work)))) {
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
  const std::size_t bytes = record.body.size() + record.summary.size();
  return submit<LedgerWrite>(loop, bytes, [record = std::move(record)](LedgerTables& tables) {
    return tables.insert(record);
  });
}

Async<Result<std::optional<LedgerRecord>>> SqliteLedger::get(Loop& loop, std::string id) {
  return submit<std::optional<LedgerRecord>>(
      loop, 0, [id = std::move(id)](LedgerTables& tables) { return tables.get(id); });
}

Async<Result<LedgerWrite>> SqliteLedger::compareAndSet(Loop& loop, LedgerChange change) {
  if (auto checked = checkLedgerChange(change); !checked) return refused(checked.error());
  const std::size_t bytes =
      (change.body ? change.body->size() : 0) + (change.summary ? change.summary->size() : 0);
  return submit<LedgerWrite>(loop, bytes, [change = std::move(change)](LedgerTables& tables) {
    return tables.compareAndSet(change);
  });
}

Async<Result<LedgerWrite>> SqliteLedger::erase(Loop& loop, std::string id,
                                               std::uint64_t expected_version) {
  return submit<LedgerWrite>(loop, 0, [id = std::move(id), expected_version](LedgerTables& tables) {
    return tables.erase(id, expected_version);
  });
}

Async<Result<std::vector<LedgerRecord>>> SqliteLedger::list(Loop& loop, LedgerQuery query) {
  return submit<std::vector<LedgerRecord>>(
      loop, 0, [query = std::move(query)](LedgerTables& tables) { return tables.list(query); });
}

Async<Result<std::vector<LedgerRecord>>> SqliteLedger::due(Loop& loop, std::string kind,
                                                           WallTime now, std::size_t limit) {
  return submit<std::vector<LedgerRecord>>(
      loop, 0, [kind = std::move(kind), now, limit](LedgerTables& tables) {
        return tables.due(kind, now, limit);
      });
}

Async<Result<std::vector<LedgerStateCount>>> SqliteLedger::countByState(Loop& loop,
                                                                        std::string kind) {
  return submit<std::vector<LedgerStateCount>>(
      loop, 0,
      [kind = std::move(kind)](LedgerTables& tables) { return tables.countByState(kind); });
}

std::unique_ptr<LedgerWatch> SqliteLedger::watch(
    std::string kind, Loop& loop, std::function<void(const LedgerEvent&)> on_change) {
  return watchers_->add(std::move(kind), loop, std::move(on_change));
}

// --- the ledger's thread ---

void SqliteLedger::run() {
  while (true) {
    Requests batch = takeBatch();
    if (batch.empty()) return;
    serve(batch);
  }
}

SqliteLedger::Requests SqliteLedger::takeBatch() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
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
  Result<void> done = tryTogether(batch);
  if (done) {
    watchers_->tell(tables_->takeEvents());
    return done;
  }
  if (tables_ != nullptr) tables_->rollback();
  for (const std::unique_ptr<Request>& request : batch) request->refuse(done.error());
  LogEvery(100, ERROR) << done.error().message;
  // A connection that met an input or output error may stay in it: the next batch opens the file
  // again.
  if (tables_ != nullptr && tables_->isSuspect()) tables_.reset();
  return done;
}

Result<void> SqliteLedger::tryTogether(std::span<const std::unique_ptr<Request>> batch) {
  TRY(openTables());
  TRY(tables_->begin());
  for (const std::unique_ptr<Request>& request : batch) TRY(request->run(*tables_));
  return tables_->commit();
}

Result<void> SqliteLedger::openTables() {
  if (tables_ != nullptr) return {};
  TRY_ASSIGN(tables_, LedgerTables::reopen(file_));
  return {};
}

}  // namespace edgehold
