// SPDX-License-Identifier: Apache-2.0
// Budgets: an allocator with a cap, a count hook with a deadline, and errors that are final.
// Thread: one loop.
#include "lua/runtime/state.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "proxy/base/log.h"

namespace edgehold {
namespace {

constexpr std::size_t kErrorBytesMax = 512;

// The error value of a spent budget: needs no memory to be raised.
char spent_tag;

static_assert(LUA_EXTRASPACE >= sizeof(LuaState*));

}  // namespace

LuaState::LuaState(const Clock& clock) : clock_(clock) {
  raw_ = lua_newstate(&LuaState::allocate, this);
  CHECK(raw_ != nullptr) << "no memory for a Lua state";
  *static_cast<LuaState**>(lua_getextraspace(raw_)) = this;
}

LuaState::~LuaState() {
  is_metered_ = false;
  lua_close(raw_);
}

void* LuaState::allocate(void* self, void* block, std::size_t old_bytes, std::size_t new_bytes) {
  LuaState& state = *static_cast<LuaState*>(self);
  if (block == nullptr) old_bytes = 0;  // Lua passes a type tag then
  if (new_bytes == 0) {
    std::free(block);
    state.used_bytes_ -= old_bytes;
    state.large_blocks_ -= old_bytes >= kLargeBlockBytes ? 1 : 0;
    return nullptr;
  }
  if (new_bytes > old_bytes && !state.mayGrow(new_bytes - old_bytes, new_bytes)) return nullptr;
  void* const grown = std::realloc(block, new_bytes);
  CHECK(grown != nullptr) << "out of memory";
  state.used_bytes_ += new_bytes - old_bytes;
  state.large_blocks_ +=
      (new_bytes >= kLargeBlockBytes ? 1u : 0u) - (old_bytes >= kLargeBlockBytes ? 1u : 0u);
  state.highest_bytes_ = std::max(state.highest_bytes_, state.used_bytes_);
  return grown;
}

// Must not raise: it runs inside Lua's own memory management. A refusal becomes Lua's memory error.
bool LuaState::mayGrow(std::size_t growth, std::size_t block_bytes) {
  if (!is_metered_) return true;
  const std::size_t limit = base_bytes_ + budgets_.memory_bytes;
  if (spent_ != Spent::kNothing) {
    return growth <= kErrorReserveBytes && used_bytes_ + growth <= limit + kErrorReserveBytes;
  }
  if (block_bytes >= kLargeBlockBytes && clock_.now() - started_ > budgets_.wall) {
    spend(Spent::kWall);
    return false;
  }
  if (used_bytes_ <= limit && growth <= limit - used_bytes_) {
    was_refused_ = false;
    if (block_bytes >= kLargeBlockBytes) setInterval(1);
    return true;
  }
  // The first refusal makes Lua collect garbage and ask again.
  ++refusals_;
  if (was_refused_ || refusals_ >= kRefusalsMax) spend(Spent::kMemory);
  was_refused_ = true;
  return false;
}

void LuaState::rebase() {
  lua_gc(raw_, LUA_GCCOLLECT);
  base_bytes_ = used_bytes_;
  base_large_blocks_ = large_blocks_;
}

std::size_t LuaState::collect() {
  lua_gc(raw_, LUA_GCCOLLECT);
  return used_bytes_ - std::min(used_bytes_, base_bytes_);
}

void LuaState::begin(const RuleBudgets& budgets) {
  budgets_ = budgets;
  started_ = clock_.now();
  instructions_ = 0;
  units_to_wall_check_ = kUnitsPerWallCheck;
  begin_bytes_ = highest_bytes_ = used_bytes_;
  refusals_ = 0;
  was_refused_ = false;
  spent_ = Spent::kNothing;
  place_.clear();
  setInterval(large_blocks_ > base_large_blocks_ ? 1 : kHookInterval);
  is_metered_ = true;
}

LuaState::Usage LuaState::end() {
  is_metered_ = false;
  return {instructions_, highest_bytes_ - begin_bytes_, clock_.now() - started_};
}

// The hook is left as it is between calls: what is left of an interval is charged to the next call,
// so sums are right and a short call pays nothing for setting it.
void LuaState::setInterval(int interval) {
  if (interval_ == interval) return;
  interval_ = interval;
  lua_sethook(raw_, &LuaState::onCount, LUA_MASKCOUNT, interval);
}

void LuaState::onCount(lua_State* raw, lua_Debug* /*activation*/) {
  LuaState& state = of(raw);
  // With an interval of one the clock is asked every time: see kLargeBlockBytes.
  if (state.interval_ == 1) state.units_to_wall_check_ = 0;
  state.charge(static_cast<std::uint64_t>(state.interval_));
}

void LuaState::charge(std::uint64_t units) {
  if (!is_metered_) return;
  if (spent_ != Spent::kNothing) raiseSpent();
  instructions_ = units > budgets_.instructions - std::min(instructions_, budgets_.instructions)
                      ? budgets_.instructions + 1
                      : instructions_ + units;
  if (instructions_ > budgets_.instructions) {
    spend(Spent::kInstructions);
    raiseSpent();
  }
  if (units < units_to_wall_check_) {
    units_to_wall_check_ -= units;
    return;
  }
  units_to_wall_check_ = kUnitsPerWallCheck;
  if (clock_.now() - started_ > budgets_.wall) {
    spend(Spent::kWall);
    raiseSpent();
  }
}

void LuaState::spend(Spent what) {
  spent_ = what;
  // Should any Lua code still get to run, its first instruction is its last.
  setInterval(1);
}

void LuaState::rethrowIfSpent(int status) {
  // Lua does not ask twice for all memory: a refusal may be final without having been counted so.
  if (status == LUA_ERRMEM && spent_ == Spent::kNothing) spend(Spent::kMemory);
  if (spent_ != Spent::kNothing) raiseSpent();
}

void LuaState::raiseSpent() {
  notePlace();
  lua_pushlightuserdata(raw_, &spent_tag);
  lua_error(raw_);
  std::abort();  // lua_error throws
}

// The innermost Lua function on the stack: where the rule was when it ended.
void LuaState::notePlace() {
  if (!place_.empty()) return;
  lua_Debug activation;
  for (int level = 0; level < 8 && lua_getstack(raw_, level, &activation) == 1; ++level) {
    lua_getinfo(raw_, "Sl", &activation);
    if (activation.currentline <= 0) continue;
    place_ = std::string(activation.short_src) + ":" + std::to_string(activation.currentline);
    return;
  }
}

Result<void> LuaState::call(int arguments, int results) {
  const int base = lua_gettop(raw_) - arguments - 1;
  const int status = lua_pcall(raw_, arguments, results, 0);
  if (status == LUA_OK && spent_ == Spent::kNothing) return {};
  if (status == LUA_ERRMEM && spent_ == Spent::kNothing) spend(Spent::kMemory);
  Error error{Reason::kRuleBudgetExceeded, {}};
  if (spent_ != Spent::kNothing) {
    error.message = spentMessage();
  } else {
    error = Error{Reason::kRuleFailed, errorMessage(status)};
  }
  lua_settop(raw_, base);
  return fail(std::move(error));
}

std::string LuaState::spentMessage() const {
  static constexpr std::array kNames = {"nothing", "instruction", "memory", "time"};
  const std::string place = place_.empty() ? "" : place_ + ": ";
  return place + "the " + kNames[static_cast<std::size_t>(spent_)] + " budget is spent";
}

// Converts nothing: that could call back into the rule, or need memory outside protection.
std::string LuaState::errorMessage(int status) const {
  if (lua_type(raw_, -1) == LUA_TSTRING) {
    std::size_t length = 0;
    const char* const text = lua_tolstring(raw_, -1, &length);
    return std::string(text, std::min(length, kErrorBytesMax));
  }
  if (status == LUA_ERRERR) return "error in error handling";
  return std::string("the error value is a ") + luaL_typename(raw_, -1);
}

}  // namespace edgehold
