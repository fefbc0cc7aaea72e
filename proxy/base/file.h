// SPDX-License-Identifier: Apache-2.0
// Reads and writes small files whole. For configuration, rules, secrets and what is kept of them:
// never on a worker's loop.
// Thread: main only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace edgehold {

// The bytes of the regular file at `path`; an error that names it when it cannot be read or is
// longer than `bytes_max`.
Result<std::string> readFile(const std::string& path, std::size_t bytes_max);

// The file at `path` becomes `bytes` as one, for its owner alone (0600), and is on the disk when
// this returns without error; whoever reads meanwhile sees the old one whole. `path` + ".new" is
// used.
Result<void> writeFile(const std::string& path, std::string_view bytes);

}  // namespace edgehold
