// SPDX-License-Identifier: Apache-2.0
// Reads a small file whole. For configuration, rules and secrets: never on a worker's loop.
// Thread: main only.
#pragma once

#include <cstddef>
#include <string>

#include "proxy/base/result.h"

namespace edgehold {

// The bytes of the regular file at `path`; an error that names it when it cannot be read or is
// longer than `bytes_max`.
Result<std::string> readFile(const std::string& path, std::size_t bytes_max);

}  // namespace edgehold
