// SPDX-License-Identifier: Apache-2.0
// The AF_UNIX calls behind unix_socket.h.
// Thread: any (stateless).
#include "proxy/net/unix_socket.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "proxy/base/strings.h"
#include "proxy/net/socket.h"

namespace edgehold {
namespace {

constexpr mode_t kSocketMode = 0660;
constexpr mode_t kDirectoryMode = 0755;

static_assert(kUnixPathBytesMax == sizeof(sockaddr_un::sun_path) - 1);

Error systemError(std::string_view call, const std::string& path, int error_number) {
  return failure(std::string(call) + " `" + path + "`: " + errorText(error_number));
}

Result<sockaddr_un> addressOf(const std::string& path) {
  if (path.empty() || path.size() > kUnixPathBytesMax) {
    return fail("`" + path + "`: the path of a Unix socket has 1 to " +
                std::to_string(kUnixPathBytesMax) + " bytes");
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Fd makeSocket() { return Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

// 0, or errno.
int connectSocket(const Fd& fd, const sockaddr_un& address) {
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(fd.get(), generic, sizeof address) == 0 ? 0 : errno;
}

// Locks the directory of `path` until the Fd is closed: of two that start at once, only one may
// look for a stale socket file and replace it.
Result<Fd> lockDirectoryOf(const std::string& path) {
  std::string directory = std::filesystem::path(path).parent_path().string();
  if (directory.empty()) directory = ".";
  if (::mkdir(directory.c_str(), kDirectoryMode) != 0 && errno != EEXIST) {
    return fail(systemError("cannot make the directory", directory, errno));
  }
  Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.isOpen()) return fail(systemError("cannot open the directory", directory, errno));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail("cannot listen on `" + path + "`: another process is starting there");
  }
  return fd;
}

Result<void> removeStale(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return fail(systemError("cannot look at", path, errno));
  }
  if (!S_ISSOCK(status.st_mode)) {
    return fail("cannot listen on `" + path + "`: the file there is no socket");
  }
  const Fd probe = makeSocket();
  const int error_number = connectSocket(probe, address);
  // A full queue (EAGAIN) has a living process behind it too.
  if (error_number == 0 || error_number == EAGAIN) {
    return fail("cannot listen on `" + path + "`: another process answers there");
  }
  if (error_number != ECONNREFUSED) {
    return fail(systemError("cannot find out who listens on", path, error_number));
  }
  if (::unlink(path.c_str()) != 0) return fail(systemError("cannot remove", path, errno));
  return {};
}

}  // namespace

Result<UnixListener> listenOnUnix(const std::string& path, int backlog) {
  TRY_ASSIGN(const sockaddr_un address, addressOf(path));
  TRY_ASSIGN(const Fd lock, lockDirectoryOf(path));
  TRY(removeStale(path, address));
  Fd fd = makeSocket();
  if (!fd.isOpen()) return fail(systemError("cannot make a socket for", path, errno));
  // Linux makes the file with the mode of the unbound socket, so it is never open to others; the
  // process's umask may still have narrowed it.
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (::fchmod(fd.get(), kSocketMode) != 0 || ::bind(fd.get(), generic, sizeof address) != 0 ||
      ::chmod(path.c_str(), kSocketMode) != 0 || ::listen(fd.get(), backlog) != 0) {
    return fail(systemError("cannot listen on", path, errno));
  }
  return UnixListener{std::move(fd), UnixSocketFile(path)};
}

Result<Fd> connectUnix(const std::string& path) {
  TRY_ASSIGN(const sockaddr_un address, addressOf(path));
  Fd fd = makeSocket();
  const int error_number = fd.isOpen() ? connectSocket(fd, address) : errno;
  if (error_number != 0) return fail(systemError("cannot connect to", path, error_number));
  return fd;
}

UnixSocketFile::UnixSocketFile(std::string path) : path_(std::move(path)) {
  struct stat status {};
  if (::lstat(path_.c_str(), &status) != 0) path_.clear();
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

UnixSocketFile::~UnixSocketFile() {
  struct stat status {};
  if (path_.empty() || ::lstat(path_.c_str(), &status) != 0) return;
  if (status.st_dev == device_ && status.st_ino == inode_) ::unlink(path_.c_str());
}

std::optional<std::uint32_t> peerUserId(const Fd& fd) {
  sockaddr_storage local{};
  socklen_t length = sizeof local;
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&local), &length) != 0 ||
      local.ss_family != AF_UNIX) {
    return std::nullopt;
  }
  ucred credentials{};
  length = sizeof credentials;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    return std::nullopt;
  }
  return credentials.uid;
}

}  // namespace edgehold
