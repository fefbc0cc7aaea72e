---@meta
-- SPDX-License-Identifier: Apache-2.0
-- The rule API for editors (LuaLS). Add this folder to `workspace.library` and disable the builtins
-- `io os debug package coroutine ffi jit bit bit32 table.new table.clear`.

---What a rule file returns.
---@class Rule
---@field id string 1 to 64 of a-z, 0-9 and _; unique in the folder
---@field phase? "request"
---@field check? fun(request: Request): Answer asked about each request
---@field on_message? fun(message: Message): Answer asked about each message of an inspected WebSocket
---@field on_sse_event? fun(event: Event, request: Request): EventAnswer asked about each server-sent event of its answer

---@class Verdict
---@alias Answer nil|true|"allow"|Verdict
---@alias EventAnswer nil|true|"allow"|Verdict deny() drops the event, cut() ends the stream

---One server-sent event. Dead after the call.
---@class Event
---@field type string "message" unless it names another
---@field data string its lines joined by "\n"
---@field id string|nil
---@field json Json|string|number|boolean|nil the data; refuses what is no acceptable JSON, unless the rule asked json_error before
---@field json_error string|nil why `json` is nil

---The request that is checked. Dead after the call.
---@class Request
---@field method string as sent: "POST"
---@field path string canonical, without the query
---@field query string without the `?`; "" when there is none
---@field query_args table<string, string|nil> decoded; reading a repeated name is an error
---@field host string|nil the Host field
---@field headers Headers
---@field client Client
---@field facts Facts
---@field route string|nil the route's name
---@field id string|nil the request id
---@field body_size integer bytes of the collected body
---@field json Json|string|number|boolean|nil the body; nil without one; refuses what is no acceptable JSON, unless the rule asked json_error before
---@field json_error string|nil why `json` is nil although there is a body

---One message of an inspected WebSocket, with all that is known of the request that opened it; its
---`method` is "MESSAGE", its `json` the payload. `hold` denies: a message cannot wait.
---@class Message: Request
---@field direction "to_upstream"|"to_client"
---@field text string|nil the payload; nil when it is binary
---@field is_text boolean
---@field size integer bytes of the payload
---@field number integer from 1, in its direction

---Fields by name in any case; repeated ones joined by ", ".
---@class Headers
---@field [string] string|nil
local headers = {}
---@param name string
---@return string|nil
function headers:get(name) end

---@class Client
---@field ip string the client, behind trusted proxies too
---@field network string the same, for counting: of an IPv6 address the first one of its /64, which is one client's
---@field peer_ip string the other end of the socket
---@field tls boolean
---@field trusted boolean the peer is a trusted proxy

---What filters learned; nil when not known.
---@class Facts
---@field action string|nil
---@field channel string|nil
---@field event_id string|nil
---@field event_type string|nil
---@field group string|nil
---@field principal string|nil
---@field roles string|nil of the principal, between commas
---@field sender string|nil
---@field timestamp_ms integer|nil the event's own time

---A JSON object or array, read lazily: index it, `#` counts, arrays from 1, null is nil.
---@class Json
---@field [string|integer] any
---@operator len: integer

---@return true
function allow() end

---@param reason string for the audit record, never for the caller
---@return Verdict
function deny(reason) end

---@param terms string|{ reason: string, ttl?: string|integer } `ttl` in seconds or like "15m", at most "7d"
---@return Verdict
function hold(terms) end

---@param reason string for the audit record; only of events
---@return Verdict
function cut(reason) end

---@param name "action"|"event_id"|"event_type"|"group"|"sender"
---@param value string 1 to 256 bytes
function set_fact(name, value) end

---@param name string 1 to 256 bytes; at most 16 tags per request
---@param value string 1 to 256 bytes
function tag(name, value) end

---@class jsonlib
json = {}
---@param value Json
---@return fun(): string|integer|nil, any
function json.each(value) end
---@param value Json
---@param pointer string RFC 6901; arrays count from 0 here
---@return any
function json.get(value, pointer) end
---@param value any
---@param key? string|integer of a member
---@return "null"|"boolean"|"number"|"string"|"array"|"object"|nil
function json.kind(value, key) end

---@class Moment
---@field unix integer
---@field unix_ms integer
---@field year integer
---@field month integer
---@field day integer
---@field hour integer
---@field minute integer
---@field second integer
---@field weekday integer Monday is 1, Sunday 7

