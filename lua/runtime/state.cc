// SPDX-License-Identifier: Apache-2.0
// Budgets: an allocator with a cap, a count hook with a deadline, and errors that are final. The
// same hook ends a slice. Thread: one loop.
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
  main_ = lua_newstate(&LuaState::allocate, this);
  CHECK(main_ != nullptr) << "no memory for a Lua state";
  *static_cast<LuaState**>(lua_getextraspace(main_)) = this;  // new threads get a copy
  newThread();
}

LuaState::~LuaState() {
  is_metered_ = false;
  lua_close(main_);
}

// A thread that an error has ended is not mended: Lua leaves its hooks off where one of them raised
// the error (5.4.4), and rules without hooks have no budget. REQUIRES: not metered.
void LuaState::newThread() {
  lua_settop(main_, 0);
  raw_ = lua_newthread(main_);
  interval_ = 0;  // it has no hook yet
}

void* LuaState::allocate(void* self, void* block, std::size_t old_bytes, std::size_t new_bytes) {
  LuaState& state = *static_cast<LuaState*>(self);
  const bool is_text = block == nullptr && old_bytes == LUA_TSTRING;
  if (block == nullptr) old_bytes = 0;  // Lua passes a type tag then
  if (new_bytes == 0) {
    if (block != nullptr) state.blocks_.give(block, old_bytes);
    state.used_bytes_ -= old_bytes;
    state.large_blocks_ -= old_bytes >= kLargeBlockBytes ? 1 : 0;
    return nullptr;
  }
  if (new_bytes > old_bytes && !state.mayGrow({new_bytes - old_bytes, new_bytes, is_text})) {
    return nullptr;
  }
  void* const grown = state.blocks_.resize(block, old_bytes, new_bytes);
  CHECK(grown != nullptr) << "out of memory";
  state.used_bytes_ += new_bytes - old_bytes;
  state.large_blocks_ +=
      (new_bytes >= kLargeBlockBytes ? 1u : 0u) - (old_bytes >= kLargeBlockBytes ? 1u : 0u);
  state.highest_bytes_ = std::max(state.highest_bytes_, state.used_bytes_);
  return grown;
}

// Must not raise: it runs inside Lua's own memory management. A refusal becomes Lua's memory error;
// a budget that is spent here ends the rule at its next instruction.
bool LuaState::mayGrow(const Growth& growth) {
  if (!is_metered_) return true;
  if (refused_bytes_ != 0 && refused_bytes_ != growth.block_bytes && spent_ == Spent::kNothing) {
    spend(Spent::kMemory);
  }
  if (spent_ != Spent::kNothing) {
    const std::size_t limit = base_bytes_ + budgets_.memory_bytes + kErrorReserveBytes;
    return growth.bytes <= kErrorReserveBytes && used_bytes_ + growth.bytes <= limit;
  }
  if (!isRoomFor(growth)) return false;
  if (growth.bytes >= kChargedBlockBytes) chargeGrowth(growth);
  return true;
}

bool LuaState::isRoomFor(const Growth& growth) {
  const std::size_t limit = base_bytes_ + budgets_.memory_bytes;
  if (used_bytes_ <= limit && growth.bytes <= limit - used_bytes_) {
    refused_bytes_ = 0;
    return true;
  }
  // The first refusal makes Lua collect garbage and ask again, if there is time.
  if (clock_.now() - started_ > budgets_.wall) {
    spend(Spent::kWall);
  } else if (refused_bytes_ != 0 || ++refusals_ >= kRefusalsMax) {
    spend(Spent::kMemory);
  }
  refused_bytes_ = growth.block_bytes;
  return false;
}

// Whatever instruction or function makes them, bytes are charged here: a loop that doubles a text
// is a few instructions and much work.
void LuaState::chargeGrowth(const Growth& growth) {
  addToAccount(growth.bytes / kBytesPerUnit);
  if (instructions_ > budgets_.instructions) spend(Spent::kInstructions);
  if (growth.is_text && growth.block_bytes > budgets_.memory_bytes / limits::kRuleTextPart) {
    spend(Spent::kMemory);
  }
  if (growth.block_bytes < kLargeBlockBytes) return;
  if (clock_.now() - started_ > budgets_.wall) spend(Spent::kWall);
  if (growth.block_bytes <= largest_block_bytes_ || spent_ != Spent::kNothing) return;
  largest_block_bytes_ = growth.block_bytes;
  setInterval(intervalFor(largest_block_bytes_));
}

void LuaState::rebase() {
  lua_gc(raw_, LUA_GCCOLLECT);
  base_bytes_ = used_bytes_;
  base_large_blocks_ = large_blocks_;
}

std::size_t LuaState::collect() {
  lua_gc(raw_, LUA_GCCOLLECT);
  return growth();
}

int LuaState::intervalFor(std::size_t block_bytes) {
  if (block_bytes < kLargeBlockBytes) return kHookInterval;
  const std::size_t looks = std::clamp<std::size_t>(kBytesPerLook / block_bytes, 1, kHookInterval);
  return static_cast<int>(looks);
}

