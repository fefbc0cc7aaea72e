// SPDX-License-Identifier: Apache-2.0
// `edgehold run`: confines the process, builds the server, serves until a signal.
// Thread: main only.
#include <ostream>

#include "proxy/server/commands/command.h"
#include "proxy/server/privileges.h"
#include "proxy/server/server.h"

namespace edgehold {

ExitCode runService(const Options& options, const CommandWorld& world) {
  if (const auto confined = confineProcess(options.keeps_core_dumps); !confined) {
    world.err << "edgehold: " << confined.error().message << "\n";
    return ExitCode::kFailure;
  }
  // Mistakes in the file and trouble with sockets have different exit codes: a service manager
  // restarts for one of them only.
  const LoadResult loaded = loadPolicy(options.config_file, world.loadTools());
  for (const std::string& error : loaded.errors) world.err << error << "\n";
  if (loaded.snapshot == nullptr) return ExitCode::kUsage;
  auto server = Server::make({options.config_file, world.version}, world.loadTools());
  if (!server) {
    world.err << "edgehold: " << server.error().message << "\n";
    return ExitCode::kFailure;
  }
  (*server)->run();
  return ExitCode::kOk;
}

}  // namespace edgehold
