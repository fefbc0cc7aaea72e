# SPDX-License-Identifier: Apache-2.0
"""Every case of cases/http2_smuggling.py against the real binary, in three ways: whole, byte by byte,
and to a route whose policy wants the whole body first; and what python3-h2 would never send, sent
by it with its checks off.

A client must get the answer, the reset or the GOAWAY that the case says. Whatever it got, the law of
upstream_law.py holds over all cases at once.
"""
import json
import subprocess
import sys
from pathlib import Path

from cases.http2_smuggling import CASES, get
from cases.smuggling import Request
from harness import WAIT, Case, certificates, plain_config, tls_config
from http2_wire import Http2Client, headers
from upstream_law import Capture, Outcome, UpstreamLaw

READS_BODY = 'return { id = "reads", phase = "request", check = function(r) local _ = r.body_size end }'
AFTER = 101  # the stream that shows that the connection goes on
OTHERS = Path(__file__).with_name("h2_client.py")


class Http2Smuggling(UpstreamLaw, Case):
    def start(self, filters=()):
        capture = Capture()
        self.addCleanup(capture.stop)
        config = plain_config(capture.url, filters)
        config["listen"][0]["http2"] = True
        return capture, self.edgehold(config, files={"rules/reads.lua": READS_BODY})

    def play(self, proxy, case, piece):
        outcome = Outcome("", case, case.requests)
        client = Http2Client(proxy.port)
        try:
            client.send_in_pieces(case.octets, piece)
            if case.error is not None:
                self.assertEqual(client.error(), case.error)
                self.assertNotIn(200, client.answer(1).statuses)
                return outcome
            answer = client.ended(1)
            self.assertEqual(answer.status, case.status, answer)
            client.send(headers(AFTER, get(path="/after")))
            after = client.ended(AFTER)
            self.assertEqual(after.status, 200, after)
            self.assertEqual(answer.reset, case.reset, answer)
            if case.reset is None:
                self.assertTrue(answer.has_ended, answer)
            if case.status == 200:
                outcome.ids.append(answer.get("x-request-id"))
            else:
                self.assertEqual(answer.get("content-type"), "application/problem+json")
            outcome.ids.append(after.get("x-request-id"))
            outcome.requests += (Request(target="/after"),)
        finally:
            client.close()
        return outcome

    def run_all(self, piece_of, filters=(), may_begin=None):
        capture, proxy = self.start(filters)
        outcomes = []
        for case in CASES:
            with self.subTest(case.name):
                outcomes.append(self.play(proxy, case, piece_of(case)))
        begins = sum(case.may_begin for case in CASES) if may_begin is None else may_begin
        if len(outcomes) == len(CASES):
            self.check_upstream(capture, proxy, outcomes, begins)
        self.assertEqual(proxy.stop(), 0)

    def test_whole(self):
        self.run_all(lambda case: len(case.octets))

    def test_byte_by_byte(self):
        self.run_all(lambda case: 1 if len(case.octets) < 600 else 1021)

    def test_to_a_route_that_wants_the_whole_body(self):
        """Then not even a part of a request whose content goes wrong arrives."""
        self.run_all(lambda case: len(case.octets), may_begin=0,
                     filters=[{"lua_rules": {"directory": "rules"}}])

    def test_there_are_as_many_cases_as_promised(self):
        self.assertGreaterEqual(len(CASES), 200)
        self.assertEqual(len(CASES), len({case.name for case in CASES}))


class Http2SmugglingByAnother(UpstreamLaw, Case):
    """The same law with another writer of frames: python3-h2 with indexing and Huffman code, TLS."""

    def test_what_h2_sends_with_its_checks_off(self):
        capture = Capture()
        self.addCleanup(capture.stop)
        proxy = self.edgehold(tls_config(capture.url))
        done = subprocess.run(
            ["/usr/bin/python3", str(OTHERS), str(proxy.port), str(certificates().ca)],
            capture_output=True, timeout=4 * WAIT, check=False, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertGreaterEqual(len(rows), 30)
        outcomes = []
        for row in rows:
            with self.subTest(row["name"]):
                self.assertEqual(row["seen"], row["expected"], row)
            requests = tuple(Request(**dict(r, body=r["body"].encode())) for r in row["requests"])
            outcome = Outcome("", next(iter(CASES))._replace(name=row["name"]), requests)
            outcome.ids = row["ids"]
            outcomes.append(outcome)
        self.check_upstream(capture, proxy, outcomes, sum(row["may_begin"] for row in rows))
        self.assertEqual(proxy.stop(), 0)


if __name__ == "__main__":
    sys.exit("run me with run.py")
