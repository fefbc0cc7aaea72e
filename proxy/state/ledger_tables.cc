// SPDX-License-Identifier: Apache-2.0
// The statements of the ledger.
// Thread: any, one at a time (the ledger's own thread, once it runs).
#include "proxy/state/ledger_tables.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include <unistd.h>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/base/synced_file.h"
#include "proxy/state/boot_identity.h"
#include "proxy/state/ledger_schema.h"

namespace edgehold {
namespace {

using Outcome = LedgerWrite::Outcome;

// Without the body, but with its size: SQLite finds that in the row's header.
constexpr char kColumns[] = "id, kind, lane, state, due, expires, version, summary, length(body)";

std::optional<std::int64_t> millisecondsOf(std::optional<WallTime> time) {
  if (!time) return std::nullopt;
  return unixMilliseconds(*time);
}

std::optional<WallTime> timeOf(std::optional<std::int64_t> milliseconds) {
  if (!milliseconds) return std::nullopt;
  return wallTimeFromMilliseconds(*milliseconds);
}

LedgerRecord recordAt(const SqliteStatement& row) {
  LedgerRecord record;
  record.id = row.bytesAt(0);
  record.kind = row.bytesAt(1);
  record.lane = row.bytesAt(2);
  record.state = row.bytesAt(3);
  record.due = timeOf(row.optionalIntAt(4));
  record.expires = timeOf(row.optionalIntAt(5));
  record.version = static_cast<std::uint64_t>(row.intAt(6));
  record.summary = row.bytesAt(7);
  record.body_bytes = static_cast<std::uint64_t>(row.intAt(8));
  return record;
}

Result<std::vector<LedgerRecord>> recordsOf(SqliteStatement& statement) {
  std::vector<LedgerRecord> records;
  while (true) {
    TRY_ASSIGN(const bool is_row, statement.step());
    if (!is_row) return records;
    records.push_back(recordAt(statement));
  }
}

std::int64_t limitOf(std::size_t limit) {
  return static_cast<std::int64_t>(std::min(limit, limits::kLedgerListMax));
}

}  // namespace

struct LedgerTables::Statements {
  explicit Statements(SqliteConnection& c)
      : insert(c, "INSERT INTO records VALUES(?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8)"),
        header(c, "SELECT kind, version FROM records WHERE id=?1"),
        // A null keeps what is there; times need a switch of their own, for null clears them.
        change(c,
               "UPDATE records SET state=?2, due=iif(?3, ?4, due),"
               " expires=iif(?5, ?6, expires), summary=ifnull(?7, summary),"
               " body=ifnull(?8, body), version=version+1 WHERE id=?1"),
        erase(c, "DELETE FROM records WHERE id=?1"),
        get(c, std::string("SELECT ") + kColumns + ", body FROM records WHERE id=?1"),
        list(c, std::string("SELECT ") + kColumns +
                    " FROM records WHERE kind=?1 AND id>?2 ORDER BY id LIMIT ?3"),
        list_state(c, std::string("SELECT ") + kColumns +
                          " FROM records WHERE kind=?1 AND id>?2 AND state=?4 ORDER BY id"
                          " LIMIT ?3"),
        due(c, std::string("SELECT ") + kColumns +
                   " FROM (SELECT rowid AS number, due AS due_at, id AS name, row_number() OVER"
                   " (PARTITION BY lane ORDER BY due, id) AS turn FROM records"
                   " WHERE kind=?1 AND due<=?2 ORDER BY turn, due_at, name LIMIT ?3)"
                   " JOIN records ON records.rowid=number ORDER BY turn, due_at, name"),
        count(c, "SELECT state, count(*) FROM records WHERE kind=?1 GROUP BY state ORDER BY state"),
        undo(c, "DELETE FROM records WHERE id=?1 AND version=1"),
        probe(c, "REPLACE INTO settings VALUES('probe', randomblob(4096))"),
        seed(c, "SELECT value FROM settings WHERE name='counter_seed'"),
        begin(c, "BEGIN"),
        commit(c, "COMMIT") {}

