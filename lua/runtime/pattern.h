// SPDX-License-Identifier: Apache-2.0
// Lua patterns (Lua 5.4 manual 6.4.1), matched under the budget of the call: a pattern of 27
// characters can keep a backtracking matcher busy for longer than anybody waits.
// Thread: one loop.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "lua/runtime/state.h"

namespace edgehold {

// One pattern over one subject. Every function may raise a Lua error: a malformed pattern, or a
// spent budget. Both texts must stay on the Lua stack while it lives.
class PatternMatcher {
 public:
  PatternMatcher(lua_State* raw, std::string_view subject, std::string_view pattern);

  // The end of a match that starts exactly at `start`, or null. REQUIRES: start is in the subject.
  const char* matchAt(const char* start);
  // True for a pattern that begins with `^`: only the start of the subject counts.
  bool isAnchored() const { return is_anchored_; }

  const char* begin() const { return subject_begin_; }
  const char* end() const { return subject_end_; }

  int captureCount() const { return level_; }
  // Pushes capture `index`; the whole match when the pattern has none.
  void pushCapture(int index, const char* start, const char* stop);
  // Pushes all captures, or the whole match when the pattern has none and `start` is not null.
  int pushCaptures(const char* start, const char* stop);

 private:
  static constexpr int kCapturesMax = 32;
  static constexpr int kDepthMax = 200;
  static constexpr std::ptrdiff_t kUnclosed = -1;
  static constexpr std::ptrdiff_t kPosition = -2;
  static constexpr std::size_t kStepsPerCharge = 256;
  static constexpr std::size_t kStepsPerUnit = 4;

  struct Capture {
    const char* start;
    std::ptrdiff_t bytes;  // or kUnclosed, kPosition
  };

  // These walk the pattern at `p` over the subject at `s`.
  const char* match(const char* s, const char* p);
  const char* matchItems(const char* s, const char* p);
  const char* maxExpand(const char* s, const char* p, const char* item_end);
  const char* minExpand(const char* s, const char* p, const char* item_end);
  const char* startCapture(const char* s, const char* p, std::ptrdiff_t what);
  const char* endCapture(const char* s, const char* p);
  const char* matchBackReference(const char* s, char digit);
  const char* matchBalance(const char* s, const char* p);
  const char* matchEscape(const char* s, const char*& p);
  bool isFrontier(const char* s, const char* set, const char* set_end);
  bool isSpecialEscape(const char* p) const;

  const char* classEnd(const char* p);
  bool matchesOne(const char* s, const char* p, const char* item_end);
  static bool matchesClass(unsigned char c, unsigned char name);
  static bool matchesSet(unsigned char c, const char* p, const char* last);
  int captureToClose();
  void step(std::size_t steps);

  lua_State* raw_;
  const char* subject_begin_;
  const char* subject_end_;
  const char* pattern_begin_;
  const char* pattern_end_;
  bool is_anchored_ = false;
  int depth_ = kDepthMax;
  int level_ = 0;
  std::size_t steps_ = 0;
  std::array<Capture, kCapturesMax> captures_;
};

}  // namespace edgehold
