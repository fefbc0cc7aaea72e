// SPDX-License-Identifier: Apache-2.0
// The verbs of the command line, and what they may use of the world.
// Thread: main only.
#pragma once

#include <iosfwd>
#include <string>

#include "proxy/base/clock.h"
#include "proxy/exchange/filter_registry.h"
#include "proxy/policy/loader.h"
#include "proxy/server/options.h"

namespace edgehold {

struct CommandWorld {
  const FilterRegistry& registry;
  const Clock& clock;
  Environment environment;
  std::string version;         // of the program
  std::ostream& out;           // what was asked for
  std::ostream& err;           // what went wrong
  std::istream* in = nullptr;  // what is asked for on it; null: nothing comes

  LoadTools loadTools() const { return {registry, clock, environment}; }
};

// Runs the verb of `options` to its end.
ExitCode runCommand(const Options& options, const CommandWorld& world);

// The verbs, one file per group.
ExitCode runService(const Options& options, const CommandWorld& world);
ExitCode checkConfiguration(const Options& options, const CommandWorld& world);
ExitCode reloadPolicy(const Options& options, const CommandWorld& world);
ExitCode showPolicyHistory(const Options& options, const CommandWorld& world);
ExitCode showPolicyDiff(const Options& options, const CommandWorld& world);
ExitCode rollBackPolicy(const Options& options, const CommandWorld& world);
ExitCode showStatus(const Options& options, const CommandWorld& world);
ExitCode showVersion(const Options& options, const CommandWorld& world);
ExitCode testRules(const Options& options, const CommandWorld& world);
ExitCode showRules(const Options& options, const CommandWorld& world);
ExitCode listApprovals(const Options& options, const CommandWorld& world);
ExitCode showApproval(const Options& options, const CommandWorld& world);
ExitCode decideApproval(const Options& options, const CommandWorld& world);
ExitCode endSessions(const Options& options, const CommandWorld& world);
ExitCode queryAudit(const Options& options, const CommandWorld& world);
ExitCode signSample(const Options& options, const CommandWorld& world);
ExitCode showSecrets(const Options& options, const CommandWorld& world);
ExitCode makeKey(const Options& options, const CommandWorld& world);
ExitCode hashKey(const Options& options, const CommandWorld& world);

}  // namespace edgehold
