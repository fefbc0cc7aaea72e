-- SPDX-License-Identifier: Apache-2.0
-- Refuses messages that contain a word of the list. Edit the list, then: run/edgehold reload

local words = { "forbidden" }

return {
  id = "words",
  phase = "body",
  check = function(request)
    local text = request.json and request.json.text
    if type(text) ~= "string" then return allow() end
    for _, word in ipairs(words) do
      if string.find(string.lower(text), word, 1, true) then
        return deny("the message says `" .. word .. "`")
      end
    end
    return allow()
  end,
}
