// SPDX-License-Identifier: Apache-2.0
// Reads test requests field by field; everything is copied into the exchange.
// Thread: main only.
#include "lua/runtime/test_request.h"

#include <array>
#include <string>

namespace edgehold {
namespace {

struct FactField {
  const char* name;
  std::string_view Facts::*value;
};
constexpr std::array kFacts = {
    FactField{"principal", &Facts::principal},   FactField{"channel", &Facts::channel},
    FactField{"event_type", &Facts::event_type}, FactField{"event_id", &Facts::event_id},
    FactField{"group", &Facts::group},           FactField{"sender", &Facts::sender},
    FactField{"action", &Facts::action}};

// Pushes field `name` of the table at `table` (a positive index).
int pushField(lua_State* raw, int table, const char* name) {
  lua_pushstring(raw, name);
  return lua_rawget(raw, table);
}

// The text on top, kept in the arena.
std::string_view keepTop(lua_State* raw, Exchange& exchange, const char* what) {
  if (lua_type(raw, -1) != LUA_TSTRING) luaL_error(raw, "`%s` must be a text", what);
  std::size_t length = 0;
  const char* const text = lua_tolstring(raw, -1, &length);
  return exchange.arena.copy({text, length});
}

std::string_view takeText(lua_State* raw, Exchange& exchange, const char* name) {
  pushField(raw, 1, name);
  const std::string_view text = keepTop(raw, exchange, name);
  lua_pop(raw, 1);
  return text;
}

bool takeFlag(lua_State* raw, const char* name) {
  pushField(raw, 1, name);
  const bool is_set = lua_toboolean(raw, -1) != 0;
  lua_pop(raw, 1);
  return is_set;
}

// Pushes the table in field `name` and gives its index.
int pushTable(lua_State* raw, const char* name) {
  if (pushField(raw, 1, name) != LUA_TTABLE) luaL_error(raw, "`%s` must be a table", name);
  return lua_gettop(raw);
}

// Pops the value.
void addHeader(lua_State* raw, Exchange& exchange, std::string_view name) {
  const std::string_view value = keepTop(raw, exchange, "headers");
  exchange.request.headers.add(Header{name, value, HeaderId::kOther});
  lua_pop(raw, 1);
}

// A header is a text, or a list of texts for a field that comes several times.
void fillHeaders(lua_State* raw, Exchange& exchange) {
  const int headers = pushTable(raw, "headers");
  lua_pushnil(raw);
  while (lua_next(raw, headers) != 0) {
    if (lua_type(raw, -2) != LUA_TSTRING) luaL_error(raw, "header names are texts");
    const std::string_view name = exchange.arena.copy(lua_tostring(raw, -2));
    if (lua_type(raw, -1) == LUA_TTABLE) {
      const auto fields = static_cast<lua_Integer>(lua_rawlen(raw, -1));
      for (lua_Integer i = 1; i <= fields; ++i) {
        lua_rawgeti(raw, -1, i);
        addHeader(raw, exchange, name);
      }
      lua_pop(raw, 1);
    } else {
      addHeader(raw, exchange, name);
    }
  }
  lua_pop(raw, 1);
}

void fillFacts(lua_State* raw, Exchange& exchange) {
  const int facts = pushTable(raw, "facts");
  lua_pushnil(raw);
  while (lua_next(raw, facts) != 0) {
    const std::string_view name = lua_type(raw, -2) == LUA_TSTRING ? lua_tostring(raw, -2) : "?";
    bool is_known = name == "timestamp_ms";
    if (is_known) exchange.facts.timestamp_ms = luaL_checkinteger(raw, -1);
    for (const FactField& fact : kFacts) {
      if (name != fact.name) continue;
      exchange.facts.*(fact.value) = exchange.keepFact(keepTop(raw, exchange, fact.name));
      is_known = true;
    }
    if (name == kRolesTag) {
      exchange.facts.tags.emplace_back(kRolesTag,
                                       exchange.keepFact(keepTop(raw, exchange, "roles")));
      is_known = true;
    }
    if (!is_known) luaL_error(raw, "there is no fact `%s`", name.data());
    lua_pop(raw, 1);
  }
  lua_pop(raw, 1);
}

void fillMessage(lua_State* raw, Exchange& exchange) {
  const int message = pushTable(raw, "message");
  MessageFacts facts;
  pushField(raw, message, "direction");
  const std::string_view direction = keepTop(raw, exchange, "direction");
  if (direction != "to_client" && direction != "to_upstream") {
    luaL_error(raw, "`direction` is \"to_upstream\" or \"to_client\"");
  }
  if (direction == "to_client") facts.direction = MessageFacts::Direction::kToClient;
  pushField(raw, message, "is_text");
  facts.is_text = lua_toboolean(raw, -1) != 0;
  facts.number = 1;
  exchange.message = facts;
  lua_pop(raw, 3);
}

void setText(lua_State* raw, const char* name, std::string_view text) {
  lua_pushlstring(raw, text.data(), text.size());
  lua_setfield(raw, -2, name);
}

void setFacts(lua_State* raw, const Facts& facts) {
  lua_createtable(raw, 0, 8);
  for (const FactField& fact : kFacts) {
    if (!(facts.*(fact.value)).empty()) setText(raw, fact.name, facts.*(fact.value));
  }
  lua_setfield(raw, -2, "facts");
  lua_createtable(raw, 0, 4);
  for (const auto& [name, value] : facts.tags) setText(raw, std::string(name).c_str(), value);
  lua_setfield(raw, -2, "tags");
}

}  // namespace

void fillExchange(lua_State* raw, Exchange& exchange) {
  luaL_checktype(raw, 1, LUA_TTABLE);
  RequestHead& request = exchange.request;
  request.method_token = takeText(raw, exchange, "method");
  request.method = methodOf(request.method_token);
  request.target.path = takeText(raw, exchange, "path");
  if (!request.target.path.starts_with('/')) luaL_error(raw, "`path` must start with /");
  request.target.query = takeText(raw, exchange, "query");
  request.target.has_query = !request.target.query.empty();
  request.target.text = request.target.has_query
                            ? exchange.arena.join({request.target.path, "?", request.target.query})
                            : request.target.path;
  request.authority = takeText(raw, exchange, "host");
  fillHeaders(raw, exchange);
  const std::string_view body = takeText(raw, exchange, "body");
  exchange.body.append(body);
  exchange.is_body_complete = true;
  request.body = body.empty() ? BodyLength::none() : BodyLength::known(body.size());
  if (takeFlag(raw, "is_message")) fillMessage(raw, exchange);
  fillFacts(raw, exchange);
  exchange.request_id = takeText(raw, exchange, "id");
  const auto address = IpAddress::parse(takeText(raw, exchange, "ip"));
  if (!address) luaL_error(raw, "`client.ip` must be an IP address");
  const auto peer = IpAddress::parse(takeText(raw, exchange, "peer_ip"));
  if (!peer) luaL_error(raw, "`client.peer_ip` must be an IP address");
  exchange.client.address = *address;
  exchange.client.peer.ip = *peer;
  exchange.client.is_secure = takeFlag(raw, "tls");
  exchange.client.is_trusted_peer = takeFlag(raw, "trusted");
  pushField(raw, 1, "unix");
  exchange.started_wall = WallTime(std::chrono::seconds(luaL_checkinteger(raw, -1)));
  lua_pop(raw, 1);
}

bool fillEvent(lua_State* raw, Exchange& exchange, SseEvent& event) {
  if (lua_type(raw, 2) != LUA_TTABLE) return false;
  const auto take = [raw, &exchange](const char* name) {
    pushField(raw, 2, name);
    const std::string_view text = keepTop(raw, exchange, name);
    lua_pop(raw, 1);
    return text;
  };
  event.type = take("type");
  event.id = take("id");
  event.raw = event.data = take("data");
  event.has_data = true;
  return true;
}

void pushAnswer(lua_State* raw, const Exchange& exchange, const Result<RuleVerdict>& verdict) {
  lua_createtable(raw, 0, 7);
  if (!verdict) {
    setText(raw, "verdict", "error");
    setText(raw, "error", verdict.error().message);
    setText(raw, "reason_code", reasonCode(verdict.error().reason));
  } else {
    static constexpr std::array<std::string_view, 4> kNames = {"allow", "deny", "hold", "cut"};
    setText(raw, "verdict", kNames[static_cast<std::size_t>(verdict->kind)]);
    if (verdict->kind != RuleVerdict::Kind::kAllow) {
      setText(raw, "rule", verdict->rule);
      setText(raw, "reason", verdict->reason);
    }
    if (verdict->ttl) {
      lua_pushinteger(raw, verdict->ttl->count());
      lua_setfield(raw, -2, "ttl");
    }
  }
  setFacts(raw, exchange.facts);
}

}  // namespace edgehold
