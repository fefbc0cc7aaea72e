-- SPDX-License-Identifier: Apache-2.0
-- Nobody is woken by a bot: at night mass sends are refused, even those that a person would be
-- asked about by day.

-- The quiet hours, [FROM, TO), in local time.
local FROM, TO = "22:00", "07:00"

-- Local time's distance from UTC.
local OFFSET = "+08:00"

-- The actions that must wait for the morning.
local ACTIONS = match.set { "mass_send" }

local function check(request)
  if not ACTIONS[request.facts.action or ""] then return allow() end
  if time.is_between(now.at(OFFSET), FROM, TO) then
    return deny("quiet hours from " .. FROM .. " to " .. TO)
  end
end

return { id = "quiet_hours", phase = "request", check = check }
