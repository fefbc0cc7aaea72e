-- SPDX-License-Identifier: Apache-2.0
-- Read-only mode: for everybody, for some principals, or for some paths.

-- For everybody: set to true during an incident or a migration, and reload.
local EVERYBODY = false

-- Principals that may only ever read.
local PRINCIPALS = match.set { "auditor" }

-- Paths, with all below them, that nobody may change.
local PATHS = { "/archive" }

-- Methods and actions that change nothing.
local READING_METHODS = match.set { "GET", "HEAD", "OPTIONS" }
local READING_ACTIONS = match.set { "read" }

local function is_reading(request)
  -- A catalogue that names the action knows better than the method: some platforms read with POST
  -- and delete with GET.
  local action = request.facts.action
  if action then return READING_ACTIONS[action] == true end
  return READING_METHODS[request.method] == true
end

local function is_read_only(request)
  if EVERYBODY or PRINCIPALS[request.facts.principal or ""] then return true end
  for _, prefix in ipairs(PATHS) do
    if match.path_under(request.path, prefix) then return true end
  end
  return false
end

local function check(request)
  if is_read_only(request) and not is_reading(request) then return deny("read-only") end
end

return { id = "read_only", phase = "request", check = check }
