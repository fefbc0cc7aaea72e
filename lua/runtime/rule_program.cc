// SPDX-License-Identifier: Apache-2.0
// Loads rule files into a state and checks the shape of what they return.
// Thread: one loop.
#include "lua/runtime/rule_program.h"

#include <algorithm>

#include "lua/runtime/bindings.h"
#include "lua/runtime/sandbox.h"
#include "lua/runtime/stdlib.h"
#include "proxy/base/limits.h"

namespace edgehold {
namespace {

bool isRuleId(std::string_view id) {
  if (id.empty() || id.size() > limits::kRuleIdBytesMax) return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// The text field `name` of the table at index 1, or nothing.
std::string_view textField(lua_State* raw, const char* name) {
  lua_pushstring(raw, name);
  std::size_t length = 0;
  // The table keeps the text alive.
  const char* const text =
      lua_rawget(raw, 1) == LUA_TSTRING ? lua_tolstring(raw, -1, &length) : nullptr;
  return text == nullptr ? std::string_view() : std::string_view(text, length);
}

void refuseOtherKeys(lua_State* raw) {
  lua_pushnil(raw);
  while (lua_next(raw, 1) != 0) {
    lua_pop(raw, 1);
    const std::string_view key = lua_type(raw, -1) == LUA_TSTRING ? lua_tostring(raw, -1) : "?";
    const bool is_entry =
        std::find(kRuleEntryNames.begin(), kRuleEntryNames.end(), key) != kRuleEntryNames.end();
    if (key != "id" && key != "phase" && !is_entry) {
      luaL_error(raw,
                 "a rule has `id`, `phase`, `check`, `on_message` and `on_sse_event`, not `%s`",
                 key.data());
    }
  }
}

// Pushes the rule's functions, nil where it has none.
int pushEntries(lua_State* raw) {
  bool has_any = false;
  for (const std::string_view name : kRuleEntryNames) {
    lua_pushlstring(raw, name.data(), name.size());
    const int type = lua_rawget(raw, 1);
    if (type != LUA_TFUNCTION && type != LUA_TNIL) {
      luaL_error(raw, "`%s` must be a function", name.data());
    }
    has_any |= type == LUA_TFUNCTION;
  }
  if (!has_any) luaL_error(raw, "`check` must be a function");
  return static_cast<int>(kRuleEntryCount);
}

// Arguments: what the file returned, a std::string for the id. Returns its functions.
int readRule(lua_State* raw) {
  auto& id = *static_cast<std::string*>(lua_touserdata(raw, 2));
  if (lua_type(raw, 1) != LUA_TTABLE) {
    return luaL_error(raw, "a rule file returns one table {id, phase, check}, not a %s",
                      luaL_typename(raw, 1));
  }
  refuseOtherKeys(raw);
  const std::string_view name = textField(raw, "id");
  if (!isRuleId(name)) {
    return luaL_error(raw, "`id` must be 1 to %d of a-z, 0-9 and _",
                      static_cast<int>(limits::kRuleIdBytesMax));
  }
  id = name;
  lua_pushliteral(raw, "phase");
  if (lua_rawget(raw, 1) != LUA_TNIL && textField(raw, "phase") != "request") {
    return luaL_error(raw, "`phase` must be \"request\"");
  }
  return pushEntries(raw);
}

}  // namespace

RuleProgram::RuleProgram(const Clock& clock) : state_(clock) {
  openSandbox(state_);
  openBindings(state_);
  openStdlib(state_);
  state_.rebase();
}

Result<RuleProgram::Rule> RuleProgram::read(const RuleSource& source) {
  TRY(loadChunk(state_, source.file, source.text));
  if (auto ran = state_.call(0, 1); !ran) {
    // Spent memory has no place, and an error that is no text none either.
    if (ran.error().message.starts_with(source.file + ":")) return fail(ran.error());
    return fail(ran.error().within(source.file));
  }
  Rule rule;
  lua_State* const raw = state_.raw();
  lua_pushcfunction(raw, &readRule);
  lua_insert(raw, -2);
  lua_pushlightuserdata(raw, &rule.id);
  const auto checked = state_.call(2, static_cast<int>(kRuleEntryCount));
  if (!checked) return fail(checked.error().within(source.file));
  for (const Rule& other : rules_) {
    if (other.id != rule.id) continue;
    return fail(Reason::kRuleFailed, source.file + ": `" + rule.id + "` is the id of another rule");
  }
  return rule;
}

Result<void> RuleProgram::add(const RuleSource& source) {
  if (source.text.size() > limits::kRuleFileBytesMax) {
    return fail(Reason::kRuleFailed, source.file + ": longer than " +
                                         std::to_string(limits::kRuleFileBytesMax) + " bytes");
  }
  state_.begin(kRuleLoadBudgets);
  Result<Rule> rule = read(source);
  state_.end();
  if (rule) {
    // Unmetered, so that it cannot fail.
    for (std::size_t i = kRuleEntryCount; i > 0; --i) {
      rule->functions[i - 1] = luaL_ref(state_.raw(), LUA_REGISTRYINDEX);
    }
    rules_.push_back(std::move(*rule));
  }
  lua_settop(state_.raw(), 0);
  if (!rule) return fail(rule.error());
  return {};
}

Result<std::unique_ptr<RuleProgram>> RuleProgram::compile(const std::vector<RuleSource>& sources,
                                                          const Clock& clock) {
  auto program = std::make_unique<RuleProgram>(clock);
  std::string problems;
  for (const RuleSource& source : sources) {
    if (const auto added = program->add(source); !added) {
      problems += (problems.empty() ? "" : "\n") + added.error().message;
    }
  }
  if (!problems.empty()) return fail(Reason::kRuleFailed, std::move(problems));
  program->state_.rebase();
  return program;
}

}  // namespace edgehold
