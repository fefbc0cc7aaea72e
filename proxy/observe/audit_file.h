// SPDX-License-Identifier: Apache-2.0
// The one audit file of the process: appends whole blocks of lines, rotates by size and at midnight
// UTC, and knows whether it can be written. An answer whose record could not be written must not
// leave: callers get a Result, never silence.
// Thread: any (synchronised by mutex_; syncing by SyncedFile).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "proxy/base/bytes.h"
#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/base/synced_file.h"
#include "proxy/base/write_health.h"
#include "proxy/observe/audit_record.h"
#include "proxy/observe/audit_spec.h"
#include "proxy/observe/exposition.h"

namespace edgehold {

// How far a block got. What was not written is the caller's to keep and to offer again.
struct AppendReport {
  std::size_t bytes = 0;       // of the block's front; may end inside a line
  std::optional<Error> error;  // kStoreUnavailable; absent when all of it was written
};

class AuditFile {
 public:
  // Opens (or makes, 0640) the live file, so that a wrong path stops the start.
  static Result<std::unique_ptr<AuditFile>> open(const AuditSpec& spec, WallTime now);
  ~AuditFile();
  AuditFile(const AuditFile&) = delete;
  AuditFile& operator=(const AuditFile&) = delete;

  // Writes `lines` (whole lines, each with its line feed) as one block that no other block tears.
  // With Durability::kDisk, or `is_durable`, it is on the disk when this returns without error.
  AppendReport append(ByteView lines, WallTime now, bool is_durable = false);

  // Writes what an operator did as one line, on the disk when this returns without error; after an
  // error it is kept for probe(). For the main thread: it waits for the disk.
  Result<void> record(const OperatorAct& act, WallTime now, bool is_durable = true);

  // While the file is not healthy: tries again what no worker does, the records of operators and
  // the opening that failed. From time to time, on main.
  void probe(WallTime now);

  // Opens the path anew (SIGUSR1, after somebody else moved the file). The old file stays in use
  // when that fails.
  Result<void> reopen(WallTime now);

  // Removes rotated files whose last record is older than the retention. Slow (it reads a
  // directory and unlinks): call it on the main thread, at start and every hour.
  void removeExpired(WallTime now);

  // Retention and rotation may change with a reload; path and durability are fixed at start.
  void adopt(const AuditSpec& spec);

  // False after a write, sync or open failed, until one of them succeeds again.
  bool isHealthy() const { return health_.isHealthy(); }
  const WriteHealth& health() const { return health_; }

  // The audit families of a scrape.
  void render(Exposition& out) const;

 private:
  explicit AuditFile(const AuditSpec& spec);
  Result<std::shared_ptr<SyncedFile>> openLive() const;
  // These five: REQUIRES mutex_.
  AppendReport write(ByteView lines);
  bool isRotationDue(std::size_t bytes, WallTime now) const;
  void rotate(WallTime now);
  void use(std::shared_ptr<SyncedFile> file, WallTime now);
  void noteRotationFailure(const std::string& message, WallTime now);

  const std::string path_;
  const AuditSpec::Durability durability_;
  mutable std::mutex mutex_;
  std::shared_ptr<SyncedFile> file_;         // guarded by mutex_
  std::size_t file_bytes_ = 0;               // guarded by mutex_
  std::int64_t file_day_ = 0;                // guarded by mutex_; days since the epoch
  bool is_line_torn_ = false;                // guarded by mutex_; the file ends inside a line
  bool is_pipe_ = false;                     // guarded by mutex_; or a terminal: it may stall
  std::optional<WallTime> rotation_failed_;  // guarded by mutex_
  std::string owed_;                         // guarded by mutex_; lines of operators
  bool is_reopening_ = false;                // guarded by mutex_; the last reopen() failed
  std::size_t rotate_bytes_;                 // guarded by mutex_
  bool rotate_daily_;                        // guarded by mutex_
  int retention_days_;                       // guarded by mutex_

  WriteHealth health_{"audit log"};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> rotations_{0};
};

}  // namespace edgehold
