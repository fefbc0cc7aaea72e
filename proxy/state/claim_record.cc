// SPDX-License-Identifier: Apache-2.0
// Encoding and checking behind claim_record.h.
// Thread: any (values).
#include "proxy/state/claim_record.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "proxy/base/siphash.h"

namespace edgehold {
namespace {

constexpr std::array<char, 8> kMagic = {'e', 'd', 'g', 'h', 'c', 'l', 'm', '\n'};
constexpr SipKey kHeaderKey{0x65646768636c6d31, 0x6865616465722031};

struct HeaderBytes {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t record_bytes;
  std::uint64_t sequence;
  std::uint64_t seed_print;
  std::uint64_t boot_low;
  std::uint64_t boot_high;
  std::uint64_t reserved;
  std::uint64_t check;
};
static_assert(sizeof(HeaderBytes) == kClaimHeaderBytes);

struct RecordBytes {
  std::uint64_t key_low;
  std::uint64_t key_high;
  std::int64_t expires_ms;
  std::int64_t expires_wall_ms;
  std::uint32_t window_ms;
  std::uint32_t check;
};
static_assert(sizeof(RecordBytes) == kClaimRecordBytes);

template <class T>
ByteView viewOf(const T& object, std::size_t bytes) {
  return {reinterpret_cast<const char*>(&object), bytes};
}

std::uint64_t checkOf(const HeaderBytes& header) {
  return sipHash64(kHeaderKey, viewOf(header, offsetof(HeaderBytes, check)));
}

// Under the segment's own key: a record that strayed from another segment does not pass.
std::uint32_t checkOf(const RecordBytes& record, const ClaimSegmentHeader& header) {
  const SipKey key{header.seed_print, header.sequence};
  return static_cast<std::uint32_t>(sipHash64(key, viewOf(record, offsetof(RecordBytes, check))));
}

std::int64_t millisecondsOf(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

tl::unexpected<Error> damaged(const std::string& what) {
  return fail(Reason::kStoreUnavailable, "is damaged (" + what + ")");
}

Result<ClaimSegmentHeader> parseHeader(ByteView bytes) {
  HeaderBytes raw{};
  if (bytes.size() < sizeof raw) return damaged("it ends inside its header");
  std::memcpy(&raw, bytes.data(), sizeof raw);
  if (raw.magic != kMagic) return damaged("it does not begin as a claim journal");
  if (raw.version > kClaimJournalVersion) {
    return fail(Reason::kStoreUnavailable, "was written by a newer edgehold (version " +
                                               std::to_string(raw.version) + ", this one knows " +
                                               std::to_string(kClaimJournalVersion) + ")");
  }
  if (raw.check != checkOf(raw) || raw.record_bytes != kClaimRecordBytes) {
    return damaged("its header does not match its check");
  }
  return ClaimSegmentHeader{raw.sequence, raw.seed_print, {raw.boot_low, raw.boot_high}};
}

ClaimRecord recordOf(const RecordBytes& raw) {
  return {{raw.key_low, raw.key_high},
          Instant(std::chrono::milliseconds(raw.expires_ms)),
          wallTimeFromMilliseconds(raw.expires_wall_ms),
          std::chrono::milliseconds(raw.window_ms)};
}

// What a power failure leaves of a file whose size reached the disk before its content.
bool isZero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

}  // namespace

std::string encodeClaimHeader(const ClaimSegmentHeader& header) {
  HeaderBytes raw{kMagic,
                  kClaimJournalVersion,
                  kClaimRecordBytes,
                  header.sequence,
                  header.seed_print,
                  header.boot.low,
                  header.boot.high,
                  0,
                  0};
  raw.check = checkOf(raw);
  return std::string(viewOf(raw, sizeof raw));
}

void appendClaimRecord(std::string& out, const ClaimSegmentHeader& header,
                       const ClaimRecord& record) {
  RecordBytes raw{record.key.low,
                  record.key.high,
                  millisecondsOf(record.expires.time_since_epoch()),
                  unixMilliseconds(record.expires_wall),
                  static_cast<std::uint32_t>(
                      std::clamp<std::int64_t>(millisecondsOf(record.window), 0, UINT32_MAX)),
                  0};
  raw.check = checkOf(raw, header);
  out.append(viewOf(raw, sizeof raw));
}

Result<ClaimSegment> parseClaimSegment(ByteView bytes) {
  ClaimSegment segment;
  TRY_ASSIGN(segment.header, parseHeader(bytes));
  bytes.remove_prefix(kClaimHeaderBytes);
  segment.records.reserve(bytes.size() / kClaimRecordBytes);
  for (; bytes.size() >= kClaimRecordBytes; bytes.remove_prefix(kClaimRecordBytes)) {
    RecordBytes raw{};
    std::memcpy(&raw, bytes.data(), sizeof raw);
    if (raw.check == checkOf(raw, segment.header)) {
      segment.records.push_back(recordOf(raw));
      continue;
    }
    const bool is_last = bytes.size() < 2 * kClaimRecordBytes;
    if (is_last || isZero(bytes)) break;
    return damaged("record " + std::to_string(segment.records.size() + 1) +
                   " does not match its check");
  }
  return segment;
}

Instant expiryOf(const ClaimRecord& record, bool is_same_boot, Instant now, WallTime wall) {
  const Duration by_clock = record.expires - now;
  // A monotonic clock of the same boot that reads earlier than when the record was made is another
  // one (a time namespace): then the wall clock is the better witness.
  const bool is_clock_known = is_same_boot && by_clock <= record.window;
  const Duration left = is_clock_known ? by_clock : record.expires_wall - wall;
  return now + std::min(left, record.window);
}

}  // namespace edgehold
