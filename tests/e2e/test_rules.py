# SPDX-License-Identifier: Apache-2.0
"""Hostile Lua rules in the running program: refused in bounded time, named, and kept from others."""
import time

from harness import Case, plain_config, wait_for

HONEST = "return { id = 'honest', check = function(request) tag('ran', 'yes') end }\n"

# What a rule may try on a request for /<name>; each must end as an error of its budget.
HOSTILE = {
    "loop": "while true do end",
    "pcall": "while true do pcall(function() while true do end end) end",
    "xpcall": "while true do xpcall(error, function() while true do end end) end",
    "pcall_allow": "pcall(function() while true do end end) return allow()",
    "memory": "local t = {} while true do t[#t + 1] = { {} } end",
    "memory_caught": "pcall(string.gsub, ('x'):rep(10000), '.', ('y'):rep(2000)) return allow()",
    "text": "local s = 'x' while true do s = s .. s end",
    "rep": "return string.rep('x', 1e9)",
    "recursion": "local function f() return 1 + f() end pcall(f) return allow()",
    "pattern": "return (('a'):rep(300)):find(('a-'):rep(12) .. 'b') == nil",
    "sort": "local t = {} for i = 1, 30000 do t[i] = -i end while true do table.sort(t) end",
    "sort_order": "while true do table.sort({ 3, 1, 2 }, function() return true end) end",
    "format": "local t = {} for i = 1, 5000 do t[i] = 1e308 end "
              "return string.format(('%.99f'):rep(5000), table.unpack(t))",
    "digits": "local s = ('1234567890'):rep(90000) return math.max(s, s, s, s, s, s, s, s)",
    "concat": "local s = ('x'):rep(100000) local t = {} for i = 1, 1000 do t[i] = s end "
              "return table.concat(t)",
    "garbage": "while true do local t = { {}, {}, {} } end",
    "regex": "while true do regex.match('aaaaaaaaaaaaaaaaaaaa', '(a|aa)+$') end",
    "unpack": "return table.unpack({}, 1, 1e7)",
    "unicode": "local s = ('\\x80'):rep(400000) while true do pcall(utf8.len, s) end",
    "errors": "while true do pcall(error, {}) end",
}
# What a rule may not name: an error of its own, at once.
FORBIDDEN = {
    "coroutine": "coroutine.wrap(function() while true do end end)()",
    "load": "load('while true do end')()",
    "collect": "collectgarbage('stop')",
    "finalizer": "setmetatable({}, { __gc = function() while true do end end })",
    "hook": "debug.sethook()",
    "dump": "string.dump(print)",
    "globals": "counter = 1",
    "strings": "getmetatable('').__index = nil",
    "files": "io.open('/etc/passwd')",
    "library": "table.insert(string, 'x')",
}


def rule(name, body):
    return ("return { id = '%s', check = function(request)\n"
            "  if request.path == '/quiet' then return deny('well') end\n  %s\nend }\n"
            % (name, body))


