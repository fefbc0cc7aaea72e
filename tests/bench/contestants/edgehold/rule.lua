local function check(request)
  local event = request.json
  if event.sender.trust < 10 and event.message.has_link and event.message.lang == "en" then
    return hold("a link from somebody new")
  end
end

return { id = "bench", phase = "request", check = check }
