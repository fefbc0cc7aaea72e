# SPDX-License-Identifier: Apache-2.0
"""Every answer of cases/upstream.py, whole and byte by byte, to HTTP/1.1 and HTTP/1.0 clients: the
client gets what the case says or sees that it was cut, never another answer; no connection whose
framing is in doubt is used again; and what may not be repeated is sent once."""
import contextlib
import socket
import struct
import threading

import strict_http
from cases.upstream import CASES, CHUNKED, LAST, LENGTH
from harness import Case, plain_config, wait_for

RESET = struct.pack("ii", 1, 0)
NEXT_BODY = b"the next"


class Script:
    """An upstream that says, byte for byte, what it is told for each target."""

    def __init__(self):
        self.answers = {}  # target -> (octets, piece, then)
        self.seen = []     # (target, number of the connection)
        self.sockets = []
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = "http://127.0.0.1:%d" % self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._socket.accept()
                self.sockets.append(sock)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._serve, args=(sock, len(self.sockets)),
                                 daemon=True).start()

    def _serve(self, sock, number):
        with sock, contextlib.suppress(OSError):
            rest = b""
            while piece := sock.recv(65536):
                rest += piece
                whole, left = strict_http.requests_of(rest)
                if not whole and b"/early" in rest and b"half" in rest:  # it answers before the end
                    self.seen.append(("/early", number))
                    sock.sendall(LENGTH + b"early")
                    self.early_rest = rest
                    while piece := sock.recv(65536):
                        self.early_rest += piece
                    return
                rest = left
                for request in whole:
                    self.seen.append((request.start[1], number))
                    if not self._answer(sock, request.start[1]):
                        return

    def _answer(self, sock, target):
        default = (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(NEXT_BODY), NEXT_BODY),
                   1 << 20, "stay")
        octets, piece, then = self.answers.get(target, default)
        for at in range(0, len(octets), piece):
            sock.sendall(octets[at:at + piece])
        if then == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        if then == "end":
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):  # until the proxy has seen it, or it may use the connection again
                pass
        return then == "stay"

    def connections_of(self, target):
        return [number for seen, number in self.seen if seen == target]

    def stop(self):
        for sock in [self._socket, *self.sockets]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


class Answer:
    """All that a client gets for one request on a connection of its own."""

    def __init__(self, port, method, target, version="1.1"):
        body = b"Content-Length: 1\r\n\r\nx" if method == "POST" else b"\r\n"
        self.was_reset = False
        octets = b""
        with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
            sock.sendall(b"%s %s HTTP/%s\r\nHost: a\r\nConnection: close\r\n%s" % (
                method.encode(), target.encode(), version.encode(), body))
            try:
                while piece := sock.recv(65536):
                    octets += piece
            except ConnectionError:
                self.was_reset = True
        self.octets = octets
        found = strict_http.response_of(octets, for_head=method == "HEAD",
                                        has_ended=not self.was_reset)
        self.message = found[0] if found else None
        self.is_exact = bool(found) and found[1] == len(octets)