class HostileRules(Case):
    def start(self, rules, quarantine=None, workers=1):
        self.agent = self.upstream()
        config = plain_config(self.agent, [{"lua_rules": {"directory": "honest"}}],
                              workers=workers)
        files = {"honest/honest.lua": HONEST}
        for name, body in rules.items():
            files["%s/%s.lua" % (name, name)] = rule(name, body)
            settings = {"directory": name,
                        "quarantine": quarantine or {"after": 10000, "for": "1s"}}
            config["routes"].insert(0, {
                "name": name, "match": {"path": "/" + name}, "upstream": "agent",
                "filters": [{"lua_rules": settings}]})
        return self.edgehold(config, files=files)

    def test_each_is_refused_in_bounded_time_and_others_are_served(self):
        proxy = self.start(dict(HOSTILE, **FORBIDDEN))
        honest, hostile = proxy.client(), proxy.client()
        for name in list(HOSTILE) + list(FORBIDDEN):
            reason = "rule_budget_exceeded" if name in HOSTILE else "rule_failed"
            started = time.monotonic()
            for _ in range(2):
                response = hostile.ask(target="/" + name)
                self.assertProblem(response, 500, reason)
                self.assertNotIn(name.encode(), response.body.replace(b"/" + name.encode(), b""))
                self.assertEqual(honest.ask(target="/").status, 200, name)
            self.assertLess(time.monotonic() - started, 15, name)
        self.assertEqual({r.target for r in self.agent.requests}, {"/"})
        named = {r["why"]["rule"] for r in proxy.audit(4 * (len(HOSTILE) + len(FORBIDDEN)))
                 if r["decision"] != "allow"}
        self.assertEqual(named, set(HOSTILE) | set(FORBIDDEN))

    def test_rule_in_quarantine_is_alarmed_shown_and_comes_back_when_changed(self):
        proxy = self.start({"loop": "while true do end"}, {"after": 3, "for": "1h"}, workers=2)
        for _ in range(3):
            self.assertProblem(proxy.client().ask(target="/loop"), 500, "rule_budget_exceeded")
        # On whichever worker.
        for _ in range(6):
            self.assertProblem(proxy.client().ask(target="/loop"), 500, "rule_quarantined")
            self.assertEqual(proxy.client().ask(target="/").status, 200)
        self.assertEqual(proxy.log.count("rule `loop` is in quarantine"), 1)
        metrics = proxy.metrics()
        self.assertEqual(metrics['edgehold_rule_quarantined{rule="loop"}'], 1)
        self.assertEqual(metrics['edgehold_rule_quarantines_total{rule="loop"}'], 1)
        self.assertEqual(metrics['edgehold_rule_quarantined{rule="honest"}'], 0)
        self.assertEqual(proxy.command_json("status")["quarantined_rules"], ["loop"])
        self.assertIn("loop", proxy.command("status").stdout)

        def counted():
            rows = {row["rule"]: row for row in proxy.command_json("rules", "top")}
            return rows.get("loop", {}).get("calls") == 3 and rows
        rows = wait_for(counted, "the costs of three calls")
        self.assertTrue(rows["loop"]["is_quarantined"])
        self.assertEqual(rows["loop"]["errors"], 3)
        self.assertGreater(rows["loop"]["instructions"], 0)  # or the wall budget came first
        self.assertFalse(rows["honest"]["is_quarantined"])
        self.assertIn("quarantined", proxy.command("rules", "top", "--by", "memory").stdout)

        proxy.command("reload")  # nothing has changed
        self.assertProblem(proxy.client().ask(target="/loop"), 500, "rule_quarantined")
        proxy.write("loop/loop.lua", rule("loop", "return allow()"))
        proxy.command("reload")
        self.assertEqual(proxy.client().ask(target="/loop").status, 200)
        wait_for(lambda: proxy.command_json("status")["quarantined_rules"] == [],
                 "the old rule to be forgotten")

    def test_rule_that_has_cooled_down_is_tried_again(self):
        proxy = self.start({"moody": "if request.query == 'bad' then while true do end end"},
                           {"after": 1, "for": "1s"})
        client = proxy.client()
        self.assertProblem(client.ask(target="/moody?bad"), 500, "rule_budget_exceeded")
        self.assertProblem(client.ask(target="/moody"), 500, "rule_quarantined")
        wait_for(lambda: client.ask(target="/moody").status == 200, "the rule to be tried again")
        self.assertIn("is out of quarantine", proxy.log)

    def test_rule_files_that_cannot_be_are_refused_with_their_place(self):
        proxy = self.start({})
        for text in ("\x1bLuaT", "while true do end", "return 5", "return {", "x = 1",
                     "local t = {} while true do t[#t + 1] = { {} } end",
                     "local s = 'x' while true do s = s .. s end",
                     "\ufeffreturn { id = 'x', check = function() end }",
                     "#!/usr/bin/lua\nreturn { id = 'x', check = function() end }"):
            proxy.write("honest/honest.lua", text)
            refused = proxy.command("reload", check=False)
            self.assertEqual(refused.returncode, 1, text)
            self.assertIn("honest.lua:", refused.stderr)
            self.assertEqual(proxy.client().ask(target="/").status, 200)


# Some hundred slices on a fast machine; what it answers on a slow one does not matter.
LENGTHY = """
local function check(request)
  if request.path == '/quick' then return deny('quick') end
  for _ = 1, 40000000 do end
end
return { id = 'lengthy', check = check }
"""


class LengthyRules(Case):
    def start(self):
        self.agent = self.upstream()
        rules = {"directory": "rules", "budgets": {"instructions": 100_000_000, "wall": "1s"}}
        return self.edgehold(plain_config(self.agent, [{"lua_rules": rules}], workers=1),
                             files={"rules/lengthy.lua": LENGTHY})

    def test_who_comes_while_one_runs_is_answered_before_it(self):
        proxy = self.start()
        slow, quick = proxy.client(), proxy.client()
        self.assertProblem(quick.ask(target="/quick"), 403, "rule_denied")
        slow.request(target="/slow")
        for _ in range(5):
            self.assertProblem(quick.ask(target="/quick"), 403, "rule_denied")
        self.assertIn(slow.response().status, (200, 500))
        paths = [record["what"]["path"] for record in proxy.audit(7)]
        self.assertEqual(paths, ["/quick"] * 6 + ["/slow"])

    def test_one_whose_client_left_and_one_at_the_end_harm_nobody(self):
        proxy = self.start()
        left = proxy.client()
        left.request(target="/left")
        self.assertProblem(proxy.client().ask(target="/quick"), 403, "rule_denied")
        left.close()
        waiting = [proxy.client() for _ in range(3)]
        for client in waiting:
            client.request(target="/slow")
        self.assertProblem(proxy.client().ask(target="/quick"), 403, "rule_denied")
        proxy.stop()
