// SPDX-License-Identifier: Apache-2.0
// The bounds of ledger records, the same for every implementation.
// Thread: any (immutable).
#include "proxy/state/ledger.h"

#include "proxy/base/limits.h"
#include "proxy/base/utf8.h"

namespace edgehold {
namespace {

Result<void> checkName(std::string_view what, std::string_view name, bool may_be_empty) {
  if (name.empty() && !may_be_empty) return fail("record: " + std::string(what) + " is empty");
  if (name.size() > limits::kLedgerNameBytesMax)
    return fail("record: " + std::string(what) + " too long");
  // SQLite compares text up to a NUL.
  if (!isUtf8(name) || name.find('\0') != name.npos) {
    return fail("record: " + std::string(what) + " is not text");
  }
  return {};
}

Result<void> checkSizes(std::size_t summary_bytes, std::size_t body_bytes) {
  if (summary_bytes > limits::kLedgerSummaryBytesMax) {
    return fail(Reason::kPayloadTooLarge, "record: summary too large");
  }
  if (body_bytes > limits::kBufferedBodyBytesCeiling) {
    return fail(Reason::kPayloadTooLarge, "record: body too large");
  }
  return {};
}

}  // namespace

Result<void> checkLedgerRecord(const LedgerRecord& record) {
  TRY(checkName("kind", record.kind, false));
  TRY(checkName("id", record.id, false));
  TRY(checkName("lane", record.lane, true));
  TRY(checkName("state", record.state, false));
  return checkSizes(record.summary.size(), record.body.size());
}

Result<void> checkLedgerChange(const LedgerChange& change) {
  TRY(checkName("id", change.id, false));
  TRY(checkName("state", change.state, false));
  return checkSizes(change.summary ? change.summary->size() : 0,
                    change.body ? change.body->size() : 0);
}

}  // namespace edgehold