  SqliteStatement insert, header, change, erase, get, list, list_state, due, count, undo, probe,
      seed, begin, commit;
};

LedgerTables::LedgerTables(std::unique_ptr<SqliteConnection> connection)
    : connection_(std::move(connection)), statements_(std::make_unique<Statements>(*connection_)) {}

LedgerTables::~LedgerTables() = default;

Result<std::unique_ptr<SqliteConnection>> LedgerTables::connect(const LedgerFile& file) {
  TRY_ASSIGN(auto connection, SqliteConnection::open(file.path, SqliteConnection::Missing::kFail));
  TRY_ASSIGN(const std::string mode, connection->queryText("PRAGMA journal_mode=WAL"));
  if (mode != "wal") {
    return fail(Reason::kStoreUnavailable,
                "state database `" + file.path + "`: its file system cannot share memory (WAL)");
  }
  // FULL: a commit is on the disk when it returns.
  TRY(connection->execute("PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864"));
  if (file.bytes_max > 0) {
    TRY_ASSIGN(const std::int64_t page_bytes, connection->queryInt("PRAGMA page_size"));
    const std::uint64_t pages = file.bytes_max / static_cast<std::uint64_t>(page_bytes);
    TRY(connection->execute("PRAGMA max_page_count=" + std::to_string(pages)));
  }
  return connection;
}

// A database has its name once it is whole: one that is empty was not made so by us.
Result<void> LedgerTables::createWhole(const LedgerFile& file, Random& random) {
  const std::string unfinished = file.path + ".new";
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
    ::unlink((unfinished + suffix).c_str());
  }
  {
    TRY_ASSIGN(const auto connection,
               SqliteConnection::open(unfinished, SqliteConnection::Missing::kCreate));
    TRY(updateLedgerSchema(*connection, random));
  }
  if (::rename(unfinished.c_str(), file.path.c_str()) != 0) {
    return fail(Reason::kStoreUnavailable, "state database `" + file.path + "`: cannot be made: " +
                                               std::generic_category().message(errno));
  }
  (void)syncDirectoryOf(file.path);
  return {};
}

Result<std::unique_ptr<LedgerTables>> LedgerTables::open(const LedgerFile& file, Random& random) {
  TRY_ASSIGN(const bool is_there, checkLedgerFiles(file.path));
  if (!is_there) TRY(createWhole(file, random));
  {
    // Checked before anything is asked of it that could change it.
    TRY_ASSIGN(const auto connection,
               SqliteConnection::open(file.path, SqliteConnection::Missing::kFail));
    TRY(checkLedgerDatabase(*connection, file.path));
  }
  TRY_ASSIGN(auto connection, connect(file));
  TRY(updateLedgerSchema(*connection, random));
  return std::unique_ptr<LedgerTables>(new LedgerTables(std::move(connection)));
}

Result<std::unique_ptr<LedgerTables>> LedgerTables::reopen(const LedgerFile& file) {
  TRY_ASSIGN(auto connection, connect(file));
  TRY_ASSIGN(const std::int64_t version, connection->queryInt("PRAGMA user_version"));
  if (version != kLedgerSchemaVersion) {
    return fail(Reason::kStoreUnavailable, "state database `" + file.path + "` was replaced");
  }
  std::unique_ptr<LedgerTables> tables(new LedgerTables(std::move(connection)));
  TRY(tables->recover());
  return tables;
}

Result<void> LedgerTables::recover() {
  TRY_ASSIGN(const std::int64_t is_busy, connection_->queryInt("PRAGMA wal_checkpoint(TRUNCATE)"));
  if (is_busy != 0) return fail(Reason::kStoreUnavailable, "state database: its log is in use");
  connection_->forgetErrors();
  return {};
}

Result<void> LedgerTables::write(SqliteStatement& statement) {
  const SqliteReset reset(statement);
  TRY(statement.step());
  return {};
}

Result<void> LedgerTables::begin() {
  events_.clear();
  return write(statements_->begin);
}

Result<void> LedgerTables::commit() { return write(statements_->commit); }

void LedgerTables::rollback() {
  events_.clear();
  // SQLite may have rolled back by itself (full disk, input or output error).
  if (connection_->isInTransaction()) (void)connection_->execute("ROLLBACK");
}

std::vector<LedgerEvent> LedgerTables::takeEvents() { return std::exchange(events_, {}); }

Result<std::optional<LedgerTables::Header>> LedgerTables::headerOf(const std::string& id) {
  SqliteStatement& header = statements_->header.bindText(1, id);
  const SqliteReset reset(header);
  TRY_ASSIGN(const bool is_row, header.step());
  if (!is_row) return std::nullopt;
  return Header{std::string(header.bytesAt(0)), static_cast<std::uint64_t>(header.intAt(1))};
}

Result<LedgerWrite> LedgerTables::insert(const LedgerRecord& record) {
  TRY_ASSIGN(const std::optional<Header> existing, headerOf(record.id));
  if (existing) return LedgerWrite{Outcome::kConflict, existing->version};
  SqliteStatement& insert = statements_->insert;
  insert.bindText(1, record.id).bindText(2, record.kind).bindText(3, record.lane);
  insert.bindText(4, record.state);
  insert.bind(5, millisecondsOf(record.due)).bind(6, millisecondsOf(record.expires));
  insert.bindBytes(7, record.summary).bindBytes(8, record.body);
  TRY(write(insert));
  events_.push_back({record.kind, record.id, record.state, 1});
  return LedgerWrite{Outcome::kWritten, 1};
}

