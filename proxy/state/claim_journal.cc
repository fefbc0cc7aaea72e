// SPDX-License-Identifier: Apache-2.0
// Segments behind claim_journal.h: made, filled, closed, emptied of what has run out.
// Thread: any (synchronised by mutex_).
#include "proxy/state/claim_journal.h"

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

#include "proxy/base/file.h"
#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/state/boot_identity.h"

namespace edgehold {
namespace {

constexpr std::string_view kPrefix = "claims-";
constexpr std::string_view kSuffix = ".journal";
constexpr char kRemedy[] =
    "restore it from a copy, or move all claims-*.journal files away to start without the event "
    "ids of before";

std::string segmentName(std::uint64_t sequence) {
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, sequence);
  return std::string(kPrefix) + text + std::string(kSuffix);
}

// The segments in `directory`, oldest first: their names sort by sequence. What was not finished is
// removed.
Result<std::vector<std::string>> listSegments(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    if (name.ends_with(kUnfinishedClaims)) {
      ::unlink(entry.path().c_str());
    } else if (name.ends_with(kSuffix)) {
      names.push_back(name);
    }
  }
  if (error) return fail("state.directory: cannot list `" + directory + "`: " + error.message());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

ClaimJournal::ClaimJournal(Options options, std::uint64_t seed_print)
    : options_(std::move(options)),
      seed_print_(seed_print),
      bytes_max_(options_.records_max * kClaimRecordBytes),
      next_records_(limits::kClaimSegmentRecordsLeast) {}

ClaimJournal::~ClaimJournal() {
  close(std::move(next_));
  close(std::move(current_));
}

Result<std::unique_ptr<ClaimJournal>> ClaimJournal::open(Options options, const Clock& clock,
                                                         Counters& counters) {
  const std::uint64_t seed_print = sipHash64(counters.seed(), "claim journal");
  std::unique_ptr<ClaimJournal> journal(new ClaimJournal(std::move(options), seed_print));
  TRY(journal->restore(clock, counters));
  (void)journal->append({}, clock);  // makes the first segment; a failure is told and tried again
  return journal;
}

Result<void> ClaimJournal::restore(const Clock& clock, Counters& counters) {
  TRY_ASSIGN(const std::vector<std::string> names, listSegments(options_.directory));
  for (const std::string& name : names) {
    TRY(restoreSegment(options_.directory + "/" + name, clock, counters));
  }
  dropExpired(clock.now());
  // What a process that was killed had reserved and did not use.
  for (const Closed& closed : closed_) {
    [[maybe_unused]] const int trimmed =
        ::truncate(closed.path.c_str(), static_cast<off_t>(closed.bytes));
  }
  countBytes();
  return {};
}

Result<void> ClaimJournal::restoreSegment(const std::string& path, const Clock& clock,
                                          Counters& counters) {
  const auto refuse = [&path](const std::string& why) {
    return fail(Reason::kStoreUnavailable, "claim journal `" + path + "` " + why);
  };
  const auto bytes = readFile(path, limits::kClaimSegmentBytesMax);
  if (!bytes) return refuse("cannot be read (" + bytes.error().message + "); " + kRemedy);
  Closed closed{path, bytes->size(), Instant{}};
  if (bytes->empty()) {  // a power failure before its header reached the disk
    LOG(WARNING) << "claim journal `" << path << "` is empty";
    closed_.push_back(std::move(closed));
    return {};
  }
  auto segment = parseClaimSegment(*bytes);
  if (!segment) return refuse(segment.error().message + "; " + kRemedy);
  if (const auto checked = checkHeader(segment->header); !checked) {
    return refuse(checked.error().message + "; " + kRemedy);
  }
  const bool is_same_boot = isSameBoot(segment->header.boot, options_.boot);
  for (const ClaimRecord& record : segment->records) {
    const Instant expires = expiryOf(record, is_same_boot, clock.now(), clock.wallNow());
    if (expires <= clock.now()) continue;
    closed.newest = std::max(closed.newest, expires);
    if (!counters.restore(record.key, clock.now(), expires - clock.now())) {
      return refuse(
          "holds more live event ids than `state.counter_entries` has room for: raise it");
    }
  }
  next_sequence_ = std::max(next_sequence_, segment->header.sequence + 1);
  closed_.push_back(std::move(closed));
  return {};
}

Result<void> ClaimJournal::checkHeader(const ClaimSegmentHeader& header) const {
  if (header.seed_print == seed_print_) return {};
  return fail(Reason::kStoreUnavailable,
              "belongs to another state database than the one beside it");
}

Result<void> ClaimJournal::append(std::span<const ClaimRecord> claims, const Clock& clock) {
  std::shared_ptr<SyncedFile> file;
  std::string path;
  std::uint64_t written = 0;
  Result<void> prepared;
  {
    const std::lock_guard lock(mutex_);
    if (auto done = write(claims, clock); !done) {
      close(std::move(current_));  // another place on the disk may be better
      return fail(health_.noteFailure(done.error().message));
    }
    file = current_->file();
    path = current_->path();
    written = file->written();
    // What is under way finds room in the second half, should the disk be full.
    if (current_->isHalfFull() && next_ == nullptr) prepared = prepareNext(0, clock);
  }
  if (options_.durability == Durability::kDisk) {
    if (const int number = file->syncUpTo(written, path); number != 0) {
      return fail(health_.noteFailure(claimFileError(path, "sync", number)));
    }
  }
  if (prepared) {
    health_.noteSuccess();
  } else {
    (void)health_.noteFailure(prepared.error().message);
  }
  return {};
}

void ClaimJournal::probe(const Clock& clock) {
  rescueTakenAway(clock);
  if (isHealthy() && rescued_.empty()) return;
  if (append(rescued_, clock)) rescued_.clear();
}

// The claims of a file that is open can be written again; those of a closed one are known only
// while this process lives.
void ClaimJournal::rescueTakenAway(const Clock& clock) {
  const std::lock_guard lock(mutex_);
  for (std::unique_ptr<OpenSegment>* segment : {&current_, &next_}) {
    if (*segment == nullptr || !(*segment)->isTakenAway()) continue;
    health_.noteTrouble("claim journal `" + (*segment)->path() +
                        "` was removed or replaced while it was in use; its event ids are "
                        "written again");
    const std::vector<ClaimRecord> live =
        liveIn({(*segment)->pathOfDescriptor(), (*segment)->bytes(), {}}, clock);
    rescued_.insert(rescued_.end(), live.begin(), live.end());
    segment->reset();
  }
  std::erase_if(closed_, [this](const Closed& closed) {
    if (::access(closed.path.c_str(), F_OK) == 0 || errno != ENOENT) return false;
    health_.noteTrouble("claim journal `" + closed.path +
                        "` was removed; its event ids are forgotten at the next start");
    return true;
  });
  countBytes();
}

Result<void> ClaimJournal::write(std::span<const ClaimRecord> claims, const Clock& clock) {
  // After a failed sync nothing of this file can be trusted to reach the disk any more.
  if (current_ != nullptr && current_->file()->isBroken()) close(std::move(current_));
  if (current_ == nullptr || !current_->hasRoom(claims.size())) TRY(rotate(claims.size(), clock));
  if (const int number = current_->write(claims); number != 0) {
    return fail(Reason::kStoreUnavailable, claimFileError(current_->path(), "write", number));
  }
  return {};
}

Result<void> ClaimJournal::rotate(std::size_t records, const Clock& clock) {
  if (next_ != nullptr && !next_->hasRoom(records)) close(std::move(next_));
  if (next_ == nullptr) TRY(prepareNext(records, clock));
  close(std::move(current_));
  current_ = std::move(next_);
  return {};
}

Result<void> ClaimJournal::prepareNext(std::size_t records, const Clock& clock) {
  dropExpired(clock.now());
  if (current_ != nullptr) {  // it was filled, not lost
    const std::size_t most = std::max(options_.records_max / 8, limits::kClaimSegmentRecordsLeast);
    next_records_ = std::min({2 * next_records_, most, limits::kClaimSegmentRecordsMost});
  }
  const Carried carried = takeFromOldest(records, clock);
  const std::size_t needed = records + carried.records.size();
  auto made = makeSegment(std::max(next_records_, needed));
  if (!made) {  // rather a small one than none
    next_records_ = limits::kClaimSegmentRecordsLeast;
    made = makeSegment(std::max(next_records_, needed));
  }
  if (!made) return fail(made.error());
  next_ = std::move(*made);
  int number = next_->write(carried.records);
  if (number == 0 && options_.durability == Durability::kDisk) {
    number = next_->file()->syncUpTo(next_->file()->written(), next_->path());
  }
  if (number != 0) {
    const std::string message = claimFileError(next_->path(), "write", number);
    ::unlink(std::exchange(next_, nullptr)->path().c_str());
    return fail(Reason::kStoreUnavailable, message);
  }
  for (std::size_t i = 0; i < carried.segments; ++i) {
    ::unlink(closed_.front().path.c_str());
    closed_.pop_front();
  }
  countBytes();
  return {};
}

// What still lives in the oldest segments, if it is to move into a new one, so that a few claims
// with a long window do not keep all that was written beside them. A large one that is mostly alive
// is put last instead.
ClaimJournal::Carried ClaimJournal::takeFromOldest(std::size_t records, const Clock& clock) {
  Carried carried;
  constexpr std::size_t kLooks = 4;
  for (std::size_t look = 0; look < kLooks && carried.segments < closed_.size(); ++look) {
    if (!isCrowded(records + carried.records.size())) break;
    const auto place = closed_.begin() + static_cast<std::ptrdiff_t>(carried.segments);
    const std::vector<ClaimRecord> live = liveIn(*place, clock);
    const bool is_small = live.size() <= limits::kClaimSegmentRecordsLeast;
    const bool is_sparse = 2 * live.size() * kClaimRecordBytes <= place->bytes;
    if (!live.empty() && (is_small || is_sparse)) {
      carried.records.insert(carried.records.end(), live.begin(), live.end());
      ++carried.segments;
    } else {
      std::rotate(place, place + 1, closed_.end());
    }
  }
  return carried;
}

// Empty when it cannot be read: then it stays where it is.
std::vector<ClaimRecord> ClaimJournal::liveIn(const Closed& closed, const Clock& clock) const {
  std::vector<ClaimRecord> live;
  const auto bytes = readFile(closed.path, limits::kClaimSegmentBytesMax);
  const auto segment = bytes ? parseClaimSegment(*bytes) : fail(bytes.error());
  if (!segment) {
    LOG(ERROR) << "claim journal `" << closed.path << "`: " << segment.error().message;
    return live;
  }
  const bool is_same_boot = isSameBoot(segment->header.boot, options_.boot);
  for (ClaimRecord record : segment->records) {
    record.expires = expiryOf(record, is_same_boot, clock.now(), clock.wallNow());
    if (record.expires <= clock.now()) continue;
    record.expires_wall = clock.wallNow() + (record.expires - clock.now());
    live.push_back(record);
  }
  return live;
}

bool ClaimJournal::isCrowded(std::size_t records) const {
  return closed_.size() >= limits::kClaimSegmentsMax ||
         bytes() + (records + next_records_) * kClaimRecordBytes > bytes_max_;
}

Result<std::unique_ptr<OpenSegment>> ClaimJournal::makeSegment(std::size_t records) {
  if (bytes() > 2 * bytes_max_ + limits::kClaimSegmentBytesMax) {
    return fail(Reason::kStoreUnavailable,
                "claim journal: it is full of live claims; raise `state.counter_entries`");
  }
  const ClaimSegmentHeader header{next_sequence_, seed_print_, options_.boot};
  TRY_ASSIGN(
      auto segment,
      OpenSegment::make(header, options_.directory + "/" + segmentName(header.sequence), records));
  ++next_sequence_;
  return segment;
}

void ClaimJournal::close(std::unique_ptr<OpenSegment> segment) {
  if (segment == nullptr) return;
  if (segment->isEmpty()) {
    ::unlink(segment->path().c_str());
  } else {
    segment->trim();
    closed_.push_back({segment->path(), segment->bytes(), segment->newest()});
  }
  countBytes();
}

void ClaimJournal::dropExpired(Instant now) {
  std::erase_if(closed_, [now](const Closed& closed) {
    if (closed.newest > now) return false;
    return ::unlink(closed.path.c_str()) == 0 || errno == ENOENT;
  });
}

void ClaimJournal::countBytes() {
  std::uint64_t sum = 0;
  if (current_ != nullptr) sum += current_->reservedBytes();
  if (next_ != nullptr) sum += next_->reservedBytes();
  for (const Closed& closed : closed_) sum += closed.bytes;
  bytes_.store(sum, std::memory_order_relaxed);
}

}  // namespace edgehold