class UpstreamFraming(Case):
    def start(self, **upstream):
        script = Script()
        self.addCleanup(script.stop)
        return script, self.edgehold(plain_config(script.url, workers=1, upstreams={
            "agent": dict(upstream, url=script.url)}))

    def check_case(self, answer, case, is_http10):
        if case.then == "reset" and answer.message and answer.message.status == 502:
            return  # it overtook the head
        if case.status == 0:
            self.assertIsNone(answer.message, "what was cut must not look whole: %r" % answer.octets)
            self.assertTrue(answer.octets.startswith(b"HTTP/1.1 200 "))
            if is_http10 and b"Content-Length" not in answer.octets:
                self.assertTrue(answer.was_reset, "nothing else tells it")
            return
        self.assertIsNotNone(answer.message, answer.octets)
        self.assertTrue(answer.is_exact, answer.octets)
        self.assertEqual(answer.message.status, case.status, answer.octets)
        if case.status == 502:
            self.assertIn(b'"reason":"upstream_malformed"', answer.message.body)
        else:
            self.assertEqual(answer.message.body, case.body)

    def play_all(self, piece_of, version="1.1"):
        script, proxy = self.start()
        for i, case in enumerate(CASES):
            target, following = "/case%d" % i, "/next%d" % i
            with self.subTest(case.name):
                script.answers[target] = (case.octets, piece_of(case), case.then)
                answer = Answer(proxy.port, case.method, target, version)
                self.check_case(answer, case, version == "1.0")
                follow = Answer(proxy.port, "POST", following)
                self.assertEqual((follow.message.status, follow.message.body), (200, NEXT_BODY))
                self.assertEqual(len(script.connections_of(target)), 1, "sent once")
                self.assertEqual(len(script.connections_of(following)), 1)
                if not case.keeps:
                    self.assertNotEqual(script.connections_of(target),
                                        script.connections_of(following), "used again")
        self.assertEqual(proxy.stop(), 0)

    def test_whole(self):
        self.play_all(lambda case: len(case.octets) or 1)

    def test_byte_by_byte(self):
        self.play_all(lambda case: 1 if len(case.octets) < 1000 else 1021)

    def test_to_http10_clients(self):
        self.play_all(lambda case: len(case.octets) or 1, "1.0")

    def test_there_are_as_many_cases_as_promised(self):
        self.assertGreaterEqual(len(CASES), 120)
        self.assertEqual(len(CASES), len({case.name for case in CASES}))

    def test_kept_connections_are_used_again(self):
        script, proxy = self.start()
        for i in range(3):
            self.assertEqual(Answer(proxy.port, "POST", "/%d" % i).message.status, 200)
        self.assertEqual(len({number for _, number in script.seen}), 1)

    def test_ends_at_every_byte(self):
        """Both ways to end, at every position of a head and its content. No connection is kept: the
        next request could be on it before its end has come."""
        script, proxy = self.start(idle_connections=0)
        for head, content in ((LENGTH, b"hello"), (CHUNKED, b"5\r\nhello\r\n" + LAST)):
            octets = head + content
            for then in ("end", "reset"):
                for at in range(len(octets) + 1):
                    target = "/%s%d-%d" % (then, at, len(octets))
                    with self.subTest(target):
                        script.answers[target] = (octets[:at], 1 << 20, then)
                        answer = Answer(proxy.port, "POST", target)
                        self.assertEqual(len(script.connections_of(target)), 1, "sent once")
                        self.check_end(answer, at, len(head), len(octets), then)
        self.assertEqual(Answer(proxy.port, "POST", "/next").message.body, NEXT_BODY)

    def check_end(self, answer, at, head, total, then):
        """A reset may overtake what was sent before it."""
        statuses = {502} if at < head else {200} if at == total else {None}
        if then == "reset":
            statuses |= {502, None} if at >= head else set()
        status = answer.message.status if answer.message else None
        self.assertIn(status, statuses, answer.octets)
        if status == 200:
            self.assertEqual(answer.message.body, b"hello")
        if status == 502:
            self.assertIn(b'"reason":"upstream_reset"', answer.message.body)

    def test_answer_before_the_request_is_whole_ends_both_connections(self):
        script, proxy = self.start()
        client = self.client(proxy)
        client.send(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
        response = client.response()
        self.assertEqual((response.status, response.body), (200, b"early"))
        self.assertEqual(response.get("connection"), "close")
        client.send(b"y" * 96 + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(client.is_closed())
        self.assertEqual(Answer(proxy.port, "POST", "/next").message.body, NEXT_BODY)
        self.assertNotEqual(script.connections_of("/early"), script.connections_of("/next"))
        self.assertTrue(script.early_rest.endswith(b"half"), "nothing of the rest arrives")
        self.assertEqual(script.connections_of("/smuggled"), [])

    def test_words_on_an_idle_connection_end_it(self):
        script, proxy = self.start()
        self.assertEqual(Answer(proxy.port, "POST", "/a").message.status, 200)
        script.sockets[-1].sendall(LENGTH + b"wrong")
        wait_for(lambda: self.is_closed_by_proxy(script.sockets[-1]), "the connection is dropped")
        self.assertEqual(Answer(proxy.port, "POST", "/b").message.body, NEXT_BODY)

    @staticmethod
    def is_closed_by_proxy(sock):
        return sock.fileno() < 0

