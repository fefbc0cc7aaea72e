// SPDX-License-Identifier: Apache-2.0
// Reads rule files within their limits and proves that they load.
// Thread: any (immutable).
#include "lua/runtime/rule_set.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "lua/runtime/rule_program.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/crypto/digest.h"

namespace edgehold {
namespace {

constexpr std::string_view kSuffix = ".lua";
constexpr std::string_view kTestSuffix = "_test.lua";

Result<std::string> readFile(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return fail(path.string() + ": cannot be read");
  // One byte past the limit tells a file that is too long.
  std::string text(limits::kRuleFileBytesMax + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (stream.bad()) return fail(path.string() + ": cannot be read");
  return text;
}

std::string hashOf(const std::vector<RuleSource>& sources) {
  Digest digest(DigestKind::kSha256);
  for (const RuleSource& source : sources) {
    // Lengths first: no two lists of files hash alike.
    digest.update(std::to_string(source.file.size()) + ":" + std::to_string(source.text.size()));
    digest.update(source.file);
    digest.update(source.text);
  }
  return hexEncode(digest.finish().view());
}

// Another budget makes it another rule: what was too little may be enough.
std::string identityOf(const RuleSource& source, const RuleBudgets& budgets) {
  return std::to_string(budgets.instructions) + " " + std::to_string(budgets.memory_bytes) + " " +
         std::to_string(budgets.wall.count()) + " " + hashOf({source});
}

}  // namespace

Result<std::vector<RuleSource>> readRuleFiles(const std::string& directory,
                                              bool (*wanted)(std::string_view name)) {
  std::error_code error;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (wanted(name)) names.push_back(name);
    if (names.size() > limits::kRuleFilesMax) {
      return fail(directory + ": more than " + std::to_string(limits::kRuleFilesMax) +
                  " rule files");
    }
  }
  if (error) return fail(directory + ": " + error.message());
  std::sort(names.begin(), names.end());

  const std::filesystem::path folder(directory);
  const std::string last = (folder.has_filename() ? folder : folder.parent_path()).filename();
  std::vector<RuleSource> sources;
  for (const std::string& name : names) {
    TRY_ASSIGN(std::string text, readFile(folder / name));
    sources.push_back({last + "/" + name, std::move(text)});
  }
  return sources;
}

bool RuleSet::isRuleFile(std::string_view name) {
  return name.size() > kSuffix.size() && name.ends_with(kSuffix) && !name.ends_with(kTestSuffix) &&
         name.front() != '.';
}

Result<std::shared_ptr<const RuleSet>> RuleSet::load(const std::string& directory,
                                                     const RuleBudgets& budgets) {
  TRY_ASSIGN(std::vector<RuleSource> sources, readRuleFiles(directory, &isRuleFile));
  return fromSources(std::move(sources), budgets);
}

Result<std::shared_ptr<const RuleSet>> RuleSet::fromSources(std::vector<RuleSource> sources,
                                                            const RuleBudgets& budgets,
                                                            const RuleQuarantine& quarantine) {
  if (sources.size() > limits::kRuleFilesMax) {
    return fail(Reason::kRuleFailed,
                "more than " + std::to_string(limits::kRuleFilesMax) + " rule files");
  }
  const SystemClock clock;
  TRY_ASSIGN(const auto program, RuleProgram::compile(sources, clock));
  // make_shared cannot reach the private constructor.
  std::shared_ptr<RuleSet> rules(new RuleSet);
  for (const RuleProgram::Rule& rule : program->rules()) {
    rules->ids_.push_back(rule.id);
    for (const RuleEntry entry : {RuleEntry::kCheck, RuleEntry::kMessage, RuleEntry::kSseEvent}) {
      rules->asks_[indexOf(entry)] |= rule.has(entry);
    }
  }
  for (const RuleSource& source : sources) {
    rules->identities_.push_back(identityOf(source, budgets));
  }
  rules->hash_ = hashOf(sources);
  rules->sources_ = std::move(sources);
  rules->budgets_ = budgets;
  rules->quarantine_ = quarantine;
  return std::shared_ptr<const RuleSet>(std::move(rules));
}

}  // namespace edgehold
