// SPDX-License-Identifier: Apache-2.0
// fdatasync(2) behind synced_file.h.
// Thread: any (syncing is synchronised by sync_mutex_).
#include "proxy/base/synced_file.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace edgehold {

SyncedFile::~SyncedFile() { ::close(descriptor_); }

int SyncedFile::syncUpTo(std::uint64_t written, const std::string& path) {
  const std::lock_guard lock(sync_mutex_);
  if (synced_ >= written) return 0;
  if (isBroken()) return EIO;
  const std::uint64_t covered = this->written();
  // EINVAL, EROFS: a pipe or a terminal, which has no disk.
  if (::fdatasync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) {
    const int number = errno;
    is_broken_.store(true, std::memory_order_release);
    return number;
  }
  if (synced_ == 0) (void)syncDirectoryOf(path);
  synced_ = covered;
  return 0;
}

int syncDirectoryOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  const int error = ::fsync(descriptor) == 0 || errno == EINVAL ? 0 : errno;
  ::close(descriptor);
  return error;
}

}  // namespace edgehold
