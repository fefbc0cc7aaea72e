// SPDX-License-Identifier: Apache-2.0
// Reads /proc/self and getrusage(2).
// Thread: any (stateless).
#include "proxy/observe/process_stats.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string_view>

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

namespace edgehold {
namespace {

struct CloseFile {
  void operator()(FILE* file) const { std::fclose(file); }
};
struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

std::uint64_t countDescriptors() {
  const std::unique_ptr<DIR, CloseDirectory> directory(opendir("/proc/self/fd"));
  if (directory == nullptr) return 0;
  std::uint64_t entries = 0;
  while (readdir(directory.get()) != nullptr) ++entries;
  // Without `.`, `..` and the descriptor that reads the directory.
  return entries > 3 ? entries - 3 : 0;
}

std::uint64_t readResidentBytes() {
  const std::unique_ptr<FILE, CloseFile> file(std::fopen("/proc/self/statm", "re"));
  if (file == nullptr) return 0;
  std::array<char, 128> text;
  const std::size_t size = std::fread(text.data(), 1, text.size(), file.get());
  const std::string_view fields(text.data(), size);
  const std::size_t blank = fields.find(' ');
  if (blank == std::string_view::npos) return 0;
  std::uint64_t pages = 0;  // the second field (proc(5))
  std::from_chars(fields.data() + blank + 1, fields.data() + fields.size(), pages);
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

double secondsOf(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

ProcessStats readProcessStats() {
  ProcessStats stats;
  stats.open_descriptors = countDescriptors();
  stats.resident_bytes = readResidentBytes();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.descriptors_max = limit.rlim_cur;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    stats.cpu_seconds = secondsOf(usage.ru_utime) + secondsOf(usage.ru_stime);
  }
  return stats;
}

void renderProcess(Exposition& out, const ProcessStats& stats) {
  using Type = Exposition::Type;
  out.family("edgehold_process_open_fds", Type::kGauge, "Open file descriptors.");
  out.sample(stats.open_descriptors);
  out.family("edgehold_process_max_fds", Type::kGauge, "File descriptors that may be open.");
  out.sample(stats.descriptors_max);
  out.family("edgehold_process_resident_memory_bytes", Type::kGauge, "Resident memory.");
  out.sample(stats.resident_bytes);
  out.family("edgehold_process_cpu_seconds_total", Type::kCounter,
             "Processor time, user and system.");
  out.sample(stats.cpu_seconds);
}

}  // namespace edgehold
