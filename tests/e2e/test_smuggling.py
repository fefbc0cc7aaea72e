# SPDX-License-Identifier: Apache-2.0
"""Every case of cases/smuggling.py against the real binary, in four ways: whole, byte by byte,
behind a good request, and to a route whose policy wants the whole body first.

A client must get the status that the case says and be closed when it says so. Whatever it got, the
law is checked over all cases at once: every byte upstream belongs to a request in canonical form
that edgehold decided to let through, and that is the request the case expects, once.
"""
import contextlib
import socket
import struct

import strict_http
from cases.smuggling import CASES, Request
from harness import Case, plain_config
from upstream_law import Capture, Outcome, UpstreamLaw

BEFORE = b"GET /before HTTP/1.1\r\nHost: a\r\n\r\n"
AFTER = b"GET /after HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
PIECE_OF_LONG = 1021  # bytes at a time where one would take too long
READS_BODY = 'return { id = "reads", phase = "request", check = function(r) local _ = r.body_size end }'


class Caller:
    """A client connection that sends as it is told and reads strictly."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.octets = b""
        self.has_ended = False

    def send(self, octets, piece, ends=False):
        with contextlib.suppress(ConnectionError):  # refused and closed before it had everything
            for at in range(0, len(octets), piece):
                self.sock.sendall(octets[at:at + piece])
        if ends:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)

    def _more(self):
        try:
            piece = self.sock.recv(65536)
        except ConnectionError:
            piece = b""
        self.octets += piece
        self.has_ended = not piece

    def response(self):
        """The next one; None if the connection ended before it was whole."""
        while (found := strict_http.response_of(self.octets, has_ended=self.has_ended)) is None:
            if self.has_ended:
                return None
            self._more()
        self.octets = self.octets[found[1]:]
        return found[0]

    def rest(self):
        while not self.has_ended:
            self._more()
        return self.octets


class Judge(UpstreamLaw, Case):
    """Plays cases, and judges what arrived upstream."""

    def start(self, filters=()):
        capture = Capture()
        self.addCleanup(capture.stop)
        config = plain_config(capture.url, filters)
        proxy = self.edgehold(config, files={"rules/reads.lua": READS_BODY})
        return capture, proxy

    def play(self, proxy, case, piece, prefix=b""):
        """Runs the case; its Outcome. Raises AssertionError."""
        before = (Request(target="/before"),) if prefix else ()
        statuses = (200,) * len(before) + case.statuses
        outcome = Outcome("", case, before + case.requests)
        caller = Caller(proxy.port)
        with caller.sock:
            caller.send(prefix + case.octets, piece, case.ends)
            for status in statuses:
                response = caller.response()
                self.assertIsNotNone(response, "closed instead of %d" % status)
                self.assertEqual(response.status, status, response.body[:300])
                if status == 200:
                    outcome.ids.append(response.one("x-request-id"))
                else:
                    self.assertEqual(response.one("content-type"), "application/problem+json")
            if case.closes:
                self.assertEqual(caller.rest(), b"", "nothing follows the last answer")
            else:
                caller.send(AFTER, len(AFTER))
                response = caller.response()
                self.assertIsNotNone(response, "the connection goes on")
                self.assertEqual(response.status, 200, response.body[:300])
                outcome.ids.append(response.one("x-request-id"))
                outcome.requests += (Request(target="/after"),)
        return outcome

    def play_all(self, proxy, piece_of, prefix=b""):
        outcomes = []
        for case in CASES:
            with self.subTest(case.name):
                outcomes.append(self.play(proxy, case, piece_of(case), prefix))
        return outcomes


class Smuggling(Judge):
    def run_all(self, piece_of, prefix=b"", filters=(), may_begin=None):
        capture, proxy = self.start(filters)
        outcomes = self.play_all(proxy, piece_of, prefix)
        begins = sum(case.may_begin for case in CASES) if may_begin is None else may_begin
        if len(outcomes) == len(CASES):
            self.check_upstream(capture, proxy, outcomes, begins)
        self.assertEqual(proxy.stop(), 0)

    def test_whole(self):
        self.run_all(lambda case: len(case.octets))

    def test_byte_by_byte(self):
        self.run_all(lambda case: 1 if len(case.octets) < 1500 else PIECE_OF_LONG)

    def test_behind_a_good_request(self):
        self.run_all(lambda case: len(case.octets) + len(BEFORE), prefix=BEFORE)

    def test_to_a_route_that_wants_the_whole_body(self):
        """Then not even a part of a request whose body goes wrong arrives."""
        self.run_all(lambda case: len(case.octets), may_begin=0,
                     filters=[{"lua_rules": {"directory": "rules"}}])

    def test_client_that_leaves_at_any_byte_is_never_a_whole_request(self):
        capture, proxy = self.start()
        for octets in (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
                       b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       b"5\r\nhello\r\n0\r\n\r\n"):
            for at in range(len(octets)):
                for is_reset in (False, True):
                    with self.subTest("%d of %d" % (at, len(octets)), is_reset=is_reset):
                        self.leave(proxy, octets[:at], is_reset)
        caller = Caller(proxy.port)
        with caller.sock:
            caller.send(AFTER, len(AFTER))
            self.assertEqual(caller.response().status, 200)
        self.assertEqual(proxy.stop(), 0)  # whatever was under way is over
        whole = [r for s in capture.streams for r in strict_http.requests_of(bytes(s))[0]]
        self.assertEqual([r.start for r in whole], [["GET", "/after"]])

    def leave(self, proxy, octets, is_reset):
        caller = Caller(proxy.port)
        with caller.sock:
            caller.send(octets, len(octets) or 1, ends=not is_reset)
            if is_reset:
                caller.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            response = caller.response()
            if octets:
                self.assertIn(response.status, (400, 499))
            self.assertEqual(caller.rest(), b"")

    def test_there_are_as_many_cases_as_promised(self):
        self.assertGreaterEqual(len(CASES), 220)
        self.assertEqual(len(CASES), len({case.name for case in CASES}))

