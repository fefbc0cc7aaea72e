// SPDX-License-Identifier: Apache-2.0
// An index and one file per version, each replaced as a whole.
// Thread: main only.
#include "proxy/policy/history.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include <sys/stat.h>

#include "proxy/base/file.h"
#include "proxy/base/json_tree.h"
#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/policy/policy_files.h"

namespace edgehold {
namespace {

constexpr std::size_t kIndexBytesMax = 64 * 1024;
constexpr std::size_t kPrefixDigitsMin = 4;
constexpr std::size_t kWhoBytesMax = 512;

bool isVersion(std::string_view text) {
  return text.size() == PolicyFileSet::kVersionDigits &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return isDigit(c) || (c >= 'a' && c <= 'f'); });
}

Result<KeptPolicy> policyOf(const Json::Value& tree) {
  KeptPolicy policy;
  policy.version = stringMember(tree, "version").value_or("");
  policy.cause = stringMember(tree, "cause").value_or("");
  policy.who = stringMember(tree, "who").value_or("");
  const auto since = intMember(tree, "since_ms");
  if (!isVersion(policy.version) || !since) return fail("an entry has no version or time");
  policy.since = wallTimeFromMilliseconds(*since);
  return policy;
}

}  // namespace

PolicyHistory::PolicyHistory(std::string directory) : directory_(std::move(directory)) {
  if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) {
    LOG(ERROR) << "policy history: cannot make `" << directory_
               << "`: " << std::generic_category().message(errno);
    return;
  }
  if (const auto read = readIndex(); !read) {
    LOG(ERROR) << "policy history: " << read.error().message << ": it begins anew";
    policies_.clear();
  }
}

Result<void> PolicyHistory::readIndex() {
  std::error_code ignored;
  if (!std::filesystem::exists(indexFile(), ignored)) return {};
  TRY_ASSIGN(const std::string text, readFile(indexFile(), kIndexBytesMax));
  TRY_ASSIGN(const Json::Value tree, parseJsonTree(text));
  const Json::Value* const list = anyMember(tree, "policies");
  if (list == nullptr || !list->isArray() || list->size() > limits::kPolicyHistoryMax) {
    return fail("`" + indexFile() + "` is no list of policies");
  }
  for (const Json::Value& entry : *list) {
    TRY_ASSIGN(KeptPolicy policy, policyOf(entry));
    policies_.push_back(std::move(policy));
  }
  return {};
}

Result<void> PolicyHistory::writeIndex() const {
  Json::Value tree(Json::objectValue);
  tree["policies"] = Json::Value(Json::arrayValue);
  for (const KeptPolicy& policy : policies_) {
    Json::Value entry(Json::objectValue);
    entry["version"] = policy.version;
    entry["since_ms"] = Json::Int64{unixMilliseconds(policy.since)};
    entry["cause"] = policy.cause;
    entry["who"] = policy.who;
    tree["policies"].append(std::move(entry));
  }
  return writeFile(indexFile(), writeJsonPretty(tree));
}

Result<void> PolicyHistory::add(KeptPolicy policy, std::string_view content) {
  if (!policies_.empty() && policies_.back().version == policy.version) return {};
  policy.who.resize(std::min(policy.who.size(), kWhoBytesMax));
  const std::string file = contentFile(policy.version);
  policies_.push_back(std::move(policy));
  if (policies_.size() > limits::kPolicyHistoryMax) policies_.pop_front();
  if (content.size() > limits::kPolicyKeptBytesMax) {
    return fail("its files are too large to be kept");
  }
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) TRY(writeFile(file, content));
  TRY(writeIndex());
  removeUnlisted();
  return {};
}

void PolicyHistory::removeUnlisted() const {
  std::error_code error;
  std::filesystem::directory_iterator entry(directory_, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const auto is_it = [&](const KeptPolicy& policy) { return policy.version == name; };
    if (!isVersion(name) || std::any_of(policies_.begin(), policies_.end(), is_it)) continue;
    std::error_code ignored;
    std::filesystem::remove(entry->path(), ignored);
  }
}

Result<std::string> PolicyHistory::find(std::string_view text) const {
  std::string found;
  for (const KeptPolicy& policy : policies_) {
    const bool is_it = text.size() >= kPrefixDigitsMin && policy.version.starts_with(text);
    if (!is_it || policy.version == found) continue;
    if (!found.empty()) return fail(quoteForMessage(text) + " begins several kept versions");
    found = policy.version;
  }
  if (!found.empty()) return found;
  return fail("no policy " + quoteForMessage(text) +
              " is kept; `edgehold policy history` lists those that are");
}

Result<std::string> PolicyHistory::content(const std::string& version) const {
  TRY_ASSIGN(std::string bytes, readFile(contentFile(version), limits::kPolicyKeptBytesMax));
  if (PolicyFileSet::versionOf(bytes) == version) return bytes;
  return fail("`" + contentFile(version) + "` is not what was kept");
}

}  // namespace edgehold
