-- SPDX-License-Identifier: Apache-2.0
-- Refuses messages that contain a word of the list. Edit the list, then: run/edgehold reload

local words = { "forbidden" }

local function check(request)
  if request.json_error then return deny("the body is not JSON") end
  local text = request.json and request.json.text
  if type(text) ~= "string" then return allow() end
  for _, word in ipairs(words) do
    if text:lower():find(word, 1, true) then return deny("the message says `" .. word .. "`") end
  end
end

return { id = "words", phase = "request", check = check }
