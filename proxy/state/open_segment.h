// SPDX-License-Identifier: Apache-2.0
// The segment of the claim journal that is appended to, and one that waits for its turn.
// Thread: any (synchronised by the journal's mutex; a SyncedFile by its own).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/base/synced_file.h"
#include "proxy/state/claim_record.h"

namespace edgehold {

// What could not be done to a file of the journal, and why.
std::string claimFileError(const std::string& path, std::string_view what, int number);

class OpenSegment {
 public:
  // Makes the file with room for so many records, under its name once its header is there.
  // kStoreUnavailable.
  static Result<std::unique_ptr<OpenSegment>> make(const ClaimSegmentHeader& header,
                                                   std::string path, std::size_t records_max);

  const std::string& path() const { return path_; }
  // Where its bytes are found, whatever became of its name.
  std::string pathOfDescriptor() const;
  const std::shared_ptr<SyncedFile>& file() const { return file_; }
  Instant newest() const { return newest_; }
  std::uint64_t bytes() const { return kClaimHeaderBytes + records_ * kClaimRecordBytes; }
  std::uint64_t reservedBytes() const {
    return kClaimHeaderBytes + records_max_ * kClaimRecordBytes;
  }
  bool isEmpty() const { return records_ == 0; }
  bool hasRoom(std::size_t records) const { return records <= records_max_ - records_; }
  bool isHalfFull() const { return records_ > records_max_ / 2; }
  // Somebody removed the file or put another in its place: what is in it goes with the process.
  bool isTakenAway() const;

  // 0, or an errno. What a failed write left is overwritten by the next.
  int write(std::span<const ClaimRecord> claims);
  // Gives back what was reserved and is not needed, and what a failed write left.
  void trim();

 private:
  OpenSegment(const ClaimSegmentHeader& header, std::string path, int descriptor,
              std::size_t records_max);

  const ClaimSegmentHeader header_;
  const std::string path_;
  const std::size_t records_max_;
  const std::shared_ptr<SyncedFile> file_;  // outlives the segment while somebody syncs
  std::size_t records_ = 0;
  Instant newest_{};
  std::string scratch_;
};

}  // namespace edgehold
