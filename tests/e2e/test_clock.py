# SPDX-License-Identifier: Apache-2.0
"""The wall clock jumps an hour, forwards and back, under a server that runs.

libfaketime reads its offset from a file, so that a test can set the clock of one process. The
monotonic clock goes on as it does when an operator or a time daemon sets the clock.
"""
import email.utils
import os
import time
import unittest
import urllib.parse
from pathlib import Path

from harness import (Case, Edgehold, PLAIN_BINARY, SECRET, answer, hmac_channel, plain_config,
                     signed, wait_for)

HOUR = 3600
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
CATALOGUE = """\
rows:
  - action: mass_send
    method: POST
    path: /broadcast
"""


def clock_config(upstream):
    def route(name, path, *filters, upstream="agent"):
        return {"name": name, "match": {"path": path}, "upstream": upstream,
                "filters": list(filters)}
    hold = {"action_class": {"catalogue": "actions.yaml"}}
    return plain_config(
        upstream,
        routes=[
            route("short", "/broadcast/short", hold, {"approval_hold": {"ttl": "10m"}}),
            route("brief", "/broadcast/brief", hold, {"approval_hold": {"ttl": "2s"}}),
            route("long", "/broadcast", hold, {"approval_hold": {"ttl": "2h"}}),
            route("signed", "/signed", hmac_channel(), {"replay_window": {"past": "5m"}}),
            route("events", "/event", {"dedupe": {"id": "header:X-Event-Id", "window": "10m"}}),
            route("rated", "/rated", {"rate_limit": {"limits": [
                {"key": "address", "rate": "3/1m", "burst": 3}]}}),
            route("quick", "/quick", {"rate_limit": {"limits": [
                {"key": "address", "rate": "60/1m", "burst": 1}]}}),
            route("all", "/"),
        ],
        security={"actions": {"require_approval_for": ["mass_send"]}})


class ClockJumps(Case):
    def setUp(self):
        if not LIBRARIES:
            self.skipTest("libfaketime is not installed")
        self.agent = self.upstream(self.reply)
        self.proxy = Edgehold(
            clock_config(self.agent), binary=PLAIN_BINARY,
            files={"actions.yaml": CATALOGUE.replace("/broadcast", "/broadcast/**")},
            environment={"E2E_SECRET": SECRET})
        self.addCleanup(self.proxy.remove)
        self.addCleanup(self.proxy.stop)
        self.offset = self.proxy.write("clock", "+0s")
        # In the environment of edgehold alone: its libraries are not those of this process.
        self.proxy.environment.update(
            LD_PRELOAD=str(LIBRARIES[0]), FAKETIME_TIMESTAMP_FILE=str(self.offset),
            FAKETIME_NO_CACHE="1", FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1")
        self.proxy.start()
        self.connection = self.client(self.proxy)

    def reply(self, request, connection):
        if request.target == "/slow":
            time.sleep(0.8)
        return answer()

    def jump(self, seconds):
        """The new offset of the wall clock; the file is never half-written."""
        fresh = self.proxy.write("clock.new", "%+ds" % seconds)
        fresh.rename(self.offset)

    def hold(self, path):
        response = self.connection.ask("POST", path, body=b"{}")
        self.assertEqual(response.status, 202, response)
        ticket = response.json()
        target = urllib.parse.urlsplit(ticket["status_url"])
        return target.path + "?" + target.query, ticket["approval_id"]

    def page(self, hold):
        return self.connection.ask(target=hold[0])

    def rated(self, path="/rated"):
        return self.connection.ask(target=path).status

    def event(self, number):
        return self.connection.ask("POST", "/event", body=b"{}",
                                   fields=[("X-Event-Id", number)])

    def processor_seconds(self):
        fields = Path("/proc/%d/stat" % self.proxy.process.pid).read_text().rsplit(")")[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wall_of_server(self):
        date = self.connection.ask(target="/.edgehold/none").get("date")
        return email.utils.parsedate_to_datetime(date).timestamp()

    def both_jumps(self, seconds):
        short, long = self.hold("/broadcast/short"), self.hold("/broadcast/x")
        self.assertEqual(self.event("one").status, 200)
        self.assertEqual([self.rated() for _ in range(4)], [200, 200, 200, 429])
        self.connection.request(target="/slow")  # under way while the clock jumps
        wait_for(lambda: any(r.target == "/slow" for r in self.agent.requests), "it is sent")
        jumped = time.monotonic()
        self.jump(seconds)
        other = self.client(self.proxy)
        self.assertEqual(other.ask(target="/").status, 200)
        self.assertLess(time.monotonic() - jumped, 15, "the first answer after the jump")
        self.assertEqual(self.connection.response().status, 200)
        self.assertAlmostEqual(self.wall_of_server(), time.time() + seconds, delta=5)
        # Not yet expired, and not for ever: what is due after the jump still comes to its end.
        processor = self.processor_seconds()
        brief = self.hold("/broadcast/brief")
        for hold in (short, long):
            self.assertProblem(self.page(hold), 202, "hold_pending")
        self.assertEqual(self.rated(), 429, "no budget comes back at once")
        self.assertIn(b"duplicate", self.event("one").body)
        response = wait_for(lambda: (lambda r: r.status != 202 and r)(self.page(brief)),
                            "what was held after the jump expires")
        self.assertProblem(response, 410, "hold_expired")
        time.sleep(1.2)  # a sweep
        for hold in (short, long):
            self.assertProblem(self.page(hold), 202, "hold_pending")
        self.assertLess(self.processor_seconds() - processor, 1.5, "the loops do not spin")
        self.assertEqual(self.connection.ask(target="/").status, 200, "kept alive")

    def test_hour_forwards_expires_nothing_at_once_and_freezes_nothing(self):
        self.both_jumps(HOUR)

    def test_hour_back_expires_nothing_at_once_and_freezes_nothing(self):
        self.both_jumps(-HOUR)

    def test_what_was_held_before_an_hour_back_still_expires(self):
        brief = self.hold("/broadcast/brief")
        self.jump(-HOUR)
        response = wait_for(lambda: (lambda r: r.status != 202 and r)(self.page(brief)),
                            "it expires", seconds=15)
        self.assertProblem(response, 410, "hold_expired")

    def test_rates_come_back_in_their_own_time(self):
        for offset in (HOUR, -HOUR):
            while self.rated("/quick") == 200:
                pass
            self.jump(offset)
            wait_for(lambda: self.rated("/quick") == 200, "a second later", seconds=5)

    def test_signatures_follow_the_wall_clock(self):
        for offset, status in ((0, 200), (HOUR, 401), (-HOUR, 401), (0, 200)):
            self.jump(offset)
            response = self.connection.ask("POST", "/signed", body=b"{}", fields=signed(b"{}"))
            self.assertEqual(response.status, status, response)
            if status == 200:
                continue
            stamp = int(time.time()) + offset
            response = self.connection.ask("POST", "/signed", body=b"{}",
                                           fields=signed(b"{}", timestamp=stamp))
            self.assertEqual(response.status, 200, response)

    def test_approved_hold_is_carried_out_after_a_jump(self):
        for offset in (HOUR, -HOUR):
            hold = self.hold("/broadcast/x")
            self.jump(offset)
            self.proxy.command("approvals", "approve", hold[1], "--reason", "still wanted")
            page = wait_for(lambda: (lambda r: r.status != 202 and r)(self.page(hold)), "its end")
            self.assertEqual((page.status, page.body), (200, b"ok"), page)
            self.assertIsNotNone(page.get("cache-control"))  # the status page, not the agent


if __name__ == "__main__":
    unittest.main()
