-- SPDX-License-Identifier: Apache-2.0

test.case("holds what the catalogue calls a bulk delete", function()
  local said = test.holds({ facts = { action = "bulk_delete" } }, "a bulk delete")
  test.equal(said.ttl, 30 * 60)
end)

test.case("allows a deletion below the border and holds one from it on", function()
  test.allows { method = "DELETE", json = { ids = { 1, 2, 3, 4 } } }
  local said = test.holds({ method = "DELETE", json = { ids = { 1, 2, 3, 4, 5 } } }, "5 items")
  test.equal(said.facts.action, "bulk_delete")
end)

test.case("counts a body that is the list itself", function()
  test.allows { path = "/messages/delete", json = { "a" } }
  test.holds { path = "/messages/delete", json = { "a", "b", "c", "d", "e", "f" } }
end)

test.case("holds a deletion of everything", function()
  test.holds({ path = "/messages/purge", json = { all = true } }, "everything")
  test.allows { path = "/messages/purge", json = { all = false } }
end)

test.case("leaves other requests alone", function()
  test.allows { path = "/messages/send", json = { ids = { 1, 2, 3, 4, 5, 6 } } }
  test.allows { method = "DELETE", path = "/messages/5" }
  test.allows { method = "DELETE", json = test.empty_array }
  test.allows { method = "DELETE", body = '"5"' }
end)

test.case("denies a deletion whose body it cannot read", function()
  test.denies({ method = "DELETE", body = "{" }, "not JSON")
  test.allows { method = "POST", path = "/messages/send", body = "{" }
end)
