// SPDX-License-Identifier: Apache-2.0
// The matcher behind string.find, match, gmatch and gsub: the meaning of Lua 5.4's own, with every
// step charged. ASCII classes only, whatever the locale.
// Thread: one loop.
#include "lua/runtime/pattern.h"

#include <cstring>

#include "proxy/base/strings.h"

namespace edgehold {
namespace {

constexpr char kEscape = '%';

constexpr bool isLower(unsigned char c) { return c >= 'a' && c <= 'z'; }
constexpr bool isUpper(unsigned char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool isDecimal(unsigned char c) { return c >= '0' && c <= '9'; }
constexpr bool isAlpha(unsigned char c) { return isLower(c) || isUpper(c); }
constexpr bool isBlank(unsigned char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool isGraphic(unsigned char c) { return c > 0x20 && c < 0x7f; }

}  // namespace

PatternMatcher::PatternMatcher(lua_State* raw, std::string_view subject, std::string_view pattern)
    : raw_(raw),
      subject_begin_(subject.data()),
      subject_end_(subject.data() + subject.size()),
      pattern_begin_(pattern.data()),
      pattern_end_(pattern.data() + pattern.size()) {
  if (!pattern.empty() && pattern.front() == '^') {
    is_anchored_ = true;
    ++pattern_begin_;
  }
}

const char* PatternMatcher::matchAt(const char* start) {
  level_ = 0;
  depth_ = kDepthMax;
  return match(start, pattern_begin_);
}

void PatternMatcher::step(std::size_t steps) {
  steps_ += steps;
  if (steps_ < kStepsPerCharge) return;
  LuaState::of(raw_).charge(steps_ / kStepsPerUnit);
  steps_ = 0;
}

const char* PatternMatcher::match(const char* s, const char* p) {
  if (depth_ == 0) luaL_error(raw_, "pattern too complex");
  --depth_;
  const char* const stop = matchItems(s, p);
  ++depth_;
  return stop;
}

const char* PatternMatcher::matchItems(const char* s, const char* p) {
  while (p != pattern_end_) {
    step(1);
    if (*p == '(') {
      return p[1] == ')' ? startCapture(s, p + 2, kPosition) : startCapture(s, p + 1, kUnclosed);
    }
    if (*p == ')') return endCapture(s, p + 1);
    if (*p == '$' && p + 1 == pattern_end_) return s == subject_end_ ? s : nullptr;
    if (isSpecialEscape(p)) {
      s = matchEscape(s, p);
      if (s == nullptr) return nullptr;
      continue;
    }
    const char* const item_end = classEnd(p);
    const bool is_match = matchesOne(s, p, item_end);
    switch (*item_end) {
      case '?':
        if (is_match) {
          if (const char* const stop = match(s + 1, item_end + 1)) return stop;
        }
        p = item_end + 1;
        break;
      case '+':
        return is_match ? maxExpand(s + 1, p, item_end) : nullptr;
      case '*':
        return maxExpand(s, p, item_end);
      case '-':
        return minExpand(s, p, item_end);
      default:
        if (!is_match) return nullptr;
        ++s;
        p = item_end;
    }
  }
  return s;
}

bool PatternMatcher::isSpecialEscape(const char* p) const {
  if (*p != kEscape || p + 1 == pattern_end_) return false;
  return p[1] == 'b' || p[1] == 'f' || isDigit(p[1]);
}

// Matches one %b, %f or %0-9 item and moves `p` behind it.
const char* PatternMatcher::matchEscape(const char* s, const char*& p) {
  if (p[1] == 'b') {
    const char* const stop = matchBalance(s, p + 2);
    p += 4;
    return stop;
  }
  if (p[1] == 'f') {
    p += 2;
    if (*p != '[') luaL_error(raw_, "missing '[' after '%%f' in pattern");
    const char* const set = p;
    p = classEnd(p);
    return isFrontier(s, set, p - 1) ? s : nullptr;
  }
  const char* const stop = matchBackReference(s, p[1]);
  p += 2;
  return stop;
}

bool PatternMatcher::isFrontier(const char* s, const char* set, const char* set_end) {
  const auto before = static_cast<unsigned char>(s == subject_begin_ ? '\0' : s[-1]);
  const auto here = static_cast<unsigned char>(s == subject_end_ ? '\0' : *s);
  step(static_cast<std::size_t>(set_end - set));
  return !matchesSet(before, set, set_end) && matchesSet(here, set, set_end);
}

const char* PatternMatcher::matchBalance(const char* s, const char* p) {
  if (p >= pattern_end_ - 1) {
    luaL_error(raw_, "malformed pattern (missing arguments to '%%b')");
  }
  if (s == subject_end_ || *s != *p) return nullptr;
  const char open = p[0];
  const char close = p[1];
  int nesting = 1;
  while (++s < subject_end_) {
    step(1);
    if (*s == close) {
      if (--nesting == 0) return s + 1;
    } else if (*s == open) {
      ++nesting;
    }
  }
  return nullptr;
}

const char* PatternMatcher::maxExpand(const char* s, const char* p, const char* item_end) {
  std::ptrdiff_t count = 0;
  while (matchesOne(s + count, p, item_end)) {
    step(1);
    ++count;
  }
  for (; count >= 0; --count) {
    if (const char* const stop = match(s + count, item_end + 1)) return stop;
  }
  return nullptr;
}

const char* PatternMatcher::minExpand(const char* s, const char* p, const char* item_end) {
  for (;;) {
    if (const char* const stop = match(s, item_end + 1)) return stop;
    if (!matchesOne(s, p, item_end)) return nullptr;
    step(1);
    ++s;
  }
}

const char* PatternMatcher::startCapture(const char* s, const char* p, std::ptrdiff_t what) {
  if (level_ >= kCapturesMax) luaL_error(raw_, "too many captures");
  captures_[static_cast<std::size_t>(level_)] = {s, what};
  ++level_;
  const char* const stop = match(s, p);
  if (stop == nullptr) --level_;
  return stop;
}

const char* PatternMatcher::endCapture(const char* s, const char* p) {
  Capture& capture = captures_[static_cast<std::size_t>(captureToClose())];
  capture.bytes = s - capture.start;
  const char* const stop = match(s, p);
  if (stop == nullptr) capture.bytes = kUnclosed;
  return stop;
}

int PatternMatcher::captureToClose() {
  for (int level = level_ - 1; level >= 0; --level) {
    if (captures_[static_cast<std::size_t>(level)].bytes == kUnclosed) return level;
  }
  return luaL_error(raw_, "invalid pattern capture");
}

const char* PatternMatcher::matchBackReference(const char* s, char digit) {
  const int index = digit - '1';
  if (index < 0 || index >= level_ || captures_[static_cast<std::size_t>(index)].bytes < 0) {
    luaL_error(raw_, "invalid capture index %%%d", index + 1);
  }
  const Capture& capture = captures_[static_cast<std::size_t>(index)];
  step(1 + static_cast<std::size_t>(capture.bytes) / 8);
  if (subject_end_ - s < capture.bytes) return nullptr;
  const auto bytes = static_cast<std::size_t>(capture.bytes);
  return std::memcmp(capture.start, s, bytes) == 0 ? s + capture.bytes : nullptr;
}

const char* PatternMatcher::classEnd(const char* p) {
  if (*p == kEscape) {
    if (p + 1 == pattern_end_) luaL_error(raw_, "malformed pattern (ends with '%%')");
    return p + 2;
  }
  if (*p != '[') return p + 1;
  ++p;
  if (*p == '^') ++p;
  // The first character of a set is never its end. Lua strings end with a NUL that is no `]`.
  do {
    if (p >= pattern_end_) luaL_error(raw_, "malformed pattern (missing ']')");
    if (*p++ == kEscape && p < pattern_end_) ++p;
    step(1);
  } while (*p != ']' || p >= pattern_end_);
  return p + 1;
}

bool PatternMatcher::matchesOne(const char* s, const char* p, const char* item_end) {
  if (s >= subject_end_) return false;
  const auto c = static_cast<unsigned char>(*s);
  switch (*p) {
    case '.':
      return true;
    case kEscape:
      return matchesClass(c, static_cast<unsigned char>(p[1]));
    case '[':
      step(static_cast<std::size_t>(item_end - p));
      return matchesSet(c, p, item_end - 1);
    default:
      return static_cast<unsigned char>(*p) == c;
  }
}

bool PatternMatcher::matchesClass(unsigned char c, unsigned char name) {
  bool is_member = false;
  switch (asciiLower(static_cast<char>(name))) {
    case 'a':
      is_member = isAlpha(c);
      break;
    case 'c':
      is_member = c < 0x20 || c == 0x7f;
      break;
    case 'd':
      is_member = isDecimal(c);
      break;
    case 'g':
      is_member = isGraphic(c);
      break;
    case 'l':
      is_member = isLower(c);
      break;
    case 'p':
      is_member = isGraphic(c) && !isAlpha(c) && !isDecimal(c);
      break;
    case 's':
      is_member = isBlank(c);
      break;
    case 'u':
      is_member = isUpper(c);
      break;
    case 'w':
      is_member = isAlpha(c) || isDecimal(c);
      break;
    case 'x':
      is_member = hexValue(static_cast<char>(c)) >= 0;
      break;
    default:
      return name == c;
  }
  return isUpper(name) ? !is_member : is_member;
}

// `p` is at the `[`, `last` at the `]`.
bool PatternMatcher::matchesSet(unsigned char c, const char* p, const char* last) {
  bool found = true;
  if (p[1] == '^') {
    found = false;
    ++p;
  }
  while (++p < last) {
    if (*p == kEscape) {
      ++p;
      if (matchesClass(c, static_cast<unsigned char>(*p))) return found;
    } else if (p[1] == '-' && p + 2 < last) {
      p += 2;
      if (static_cast<unsigned char>(p[-2]) <= c && c <= static_cast<unsigned char>(*p)) {
        return found;
      }
    } else if (static_cast<unsigned char>(*p) == c) {
      return found;
    }
  }
  return !found;
}

void PatternMatcher::pushCapture(int index, const char* start, const char* stop) {
  if (index >= level_) {
    if (index != 0) luaL_error(raw_, "invalid capture index %%%d", index + 1);
    lua_pushlstring(raw_, start, static_cast<std::size_t>(stop - start));
    return;
  }
  const Capture& capture = captures_[static_cast<std::size_t>(index)];
  if (capture.bytes == kPosition) {
    lua_pushinteger(raw_, capture.start - subject_begin_ + 1);
    return;
  }
  if (capture.bytes == kUnclosed) luaL_error(raw_, "unfinished capture");
  lua_pushlstring(raw_, capture.start, static_cast<std::size_t>(capture.bytes));
}

int PatternMatcher::pushCaptures(const char* start, const char* stop) {
  const int count = level_ == 0 && start != nullptr ? 1 : level_;
  luaL_checkstack(raw_, count, "too many captures");
  for (int index = 0; index < count; ++index) pushCapture(index, start, stop);
  return count;
}

}  // namespace edgehold
