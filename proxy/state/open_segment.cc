// SPDX-License-Identifier: Apache-2.0
// The file behind open_segment.h.
// Thread: any (synchronised by the journal's mutex).
#include "proxy/state/open_segment.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

// All of it, or an errno.
int writeAt(int descriptor, ByteView bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t taken =
        ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (taken < 0 && errno == EINTR) continue;
    if (taken <= 0) return taken < 0 ? errno : ENOSPC;
    bytes.remove_prefix(static_cast<std::size_t>(taken));
    offset += static_cast<std::uint64_t>(taken);
  }
  return 0;
}

// Takes the room now, so that a full disk shows here and not when a claim must be kept. The size of
// the file stays what was written.
int reserve(int descriptor, std::uint64_t bytes) {
  while (::fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes)) != 0) {
    if (errno == EINTR) continue;
    return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : errno;  // then each write finds out itself
  }
  return 0;
}

}  // namespace

std::string claimFileError(const std::string& path, std::string_view what, int number) {
  return "claim journal `" + path + "`: cannot " + std::string(what) + ": " + errorText(number);
}

OpenSegment::OpenSegment(const ClaimSegmentHeader& header, std::string path, int descriptor,
                         std::size_t records_max)
    : header_(header),
      path_(std::move(path)),
      records_max_(records_max),
      file_(std::make_shared<SyncedFile>(descriptor)) {}

Result<std::unique_ptr<OpenSegment>> OpenSegment::make(const ClaimSegmentHeader& header,
                                                       std::string path, std::size_t records_max) {
  const std::string unfinished = path + std::string(kUnfinishedClaims);
  const int descriptor =
      ::open(unfinished.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) {
    return fail(Reason::kStoreUnavailable, claimFileError(path, "make", errno));
  }
  std::unique_ptr<OpenSegment> segment(
      new OpenSegment(header, std::move(path), descriptor, records_max));
  int number = reserve(descriptor, segment->reservedBytes());
  if (number == 0) number = writeAt(descriptor, encodeClaimHeader(header), 0);
  // The name says that the header is there: a shorter file of this name was damaged.
  if (number == 0 && ::rename(unfinished.c_str(), segment->path().c_str()) != 0) number = errno;
  if (number != 0) {
    ::unlink(unfinished.c_str());
    return fail(Reason::kStoreUnavailable, claimFileError(segment->path(), "make", number));
  }
  segment->file()->noteWritten(kClaimHeaderBytes);
  return segment;
}

std::string OpenSegment::pathOfDescriptor() const {
  return "/proc/self/fd/" + std::to_string(file_->descriptor());
}

bool OpenSegment::isTakenAway() const {
  struct stat open {};
  struct stat named {};
  if (::fstat(file_->descriptor(), &open) != 0) return false;
  if (::stat(path_.c_str(), &named) != 0) return errno == ENOENT || errno == ENOTDIR;
  return open.st_ino != named.st_ino || open.st_dev != named.st_dev;
}

int OpenSegment::write(std::span<const ClaimRecord> claims) {
  scratch_.clear();
  Instant newest = newest_;
  for (const ClaimRecord& claim : claims) {
    appendClaimRecord(scratch_, header_, claim);
    newest = std::max(newest, claim.expires);
  }
  const int number = writeAt(file_->descriptor(), scratch_, bytes());
  if (number != 0) return number;
  records_ += claims.size();
  newest_ = newest;
  file_->noteWritten(scratch_.size());
  return 0;
}

void OpenSegment::trim() {
  if (::ftruncate(file_->descriptor(), static_cast<off_t>(bytes())) != 0) {
    LOG(WARNING) << claimFileError(path_, "trim", errno);
  }
}

}  // namespace edgehold
