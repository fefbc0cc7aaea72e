// SPDX-License-Identifier: Apache-2.0
// Buffering and writing behind audit_log.h.
// Thread: one loop.
#include "proxy/observe/audit_log.h"

#include "proxy/base/limits.h"
#include "proxy/base/log.h"

namespace edgehold {
namespace {
// A turn with more than this writes early. Also what the buffer keeps between turns.
constexpr std::size_t kTurnBytes = 256 * 1024;
}  // namespace

AuditLog::AuditLog(AuditFile& file, WorkerMetrics& metrics, Loop& loop,
                   const std::vector<std::string>& fields)
    : file_(file), metrics_(metrics), loop_(loop), format_(fields) {
  (void)buffer_.prepare(kTurnBytes + limits::kAuditLineBytesMax);
  retry_ = loop_.makeTimer([this] { (void)write(owes_sync_); });
}

AuditLog::~AuditLog() {
  if (const auto written = flush(); !written) {
    LOG(ERROR) << "audit: records lost at the end: " << written.error().message;
  }
}

Result<void> AuditLog::record(const AuditRecord& record) {
  if (buffer_.size() >= limits::kAuditBufferBytesMax) {
    metrics_.audit_records_lost.add();
    return fail(Reason::kStoreUnavailable, file_.health().lastError());
  }
  format_.append(buffer_, record);
  metrics_.audit_records.add();
  // While the file fails, the timer tries; one try per record would slow every refusal.
  if (buffer_.size() >= kTurnBytes && !retry_->isArmed()) return flush();
  return {};
}

Result<void> AuditLog::record(const Exchange& exchange, std::string_view policy_version,
                              std::string_view trace_id) {
  AuditRecord record = auditRecordOf(exchange);
  record.policy = policy_version;
  record.trace_id = trace_id;
  return this->record(record);
}

Result<void> AuditLog::write(bool is_durable) {
  is_durable |= owes_sync_;
  if (buffer_.empty() && !is_durable) return {};
  const AppendReport report = file_.append(buffer_.view(), loop_.clock().wallNow(), is_durable);
  dropWritten(report.bytes);
  if (!report.error) {
    owes_sync_ = false;
    retry_->cancel();
    return {};
  }
  owes_sync_ |= is_durable;
  retry_->arm(limits::kAuditRetryInterval);
  return fail(*report.error);
}

void AuditLog::dropWritten(std::size_t bytes) {
  // The line feed that confines a torn line also ends one that lacks nothing else: written again,
  // it would be there twice.
  const ByteView lines = buffer_.view();
  if (bytes > 0 && bytes < lines.size() && lines[bytes] == '\n') ++bytes;
  if (bytes == lines.size()) {
    buffer_.clear();
  } else if (bytes > 0) {
    const std::size_t line_feed = lines.rfind('\n', bytes - 1);
    if (line_feed != ByteView::npos) buffer_.consume(line_feed + 1);
  }
}

}  // namespace edgehold
