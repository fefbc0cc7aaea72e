// SPDX-License-Identifier: Apache-2.0
// One Lua state that cannot run away: memory, instructions and wall time of a call are bounded, and
// once one of them is spent nothing in that call runs on. Protected calls made by Lua code must
// come back through rethrowIfSpent() (safe_base.cc), so no rule can catch its own end. A call may
// also pause, so that a long one does not keep the loop from everybody else.
// Thread: one loop.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "lua/runtime/block_cache.h"
#include "lua/runtime/regex.h"
#include "lua/runtime/rule_budgets.h"
#include "proxy/base/clock.h"
#include "proxy/base/result.h"

namespace edgehold {

struct RuleCall;

class LuaState {
 public:
  enum class Spent : std::uint8_t { kNothing, kInstructions, kMemory, kWall };
  struct Usage {
    std::uint64_t instructions = 0;    // counted in steps of kHookInterval
    std::size_t memory_bytes_max = 0;  // growth at its highest
    Duration wall{};
  };

  // `clock` must move while a call runs (SystemClock, not a loop's cached one); it outlives the
  // state. Unmetered until begin(): what opens the libraries is our own code.
  explicit LuaState(const Clock& clock);
  LuaState(const LuaState&) = delete;
  LuaState& operator=(const LuaState&) = delete;
  ~LuaState();

  // Another one after a call of run() that failed or was left, once end() has been called.
  lua_State* raw() const { return raw_; }
  static LuaState& of(lua_State* raw) { return **static_cast<LuaState**>(lua_getextraspace(raw)); }

  // Collects all garbage; what is left is the base that growth is measured from.
  void rebase();
  // Collects all garbage; gives the growth since rebase() that is left.
  std::size_t collect();
  // Since rebase(), garbage included.
  std::size_t growth() const { return used_bytes_ - std::min(used_bytes_, base_bytes_); }
  // Between begin() and end() everything is charged to one call, but not the time between two
  // slices. One that has paused is left for good by end().
  void begin(const RuleBudgets& budgets);
  Usage end();

  // Calls the function below `arguments` values on the stack. On success `results` values replace
  // them, else nothing does. Errors: kRuleBudgetExceeded, kRuleFailed with `file:line: why`.
  Result<void> call(int arguments, int results);
  // As call() with one result, for as long as the slice lasts: false when it has paused; then the
  // next run() goes on with it. It pauses at an instruction, which C functions that call back
  // (table.sort, string.gsub) put off until they return. After an error the stack is empty.
  Result<bool> run(int arguments);
  // From now on, or from the next begin() where nothing has paused. Until then calls have no end
  // but their budgets.
  void openSlice(Duration slice);

  // For library functions written in C++: `units` instructions' worth of work is about to be spent.
  // Raises a Lua error when that is too much.
  void charge(std::uint64_t units);
  // The same for copying or scanning so many bytes.
  void chargeBytes(std::size_t bytes) { charge(1 + bytes / kBytesPerUnit); }
  // REQUIRES: called with the result of every lua_pcall that Lua code can reach.
  void rethrowIfSpent(int status);
  // Around each of these: how deep inside each other they are now.
  int enterProtected() { return ++protected_depth_; }
  void leaveProtected() { --protected_depth_; }
  Spent spent() const { return spent_; }
  // Time that is not the rule's own (parsing the body for everybody) is taken off its account.
  void excuse(Duration time) { started_ += time; }
  Instant now() const { return clock_.now(); }

  RegexCache& regexes() { return regexes_; }

  // What the bindings look at; null while no rule checks a request.
  RuleCall* rule_call = nullptr;

 private:
  static constexpr int kHookInterval = 100;
  static constexpr Duration kNoSlice = Duration::max();
  static constexpr std::uint64_t kUnitsPerWallCheck = 500;
  static constexpr std::size_t kBytesPerUnit = 32;
  // Single instructions on a block of this size may be slow (comparing long texts, walking big
  // tables). While there is one, the hook looks at the clock whenever so many bytes may have been
  // worked on.
  static constexpr std::size_t kLargeBlockBytes = 16 * 1024;
  static constexpr std::size_t kBytesPerLook = 1024 * 1024;
  // Growth of less is not charged: making small objects costs about what its instruction does.
  static constexpr std::size_t kChargedBlockBytes = 1024;
  // Refusing memory makes Lua collect all garbage, which takes milliseconds in a full state.
  static constexpr int kRefusalsMax = 2;
  // Past the limit there must still be room for the error that says so.
  static constexpr std::size_t kErrorReserveBytes = 16 * 1024;

  struct Growth {
    std::size_t bytes;
    std::size_t block_bytes;  // of the whole block, grown
    bool is_text;
  };

  static void* allocate(void* self, void* block, std::size_t old_bytes, std::size_t new_bytes);
  static void onCount(lua_State* raw, lua_Debug* activation);
  void newThread();
  void account(std::uint64_t units);
  void lookAtClock();
  void hasten();
  void pause();
  tl::unexpected<Error> failureOf(int status) const;
  bool mayGrow(const Growth& growth);
  bool isRoomFor(const Growth& growth);
  void chargeGrowth(const Growth& growth);
  void addToAccount(std::uint64_t units);
  static int intervalFor(std::size_t block_bytes);
  void setInterval(int interval);
  void noteFinalRefusal(int status);
  void spend(Spent what);
  [[noreturn]] void raiseSpent();
  void notePlace();
  std::string spentMessage() const;
  std::string errorMessage(int status) const;

  const Clock& clock_;
  BlockCache blocks_;
  lua_State* main_ = nullptr;  // holds nothing but raw_
  // What everything runs on: only a coroutine can pause.
  lua_State* raw_ = nullptr;
  RegexCache regexes_;

  std::size_t used_bytes_ = 0;
  std::size_t base_bytes_ = 0;
  std::size_t large_blocks_ = 0;
  std::size_t base_large_blocks_ = 0;
  std::size_t largest_block_bytes_ = 0;  // of those met since there was none; 0: none is large
  int interval_ = 0;

  // Of the call under way.
  bool is_metered_ = false;
  RuleBudgets budgets_;
  Instant started_{};
  std::uint64_t instructions_ = 0;
  std::uint64_t units_to_wall_check_ = 0;
  std::size_t begin_bytes_ = 0;
  std::size_t highest_bytes_ = 0;
  int refusals_ = 0;
  // The block that was refused last, until Lua has collected its garbage and asks for it again.
  // Anything else that comes first means that the refusal became an error: then it is final.
  std::size_t refused_bytes_ = 0;
  Spent spent_ = Spent::kNothing;
  std::string place_;  // `file:line` where it was spent

  // Of the call under way, when it is run().
  int base_ = 0;  // of the stack, below its function
  int protected_depth_ = 0;
  bool is_broken_ = false;
  bool is_paused_ = false;
  Instant paused_at_{};
  Duration slice_ = kNoSlice;
  bool is_slice_open_ = false;  // slice_started_ is set
  Instant slice_started_{};
  bool is_pause_due_ = false;  // the slice is over, but it could not pause yet
  bool is_hastened_ = false;   // in this slice
};

}  // namespace edgehold
