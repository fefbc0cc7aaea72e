// SPDX-License-Identifier: Apache-2.0
// How a verb reaches a running edgehold: finds its admin listener, asks, and says what to try when
// nobody answers.
// Thread: main only.
#pragma once

#include <variant>

#include "proxy/base/json_tree.h"
#include "proxy/server/admin_client.h"
#include "proxy/server/commands/command.h"

namespace edgehold {

// Asks the edgehold that --admin names, else that of -c FILE, else of $EDGEHOLD_ADMIN, else the one
// in the usual place. The tree of a successful answer; else what to exit with: why, and what to do
// next, has been written to world.err (a refusal as it is to world.out with --json).
std::variant<Json::Value, ExitCode> askTree(const AdminCall& call, const Options& options,
                                            const CommandWorld& world);

}  // namespace edgehold
