// SPDX-License-Identifier: Apache-2.0
// The calls of SQLite's C interface behind sqlite.h.
// Thread: any, one at a time (the connection is opened without SQLite's own mutexes).
#include "proxy/state/sqlite.h"

#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include "proxy/base/log.h"

namespace edgehold {
namespace {

// SQLite would create the file by the umask; what is held may be private.
void createPrivate(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);
}

constexpr int kBusyMilliseconds = 2000;

}  // namespace

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const std::string& path,
                                                                 Missing missing) {
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (missing == Missing::kCreate) {
    flags |= SQLITE_OPEN_CREATE;
    createPrivate(path);
  }
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  CHECK(raw != nullptr) << "no memory for a database connection";
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(raw));
  if (code != SQLITE_OK) return connection->error();
  sqlite3_busy_timeout(raw, kBusyMilliseconds);
  return connection;
}

SqliteConnection::~SqliteConnection() {
  const int code = sqlite3_close(connection_);
  LOG_IF(ERROR, code != SQLITE_OK) << "state database: closed with statements open";
}

tl::unexpected<Error> SqliteConnection::error() const {
  const int code = sqlite3_errcode(connection_) & 0xFF;
  if (code != SQLITE_FULL && code != SQLITE_BUSY && code != SQLITE_TOOBIG) is_suspect_ = true;
  return fail(Reason::kStoreUnavailable,
              std::string("state database: ") + sqlite3_errmsg(connection_));
}

bool SqliteConnection::isTakenAway() const {
  int is_moved = 0;
  sqlite3_file_control(connection_, "main", SQLITE_FCNTL_HAS_MOVED, &is_moved);
  if (is_moved != 0) return true;
  const char* const log = sqlite3_filename_wal(sqlite3_db_filename(connection_, "main"));
  return ::access(log, F_OK) != 0 && errno == ENOENT;
}

Result<void> SqliteConnection::execute(const std::string& sql) {
  if (sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return error();
  }
  return {};
}

Result<std::string> SqliteConnection::queryText(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(connection_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
    return error();
  }
  Result<std::string> text = std::string();
  if (sqlite3_step(statement) == SQLITE_ROW) {
    const auto* const column = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    text = std::string(column == nullptr ? "" : column);
  } else {
    text = error();
  }
  sqlite3_finalize(statement);
  return text;
}

Result<std::int64_t> SqliteConnection::queryInt(const std::string& sql) {
  TRY_ASSIGN(const std::string text, queryText(sql));
  return std::strtoll(text.c_str(), nullptr, 10);
}

bool SqliteConnection::isInTransaction() const { return sqlite3_get_autocommit(connection_) == 0; }

SqliteStatement::SqliteStatement(SqliteConnection& connection, std::string_view sql)
    : connection_(connection) {
  sqlite3_prepare_v3(connection.raw(), sql.data(), static_cast<int>(sql.size()),
                     SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
}

SqliteStatement::~SqliteStatement() { sqlite3_finalize(statement_); }

SqliteStatement& SqliteStatement::bind(int parameter, std::int64_t number) {
  sqlite3_bind_int64(statement_, parameter, number);
  return *this;
}

SqliteStatement& SqliteStatement::bind(int parameter, std::optional<std::int64_t> number) {
  if (number) return bind(parameter, *number);
  sqlite3_bind_null(statement_, parameter);
  return *this;
}

SqliteStatement& SqliteStatement::bindText(int parameter, std::string_view text) {
  sqlite3_bind_text64(statement_, parameter, text.empty() ? "" : text.data(), text.size(),
                      SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

SqliteStatement& SqliteStatement::bindBytes(int parameter, ByteView bytes) {
  sqlite3_bind_blob64(statement_, parameter, bytes.empty() ? "" : bytes.data(), bytes.size(),
                      SQLITE_STATIC);
  return *this;
}

Result<bool> SqliteStatement::step() {
  if (statement_ == nullptr) {
    connection_.setSuspect();
    return fail(Reason::kStoreUnavailable, "state database: its tables cannot be read");
  }
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return connection_.error();
}

void SqliteStatement::reset() { sqlite3_reset(statement_); }

std::int64_t SqliteStatement::intAt(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::optional<std::int64_t> SqliteStatement::optionalIntAt(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
  return intAt(column);
}

ByteView SqliteStatement::bytesAt(int column) const {
  const void* const bytes = sqlite3_column_blob(statement_, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return bytes == nullptr ? ByteView() : ByteView(static_cast<const char*>(bytes), size);
}

}  // namespace edgehold
