-- SPDX-License-Identifier: Apache-2.0
-- Holds the deletion of many things for a person's yes: when the action catalogue says so, or when
-- the request itself shows it.

-- From how many items on a deletion is a bulk delete.
local ITEMS_MIN = 5

-- How long an approver has. Silence is no.
local TTL = "30m"

-- Where payloads list what to delete (JSON pointers to arrays).
local ITEM_LISTS = { "/ids", "/items", "/message_ids", "/user_ids", "/params/ids", "/params/keys" }

-- Where payloads ask for everything at once (JSON pointers to true).
local EVERYTHING = { "/all", "/delete_all", "/purge", "/params/all" }

-- A request is a deletion when its method is DELETE or its path ends in one of these.
local DELETE_PATHS = { "/delete", "/remove", "/purge", "/batch_delete" }

local function is_deletion(request)
  if request.method == "DELETE" then return true end
  for _, suffix in ipairs(DELETE_PATHS) do
    if match.ends_with(request.path, suffix) then return true end
  end
  return false
end

local function wait_for_yes(reason)
  set_fact("action", "bulk_delete")
  return hold { reason = reason, ttl = TTL }
end

local function check(request)
  if request.facts.action == "bulk_delete" then return wait_for_yes("a bulk delete") end
  if not is_deletion(request) then return allow() end
  -- What cannot be read cannot be counted; the upstream may read it in its own way.
  if request.json_error then return deny("the body is not JSON that can be checked") end
  local body = request.json
  if json.kind(body) == "array" and #body >= ITEMS_MIN then
    return wait_for_yes("a deletion of " .. #body .. " items")
  end
  if json.kind(body) ~= "object" then return allow() end
  for _, pointer in ipairs(EVERYTHING) do
    if json.get(body, pointer) == true then return wait_for_yes("a deletion of everything") end
  end
  for _, pointer in ipairs(ITEM_LISTS) do
    local count = match.count(json.get(body, pointer))
    if count >= ITEMS_MIN then return wait_for_yes("a deletion of " .. count .. " items") end
  end
end

return { id = "bulk_delete", phase = "request", check = check }