---When the request arrived, in UTC.
---@class Now: Moment
now = {}
---@param offset string "+08:00" or "Z"
---@return Moment
function now.at(offset) end

---@class iplib
ip = {}
---@param address string
---@param network string "10.0.0.0/8"
---@return boolean
function ip.in_cidr(address, network) end
---@param address string
---@return boolean
function ip.is_private(address) end

---Rates that the rule counts itself, over all workers. At most 16 uses in one call.
---@class statelib
state = {}
---@param key string 1 to 256 bytes, the rule's own
---@param tokens integer in each period
---@param period string|integer "10m" or seconds, at most 24 h
---@return boolean taken
---@return integer left
function state.take(key, tokens, period) end
---@param key string
---@param period string|integer
---@return boolean first in this period
function state.once(key, period) end

---@class regexlib
regex = {}
---@param text string|nil UTF-8
---@param pattern string RE2 syntax, at most 1024 bytes
---@return string|nil ... the groups (empty: took no part), or the whole match
function regex.match(text, pattern) end

---@class matchlib
match = {}
---@param values any[]
---@return table<any, true>
function match.set(values) end
---@param value any
---@param values any[]
---@return boolean
function match.any_of(value, values) end
---@param text any
---@param prefix string
---@return boolean
function match.starts_with(text, prefix) end
---@param text any
---@param suffix string
---@return boolean
function match.ends_with(text, suffix) end
---@param text any
---@param needle string as it stands, no pattern
---@return boolean
function match.contains(text, needle) end
---@param path any
---@param prefix string
---@return boolean
function match.path_under(path, prefix) end
---@param list any
---@return integer
function match.count(list) end

---@class timelib
time = {}
---@param clock string "22:30"
---@return integer
function time.minutes(clock) end
---@param moment Moment
---@param from string "22:00", inclusive
---@param to string "07:00", exclusive; before `from`: over midnight
---@return boolean
function time.is_between(moment, from, to) end
---@param moment Moment
---@return boolean
function time.is_weekend(moment) end

---A request as tests describe it; every part is optional.
---@class TestRequest
---@field method? string "POST" by default
---@field path? string
---@field query? string
---@field host? string
---@field headers? table<string, string|string[]>
---@field json? any a table with elements is an array, any other an object
---@field body? string instead of `json`
---@field facts? table<string, string|integer>
---@field client? { ip?: string, peer_ip?: string, tls?: boolean, trusted?: boolean }
---@field message? { direction?: "to_upstream"|"to_client", text?: string, json?: any, is_text?: boolean } a message, for `on_message`
---@field time? string|integer "2024-05-01T22:30:00Z" or Unix seconds; else what test.at set
---@field id? string

---An event as tests describe it; every part is optional.
---@class TestEvent
---@field type? string "message" by default
---@field json? any
---@field data? string instead of `json`
---@field id? string
---@field request? TestRequest

---@class TestAnswer
---@field verdict "allow"|"deny"|"hold"|"cut"|"error"
---@field rule string|nil
---@field reason string|nil
---@field ttl integer|nil seconds
---@field error string|nil
---@field facts table<string, string>
---@field tags table<string, string>

---Only in *_test.lua files.
---@class testlib
---@field null any JSON null
---@field empty_array any
test = {}
---@param name string a sentence about the rule
---@param body fun()
function test.case(name, body) end
---@param moment string|integer
function test.at(moment) end
---@param duration string|integer "10m" or seconds
function test.advance(duration) end
---@param left table<string, integer> tokens left by key
function test.state(left) end
---@param request TestRequest
---@return TestAnswer
function test.check(request) end
---@param request TestRequest
---@return TestAnswer
function test.allows(request) end
---@param request TestRequest
---@param reason? string part of the reason
---@return TestAnswer
function test.denies(request, reason) end
---@param request TestRequest
---@param reason? string part of the reason
---@return TestAnswer
function test.holds(request, reason) end
---@param request TestRequest
---@param message? string part of the message
---@return TestAnswer
function test.fails(request, message) end
---@param event TestEvent
---@return TestAnswer
function test.event(event) end
---@param event TestEvent
---@return TestAnswer
function test.passes(event) end
---@param event TestEvent
---@param reason? string part of the reason
---@return TestAnswer
function test.drops(event, reason) end
---@param event TestEvent
---@param reason? string part of the reason
---@return TestAnswer
function test.cuts(event, reason) end
---@param actual any
---@param expected any
function test.equal(actual, expected) end
---@param value any
---@return string
function test.json(value) end
