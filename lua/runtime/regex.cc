// SPDX-License-Identifier: Apache-2.0
// RE2 with its memory bounded, and a cache that does not forget: a rule has few patterns.
// Thread: one loop (owned by a LuaState).
#include "lua/runtime/regex.h"

#include <re2/re2.h>

#include "proxy/base/limits.h"

namespace edgehold {
namespace {

// Each Unicode class is hundreds of ranges: a short pattern of many would take long to compile.
constexpr std::size_t kUnicodeClassesMax = 8;

std::size_t countUnicodeClasses(std::string_view pattern) {
  std::size_t count = 0;
  for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] != '\\') continue;
    ++i;
    if (pattern[i] == 'p' || pattern[i] == 'P') ++count;
  }
  return count;
}

Result<void> checkPattern(std::string_view pattern) {
  if (pattern.size() > limits::kRulePatternBytesMax) {
    return fail("longer than " + std::to_string(limits::kRulePatternBytesMax) + " bytes");
  }
  if (countUnicodeClasses(pattern) > kUnicodeClassesMax) {
    return fail("more than " + std::to_string(kUnicodeClassesMax) + " Unicode classes");
  }
  return {};
}

}  // namespace

Regex::Regex(std::unique_ptr<re2::RE2> compiled) : compiled_(std::move(compiled)) {}
Regex::~Regex() = default;

std::uint64_t Regex::stepsFor(std::string_view text) const {
  return (1 + text.size()) * static_cast<std::uint64_t>(compiled_->ProgramSize());
}

bool Regex::match(std::string_view text, Match& found) const {
  found.groups = static_cast<std::size_t>(compiled_->NumberOfCapturingGroups());
  std::array<re2::StringPiece, kGroupsMax + 1> pieces;
  const re2::StringPiece subject(text.data(), text.size());
  if (!compiled_->Match(subject, 0, text.size(), RE2::UNANCHORED, pieces.data(),
                        static_cast<int>(found.groups) + 1)) {
    return false;
  }
  for (std::size_t i = 0; i <= found.groups; ++i) {
    found.texts[i] = std::string_view(pieces[i].data(), pieces[i].size());
  }
  return true;
}

const Regex* RegexCache::find(std::string_view pattern) const {
  const auto found = compiled_.find(pattern);
  return found == compiled_.end() ? nullptr : found->second.get();
}

Result<const Regex*> RegexCache::compile(std::string_view pattern) {
  TRY(checkPattern(pattern));
  if (compiled_.size() >= limits::kRulePatternsMax) {
    return fail("more than " + std::to_string(limits::kRulePatternsMax) +
                " patterns: write them out, do not build them from requests");
  }
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(static_cast<std::int64_t>(limits::kRulePatternMemoryMax));
  auto compiled = std::make_unique<RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!compiled->ok()) return fail(compiled->error());
  if (compiled->NumberOfCapturingGroups() > static_cast<int>(Regex::kGroupsMax)) {
    return fail("more than " + std::to_string(Regex::kGroupsMax) + " groups");
  }
  std::unique_ptr<const Regex> regex(new Regex(std::move(compiled)));
  const Regex* const kept = regex.get();
  compiled_.emplace(pattern, std::move(regex));
  return kept;
}

}  // namespace edgehold
