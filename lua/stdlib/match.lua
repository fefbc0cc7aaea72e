-- SPDX-License-Identifier: Apache-2.0
-- Comparisons that rules make all the time. Every function takes nil as "no match", so that an
-- absent field needs no test of its own.

local match = {}

-- A set for `set[value]`: match.set { "a", "b" }.
function match.set(values)
  local set = {}
  for _, value in ipairs(values) do
    set[value] = true
  end
  return set
end

-- True when `value` is one of `values` (a list).
function match.any_of(value, values)
  if value == nil then return false end
  for _, candidate in ipairs(values) do
    if candidate == value then return true end
  end
  return false
end

function match.starts_with(text, prefix)
  return type(text) == "string" and text:sub(1, #prefix) == prefix
end

function match.ends_with(text, suffix)
  return type(text) == "string" and (suffix == "" or text:sub(-#suffix) == suffix)
end

-- True when `needle` occurs in `text` as it stands: no pattern characters.
function match.contains(text, needle)
  return type(text) == "string" and text:find(needle, 1, true) ~= nil
end

-- True when `path` is `prefix` or lies below it: "/admin" holds "/admin" and "/admin/users", not
-- "/administer".
function match.path_under(path, prefix)
  if type(path) ~= "string" then return false end
  if path == prefix or prefix == "/" then return true end
  if prefix:sub(-1) ~= "/" then prefix = prefix .. "/" end
  return path:sub(1, #prefix) == prefix
end

-- How many elements a JSON array or a list has; 0 for anything else.
function match.count(list)
  local kind = type(list)
  if kind == "table" or kind == "userdata" then return #list end
  return 0
end

return match
