// SPDX-License-Identifier: Apache-2.0
// The composition root: what exists is listed here, and handed to the verb that was asked for.
// Thread: main only.
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <malloc.h>

#include "filters/registry.h"
#include "proxy/base/log.h"
#include "proxy/crypto/crypto_memory.h"
#include "proxy/server/commands/command.h"
#include "proxy/server/options.h"

namespace edgehold {
namespace {

std::optional<std::string> readEnvironment(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

// A worker's output comes and goes by the hundred KiB with every answer. glibc would hand such
// memory back to the kernel each time and take it anew, page fault by page fault: a quarter of the
// cost of a 64 KiB answer.
void keepFreedMemory() {
  constexpr int kLargestPart = 1 << 20;  // bytes; larger ones are mapped one by one
  constexpr int kKeptPerWorker = 4 << 20;
  mallopt(M_MMAP_THRESHOLD, kLargestPart);
  mallopt(M_TOP_PAD, kLargestPart);
  mallopt(M_TRIM_THRESHOLD, kKeptPerWorker);
}

int runProgram(const std::vector<std::string>& arguments) {
  const ParsedOptions parsed = parseOptions(arguments, EDGEHOLD_VERSION);
  std::cout << parsed.out;
  std::cerr << parsed.err;
  if (!parsed.options) return static_cast<int>(parsed.exit_code);
  FilterRegistry registry;
  addFilters(registry);
  const SystemClock clock;
  const CommandWorld world{registry,  clock,     readEnvironment, EDGEHOLD_VERSION,
                           std::cout, std::cerr, &std::cin};
  return static_cast<int>(runCommand(*parsed.options, world));
}

}  // namespace
}  // namespace edgehold

int main(int argc, char** argv) {
  // A peer that left, or a file past its limit, is an error code, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  edgehold::keepFreedMemory();
  edgehold::poolCryptoMemory();
  edgehold::startLogging(argv[0]);
  try {
    return edgehold::runProgram({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "edgehold: " << error.what() << "\n";
    return static_cast<int>(edgehold::ExitCode::kFailure);
  }
}
