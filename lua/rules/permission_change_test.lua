-- SPDX-License-Identifier: Apache-2.0

test.case("holds what the catalogue calls a permission change", function()
  local said = test.holds({ facts = { action = "permission_change" } }, "a permission change")
  test.equal(said.ttl, 60 * 60)
end)

test.case("holds a write that carries a grant", function()
  local said = test.holds({ method = "PATCH", json = { role = "admin" } }, "change of role")
  test.equal(said.facts.action, "permission_change")
  test.holds({ json = { params = { scopes = { "all" } } } }, "params/scopes")
  test.holds { json = { is_admin = false } }
end)

test.case("allows reading and writes without a grant", function()
  test.allows { method = "GET", json = { role = "admin" } }
  test.allows { json = { text = "make me admin" } }
  test.allows { json = { role = test.null } }
  test.allows {}
end)

test.case("denies a write whose body it cannot read", function()
  test.denies({ body = '{"role":"a","role":"b"}' }, "not JSON")
  test.allows { method = "GET", body = "{" }
end)
