// SPDX-License-Identifier: Apache-2.0
// Reads and writes small files whole.
// Thread: main only.
#include "proxy/base/file.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/strings.h"
#include "proxy/base/synced_file.h"

namespace edgehold {
namespace {

constexpr std::size_t kPieceBytes = 64 * 1024;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

tl::unexpected<Error> failErrno(const std::string& path, int error) {
  return fail("`" + path + "`: " + errorText(error));
}

}  // namespace

Result<std::string> readFile(const std::string& path, std::size_t bytes_max) {
  // Opened without blocking: a FIFO in the place of a file must not hang a reload.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.fd() < 0) return failErrno(path, errno);
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0) return failErrno(path, errno);
  if (!S_ISREG(status.st_mode)) return fail("`" + path + "`: not a regular file");

  // Room for all of it at once: what is read may be a secret, and growing leaves copies behind.
  std::string bytes;
  bytes.reserve(std::min(static_cast<std::size_t>(status.st_size), bytes_max) + kPieceBytes);
  for (;;) {
    const std::size_t used = bytes.size();
    bytes.resize(used + kPieceBytes);
    const ssize_t got = ::read(file.fd(), bytes.data() + used, kPieceBytes);
    if (got < 0 && errno == EINTR) {
      bytes.resize(used);
      continue;
    }
    if (got < 0) return failErrno(path, errno);
    bytes.resize(used + static_cast<std::size_t>(got));
    if (bytes.size() > bytes_max) {
      return fail("`" + path + "`: longer than " + std::to_string(bytes_max) + " bytes");
    }
    if (got == 0) return bytes;
  }
}

namespace {

Result<void> writeNew(const std::string& path, std::string_view bytes) {
  const Descriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.fd() < 0) return failErrno(path, errno);
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.fd(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failErrno(path, written < 0 ? errno : ENOSPC);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(file.fd()) != 0) return failErrno(path, errno);
  return {};
}

}  // namespace

Result<void> writeFile(const std::string& path, std::string_view bytes) {
  const std::string fresh = path + ".new";
  if (auto written = writeNew(fresh, bytes); !written) {
    ::unlink(fresh.c_str());
    return written;
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return failErrno(path, errno);
  if (const int error = syncDirectoryOf(path); error != 0) return failErrno(path, error);
  return {};
}

}  // namespace edgehold
