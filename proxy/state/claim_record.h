// SPDX-License-Identifier: Apache-2.0
// The bytes of the claim journal: a segment is one header and records of one size, each with a
// check of its own. Numbers are little-endian.
// Thread: any (values).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/bytes.h"
#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/state/counters.h"

namespace edgehold {

// A committed claim. `expires` means something in the boot that wrote it, `expires_wall` after it.
struct ClaimRecord {
  CounterKey key;
  Instant expires;
  WallTime expires_wall;
  Duration window{};  // how long it was to be remembered; kept in whole milliseconds
};

struct ClaimSegmentHeader {
  std::uint64_t sequence = 0;
  std::uint64_t seed_print = 0;  // of the counters' seed: keys mean nothing under another
  SipHash128 boot;               // of the machine
};

inline constexpr std::uint32_t kClaimJournalVersion = 1;
inline constexpr std::size_t kClaimHeaderBytes = 64;
inline constexpr std::size_t kClaimRecordBytes = 40;
// Ends the name of a segment that has no header yet.
inline constexpr std::string_view kUnfinishedClaims = ".new";

std::string encodeClaimHeader(const ClaimSegmentHeader& header);
void appendClaimRecord(std::string& out, const ClaimSegmentHeader& header,
                       const ClaimRecord& record);

struct ClaimSegment {
  ClaimSegmentHeader header;
  std::vector<ClaimRecord> records;
};

// The segment whose bytes these are. A last record that was cut off or spoilt by a crash is left
// out: its claim was not acknowledged. Anything else that is not as it was written is an error in
// words (`is damaged (…)`, `was written by a newer edgehold`).
Result<ClaimSegment> parseClaimSegment(ByteView bytes);

// When a record runs out, on this boot's clock. Never later than its whole window from now: a wall
// clock that was set back must not make a claim outlive its terms.
Instant expiryOf(const ClaimRecord& record, bool is_same_boot, Instant now, WallTime wall);

}  // namespace edgehold