Result<LedgerWrite> LedgerTables::compareAndSet(const LedgerChange& change) {
  TRY_ASSIGN(const std::optional<Header> now, headerOf(change.id));
  if (!now) return LedgerWrite{Outcome::kMissing, 0};
  if (now->version != change.expected_version) return LedgerWrite{Outcome::kConflict, now->version};
  SqliteStatement& update = statements_->change;
  update.bindText(1, change.id).bindText(2, change.state);
  update.bind(3, std::int64_t{change.due.has_value()});
  update.bind(4, millisecondsOf(change.due.value_or(std::nullopt)));
  update.bind(5, std::int64_t{change.expires.has_value()});
  update.bind(6, millisecondsOf(change.expires.value_or(std::nullopt)));
  update.bind(7, std::optional<std::int64_t>()).bind(8, std::optional<std::int64_t>());
  if (change.summary) update.bindBytes(7, *change.summary);
  if (change.body) update.bindBytes(8, *change.body);
  TRY(write(update));
  events_.push_back({now->kind, change.id, change.state, now->version + 1});
  return LedgerWrite{Outcome::kWritten, now->version + 1};
}

Result<LedgerWrite> LedgerTables::erase(const std::string& id, std::uint64_t expected_version) {
  TRY_ASSIGN(const std::optional<Header> now, headerOf(id));
  if (!now) return LedgerWrite{Outcome::kMissing, 0};
  if (now->version != expected_version) return LedgerWrite{Outcome::kConflict, now->version};
  TRY(write(statements_->erase.bindText(1, id)));
  events_.push_back({now->kind, id, "", 0});
  return LedgerWrite{Outcome::kWritten, 0};
}

Result<std::optional<LedgerRecord>> LedgerTables::get(const std::string& id) {
  SqliteStatement& get = statements_->get.bindText(1, id);
  const SqliteReset reset(get);
  TRY_ASSIGN(const bool is_row, get.step());
  if (!is_row) return std::nullopt;
  LedgerRecord record = recordAt(get);
  record.body = get.bytesAt(9);
  return record;
}

Result<std::vector<LedgerRecord>> LedgerTables::list(const LedgerQuery& query) {
  SqliteStatement& list = query.state ? statements_->list_state : statements_->list;
  const SqliteReset reset(list);
  list.bindText(1, query.kind).bindText(2, query.after_id).bind(3, limitOf(query.limit));
  if (query.state) list.bindText(4, *query.state);
  return recordsOf(list);
}

Result<std::vector<LedgerRecord>> LedgerTables::due(const std::string& kind, WallTime now,
                                                    std::size_t limit) {
  SqliteStatement& due = statements_->due;
  const SqliteReset reset(due);
  due.bindText(1, kind).bind(2, unixMilliseconds(now)).bind(3, limitOf(limit));
  return recordsOf(due);
}

Result<std::vector<LedgerStateCount>> LedgerTables::countByState(const std::string& kind) {
  SqliteStatement& count = statements_->count.bindText(1, kind);
  const SqliteReset reset(count);
  std::vector<LedgerStateCount> counts;
  while (true) {
    TRY_ASSIGN(const bool is_row, count.step());
    if (!is_row) return counts;
    counts.push_back({std::string(count.bytesAt(0)), static_cast<std::uint64_t>(count.intAt(1))});
  }
}

Result<void> LedgerTables::undoInsert(const std::string& id) {
  return write(statements_->undo.bindText(1, id));
}

Result<void> LedgerTables::writeProbe() { return write(statements_->probe); }

Result<std::optional<SteadyTime::Anchor>> LedgerTables::timeAnchor(const SipHash128& boot) {
  TRY_ASSIGN(const std::string text,
             connection_->queryText(
                 "SELECT ifnull((SELECT value FROM settings WHERE name='time_anchor'), '')"));
  const std::vector<std::string_view> parts = split(text, ' ');
  if (parts.size() != 4) return std::nullopt;
  const auto low = parseUnsigned(parts[0]);
  const auto high = parseUnsigned(parts[1]);
  const auto instant = parseUnsigned(parts[2]);
  const auto time = parseUnsigned(parts[3]);
  if (!low || !high || !instant || !time || !isSameBoot({*low, *high}, boot)) return std::nullopt;
  return SteadyTime::Anchor{Instant(std::chrono::milliseconds(*instant)),
                            wallTimeFromMilliseconds(static_cast<std::int64_t>(*time))};
}

Result<void> LedgerTables::keepTimeAnchor(const SipHash128& boot,
                                          const SteadyTime::Anchor& anchor) {
  const auto instant =
      std::chrono::duration_cast<std::chrono::milliseconds>(anchor.instant.time_since_epoch());
  return connection_->execute("REPLACE INTO settings VALUES('time_anchor', '" +
                              std::to_string(boot.low) + " " + std::to_string(boot.high) + " " +
                              std::to_string(instant.count()) + " " +
                              std::to_string(unixMilliseconds(anchor.time)) + "')");
}

Result<SipKey> LedgerTables::seed() {
  const SqliteReset reset(statements_->seed);
  TRY_ASSIGN(const bool is_row, statements_->seed.step());
  const ByteView bytes = is_row ? statements_->seed.bytesAt(0) : ByteView();
  SipKey key;
  if (bytes.size() != sizeof key) {
    return fail(Reason::kStoreUnavailable, "state database: the counter seed is missing");
  }
  std::memcpy(&key, bytes.data(), sizeof key);
  return key;
}

}  // namespace edgehold
