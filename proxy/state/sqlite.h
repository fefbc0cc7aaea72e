// SPDX-License-Identifier: Apache-2.0
// RAII over SQLite: a connection and its prepared statements. Every error is kStoreUnavailable.
// Thread: any, one at a time (the connection is opened without SQLite's own mutexes).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/bytes.h"
#include "proxy/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace edgehold {

class SqliteConnection {
 public:
  enum class Missing : std::uint8_t { kCreate, kFail };
  // The file is readable by its owner only when it is created here.
  static Result<std::unique_ptr<SqliteConnection>> open(const std::string& path, Missing missing);
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;
  ~SqliteConnection();

  // Statements without parameters and without rows that matter.
  Result<void> execute(const std::string& sql);
  // The first column of the first row.
  Result<std::int64_t> queryInt(const std::string& sql);
  Result<std::string> queryText(const std::string& sql);
  bool isInTransaction() const;
  // What went wrong last, as an error.
  tl::unexpected<Error> error() const;
  // True once an error was seen that this connection may not get over: anything but a full disk, a
  // lock or a size.
  bool isSuspect() const { return is_suspect_; }
  void setSuspect() { is_suspect_ = true; }
  // Somebody removed the file or its log, or put another in its place: what is written would go
  // where nobody finds it.
  bool isTakenAway() const;
  void forgetErrors() { is_suspect_ = false; }
  sqlite3* raw() const { return connection_; }

 private:
  explicit SqliteConnection(sqlite3* connection) : connection_(connection) {}
  sqlite3* connection_;
  mutable bool is_suspect_ = false;
};

// A prepared statement; parameters are numbered from 1, columns from 0. Bound and returned views
// are borrowed until reset().
class SqliteStatement {
 public:
  // When `sql` does not compile (a table that is gone, an input error), step() says so.
  SqliteStatement(SqliteConnection& connection, std::string_view sql);
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;
  ~SqliteStatement();

  SqliteStatement& bind(int parameter, std::int64_t number);
  SqliteStatement& bind(int parameter, std::optional<std::int64_t> number);
  SqliteStatement& bindText(int parameter, std::string_view text);
  SqliteStatement& bindBytes(int parameter, ByteView bytes);

  // True for a row, false for the end.
  Result<bool> step();
  void reset();

  std::int64_t intAt(int column) const;
  std::optional<std::int64_t> optionalIntAt(int column) const;
  ByteView bytesAt(int column) const;

 private:
  SqliteConnection& connection_;
  sqlite3_stmt* statement_ = nullptr;
};

// Resets at the end of the scope: a statement left in the middle of its rows holds a read lock.
class SqliteReset {
 public:
  explicit SqliteReset(SqliteStatement& statement) : statement_(statement) {}
  SqliteReset(const SqliteReset&) = delete;
  SqliteReset& operator=(const SqliteReset&) = delete;
  ~SqliteReset() { statement_.reset(); }

 private:
  SqliteStatement& statement_;
};

}  // namespace edgehold
