-- SPDX-License-Identifier: Apache-2.0
-- Times of day. `now` is UTC; now.at("+08:00") gives the same fields in another offset.

local time = {}

-- "22:30" as minutes after midnight. Anything else is an error.
function time.minutes(clock)
  local hour, minute = clock:match("^(%d%d):(%d%d)$")
  hour, minute = tonumber(hour), tonumber(minute)
  if not hour or hour > 23 or minute > 59 then
    error("`" .. clock .. "` is not a time of day like 22:30", 2)
  end
  return hour * 60 + minute
end

-- True when `moment` (now, or a table from now.at) lies in [from, to). A window whose end is before
-- its start goes over midnight; one with equal ends is the whole day.
function time.is_between(moment, from, to)
  local minute = moment.hour * 60 + moment.minute
  local first, last = time.minutes(from), time.minutes(to)
  if first == last then return true end
  if first < last then return minute >= first and minute < last end
  return minute >= first or minute < last
end

-- True on Saturday and Sunday.
function time.is_weekend(moment)
  return moment.weekday >= 6
end

return time
