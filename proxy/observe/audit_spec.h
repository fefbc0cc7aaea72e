// SPDX-License-Identifier: Apache-2.0
// The audit log as configured.
// Thread: any (immutable).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace edgehold {

struct AuditSpec {
  enum class Durability : std::uint8_t { kKernel, kDisk };
  std::string
      path;  // of the live file; rotated ones get a suffix beside it; "-" is standard output
  Durability durability = Durability::kKernel;
  std::size_t rotate_bytes = 256 * 1024 * 1024;
  bool rotate_daily = true;  // at midnight UTC
  int retention_days = 30;   // rotated files older than this are removed; 0 keeps all
  // Which of who, what, when, why, request_id lead each record (security.audit.fields); the closed
  // list of further fields is always there. Empty: all five.
  std::vector<std::string> fields;
};

}  // namespace edgehold
