-- SPDX-License-Identifier: Apache-2.0
-- Holds a message to many for a person's yes: when the action catalogue says so, or when the
-- payload itself shows it.

-- From how many recipients on a message is a mass send.
local RECIPIENTS_MIN = 20

-- How long an approver has. Silence is no.
local TTL = "30m"

-- Where payloads carry their recipients (JSON pointers to arrays).
local RECIPIENT_LISTS = {
  "/recipients", "/targets", "/to", "/users", "/user_ids", "/params/recipients", "/params/targets",
}

-- Where payloads say "everybody" in one word, and that word.
local BROADCASTS = {
  { "/broadcast", true },
  { "/to_all", true },
  { "/to", "@all" },
  { "/touser", "@all" },
  { "/params/action", "broadcast" },
}

local function recipients(body)
  local most = 0
  for _, pointer in ipairs(RECIPIENT_LISTS) do
    most = math.max(most, match.count(json.get(body, pointer)))
  end
  return most
end

local function is_broadcast(body)
  for _, sign in ipairs(BROADCASTS) do
    if json.get(body, sign[1]) == sign[2] then return true end
  end
  return false
end

local function wait_for_yes(reason)
  set_fact("action", "mass_send")
  return hold { reason = reason, ttl = TTL }
end

local function check(request)
  if request.facts.action == "mass_send" then
    return wait_for_yes("a mass send")
  end
  -- What cannot be read cannot be counted; the upstream may read it in its own way.
  if request.json_error then return deny("the body is not JSON that can be checked") end
  local body = request.json
  if json.kind(body) ~= "object" then return allow() end
  if is_broadcast(body) then return wait_for_yes("a message to everybody") end
  local count = recipients(body)
  if count >= RECIPIENTS_MIN then
    return wait_for_yes("a message to " .. count .. " recipients")
  end
end

return { id = "mass_send", phase = "request", check = check }
