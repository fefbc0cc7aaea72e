// SPDX-License-Identifier: Apache-2.0
// `edgehold run`: confines the process, builds the server, serves until a signal.
// Thread: main only.
#include <ostream>

#include "proxy/server/commands/command.h"
#include "proxy/server/privileges.h"
#include "proxy/server/server.h"

namespace edgehold {
namespace {

// Mistakes in the file and trouble with sockets have different exit codes: a service manager tries
// again for one of them only. Nothing of this load is kept.
bool isConfigurationFine(const Options& options, const CommandWorld& world) {
  const LoadResult loaded = loadPolicy(options.config_file, world.loadTools());
  for (const std::string& error : loaded.errors) world.err << error << "\n";
  return loaded.snapshot != nullptr;
}

ExitCode failed(const Error& error, const CommandWorld& world) {
  world.err << "edgehold: " << error.message << "\n";
  return ExitCode::kFailure;
}

}  // namespace

ExitCode runService(const Options& options, const CommandWorld& world) {
  if (!isConfigurationFine(options, world)) return ExitCode::kUsage;
  const auto confined = confineProcess(options.keeps_core_dumps);
  if (!confined) return failed(confined.error(), world);
  const auto server = Server::make({options.config_file, world.version}, world.loadTools());
  if (!server) return failed(server.error(), world);
  return (*server)->run() ? ExitCode::kOk : ExitCode::kFailure;
}

}  // namespace edgehold
