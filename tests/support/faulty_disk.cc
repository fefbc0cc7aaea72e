// SPDX-License-Identifier: Apache-2.0
// A disk that fails when a test says so: preloaded (LD_PRELOAD) before libc, it lets chosen calls
// on chosen paths fail with a chosen errno. EDGEHOLD_FAULTS names a file that is read again
// whenever it is replaced; each line is `CALL ERRNO PATH-PART [AFTER]`, e.g. `write ENOSPC
// audit.jsonl` or `fdatasync EIO edgehold.db 3` (the first three pass). An empty file: nothing
// fails. Thread: any (synchronised by a mutex).
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

namespace {

struct Fault {
  std::string call;
  int number;
  std::string part;
  long after;
};

// Not destroyed: calls come until the very end of the process.
std::mutex& mutex() {
  static auto* const it = new std::mutex;
  return *it;
}
std::vector<Fault>& faults() {
  static auto* const it = new std::vector<Fault>;
  return *it;
}

template <class F>
F real(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

int errnoOf(const char* name) {
  if (std::strcmp(name, "ENOSPC") == 0) return ENOSPC;
  if (std::strcmp(name, "EROFS") == 0) return EROFS;
  if (std::strcmp(name, "EDQUOT") == 0) return EDQUOT;
  return EIO;
}

// REQUIRES mutex().
void readAgain() {
  static struct stat seen {};
  static const char* const path = std::getenv("EDGEHOLD_FAULTS");
  struct stat status {};
  if (path == nullptr || ::stat(path, &status) != 0) return faults().clear();
  if (status.st_ino == seen.st_ino && status.st_mtim.tv_sec == seen.st_mtim.tv_sec &&
      status.st_mtim.tv_nsec == seen.st_mtim.tv_nsec) {
    return;
  }
  seen = status;
  faults().clear();
  std::FILE* const file = std::fopen(path, "re");
  if (file == nullptr) return;
  char call[32], name[32], part[256], line[512];
  while (std::fgets(line, sizeof line, file) != nullptr) {
    long after = 0;
    if (std::sscanf(line, "%31s %31s %255s %ld", call, name, part, &after) >= 3) {
      faults().push_back({call, errnoOf(name), part, after});
    }
  }
  std::fclose(file);
}

// 0, or the errno with which `call` on `path` fails now.
int faultOf(const char* call, const std::string& path) {
  thread_local bool is_inside = false;  // reading the faults calls what is faulted
  if (is_inside) return 0;
  is_inside = true;
  int number = 0;
  {
    const std::lock_guard lock(mutex());
    readAgain();
    for (Fault& fault : faults()) {
      if (fault.call != call || path.find(fault.part) == std::string::npos) continue;
      if (fault.after-- > 0) continue;
      fault.after = 0;
      number = fault.number;
    }
  }
  is_inside = false;
  return number;
}

int faultOf(const char* call, int descriptor) {
  char link[64], path[1024];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = ::readlink(link, path, sizeof path);
  if (length <= 0 || path[0] != '/') return 0;  // a socket or a pipe
  return faultOf(call, std::string(path, static_cast<std::size_t>(length)));
}

template <class T>
bool fails(const char* call, const T& place) {
  const int saved = errno;
  const int number = faultOf(call, place);
  errno = number != 0 ? number : saved;
  return number != 0;
}

int openFor(const char* path, int flags, mode_t mode, const char* name) {
  const bool is_write = (flags & (O_WRONLY | O_RDWR | O_CREAT)) != 0;
  if (is_write && fails("open", std::string(path))) return -1;
  static const auto next = real<int (*)(const char*, int, ...)>(name);
  return next(path, flags, mode);
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t count) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t)>("write");
  return fails("write", fd) ? -1 : next(fd, bytes, count);
}

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t offset) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return fails("write", fd) ? -1 : next(fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void* bytes, size_t count, off64_t offset) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  return fails("write", fd) ? -1 : next(fd, bytes, count, offset);
}

int fdatasync(int fd) {
  static const auto next = real<int (*)(int)>("fdatasync");
  return fails("fdatasync", fd) ? -1 : next(fd);
}

int fsync(int fd) {
  static const auto next = real<int (*)(int)>("fsync");
  return fails("fdatasync", fd) ? -1 : next(fd);
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
  static const auto next = real<int (*)(int, int, off_t, off_t)>("fallocate");
  return fails("fallocate", fd) ? -1 : next(fd, mode, offset, length);
}

int rename(const char* from, const char* to) {
  static const auto next = real<int (*)(const char*, const char*)>("rename");
  return fails("rename", std::string(from)) ? -1 : next(from, to);
}

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = static_cast<mode_t>(va_arg(rest, int));
  va_end(rest);
  return openFor(path, flags, mode, "open");
}

int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = static_cast<mode_t>(va_arg(rest, int));
  va_end(rest);
  return openFor(path, flags, mode, "open64");
}

}  // extern "C"
