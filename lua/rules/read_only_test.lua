-- SPDX-License-Identifier: Apache-2.0

test.case("lets an auditor read but not write", function()
  local facts = { principal = "auditor" }
  test.allows { method = "GET", facts = facts }
  test.allows { method = "HEAD", facts = facts }
  test.denies({ method = "POST", facts = facts }, "read-only")
  test.denies({ method = "DELETE", facts = facts }, "read-only")
end)

test.case("keeps the archive as it is for everybody", function()
  test.denies { method = "PUT", path = "/archive/2024" }
  test.denies { method = "PUT", path = "/archive" }
  test.allows { method = "GET", path = "/archive/2024" }
  test.allows { method = "PUT", path = "/archives" }
end)

test.case("believes a named action more than the method", function()
  local path = "/archive/x"
  test.allows { method = "POST", path = path, facts = { action = "read" } }
  test.denies { method = "GET", path = path, facts = { action = "bulk_delete" } }
end)

test.case("leaves others alone", function()
  test.allows { method = "POST", path = "/messages", facts = { principal = "bot" } }
end)
