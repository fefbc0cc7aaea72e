// SPDX-License-Identifier: Apache-2.0
// The ledger's records as SQLite tables, and the rules for opening them.
// Thread: any, one at a time (the ledger's own thread, once it runs).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/random.h"
#include "proxy/base/siphash.h"
#include "proxy/state/ledger.h"
#include "proxy/state/sqlite.h"
#include "proxy/state/steady_time.h"

namespace edgehold {

struct LedgerFile {
  std::string path;
  std::uint64_t bytes_max = 0;  // size at which the disk counts as full; 0 for no bound
};

class LedgerTables {
 public:
  // Checks, and creates when there is no file. The errors of a damaged file, of a foreign one and
  // of one from a newer version say what to do; none of them changes the file.
  static Result<std::unique_ptr<LedgerTables>> open(const LedgerFile& file, Random& random);
  // Again, after an input or output error. Never creates: a file that went away is an error.
  static Result<std::unique_ptr<LedgerTables>> reopen(const LedgerFile& file);
  ~LedgerTables();

  Result<void> begin();
  Result<void> commit();
  void rollback();
  // True after an error that recover() or a new connection may be free of.
  bool isSuspect() const { return connection_->isSuspect(); }
  // The file or its log is not where it was opened any more.
  bool isTakenAway() const { return connection_->isTakenAway(); }
  // Moves all that was committed from the log into the database and empties the log: what a failed
  // commit or sync left in it can neither come back nor stand before later commits.
  Result<void> recover();

  Result<LedgerWrite> insert(const LedgerRecord& record);
  Result<LedgerWrite> compareAndSet(const LedgerChange& change);
  Result<LedgerWrite> erase(const std::string& id, std::uint64_t expected_version);
  Result<std::optional<LedgerRecord>> get(const std::string& id);
  Result<std::vector<LedgerRecord>> list(const LedgerQuery& query);
  Result<std::vector<LedgerRecord>> due(const std::string& kind, WallTime now, std::size_t limit);
  Result<std::vector<LedgerStateCount>> countByState(const std::string& kind);

  // The changes since begin(), for those who watch; empties the list.
  std::vector<LedgerEvent> takeEvents();

  // Takes back an insert of which nobody was told.
  Result<void> undoInsert(const std::string& id);
  // Writes what means nothing.
  Result<void> writeProbe();
  // The time that the last life of this boot went by; nothing when there was none.
  Result<std::optional<SteadyTime::Anchor>> timeAnchor(const SipHash128& boot);
  Result<void> keepTimeAnchor(const SipHash128& boot, const SteadyTime::Anchor& anchor);
  // Made when the file was; keys of claims mean nothing under another.
  Result<SipKey> seed();

 private:
  struct Statements;
  explicit LedgerTables(std::unique_ptr<SqliteConnection> connection);
  static Result<void> createWhole(const LedgerFile& file, Random& random);
  static Result<std::unique_ptr<SqliteConnection>> connect(const LedgerFile& file);

  struct Header {
    std::string kind;
    std::uint64_t version;
  };
  Result<std::optional<Header>> headerOf(const std::string& id);
  Result<void> write(SqliteStatement& statement);

  std::unique_ptr<SqliteConnection> connection_;
  std::unique_ptr<Statements> statements_;  // destroyed before the connection
  std::vector<LedgerEvent> events_;
};

}  // namespace edgehold
