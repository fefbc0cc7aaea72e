// SPDX-License-Identifier: Apache-2.0
// Unix stream sockets: how this machine's operators reach us, and who the kernel says they are.
// Thread: any (stateless).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "proxy/base/result.h"
#include "proxy/net/fd.h"

namespace edgehold {

// What sockaddr_un holds, less its final NUL.
inline constexpr std::size_t kUnixPathBytesMax = 107;

// The file of a bound socket. Removes it when destroyed, if nobody has replaced it meanwhile.
class UnixSocketFile {
 public:
  UnixSocketFile() = default;
  explicit UnixSocketFile(std::string path);
  UnixSocketFile(UnixSocketFile&& other) noexcept { *this = std::move(other); }
  UnixSocketFile& operator=(UnixSocketFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(device_, other.device_);
    std::swap(inode_, other.inode_);
    return *this;
  }
  ~UnixSocketFile();

  const std::string& path() const { return path_; }

 private:
  std::string path_;  // empty: none
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
};

struct UnixListener {
  Fd fd;
  UnixSocketFile file;
};

// Listens at `path`, without blocking; owner and group may connect (0660). A socket file that
// nobody answers on is replaced; one that a process answers on, or a file of another kind, is an
// error. The directory is made (0755) when only it is missing.
Result<UnixListener> listenOnUnix(const std::string& path, int backlog);

// A connected, non-blocking socket. A full queue is an error: administration can ask again.
Result<Fd> connectUnix(const std::string& path);

// The user at the other end, as the kernel noted at connect(2); nothing for other families.
std::optional<std::uint32_t> peerUserId(const Fd& fd);

}  // namespace edgehold
