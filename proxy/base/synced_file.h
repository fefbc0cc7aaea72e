// SPDX-License-Identifier: Apache-2.0
// An open file that several threads append to and whose bytes some of them need on the disk. One
// fdatasync(2) serves all that wait; one that failed is final, since the kernel may drop what it
// could not write and call the next sync a success: what was not synced goes into another file.
// Thread: any (writing is synchronised by the caller, syncing by sync_mutex_).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

namespace edgehold {

class SyncedFile {
 public:
  // Owns `descriptor`.
  explicit SyncedFile(int descriptor) : descriptor_(descriptor) {}
  ~SyncedFile();
  SyncedFile(const SyncedFile&) = delete;
  SyncedFile& operator=(const SyncedFile&) = delete;

  int descriptor() const { return descriptor_; }
  // REQUIRES: one thread at a time.
  void noteWritten(std::size_t bytes) { written_.fetch_add(bytes, std::memory_order_release); }
  std::uint64_t written() const { return written_.load(std::memory_order_acquire); }

  // 0, or an errno. On 0 the first `written` bytes that noteWritten() told are on the disk, and so
  // is the name `path`. Whoever comes while another syncs finds its own work done by the next one.
  int syncUpTo(std::uint64_t written, const std::string& path);
  // A sync failed: nothing more can be made durable through this descriptor.
  bool isBroken() const { return is_broken_.load(std::memory_order_acquire); }

 private:
  const int descriptor_;
  std::atomic<std::uint64_t> written_{0};
  std::atomic<bool> is_broken_{false};
  std::mutex sync_mutex_;
  std::uint64_t synced_ = 0;  // guarded by sync_mutex_
};

// Makes a new entry in the directory of `path` durable; 0, or an errno. Not all file systems can;
// then the file's own sync stands.
int syncDirectoryOf(const std::string& path);

}  // namespace edgehold
