// SPDX-License-Identifier: Apache-2.0
// `now` and `ip`: time and addresses for rules, without a clock or a parser of their own.
// Thread: one loop.
#include <algorithm>
#include <array>
#include <chrono>
#include <string>

#include "lua/runtime/bindings.h"
#include "lua/runtime/sandbox.h"
#include "proxy/base/ip.h"

namespace edgehold {
namespace {

constexpr const char* kNowMetatable = "now";
constexpr std::array<const char*, 9> kTimeFields = {"unix", "unix_ms", "year",   "month",  "day",
                                                    "hour", "minute",  "second", "weekday"};

std::string_view checkText(lua_State* raw, int index) {
  luaL_checktype(raw, index, LUA_TSTRING);
  std::size_t length = 0;
  const char* const text = lua_tolstring(raw, index, &length);
  return {text, length};
}

// --- now -----------------------------------------------------------------------------------------

// The field `name` of a moment that is `offset` ahead of UTC; false when there is no such field.
bool pushTimeField(lua_State* raw, WallTime moment, std::chrono::minutes offset,
                   std::string_view name) {
  using std::chrono::floor;
  const auto local = moment + offset;
  const auto days = floor<std::chrono::days>(local);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss time(floor<std::chrono::seconds>(local - days));
  lua_Integer value = 0;
  if (name == "unix") {
    value = unixSeconds(moment);
  } else if (name == "unix_ms") {
    value = unixMilliseconds(moment);
  } else if (name == "year") {
    value = static_cast<int>(date.year());
  } else if (name == "month") {
    value = static_cast<unsigned>(date.month());
  } else if (name == "day") {
    value = static_cast<unsigned>(date.day());
  } else if (name == "hour") {
    value = time.hours().count();
  } else if (name == "minute") {
    value = time.minutes().count();
  } else if (name == "second") {
    value = time.seconds().count();
  } else if (name == "weekday") {
    value = std::chrono::weekday(days).iso_encoding();
  } else {
    return false;
  }
  lua_pushinteger(raw, value);
  return true;
}

// `+08:00`, `-03:30`, `Z`, `+00:00`. Raises for anything else.
std::chrono::minutes checkOffset(lua_State* raw, int index) {
  const std::string_view text = checkText(raw, index);
  if (text == "Z") return std::chrono::minutes(0);
  const auto digit = [text](std::size_t at) { return text[at] - '0'; };
  const bool is_shaped = text.size() == 6 && (text[0] == '+' || text[0] == '-') && text[3] == ':' &&
                         digit(1) >= 0 && digit(1) <= 1 && digit(2) >= 0 && digit(2) <= 9 &&
                         digit(4) >= 0 && digit(4) <= 5 && digit(5) >= 0 && digit(5) <= 9;
  const int hours = is_shaped ? digit(1) * 10 + digit(2) : 99;
  if (hours > 14) luaL_argerror(raw, index, "an offset from UTC like \"+08:00\" expected");
  const int minutes = hours * 60 + digit(4) * 10 + digit(5);
  return std::chrono::minutes(text[0] == '-' ? -minutes : minutes);
}

// now.at("+08:00"): a table with the same fields in that offset.
int nowAt(lua_State* raw) {
  const WallTime moment = currentCall(raw).exchange.started_wall;
  const std::chrono::minutes offset = checkOffset(raw, 1);
  LuaState::of(raw).charge(40);
  lua_createtable(raw, 0, static_cast<int>(kTimeFields.size()));
  for (const char* const field : kTimeFields) {
    pushTimeField(raw, moment, offset, field);
    lua_setfield(raw, -2, field);
  }
  return 1;
}

int nowIndex(lua_State* raw) {
  if (lua_type(raw, 2) != LUA_TSTRING) return luaL_error(raw, "now has no such field");
  const std::string_view name = lua_tostring(raw, 2);
  if (name == "at") {
    lua_pushcfunction(raw, &nowAt);
    return 1;
  }
  const WallTime moment = currentCall(raw).exchange.started_wall;
  if (pushTimeField(raw, moment, std::chrono::minutes(0), name)) return 1;
  return luaL_error(raw, "now has no field `%s`", lua_tostring(raw, 2));
}

int refuseWrite(lua_State* raw) { return luaL_error(raw, "now is read-only"); }

// --- ip ------------------------------------------------------------------------------------------

// ip.in_cidr(ip, "10.0.0.0/8")
int inCidr(lua_State* raw) {
  const auto address = IpAddress::parse(checkText(raw, 1));
  if (!address) return luaL_argerror(raw, 1, "an IP address expected");
  const auto network = Cidr::parse(checkText(raw, 2));
  LuaState::of(raw).charge(16);
  if (!network) return luaL_error(raw, "ip.in_cidr: %s", network.error().message.c_str());
  lua_pushboolean(raw, network->contains(*address) ? 1 : 0);
  return 1;
}

// ip.is_private(ip)
int isPrivate(lua_State* raw) {
  const auto address = IpAddress::parse(checkText(raw, 1));
  if (!address) return luaL_argerror(raw, 1, "an IP address expected");
  lua_pushboolean(raw, address->isPrivate() ? 1 : 0);
  return 1;
}

}  // namespace

void openValues(LuaState& state) {
  lua_State* const raw = state.raw();
  lua_newuserdatauv(raw, 1, 0);
  luaL_newmetatable(raw, kNowMetatable);
  lua_pushcfunction(raw, &nowIndex);
  lua_setfield(raw, -2, "__index");
  lua_pushcfunction(raw, &refuseWrite);
  lua_setfield(raw, -2, "__newindex");
  lua_pushboolean(raw, 0);
  lua_setfield(raw, -2, "__metatable");
  lua_setmetatable(raw, -2);
  setGlobal(state, "now");

  static constexpr luaL_Reg kIp[] = {
      {"in_cidr", &inCidr}, {"is_private", &isPrivate}, {nullptr, nullptr}};
  luaL_newlib(raw, kIp);
  setGlobal(state, "ip");
}

}  // namespace edgehold
