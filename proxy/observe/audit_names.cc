// SPDX-License-Identifier: Apache-2.0
// Strict reading of rotated names: what does not match exactly is not ours, and is never removed.
// Thread: any (stateless).
#include "proxy/observe/audit_names.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include <dirent.h>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/observe/civil_time.h"

namespace edgehold {
namespace {

constexpr std::size_t kStampBytes = 16;  // 20261121T110210Z

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

// The stamp in RFC 3339's form, for its strict parser.
std::optional<WallTime> parseStamp(std::string_view stamp) {
  if (stamp.size() != kStampBytes) return std::nullopt;
  std::string text;
  text.append(stamp.substr(0, 4)).append("-").append(stamp.substr(4, 2)).append("-");
  text.append(stamp.substr(6, 5)).append(":").append(stamp.substr(11, 2)).append(":");
  text.append(stamp.substr(13));
  return parseRfc3339(text);
}

}  // namespace

std::string rotatedAuditName(std::string_view live_path, WallTime rotated, unsigned sequence) {
  std::string stamp = formatRfc3339(rotated).substr(0, 19);
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  std::string name(live_path);
  name.append(".").append(stamp).append("Z");
  if (sequence > 0) {
    name.push_back('-');
    appendNumber(name, sequence);
  }
  return name;
}

std::optional<RotatedAuditFile> parseRotatedAuditName(std::string_view live_name,
                                                      std::string_view file_name) {
  if (!file_name.starts_with(live_name)) return std::nullopt;
  std::string_view suffix = file_name.substr(live_name.size());
  if (suffix.size() < 1 + kStampBytes || suffix[0] != '.') return std::nullopt;
  RotatedAuditFile file;
  const auto rotated = parseStamp(suffix.substr(1, kStampBytes));
  if (!rotated) return std::nullopt;
  file.rotated = *rotated;
  suffix.remove_prefix(1 + kStampBytes);
  if (!suffix.empty()) {
    const auto sequence = parseUnsigned(suffix.substr(1));
    if (suffix[0] != '-' || !sequence || *sequence == 0 || *sequence > limits::kAuditFilesMax) {
      return std::nullopt;
    }
    file.sequence = static_cast<unsigned>(*sequence);
  }
  file.path = file_name;
  return file;
}

std::vector<RotatedAuditFile> listRotatedAuditFiles(const std::string& live_path) {
  const std::size_t slash = live_path.rfind('/');
  const std::string directory_path =
      slash == std::string::npos ? "./" : live_path.substr(0, slash + 1);
  const std::string live_name =
      slash == std::string::npos ? live_path : live_path.substr(slash + 1);
  std::vector<RotatedAuditFile> files;
  const std::unique_ptr<DIR, CloseDirectory> directory(opendir(directory_path.c_str()));
  if (directory == nullptr) return files;
  while (const dirent* const entry = readdir(directory.get())) {
    auto file = parseRotatedAuditName(live_name, entry->d_name);
    if (!file) continue;
    file->path = directory_path + entry->d_name;
    files.push_back(std::move(*file));
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
    return a.rotated != b.rotated ? a.rotated < b.rotated : a.sequence < b.sequence;
  });
  if (files.size() > limits::kAuditFilesMax) {
    files.erase(files.begin(), files.end() - static_cast<std::ptrdiff_t>(limits::kAuditFilesMax));
  }
  return files;
}

}  // namespace edgehold
