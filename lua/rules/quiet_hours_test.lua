-- SPDX-License-Identifier: Apache-2.0

-- The rule's local time is eight hours ahead of UTC.
local function send_at(moment)
  return { facts = { action = "mass_send" }, time = moment }
end

test.case("allows a mass send by day", function()
  test.allows(send_at("2024-05-01T04:00:00Z"))
end)

test.case("denies a mass send at night, over midnight", function()
  test.denies(send_at("2024-05-01T15:00:00Z"), "quiet hours")
  test.denies(send_at("2024-05-01T20:00:00Z"), "quiet hours")
end)

test.case("begins and ends on the minute", function()
  test.allows(send_at("2024-05-01T13:59:59Z"))
  test.denies(send_at("2024-05-01T14:00:00Z"))
  test.denies(send_at("2024-05-01T22:59:59Z"))
  test.allows(send_at("2024-05-01T23:00:00Z"))
end)

test.case("allows everything else at night", function()
  test.allows { facts = { action = "write" }, time = "2024-05-01T15:00:00Z" }
  test.allows { time = "2024-05-01T15:00:00Z" }
end)
