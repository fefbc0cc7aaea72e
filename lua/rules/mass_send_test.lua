-- SPDX-License-Identifier: Apache-2.0

local function users(count)
  local list = {}
  for i = 1, count do list[i] = "user" .. i end
  return list
end

test.case("holds what the catalogue calls a mass send", function()
  local said = test.holds({ facts = { action = "mass_send" } }, "a mass send")
  test.equal(said.ttl, 30 * 60)
end)

test.case("allows a message to one recipient below the border", function()
  test.allows { json = { recipients = users(19), text = "hi" } }
end)

test.case("holds a message from the border on and names the action", function()
  local said = test.holds({ json = { recipients = users(20), text = "hi" } }, "20 recipients")
  test.equal(said.facts.action, "mass_send")
end)

test.case("counts recipients wherever a payload carries them", function()
  test.holds { json = { to = users(50) } }
  test.holds { json = { params = { targets = users(50) } } }
end)

test.case("holds a message to everybody", function()
  test.holds({ json = { broadcast = true } }, "everybody")
  test.holds({ json = { touser = "@all" } }, "everybody")
  test.allows { json = { broadcast = false, touser = "ann" } }
end)

test.case("denies a body that it cannot read", function()
  test.denies({ body = '{"recipients":["a"],"Recipients":["b"]}' }, "not JSON")
end)

test.case("allows requests without a body and other JSON", function()
  test.allows { method = "GET" }
  test.allows { json = { 1, 2, 3 } }
  test.allows { body = '"text"' }
  test.allows { json = { recipients = "ann" } }
end)
