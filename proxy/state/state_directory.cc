// SPDX-License-Identifier: Apache-2.0
// mkdir(2) and flock(2) behind state_directory.h.
// Thread: main only.
#include "proxy/state/state_directory.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace edgehold {
namespace {

std::string textOf(int error_number) {
  return std::error_code(error_number, std::system_category()).message();
}

}  // namespace

Result<StateDirectory> StateDirectory::open(std::string path) {
  if (::mkdir(path.c_str(), 0750) != 0 && errno != EEXIST) {
    return fail("state.directory `" + path + "`: " + textOf(errno) +
                "; make it, or name another one");
  }
  const std::string lock_file = path + "/lock";
  const int fd = ::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (fd < 0) return fail("state.directory: cannot open `" + lock_file + "`: " + textOf(errno));
  StateDirectory directory(std::move(path), fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return directory;
  if (errno != EWOULDBLOCK) {
    return fail("state.directory: cannot lock `" + lock_file + "`: " + textOf(errno));
  }
  return fail("state.directory `" + directory.path_ +
              "` is in use by another process; stop it, or give this one a directory of its own");
}

StateDirectory::StateDirectory(StateDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_fd_(std::exchange(other.lock_fd_, -1)) {}

StateDirectory::~StateDirectory() {
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

}  // namespace edgehold
