# SPDX-License-Identifier: Apache-2.0
"""Server-sent events: a rule's word on each, nothing in the way where no rule looks."""
import json

from harness import Case, answer, plain_config

RULE = """
local function on_sse_event(event)
  if event.json_error then return end
  if event.json.secret then return deny("a secret") end
  if event.json.stop then return cut("enough") end
end
return { id = "secrets", on_sse_event = on_sse_event }
"""
TESTS = """
test.case("drops secrets, ends at a stop", function()
  test.passes { data = "[DONE" }
  test.passes { json = { text = "a" } }
  test.drops({ json = { secret = true } }, "secret")
  test.cuts({ json = { stop = true } }, "enough")
end)
"""


def event(**content):
    return b"data: " + json.dumps(content).encode() + b"\n\n"


def chunk(content):
    return b"%x\r\n%s\r\n" % (len(content), content)


class EventStreams(Case):
    def agent(self, pieces):
        """Sends the pieces as they are, each in a chunk and a write of its own."""
        def respond(request, connection):
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                            b"Transfer-Encoding: chunked\r\n\r\n")
            for piece in pieces:
                connection.send(chunk(piece))
            connection.send(b"0\r\n\r\n")
        return self.upstream(respond)

    def proxy(self, upstream):
        return self.edgehold(
            plain_config(upstream, [{"lua_rules": {"directory": "rules"}}]),
            files={"rules/secrets.lua": RULE, "rules/secrets_test.lua": TESTS})

    def test_a_rule_decides_event_by_event(self):
        stream = event(text="one") + event(secret=1) + b": ping\n\n" + event(text="two")
        for size in 1, 7, len(stream):
            upstream = self.agent([stream[i:i + size] for i in range(0, len(stream), size)])
            proxy = self.proxy(upstream)
            response = self.client(proxy).ask()
            self.assertEqual(response.body, event(text="one") + b": ping\n\n" + event(text="two"))
            self.assertEqual(upstream.requests[0].all("accept-encoding"), ["identity"])
            record = proxy.audit(1)[0]
            self.assertEqual((record["events_passed"], record["events_dropped"]), (2, 1))
            self.assertEqual(proxy.metrics()['edgehold_sse_events_total{decision="drop"}'], 1)

    def test_a_cut_stream_does_not_look_whole(self):
        proxy = self.proxy(self.agent([event(text="one"), event(stop=1), event(text="two")]))
        client = self.client(proxy)
        client.request()
        client.head()
        self.assertIn(event(text="one").strip(), client.reader.until(b"\n\n"))
        with self.assertRaises((EOFError, OSError)):
            client.reader.until(b"0\r\n\r\n")
        record = proxy.audit(1)[0]
        self.assertEqual((record["reason"], record["why"]["rule"]), ("rule_denied", "secrets"))

    def test_a_coded_answer_is_refused(self):
        upstream = self.upstream(lambda request, connection: answer(
            body=b"\x1f\x8b", fields=[("Content-Type", "text/event-stream"),
                                      ("Content-Encoding", "gzip")]))
        self.assertProblem(self.client(self.proxy(upstream)).ask(), 502, "upstream_malformed")

    def test_rules_about_events_can_be_tested(self):
        proxy = self.proxy(self.upstream())
        done = proxy.command("rules", "test", str(proxy.dir / "rules"), admin=False)
        self.assertIn("ok 1 - secrets: drops secrets, ends at a stop", done.stdout)
