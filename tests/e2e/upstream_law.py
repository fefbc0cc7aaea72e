# SPDX-License-Identifier: Apache-2.0
"""What may arrive upstream, for the suites that try to smuggle: an upstream that keeps every byte,
and the law over all that it kept."""
import contextlib
import socket
import threading

import strict_http


class Capture:
    """An upstream that keeps every byte and answers each whole request; judges nothing."""

    def __init__(self):
        self.streams = []
        self._sockets = []
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = "http://127.0.0.1:%d" % self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._socket.accept()
                stream = bytearray()
                self.streams.append(stream)
                self._sockets.append(sock)
                threading.Thread(target=self._serve, args=(sock, stream), daemon=True).start()

    @staticmethod
    def _serve(sock, stream):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        rest = b""
        with contextlib.suppress(OSError, strict_http.NotCanonical):
            while piece := sock.recv(1 << 20):
                stream += piece
                rest += piece
                whole, rest = strict_http.requests_of(rest)
                for _ in whole:
                    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        sock.close()

    def stop(self):
        for sock in [self._socket, *self._sockets]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


class Outcome:
    """What one run of one case did, kept until the upstream is looked at."""

    def __init__(self, label, case, requests):
        self.label, self.case, self.requests, self.ids = label, case, requests, []


class UpstreamLaw:
    """For a harness.Case."""

    def check_upstream(self, capture, proxy, outcomes, may_begin):
        """The law over everything that arrived."""
        arrived, begun = {}, []
        for stream in capture.streams:
            whole, rest = strict_http.requests_of(bytes(stream))
            for request in whole:
                self.assertNotIn(request.one("x-request-id"), arrived, "sent twice")
                arrived[request.one("x-request-id")] = request
            if rest:
                begun.append(rest)
        expected = sum(len(outcome.requests) for outcome in outcomes)
        for outcome in outcomes:
            with self.subTest(outcome.case.name):
                self.assertEqual(len(outcome.ids), len(outcome.requests))
                for identity, request in zip(outcome.ids, outcome.requests):
                    self.check_request(arrived.get(identity), request)
        claimed = {identity for outcome in outcomes for identity in outcome.ids}
        for identity in arrived.keys() - claimed:
            self.fail("nobody asked for %r" % arrived[identity].start)
        self.assertEqual(len(arrived), expected)
        self.assertLessEqual(len(begun), may_begin, begun[:3])
        for rest in begun:
            self.assertTrue(rest.lower().startswith(b"post / http/1.1\r\nhost: a\r\n"), rest[:200])
        self.check_audit(proxy, arrived)

    def check_request(self, arrived, expected):
        self.assertIsNotNone(arrived, "%r did not arrive" % (expected,))
        self.assertEqual(arrived.start, [expected.method, expected.target])
        self.assertEqual(arrived.one("host"), expected.host)
        self.assertEqual(arrived.body, expected.body)
        for name, value in expected.fields.items():
            self.assertEqual(arrived.all(name), [] if value is None else [value], name)

    def check_audit(self, proxy, arrived):
        """What was let through is what arrived; nothing else is said to have been."""
        allowed = {}
        for record in proxy.audit():
            if record["decision"] == "allow":
                self.assertNotIn(record["request_id"], allowed)
                allowed[record["request_id"]] = record["what"]
        self.assertEqual(allowed.keys(), arrived.keys())
        for identity, what in allowed.items():
            method, target = arrived[identity].start
            self.assertEqual(what["method"], method)
            self.assertEqual(what["path"][:1000], target.split("?")[0][:1000])
