// SPDX-License-Identifier: Apache-2.0
// Names of rotated audit files: the live path, a dot, and the time of rotation, so that they sort
// by age: `audit.log.20261121T110210Z`, and `….20261121T110210Z-1` for the second in that second.
// Thread: any (stateless).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"

namespace edgehold {

struct RotatedAuditFile {
  std::string path;
  WallTime rotated;  // no record in it is younger
  unsigned sequence = 0;
};

std::string rotatedAuditName(std::string_view live_path, WallTime rotated, unsigned sequence);

// Nothing unless `file_name` is a rotated file of `live_name` (both without directory).
std::optional<RotatedAuditFile> parseRotatedAuditName(std::string_view live_name,
                                                      std::string_view file_name);

// Those of `live_path` that exist, oldest first; at most limits::kAuditFilesMax, the youngest.
std::vector<RotatedAuditFile> listRotatedAuditFiles(const std::string& live_path);

}  // namespace edgehold
