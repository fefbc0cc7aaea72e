-- SPDX-License-Identifier: Apache-2.0
-- Holds a change of who may do what for a person's yes: when the action catalogue says so, or when
-- a write carries a field that grants something.

-- How long an approver has. Silence is no.
local TTL = "1h"

-- Methods that change nothing.
local READING = match.set { "GET", "HEAD", "OPTIONS" }

-- Fields that grant (JSON pointers); their mere presence in a write counts.
local GRANTS = {
  "/role", "/roles", "/permissions", "/scopes", "/is_admin", "/owner",
  "/params/role", "/params/roles", "/params/permissions", "/params/scopes",
}

local function wait_for_yes(reason)
  set_fact("action", "permission_change")
  return hold { reason = reason, ttl = TTL }
end

local function check(request)
  if request.facts.action == "permission_change" then
    return wait_for_yes("a permission change")
  end
  if READING[request.method] then return allow() end
  -- What cannot be read cannot be judged; the upstream may read it in its own way.
  if request.json_error then return deny("the body is not JSON that can be checked") end
  local body = request.json
  if json.kind(body) ~= "object" then return allow() end
  for _, pointer in ipairs(GRANTS) do
    if json.get(body, pointer) ~= nil then
      return wait_for_yes("a change of " .. pointer:sub(2))
    end
  end
end

return { id = "permission_change", phase = "request", check = check }
