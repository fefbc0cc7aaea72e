// SPDX-License-Identifier: Apache-2.0
// `request` and its parts, set_fact() and tag(). Every object is a token of the call's generation;
// what it shows is read from the exchange when it is asked for.
// Thread: one loop.
#include <algorithm>
#include <array>
#include <string>

#include "lua/runtime/bindings.h"
#include "lua/runtime/rule_token.h"
#include "lua/runtime/sandbox.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/base/subscriber.h"
#include "proxy/exchange/route.h"

namespace edgehold {
namespace {

// Registry keys of the metatables: their addresses.
char request_meta_key, headers_meta_key, query_meta_key, client_meta_key, facts_meta_key;

// Made at most once per call and kept with the request object.
enum Part : int { kHeadersPart = 1, kQueryPart, kClientPart, kFactsPart, kJsonPart, kParts = 5 };

// --- headers -------------------------------------------------------------------------------------

// Several fields of one name are one list (RFC 9110 5.3).
void pushHeader(lua_State* raw, const Headers& headers, std::string_view name) {
  const std::string_view* first = nullptr;
  std::string joined;
  for (const Header& field : headers) {
    if (!equalsIgnoreCase(field.name, name)) continue;
    if (first == nullptr) {
      first = &field.value;
      continue;
    }
    if (joined.empty()) joined = *first;
    joined.append(", ").append(field.value);
  }
  if (first == nullptr) {
    lua_pushnil(raw);
  } else {
    pushText(raw, joined.empty() ? *first : std::string_view(joined));
  }
}

// headers:get("name"), also for a field that is called `get`.
int headerGet(lua_State* raw) {
  luaL_checkudata(raw, 1, "request.headers");
  RuleCall& call = callOfToken(raw);
  luaL_checktype(raw, 2, LUA_TSTRING);
  LuaState::of(raw).charge(call.exchange.request.headers.size());
  pushHeader(raw, call.exchange.request.headers, keyOf(raw));
  return 1;
}

int headersIndex(lua_State* raw) {
  RuleCall& call = callOfToken(raw);
  const std::string_view name = keyOf(raw);
  if (name == "get") {
    lua_pushcfunction(raw, &headerGet);
    return 1;
  }
  LuaState::of(raw).charge(call.exchange.request.headers.size());
  pushHeader(raw, call.exchange.request.headers, name);
  return 1;
}

// --- query ---------------------------------------------------------------------------------------

// application/x-www-form-urlencoded, as browsers and agents write queries. Malformed escapes stay.
std::string decodeQueryText(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      decoded += ' ';
    } else if (text[i] == '%' && i + 2 < text.size() && hexValue(text[i + 1]) >= 0 &&
               hexValue(text[i + 2]) >= 0) {
      decoded += static_cast<char>(hexValue(text[i + 1]) * 16 + hexValue(text[i + 2]));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

// A name that comes twice is read differently by different agents, so a rule must not guess.
int queryIndex(lua_State* raw) {
  RuleCall& call = callOfToken(raw);
  const std::string_view name = keyOf(raw);
  std::string_view rest = call.exchange.request.target.query;
  LuaState::of(raw).chargeBytes(4 * rest.size());
  std::optional<std::string_view> found;
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (decodeQueryText(pair.substr(0, equals)) != name) continue;
    if (found) return luaL_error(raw, "query parameter `%s` is repeated", lua_tostring(raw, 2));
    found = pair.substr(std::min(equals + 1, pair.size()));
  }
  if (found) {
    pushText(raw, decodeQueryText(*found));
  } else {
    lua_pushnil(raw);
  }
  return 1;
}

// --- client and facts ----------------------------------------------------------------------------

int clientIndex(lua_State* raw) {
  const ClientFacts& client = callOfToken(raw).exchange.client;
  const std::string_view key = keyOf(raw);
  LuaState::of(raw).charge(8);  // an address is written anew each time
  if (key == "ip") {
    pushText(raw, client.address.toString());
  } else if (key == "peer_ip") {
    pushText(raw, client.peer.ip.toString());
  } else if (key == "network") {
    pushText(raw, Subscriber(client.address).network().toString());
  } else if (key == "trusted") {
    lua_pushboolean(raw, client.is_trusted_peer ? 1 : 0);
  } else if (key == "tls") {
    lua_pushboolean(raw, client.is_secure ? 1 : 0);
  } else {
    return refuseField(raw, "request.client");
  }
  return 1;
}

struct FactName {
  std::string_view name;
  std::string_view Facts::*value;
  bool is_settable;  // who verified an event, and whom, is not for a rule to say
};
constexpr std::array kFactNames = {
    FactName{"action", &Facts::action, true},     FactName{"channel", &Facts::channel, false},
    FactName{"event_id", &Facts::event_id, true}, FactName{"event_type", &Facts::event_type, true},
    FactName{"group", &Facts::group, true},       FactName{"principal", &Facts::principal, false},
    FactName{"sender", &Facts::sender, true},
};

const FactName* factNamed(std::string_view name) {
  const auto found = std::find_if(kFactNames.begin(), kFactNames.end(),
                                  [name](const FactName& fact) { return fact.name == name; });
  return found == kFactNames.end() ? nullptr : &*found;
}

int factsIndex(lua_State* raw) {
  const Facts& facts = callOfToken(raw).exchange.facts;
  const std::string_view key = keyOf(raw);
  if (const FactName* const fact = factNamed(key)) {
    pushKnown(raw, facts.*(fact->value));
    return 1;
  }
  if (key == kRolesTag) {
    pushKnown(raw, facts.roles());
    return 1;
  }
  if (key == "timestamp_ms") {
    if (facts.timestamp_ms) {
      lua_pushinteger(raw, *facts.timestamp_ms);
    } else {
      lua_pushnil(raw);
    }
    return 1;
  }
  return refuseField(raw, "request.facts");
}

std::string_view checkShortText(lua_State* raw, int index, const char* function) {
  luaL_checktype(raw, index, LUA_TSTRING);
  std::size_t length = 0;
  const char* const text = lua_tolstring(raw, index, &length);
  if (length == 0 || length > limits::kFactBytesMax) {
    luaL_error(raw, "%s: names and values have 1 to %d bytes", function,
               static_cast<int>(limits::kFactBytesMax));
  }
  return {text, length};
}

// What a fact or tag costs: its text is kept until the exchange is over, beyond the rule's memory.
constexpr std::uint64_t kKeptTextUnits = 64;

// Keeps `value` in `kept` unless it stands there already.
void keep(Exchange& exchange, std::string_view& kept, std::string_view value) {
  if (kept != value) kept = exchange.keepFact(value);
}

// A stream has events without end: nothing may be kept of each.
Exchange& exchangeToChange(lua_State* raw, const char* function) {
  RuleCall& call = currentCall(raw);
  if (call.event != nullptr) luaL_error(raw, "%s: only while a request is checked", function);
  return call.exchange;
}

// set_fact("action", "mass_send")
int setFact(lua_State* raw) {
  LuaState::of(raw).charge(kKeptTextUnits);
  Exchange& exchange = exchangeToChange(raw, "set_fact");
  const FactName* const fact = factNamed(checkShortText(raw, 1, "set_fact"));
  if (fact == nullptr || !fact->is_settable) {
    return luaL_error(raw, "set_fact: `%s` is not a fact that rules set", lua_tostring(raw, 1));
  }
  const std::string_view value = checkShortText(raw, 2, "set_fact");
  // A shadow only says what it would have said.
  if (!exchange.is_shadow) keep(exchange, exchange.facts.*(fact->value), value);
  return 0;
}

// tag("campaign", "spring")
int tag(lua_State* raw) {
  LuaState::of(raw).charge(kKeptTextUnits);
  Exchange& exchange = exchangeToChange(raw, "tag");
  const std::string_view name = checkShortText(raw, 1, "tag");
  const std::string_view value = checkShortText(raw, 2, "tag");
  if (name == kRolesTag) return luaL_error(raw, "tag: roles are not for a rule to give");
  auto& tags = exchange.facts.tags;
  const auto found = std::find_if(tags.begin(), tags.end(),
                                  [name](const auto& entry) { return entry.first == name; });
  if (found == tags.end() && tags.size() >= limits::kTagCountMax) {
    return luaL_error(raw, "tag: at most %d tags", static_cast<int>(limits::kTagCountMax));
  }
  if (exchange.is_shadow) return 0;
  if (found != tags.end()) {
    keep(exchange, found->second, value);
  } else {
    tags.emplace_back(exchange.keepFact(name), exchange.keepFact(value));
  }
  return 0;
}

// --- request -------------------------------------------------------------------------------------

// The parsed body, or null with the reason. Parsing is done once for all filters, so its time is
// nobody's in particular.
const JsonDocument* documentOf(lua_State* raw, RuleCall& call, std::string& problem) {
  Exchange& exchange = call.exchange;
  if (!exchange.is_body_complete) {
    if (exchange.request.body.hasBody()) problem = "the body was not collected";
    return nullptr;
  }
  if (exchange.body.empty()) return nullptr;
  LuaState& state = LuaState::of(raw);
  const bool is_parsed = exchange.isJsonParsed();
  const Instant before = is_parsed ? Instant{} : state.now();
  const Result<JsonDocument>& document = exchange.json(call.json);
  if (!is_parsed) state.excuse(state.now() - before);
  if (document) return &*document;
  problem = document.error().message;
  return nullptr;
}

void pushJsonRoot(lua_State* raw, RuleCall& call) {
  std::string problem;
  if (const JsonDocument* const document = documentOf(raw, call, problem)) {
    return pushJson(raw, call.generation, document->root());
  }
  // A body that another parser may read must not look like no body to a rule that has not asked.
  if (!problem.empty() && !call.knows_json_error) {
    call.json_refusal = problem;
    luaL_error(raw, "request.json: %s", call.json_refusal.c_str());
  }
  lua_pushnil(raw);
}

void pushJsonError(lua_State* raw, RuleCall& call) {
  std::string problem;
  documentOf(raw, call, problem);
  call.knows_json_error = true;
  pushKnown(raw, problem);
}

// Leaves part `part` of the request at index 1 on the stack, made on first use.
void pushPart(lua_State* raw, RuleCall& call, Part part) {
  if (lua_getiuservalue(raw, 1, part) != LUA_TNIL) return;
  lua_pop(raw, 1);
  switch (part) {
    case kHeadersPart:
      pushToken(raw, call.generation, headers_meta_key, 0);
      break;
    case kQueryPart:
      pushToken(raw, call.generation, query_meta_key, 0);
      break;
    case kClientPart:
      pushToken(raw, call.generation, client_meta_key, 0);
      break;
    case kFactsPart:
      pushToken(raw, call.generation, facts_meta_key, 0);
      break;
    default:
      pushJsonRoot(raw, call);
      break;
  }
  lua_pushvalue(raw, -1);
  lua_setiuservalue(raw, 1, part);
}

struct RequestField {
  std::string_view name;
  void (*push)(lua_State*, RuleCall&);
};
// In the order of use: looked up from the front.
constexpr std::array kRequestFields = {
    RequestField{"json", [](lua_State* raw, RuleCall& call) { pushPart(raw, call, kJsonPart); }},
    RequestField{"facts", [](lua_State* raw, RuleCall& call) { pushPart(raw, call, kFactsPart); }},
    RequestField{
        "method",
        [](lua_State* raw, RuleCall& call) { pushText(raw, call.exchange.request.method_token); }},
    RequestField{"path", [](lua_State* raw,
                            RuleCall& call) { pushText(raw, call.exchange.request.target.path); }},
    RequestField{"headers",
                 [](lua_State* raw, RuleCall& call) { pushPart(raw, call, kHeadersPart); }},
    RequestField{"client",
                 [](lua_State* raw, RuleCall& call) { pushPart(raw, call, kClientPart); }},
    RequestField{
        "query",
        [](lua_State* raw, RuleCall& call) { pushText(raw, call.exchange.request.target.query); }},
    RequestField{"query_args",
                 [](lua_State* raw, RuleCall& call) { pushPart(raw, call, kQueryPart); }},
    RequestField{"json_error", &pushJsonError},
    RequestField{"body_size",
                 [](lua_State* raw, RuleCall& call) {
                   lua_pushinteger(raw, static_cast<lua_Integer>(call.exchange.body.size()));
                 }},
    RequestField{"host", [](lua_State* raw,
                            RuleCall& call) { pushKnown(raw, call.exchange.request.authority); }},
    RequestField{"route",
                 [](lua_State* raw, RuleCall& call) {
                   const Route* const route = call.exchange.route;
                   pushKnown(raw, route == nullptr ? std::string_view() : route->name());
                 }},
    RequestField{"id",
                 [](lua_State* raw, RuleCall& call) { pushKnown(raw, call.exchange.request_id); }},
};

// What a message has besides.
constexpr std::array kMessageFields = {
    RequestField{"text",
                 [](lua_State* raw, RuleCall& call) {
                   if (!call.exchange.message->is_text) return lua_pushnil(raw);
                   pushText(raw, call.exchange.body.view());
                 }},
    RequestField{"direction",
                 [](lua_State* raw, RuleCall& call) {
                   const bool is_out =
                       call.exchange.message->direction == MessageFacts::Direction::kToClient;
                   pushText(raw, is_out ? "to_client" : "to_upstream");
                 }},
    RequestField{"size",
                 [](lua_State* raw, RuleCall& call) {
                   lua_pushinteger(raw, static_cast<lua_Integer>(call.exchange.body.size()));
                 }},
    RequestField{"is_text",
                 [](lua_State* raw, RuleCall& call) {
                   lua_pushboolean(raw, call.exchange.message->is_text);
                 }},
    RequestField{"number",
                 [](lua_State* raw, RuleCall& call) {
                   lua_pushinteger(raw, static_cast<lua_Integer>(call.exchange.message->number));
                 }},
};

int requestIndex(lua_State* raw) {
  RuleCall& call = callOfToken(raw);
  const std::string_view key = keyOf(raw);
  for (const RequestField& field : kRequestFields) {
    if (field.name == key) {
      field.push(raw, call);
      return 1;
    }
  }
  if (!call.exchange.message) return refuseField(raw, "request");
  for (const RequestField& field : kMessageFields) {
    if (field.name == key) {
      field.push(raw, call);
      return 1;
    }
  }
  return refuseField(raw, "message");
}

}  // namespace

RuleCall& currentCall(lua_State* raw) {
  RuleCall* const call = LuaState::of(raw).rule_call;
  if (call == nullptr) luaL_error(raw, "only for use while a request is checked");
  return *call;
}

RuleCall& liveCall(lua_State* raw, std::uint64_t generation) {
  RuleCall* const call = LuaState::of(raw).rule_call;
  if (call == nullptr || call->generation != generation) {
    luaL_error(raw, "this object belongs to a request that is over; keep values, not objects");
  }
  return *call;
}

void openRequests(LuaState& state) {
  lua_State* const raw = state.raw();
  registerToken(raw, "request", request_meta_key, &requestIndex);
  registerToken(raw, "request.headers", headers_meta_key, &headersIndex);
  registerToken(raw, "request.query_args", query_meta_key, &queryIndex);
  registerToken(raw, "request.client", client_meta_key, &clientIndex);
  registerToken(raw, "request.facts", facts_meta_key, &factsIndex);
  lua_pushcfunction(raw, &setFact);
  setGlobal(state, "set_fact");
  lua_pushcfunction(raw, &tag);
  setGlobal(state, "tag");
}

void pushRequest(lua_State* raw) {
  pushToken(raw, LuaState::of(raw).rule_call->generation, request_meta_key, kParts);
}

void openBindings(LuaState& state) {
  openVerdicts(state);
  openRequests(state);
  openEvents(state);
  openJson(state);
  openValues(state);
  openMemory(state);
  openRegex(state);
}

}  // namespace edgehold
