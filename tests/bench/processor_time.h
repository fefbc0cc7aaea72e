// SPDX-License-Identifier: Apache-2.0
// How much processor time a set of processes has used, to the nanosecond, and how busy a core is.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace edgehold::bench {

inline std::string readAll(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The run time of all threads of the processes, kernel work in their context included.
inline std::uint64_t runNanoseconds(const std::vector<int>& pids) {
  std::uint64_t total = 0;
  for (const int pid : pids) {
    std::error_code gone;
    const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
    for (const auto& task : std::filesystem::directory_iterator(tasks, gone)) {
      total += std::strtoull(readAll(task.path() / "schedstat").c_str(), nullptr, 10);
    }
  }
  return total;
}

// Clock ticks that the core was busy, whoever used it.
inline std::uint64_t busyTicks(int core) {
  const std::string text = readAll("/proc/stat");
  const std::size_t line = text.find("cpu" + std::to_string(core) + " ");
  if (line == std::string::npos) return 0;
  std::array<unsigned long long, 7> ticks{};
  std::sscanf(text.c_str() + line, "%*s %llu %llu %llu %llu %llu %llu %llu", &ticks[0], &ticks[1],
              &ticks[2], &ticks[3], &ticks[4], &ticks[5], &ticks[6]);
  return ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6];  // all but idle and iowait
}

}  // namespace edgehold::bench
