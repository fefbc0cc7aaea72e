-- SPDX-License-Identifier: Apache-2.0
-- The library of *_test.lua files: describe a request, let the real engine judge it, say what the
-- answer must be. The three natives come from the test runner.

local evaluate, report, set_state = ...

local test = {}

-- JSON values that Lua has no literal for.
test.null = {}
test.empty_array = {}

local escapes = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f",
  ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}

local function encode_text(text)
  return '"' .. text:gsub('[%c"\\]', function(c)
    return escapes[c] or string.format("\\u%04x", c:byte())
  end) .. '"'
end

local encode

local function encode_array(list)
  local parts = {}
  for i, value in ipairs(list) do parts[i] = encode(value) end
  return "[" .. table.concat(parts, ",") .. "]"
end

-- Keys in order, so that a failing test reads the same every time.
local function encode_object(object)
  local keys = {}
  for key in pairs(object) do
    if type(key) ~= "string" then error("a JSON object has text keys, or is a list") end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for i, key in ipairs(keys) do keys[i] = encode_text(key) .. ":" .. encode(object[key]) end
  return "{" .. table.concat(keys, ",") .. "}"
end

function encode(value)
  local kind = type(value)
  if value == test.null then return "null" end
  if value == test.empty_array then return "[]" end
  if kind == "table" then
    return #value > 0 and encode_array(value) or encode_object(value)
  end
  if kind == "string" then return encode_text(value) end
  if kind == "number" and math.type(value) == "float" then return string.format("%.17g", value) end
  if kind == "number" or kind == "boolean" then return tostring(value) end
  error("a " .. kind .. " is no JSON")
end

-- A Lua value as JSON text: a table with elements is an array, any other an object.
test.json = function(value) return encode(value) end

-- Days from 1970-01-01 in the Gregorian calendar, counting years from March.
local function days_since_epoch(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local of_years = 365 * year + year // 4 - year // 100 + year // 400
  return of_years + (153 * (month - 3) + 2) // 5 + day - 1 - 719468
end

-- "2024-05-01T22:30:00Z" as Unix seconds; a number is taken as it is.
local function unix_seconds(moment)
  if type(moment) == "number" then return moment end
  local year, month, day, hour, minute, second =
    moment:match("^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)Z$")
  if not year then error("`" .. moment .. "` is not a time like 2024-05-01T22:30:00Z") end
  local days = days_since_epoch(tonumber(year), tonumber(month), tonumber(day))
  return ((days * 24 + tonumber(hour)) * 60 + tonumber(minute)) * 60 + tonumber(second)
end

-- When requests come that do not say it themselves.
local start = unix_seconds("2024-05-01T12:00:00Z")
local clock = start

-- Sets the clock, for the rest of the case: test.at "2024-05-01T22:30:00Z".
function test.at(moment)
  clock = unix_seconds(moment)
end

local units = { s = 1, m = 60, h = 60 * 60, d = 24 * 60 * 60 }

-- Lets time pass: seconds, or a text like "10m".
function test.advance(duration)
  if type(duration) ~= "number" then
    local count, unit = duration:match("^(%d+)([smhd])$")
    if not count then error("`" .. duration .. "` is not a duration like 10m", 2) end
    duration = tonumber(count) * units[unit]
  end
  clock = clock + duration
end

-- What `state` has left of each key: test.state { ["mail ann"] = 0 }. Without it, rates start whole
-- in every case and run by the clock above.
function test.state(left)
  for key, tokens in pairs(left) do set_state(key, tokens) end
end

local fields = match.set {
  "method", "path", "query", "host", "headers", "json", "body", "facts", "client", "time", "id",
  "message",
}
local message_fields = match.set { "direction", "text", "json", "is_text" }
local client_fields = match.set { "ip", "peer_ip", "tls", "trusted" }

local function refuse_others(given, known, what)
  for field in pairs(given) do
    if not known[field] then error(what .. " has no field `" .. tostring(field) .. "`", 3) end
  end
end

local function as_native(request)
  local client = request.client or {}
  local message = request.message or {}
  local body = request.body or message.text
  local value = request.json
  if value == nil then value = message.json end
  local ip = client.ip or "192.0.2.1"
  return {
    method = request.method or (request.message and "MESSAGE" or "POST"),
    path = request.path or "/",
    query = request.query or "",
    host = request.host or "bot.example",
    headers = request.headers or {},
    body = body or (value ~= nil and encode(value)) or "",
    is_message = request.message ~= nil,
    message = { direction = message.direction or "to_upstream", is_text = message.is_text ~= false },
    facts = request.facts or {},
    id = request.id or "test",
    ip = ip,
    peer_ip = client.peer_ip or ip,
    tls = client.tls ~= false,
    trusted = client.trusted == true,
    unix = request.time and unix_seconds(request.time) or clock,
  }
end

-- What the engine answers: { verdict, rule, reason, ttl, error, facts, tags }.
function test.check(request)
  refuse_others(request, fields, "a test request")
  refuse_others(request.client or {}, client_fields, "`client`")
  refuse_others(request.message or {}, message_fields, "`message`")
  return evaluate(as_native(request))
end

local event_fields = match.set { "type", "data", "json", "id", "request" }

-- The same about one event of the answer to `event.request`.
function test.event(event)
  refuse_others(event, event_fields, "a test event")
  refuse_others(event.request or {}, fields, "a test request")
  return evaluate(as_native(event.request or {}), {
    type = event.type or "message",
    data = event.data or (event.json ~= nil and encode(event.json)) or "",
    id = event.id or "",
  })
end

local function compare(said, wanted, detail, field)
  if said.verdict ~= wanted then
    error("expected " .. wanted .. ", got " .. said.verdict .. ": " ..
      (said.error or said.reason or ""), 4)
  end
  if detail and not match.contains(said[field], detail) then
    error("expected `" .. detail .. "` in `" .. tostring(said[field]) .. "`", 4)
  end
  return said
end

local function expect(request, wanted, detail, field)
  local said = compare(test.check(request), wanted, detail, field)
  return said
end

local function expect_event(event, wanted, detail, field)
  local said = compare(test.event(event), wanted, detail, field)
  return said
end

-- Each judges the request and fails the case, at the line that called it, when the answer is another
-- one. No tail calls: they would hide that line.
function test.allows(request)
  local said = expect(request, "allow")
  return said
end

function test.denies(request, reason)
  local said = expect(request, "deny", reason, "reason")
  return said
end

function test.holds(request, reason)
  local said = expect(request, "hold", reason, "reason")
  return said
end

-- The rule itself fails (which denies): reading what is not there, a spent budget.
function test.fails(request, message)
  local said = expect(request, "error", message, "error")
  return said
end

-- The same about events: each judges one of them.
function test.passes(event)
  local said = expect_event(event, "allow")
  return said
end

function test.drops(event, reason)
  local said = expect_event(event, "deny", reason, "reason")
  return said
end

function test.cuts(event, reason)
  local said = expect_event(event, "cut", reason, "reason")
  return said
end

function test.equal(actual, expected)
  if actual ~= expected then
    error("expected `" .. tostring(expected) .. "`, got `" .. tostring(actual) .. "`", 2)
  end
end

-- One case. Its name is a sentence about the rule. Time and state are as new.
function test.case(name, body)
  clock = start
  set_state()
  local passed, problem = pcall(body)
  report(name, passed, passed and "" or tostring(problem))
end

return test
