// SPDX-License-Identifier: Apache-2.0
// CREATE statements and messages behind ledger_schema.h.
// Thread: main only (at start).
#include "proxy/state/ledger_schema.h"

#include <filesystem>
#include <system_error>

#include "proxy/base/strings.h"

namespace edgehold {
namespace {

// "edgh": tells our files from other SQLite databases.
constexpr std::int64_t kApplicationId = 0x65646768;

// The body comes last: what stands before it is read without touching its pages. due() reads what
// is due and no more; list() goes by state or by id.
constexpr std::string_view kSchema = R"sql(
CREATE TABLE records (
  id TEXT PRIMARY KEY NOT NULL, kind TEXT NOT NULL, lane TEXT NOT NULL, state TEXT NOT NULL,
  due INTEGER, expires INTEGER, version INTEGER NOT NULL, summary BLOB NOT NULL,
  body BLOB NOT NULL);
CREATE INDEX records_by_state ON records(kind, state, id);
CREATE INDEX records_by_id ON records(kind, id);
CREATE INDEX records_by_due ON records(kind, due, lane, id) WHERE due IS NOT NULL;
CREATE TABLE settings (name TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;
)sql";

// Claims are in the claim journal; due records are found by time, not lane by lane.
constexpr std::string_view kFrom1To2 = R"sql(
DROP TABLE claims;
DROP INDEX records_by_due;
CREATE INDEX records_by_due ON records(kind, due, lane, id) WHERE due IS NOT NULL;
)sql";

tl::unexpected<Error> refuse(const std::string& path, const std::string& why,
                             const std::string& remedy) {
  return fail(Reason::kStoreUnavailable, "state database `" + path + "`: " + why + "; " + remedy);
}

constexpr char kRestore[] =
    "restore it from a copy, or move it and the claims-*.journal files away to start with no "
    "holds, "
    "jobs and event ids";

}  // namespace

Result<bool> checkLedgerFiles(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status)) {
    if (!std::filesystem::is_regular_file(status)) {
      return refuse(path, "is not a file", "move it away, or name another state.directory");
    }
    if (std::filesystem::file_size(path, error) == 0 && !error) {
      return refuse(path, "is empty", kRestore);
    }
    return true;
  }
  if (std::filesystem::file_size(path + "-wal", error) > 0 && !error) {
    return refuse(path, "is missing, but its log `" + path + "-wal` is there",
                  "restore both from a copy, or move the log away too");
  }
  return false;
}

Result<void> checkLedgerDatabase(SqliteConnection& connection, const std::string& path) {
  const Result<std::string> check = connection.queryText("PRAGMA quick_check(1)");
  if (!check) return refuse(path, "cannot be read (" + check.error().message + ")", kRestore);
  if (*check != "ok") return refuse(path, "is damaged (" + *check + ")", kRestore);
  TRY_ASSIGN(const std::int64_t application, connection.queryInt("PRAGMA application_id"));
  TRY_ASSIGN(const std::int64_t version, connection.queryInt("PRAGMA user_version"));
  if (application != kApplicationId) {
    return refuse(path, "belongs to another program", "name another file");
  }
  if (version > kLedgerSchemaVersion) {
    return refuse(path,
                  "was written by a newer edgehold (schema " + std::to_string(version) +
                      ", this one knows " + std::to_string(kLedgerSchemaVersion) + ")",
                  "run that version or newer, or name another file");
  }
  return {};
}

Result<void> updateLedgerSchema(SqliteConnection& connection, Random& random) {
  TRY_ASSIGN(const std::int64_t version, connection.queryInt("PRAGMA user_version"));
  if (version == kLedgerSchemaVersion) return {};
  std::string steps(kFrom1To2);
  if (version == 0) {
    steps = std::string(kSchema) + "INSERT INTO settings VALUES('counter_seed', x'" +
            randomHex(random, 2) + "');" +
            "PRAGMA application_id=" + std::to_string(kApplicationId) + ";";
  }
  auto updated = connection.execute("BEGIN IMMEDIATE;" + steps + "PRAGMA user_version=" +
                                    std::to_string(kLedgerSchemaVersion) + ";COMMIT");
  if (!updated && connection.isInTransaction()) (void)connection.execute("ROLLBACK");
  return updated;
}

}  // namespace edgehold