void LuaState::begin(const RuleBudgets& budgets) {
  budgets_ = budgets;
  started_ = clock_.now();
  instructions_ = 0;
  units_to_wall_check_ = kUnitsPerWallCheck;
  begin_bytes_ = highest_bytes_ = used_bytes_;
  refusals_ = 0;
  refused_bytes_ = 0;
  spent_ = Spent::kNothing;
  place_.clear();
  protected_depth_ = 0;
  if (large_blocks_ <= base_large_blocks_) largest_block_bytes_ = 0;
  setInterval(intervalFor(largest_block_bytes_));
  if (!is_slice_open_) {
    is_slice_open_ = true;
    slice_started_ = started_;
  }
  is_metered_ = true;
}

LuaState::Usage LuaState::end() {
  is_metered_ = false;
  const Usage usage{instructions_, highest_bytes_ - begin_bytes_,
                    (is_paused_ ? paused_at_ : clock_.now()) - started_};
  if (is_paused_ || is_broken_) newThread();
  is_paused_ = is_broken_ = false;
  return usage;
}

// Of a call that goes on, the time of its pause is taken off the account.
void LuaState::openSlice(Duration slice) {
  slice_ = slice;
  is_pause_due_ = is_hastened_ = false;
  is_slice_open_ = is_paused_;
  if (!is_paused_) return;
  slice_started_ = clock_.now();
  excuse(slice_started_ - paused_at_);
  setInterval(intervalFor(largest_block_bytes_));
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
  // With a shorter interval the clock is asked every time: see kLargeBlockBytes.
  if (state.interval_ < kHookInterval) state.units_to_wall_check_ = 0;
  state.account(static_cast<std::uint64_t>(state.interval_));
  if (state.is_pause_due_) state.pause();
}

void LuaState::charge(std::uint64_t units) {
  account(units);
  if (is_pause_due_) hasten();
}

void LuaState::account(std::uint64_t units) {
  if (!is_metered_) return;
  if (spent_ != Spent::kNothing) raiseSpent();
  addToAccount(units);
  if (instructions_ > budgets_.instructions) {
    spend(Spent::kInstructions);
    raiseSpent();
  }
  if (units < units_to_wall_check_) {
    units_to_wall_check_ -= units;
    return;
  }
  units_to_wall_check_ = kUnitsPerWallCheck;
  lookAtClock();
}

void LuaState::lookAtClock() {
  const Instant now = clock_.now();
  if (now - started_ > budgets_.wall) {
    spend(Spent::kWall);
    raiseSpent();
  }
  is_pause_due_ = now - slice_started_ > slice_;
}

// In the hook, which may pause where the function that it interrupts may.
void LuaState::pause() {
  if (lua_isyieldable(raw_) != 0) {
    lua_yield(raw_, 0);
  } else if (spent_ == Spent::kNothing) {
    setInterval(intervalFor(largest_block_bytes_));
  }
}

// In a C function: a hundred instructions may be a hundred more of its calls. Once in a slice, for
// a new interval costs as much as the stack is deep.
void LuaState::hasten() {
  if (is_hastened_ || lua_isyieldable(raw_) == 0) return;
  is_hastened_ = true;
  setInterval(1);
}

// No sum can overflow: past the budget all is the same.
void LuaState::addToAccount(std::uint64_t units) {
  const std::uint64_t left = budgets_.instructions - std::min(instructions_, budgets_.instructions);
  instructions_ = units > left ? budgets_.instructions + 1 : instructions_ + units;
}

void LuaState::spend(Spent what) {
  if (spent_ != Spent::kNothing) return;
  spent_ = what;
  // Should any Lua code still get to run, its first instruction is its last.
  setInterval(1);
}

void LuaState::rethrowIfSpent(int status) {
  noteFinalRefusal(status);
  if (spent_ != Spent::kNothing) raiseSpent();
}

// Lua does not ask twice for all memory (a text under construction), and not every refusal comes
// back as LUA_ERRMEM: whichever became an error is final.
void LuaState::noteFinalRefusal(int status) {
  if (status == LUA_ERRMEM || (status != LUA_OK && refused_bytes_ != 0)) spend(Spent::kMemory);
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
  noteFinalRefusal(status);
  if (status == LUA_OK && spent_ == Spent::kNothing) return {};
  auto failure = failureOf(status);
  lua_settop(raw_, base);
  return failure;
}

Result<bool> LuaState::run(int arguments) {
  if (!is_paused_) base_ = lua_gettop(raw_) - arguments - 1;
  is_paused_ = false;
  int results = 0;
  const int status = lua_resume(raw_, nullptr, arguments, &results);
  if (status == LUA_YIELD) {
    is_paused_ = true;
    paused_at_ = clock_.now();
    return false;
  }
  noteFinalRefusal(status);
  if (status == LUA_OK && spent_ == Spent::kNothing) {
    if (lua_gettop(raw_) != base_ + 1) lua_settop(raw_, base_ + 1);
    return true;
  }
  is_broken_ = true;
  return failureOf(status);
}

tl::unexpected<Error> LuaState::failureOf(int status) const {
  if (spent_ != Spent::kNothing) return fail(Reason::kRuleBudgetExceeded, spentMessage());
  return fail(Reason::kRuleFailed, errorMessage(status));
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
