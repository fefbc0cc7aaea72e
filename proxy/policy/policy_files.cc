// SPDX-License-Identifier: Apache-2.0
// Files behind one policy, and the content hash over them.
// Thread: main only.
#include "proxy/policy/policy_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "proxy/base/file.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/crypto/digest.h"
#include "proxy/policy/yaml_source.h"

namespace edgehold {
namespace {

constexpr std::size_t kVersionDigits = 16;

// Length before content: no two sets of names and bytes give the same text.
void appendFramed(std::string& out, std::string_view bytes) {
  appendNumber(out, bytes.size());
  out.push_back(':');
  out.append(bytes);
}

}  // namespace

// Absolute from here on: a service changes its working directory, and names of files inside and
// outside of the folder can then be told apart.
PolicyFileSet::PolicyFileSet(const std::string& directory) {
  const std::filesystem::path folder = directory.empty() ? "." : directory;
  std::error_code error;
  const auto absolute = std::filesystem::absolute(folder, error);
  directory_ = (error ? folder : absolute).lexically_normal().string();
  if (directory_.size() > 1 && directory_.ends_with('/')) directory_.pop_back();
}

std::string PolicyFileSet::absolute(std::string_view path) const {
  return (std::filesystem::path(directory_) / std::filesystem::path(path))
      .lexically_normal()
      .string();
}

std::string PolicyFileSet::nameOf(const std::string& absolute_path) const {
  return std::filesystem::path(absolute_path).lexically_relative(directory_).string();
}

void PolicyFileSet::watch(std::string_view path) {
  if (watched_.size() < limits::kPolicyFilesMax) watched_.insert(absolute(path));
}

void PolicyFileSet::contribute(std::string_view name, std::string_view bytes) {
  acting_.insert_or_assign(std::string(name), std::string(bytes));
}

Result<std::string> PolicyFileSet::read(std::string_view path, std::size_t bytes_max) {
  const std::string file = absolute(path);
  watch(path);
  // Routes share files: one load sees one state of each.
  const auto seen = acting_.find(nameOf(file));
  if (seen != acting_.end() && seen->second.size() <= bytes_max) return seen->second;
  if (acting_.size() >= limits::kPolicyFilesMax) {
    return fail("more than " + std::to_string(limits::kPolicyFilesMax) + " files");
  }
  TRY_ASSIGN(std::string bytes, readFile(file, bytes_max));
  contribute(nameOf(file), bytes);
  return bytes;
}

const ConfigNode* PolicyFileSet::config(std::string_view path, ConfigErrors& errors) {
  const std::string file = absolute(path);
  const auto seen = documents_.find(file);
  if (seen != documents_.end()) return seen->second.get();
  std::unique_ptr<ConfigNode>& document = documents_[file];
  const auto text = read(path, limits::kConfigBytesMax);
  if (!text) {
    errors.add({}, {}, text.error().message);
    return nullptr;
  }
  if (auto tree = parseYaml(*text, file, errors)) {
    document = std::make_unique<ConfigNode>(std::move(*tree));
  }
  return document.get();
}

Result<std::vector<std::string>> PolicyFileSet::list(std::string_view directory,
                                                     std::string_view suffix,
                                                     std::size_t names_max) {
  const std::string folder = absolute(directory);
  watch(directory);
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (name.starts_with('.') || !std::string_view(name).ends_with(suffix)) continue;
    if (names.size() >= names_max) {
      return fail("`" + folder + "`: more than " + std::to_string(names_max) + " files");
    }
    names.push_back(std::move(name));
  }
  if (error) return fail("`" + folder + "`: " + error.message());
  std::sort(names.begin(), names.end());

  std::string listing;
  for (const std::string& name : names) appendFramed(listing, name);
  contribute(nameOf(folder) + "/*" + std::string(suffix), listing);
  return names;
}

Result<void> PolicyFileSet::require(std::string_view path) {
  watch(path);
  std::error_code error;
  const auto status = std::filesystem::status(absolute(path), error);
  if (error) return fail("`" + absolute(path) + "`: " + error.message());
  if (std::filesystem::is_directory(status)) return fail("`" + absolute(path) + "`: a directory");
  return {};
}

std::string PolicyFileSet::version() const {
  std::string everything;
  for (const auto& [name, bytes] : acting_) {
    appendFramed(everything, name);
    appendFramed(everything, bytes);
  }
  return hexEncode(digestOf(DigestKind::kSha256, everything).view()).substr(0, kVersionDigits);
}

}  // namespace edgehold
