// SPDX-License-Identifier: Apache-2.0
// A worker's end of the audit log: records are formatted into its buffer and leave in one write per
// loop turn, before the answers of that turn do.
// Thread: one loop (the AuditFile behind it is shared).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/bytes.h"
#include "proxy/base/loop.h"
#include "proxy/base/result.h"
#include "proxy/observe/audit_file.h"
#include "proxy/observe/audit_record.h"
#include "proxy/observe/metrics.h"

namespace edgehold {

class AuditLog {
 public:
  // REQUIRES: file, metrics and loop outlive the log. `fields`: AuditSpec::fields.
  AuditLog(AuditFile& file, WorkerMetrics& metrics, Loop& loop,
           const std::vector<std::string>& fields);
  // Writes what is left.
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // Buffers one line. kStoreUnavailable when the file could not be written for so long that the
  // buffer is full: the record is lost (and counted), and its answer must not leave.
  Result<void> record(const AuditRecord& record);
  // The record of an exchange whose decision stands. Views are used for the call only.
  Result<void> record(const Exchange& exchange, std::string_view policy_version,
                      std::string_view trace_id = {});

  // Hands all buffered lines to the kernel (with Durability::kDisk: to the disk) in one write. Call
  // it at the end of each turn, before client sockets are written. On kStoreUnavailable no answer
  // of this turn may leave; lines that were not written are kept and tried again by a timer.
  Result<void> flush() { return write(/*is_durable=*/false); }
  // As flush(), and on the disk whatever the configured durability: for held and executed actions.
  Result<void> flushDurable() { return write(/*is_durable=*/true); }

  // False: refuse new work (kStoreUnavailable) before anything of it leaves.
  bool isHealthy() const { return file_.isHealthy(); }
  // A reload may change them.
  void adopt(const std::vector<std::string>& fields) { format_ = AuditFormat(fields); }

 private:
  Result<void> write(bool is_durable);
  // Forgets the lines that were written whole; one that was torn is written again.
  void dropWritten(std::size_t bytes);

  AuditFile& file_;
  WorkerMetrics& metrics_;
  Loop& loop_;
  AuditFormat format_;
  Buffer buffer_;
  std::unique_ptr<Timer> retry_;
  bool owes_sync_ = false;  // a durable write was not on the disk yet
};

}  // namespace edgehold
