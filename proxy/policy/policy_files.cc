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

// Length before content: no two sets of names and bytes give the same text.
void appendFramed(std::string& out, std::string_view bytes) {
  appendNumber(out, bytes.size());
  out.push_back(':');
  out.append(bytes);
}

std::optional<std::string_view> takeFramed(std::string_view& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto length = parseUnsigned(text.substr(0, colon));
  text.remove_prefix(colon + 1);
  if (!length || *length > text.size()) return std::nullopt;
  const std::string_view taken = text.substr(0, *length);
  text.remove_prefix(*length);
  return taken;
}

// The names of the files in `folder` that end so, sorted, each framed.
Result<std::string> readListing(const std::string& folder, std::string_view suffix,
                                std::size_t names_max) {
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
  return listing;
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
  TRY_ASSIGN(std::string bytes,
             kept_ ? readKept(nameOf(file), bytes_max) : readFile(file, bytes_max));
  contribute(nameOf(file), bytes);
  return bytes;
}

Result<std::string> PolicyFileSet::readKept(const std::string& name, std::size_t bytes_max) const {
  const auto found = kept_->find(name);
  if (found == kept_->end()) return fail("`" + name + "` was not kept");
  if (found->second.size() > bytes_max) return fail("`" + name + "`: too long");
  return found->second;
}

Result<std::string> PolicyFileSet::readInPlace(std::string_view path, std::size_t bytes_max) {
  TRY_ASSIGN(std::string bytes, read(path, bytes_max));
  if (!kept_) return bytes;
  TRY_ASSIGN(const std::string now, readFile(absolute(path), bytes_max));
  if (now == bytes) return bytes;
  return fail("`" + absolute(path) + "` is not the one that was kept; put that one back first");
}

Result<std::string> PolicyFileSet::keepTo(std::string_view content) {
  TRY_ASSIGN(kept_, filesIn(content));
  return readKept({}, limits::kConfigBytesMax);
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
  const std::string name = nameOf(folder) + "/*" + std::string(suffix);
  watch(directory);
  // Routes share folders: one load sees one state of each.
  if (!acting_.contains(name)) {
    TRY_ASSIGN(const std::string listing, kept_ ? readKept(name, limits::kPolicyKeptBytesMax)
                                                : readListing(folder, suffix, names_max));
    contribute(name, listing);
  }
  std::vector<std::string> names;
  for (std::string_view rest = acting_[name]; !rest.empty();) {
    const auto file = takeFramed(rest);
    if (!file || names.size() >= names_max) return fail("`" + name + "`: no listing");
    names.emplace_back(*file);
  }
  return names;
}

Result<void> PolicyFileSet::require(std::string_view path) {
  watch(path);
  std::error_code error;
  const auto status = std::filesystem::status(absolute(path), error);
  if (error) return fail("`" + absolute(path) + "`: " + error.message());
  if (std::filesystem::is_directory(status)) return fail("`" + absolute(path) + "`: a directory");
  // Nobody may be waited for at the other end of a FIFO.
  if (!std::filesystem::is_regular_file(status)) {
    return fail("`" + absolute(path) + "`: not a regular file");
  }
  return {};
}

std::string PolicyFileSet::content() const {
  std::string everything;
  for (const auto& [name, bytes] : acting_) {
    appendFramed(everything, name);
    appendFramed(everything, bytes);
  }
  return everything;
}

std::string PolicyFileSet::versionOf(std::string_view content) {
  return hexEncode(digestOf(DigestKind::kSha256, content).view()).substr(0, kVersionDigits);
}

Result<PolicyFileSet::Files> PolicyFileSet::filesIn(std::string_view content) {
  Files files;
  while (!content.empty()) {
    const auto name = takeFramed(content);
    const auto bytes = name ? takeFramed(content) : std::nullopt;
    if (!bytes) return fail("no kept policy: its end is missing");
    files.emplace(*name, *bytes);
  }
  return files;
}

}  // namespace edgehold
