// SPDX-License-Identifier: Apache-2.0
// How a verb reaches a running edgehold: finds its admin listener, asks, and says what to try when
// nobody answers.
// Thread: main only.
#pragma once

#include <variant>

#include "proxy/base/result.h"
#include "proxy/server/admin_client.h"
#include "proxy/server/commands/command.h"

namespace edgehold {

// --admin, else of -c FILE, else $EDGEHOLD_ADMIN, else the usual places. The error is a usage
// error.
Result<AdminPlace> findAdmin(const Options& options, const CommandWorld& world);

// Asks, and writes to world.err why it could not, with what to do next; then there is only the exit
// code. An answer that is a refusal is an answer.
std::variant<AdminAnswered, ExitCode> askAdmin(const AdminCall& call, const Options& options,
                                               const CommandWorld& world);

// Writes a refusal (problem+json) for people to world.err, or as it is to world.out with --json.
ExitCode tellRefusal(const AdminAnswered& answered, const Options& options,
                     const CommandWorld& world);

}  // namespace edgehold
