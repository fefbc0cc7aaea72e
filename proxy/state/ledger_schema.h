// SPDX-License-Identifier: Apache-2.0
// The schema of the state database and the check of what a file holds.
// Thread: main only (at start).
#pragma once

#include <string>

#include "proxy/base/random.h"
#include "proxy/base/result.h"
#include "proxy/state/sqlite.h"

namespace edgehold {

inline constexpr std::int64_t kLedgerSchemaVersion = 2;

// Whether the database is there. Refuses what a lost or emptied one looks like: both would be a
// reset that nobody asked for.
Result<bool> checkLedgerFiles(const std::string& path);
// Refuses a damaged, foreign or newer database with a message that says what to do.
Result<void> checkLedgerDatabase(SqliteConnection& connection, const std::string& path);
// Creates the tables in an empty database and brings those of an older version up to date, in one
// transaction.
Result<void> updateLedgerSchema(SqliteConnection& connection, Random& random);

}  // namespace edgehold
