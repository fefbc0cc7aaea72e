# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 on both sides: framing, reuse, streaming, and what must never be passed on."""
import threading
import time

from harness import PLAIN_BINARY, Case, answer, plain_config, wait_for

MEBI = 1024 * 1024


class KeepAlive(Case):
    def test_one_connection_serves_many_requests(self):
        upstream = self.upstream(lambda r, c: answer(body=r.target.encode()))
        client = self.client(self.edgehold(plain_config(upstream)))
        for i in range(20):
            self.assertEqual(client.ask(target="/n%d" % i).body, b"/n%d" % i)
        self.assertLessEqual(len(upstream.connections), 2)

    def test_pipelined_requests_are_answered_in_order(self):
        def respond(request, _):
            time.sleep(0.2 if request.target == "/0" else 0)
            return answer(body=request.target.encode())
        client = self.client(self.edgehold(plain_config(self.upstream(respond))))
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % i for i in range(10)))
        self.assertEqual([client.response().body for _ in range(10)], [b"/%d" % i for i in range(10)])

    def test_connection_close_is_obeyed(self):
        client = self.client(self.edgehold(plain_config(self.upstream())))
        response = client.ask(fields=[("Connection", "close")])
        self.assertEqual(response.status, 200)
        self.assertEqual((response.get("connection") or "").lower(), "close")
        self.assertTrue(client.is_closed())

    def test_http10_client_gets_a_whole_answer_and_a_close(self):
        client = self.client(self.edgehold(plain_config(self.upstream())))
        client.send(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        response = client.response()
        self.assertEqual((response.status, response.body), (200, b"ok"))
        self.assertTrue(client.is_closed())

    def test_head_has_the_length_and_no_body(self):
        def respond(request, _):
            return b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"
        client = self.client(self.edgehold(plain_config(self.upstream(respond))))
        for _ in range(2):  # the second one proves that nobody waits for a body
            response = client.ask("HEAD")
            self.assertEqual((response.status, response.get("content-length")), (200, "12345"))

    def test_204_and_304_have_no_body(self):
        def respond(request, _):
            return b"HTTP/1.1 %s X\r\n\r\n" % request.target[1:].encode()
        client = self.client(self.edgehold(plain_config(self.upstream(respond))))
        for status in (204, 304, 204):
            self.assertEqual(client.ask(target="/%d" % status).status, status)


class Bodies(Case):
    def test_length_delimited_body_reaches_the_upstream_unchanged(self):
        upstream = self.upstream(lambda r, c: answer(body=r.body))
        client = self.client(self.edgehold(plain_config(upstream)))
        body = bytes(range(256)) * 1000
        self.assertEqual(client.ask("POST", body=body).body, body)

    def test_chunked_request_body_reaches_the_upstream(self):
        upstream = self.upstream(lambda r, c: answer(body=r.body))
        client = self.client(self.edgehold(plain_config(upstream)))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b"hello ", b"chunked ", b"world"):
            client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        client.send(b"0\r\n\r\n")
        self.assertEqual(client.response().body, b"hello chunked world")

    def test_chunked_response_body_reaches_the_client(self):
        def respond(request, connection):
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in (b"a" * 10, b"b" * 70000, b"c"):
                connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            connection.send(b"0\r\n\r\n")
        client = self.client(self.edgehold(plain_config(self.upstream(respond))))
        for _ in range(2):
            self.assertEqual(client.ask().body, b"a" * 10 + b"b" * 70000 + b"c")

    def test_response_without_length_ends_with_the_connection_whole(self):
        def respond(request, connection):
            connection.send(b"HTTP/1.1 200 OK\r\n\r\n" + b"z" * 100000)
            return False
        client = self.client(self.edgehold(plain_config(self.upstream(respond))))
        self.assertEqual(client.ask().body, b"z" * 100000)

    def test_expect_100_is_answered_before_the_body(self):
        upstream = self.upstream(lambda r, c: answer(body=r.body))
        client = self.client(self.edgehold(plain_config(upstream)))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
                    b"Expect: 100-continue\r\n\r\n")
        self.assertEqual(client.head().status, 100)
        client.send(b"body")
        self.assertEqual(client.response().body, b"body")

    def test_expect_100_for_a_refused_request_gets_only_the_refusal(self):
        upstream = self.upstream()
        config = plain_config(upstream)
        config["routes"][0]["match"]["path"] = "/elsewhere"
        client = self.client(self.edgehold(config))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
                    b"Expect: 100-continue\r\n\r\n")
        self.assertEqual(client.head().status, 404)
        self.assertEqual(upstream.requests, [])

    def test_early_answer_of_the_upstream_reaches_a_client_that_still_sends(self):
        def respond(request, connection):
            connection.send(answer(413, b"enough", reason="Too Large",
                                   fields=[("Connection", "close")]))
            return False
        upstream = self.upstream(respond, reads_body=False)
        client = self.client(self.edgehold(plain_config(upstream)))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n" + b"x" * 1000)
        response = client.response()
        self.assertEqual((response.status, response.body), (413, b"enough"))


class Streaming(Case):
    def test_server_sent_events_arrive_one_by_one(self):
        go_on = threading.Event()

        def respond(request, connection):
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                            b"data: first\n\n")
            self.assertTrue(go_on.wait(20))
            connection.send(b"data: second\n\n")
            return False
        client = self.client(self.edgehold(plain_config(self.upstream(respond))))
        client.request(target="/events")
        head = client.head()
        self.assertEqual(head.get("content-type"), "text/event-stream")
        client.reader.until(b"data: first\n\n")  # arrives although the second was not sent
        go_on.set()
        client.reader.until(b"data: second\n\n")

    def test_request_body_streams_before_it_is_whole(self):
        seen = threading.Event()

        def respond(request, connection):
            connection.reader.until(b"first half")
            seen.set()
            connection.reader.until(b"second half")
            return answer()
        upstream = self.upstream(respond, reads_body=False)
        client = self.client(self.edgehold(plain_config(upstream)))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 21\r\n\r\nfirst half")
        self.assertTrue(seen.wait(20), "the first half reaches the upstream by itself")
        client.send(b"second half")
        self.assertEqual(client.response().status, 200)

    def test_download_to_a_slow_reader_keeps_memory_bounded(self):
        total, piece = 64 * MEBI, b"d" * MEBI
        sent = []

        def respond(request, connection):
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
            for _ in range(total // MEBI):
                connection.send(piece)
                sent.append(1)
        proxy = self.edgehold(plain_config(self.upstream(respond)), binary=PLAIN_BINARY)
        client = self.client(proxy, receive_buffer=64 * 1024)
        self.assertEqual(client.ask("HEAD", "/none").status, 200)
        before = proxy.resident_bytes()
        client.request(target="/big")
        client.head()
        wait_for(lambda: self._stalled(sent), "the upstream is pushed back")
        self.assertLess(len(sent), 40, "back-pressure reaches the upstream")
        self.assertLess(proxy.resident_bytes() - before, 8 * MEBI)
        received = len(client.reader.buffer)
        while received < total:
            client.reader.buffer = client.reader.raw = b""
            self.assertTrue(client.reader.more(), "closed after %d bytes" % received)
            received += len(client.reader.buffer)
        self.assertEqual(received, total)
        self.assertLess(proxy.resident_bytes() - before, 8 * MEBI)

    @staticmethod
    def _stalled(sent):
        count = len(sent)
        time.sleep(0.3)
        return len(sent) == count and count > 0 or None

    def test_upload_to_a_slow_upstream_keeps_memory_bounded(self):
        total = 64 * MEBI
        go_on = threading.Event()

        def respond(request, connection):
            go_on.wait(60)
            count = len(connection.reader.buffer)
            while count < total:
                connection.reader.buffer = connection.reader.raw = b""
                connection.reader.more()
                count += len(connection.reader.buffer)
            connection.reader.buffer = b""
            return answer(body=b"%d" % count)
        upstream = self.upstream(respond, reads_body=False)
        config = plain_config(upstream)
        config["routes"][0]["limits"] = {"body": "100MiB"}
        proxy = self.edgehold(config, binary=PLAIN_BINARY)
        client = self.client(proxy, seconds=60)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % total)
        before = proxy.resident_bytes()
        sent = []

        def push():
            for _ in range(total // MEBI):
                client.send(b"u" * MEBI)
                sent.append(1)
        thread = threading.Thread(target=push, daemon=True)
        thread.start()
        wait_for(lambda: self._stalled(sent), "the client is pushed back")
        self.assertLess(len(sent), 40, "back-pressure reaches the client")
        self.assertLess(proxy.resident_bytes() - before, 8 * MEBI)
        go_on.set()
        self.assertEqual(client.response().body, b"%d" % total)
        thread.join(20)


class Leaving(Case):
    def test_client_that_leaves_half_way_ends_the_upstream_request(self):
        gone = []

        def respond(request, connection):
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            gone.append(connection.is_closed_by_peer())
            return False
        proxy = self.edgehold(plain_config(self.upstream(respond)))
        client = self.client(proxy)
        client.request(target="/stream")
        client.reader.until(b"hello")
        client.reset()
        wait_for(lambda: gone, "the upstream sees the end")
        self.assertEqual(gone, [True])
        self.assertEqual(proxy.audit(1)[0]["reason"], "client_closed")

    def test_client_that_leaves_in_its_body_never_becomes_a_whole_request(self):
        upstream = self.upstream()
        proxy = self.edgehold(plain_config(upstream))
        client = self.client(proxy)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\npart")
        client.reset()
        self.assertEqual(proxy.audit(1)[0]["reason"], "client_closed")
        self.assertEqual(upstream.requests, [])  # a request counts there once its body is whole

    def test_upstream_that_cuts_its_body_cuts_the_answer(self):
        def respond(request, connection):
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
            return False
        proxy = self.edgehold(plain_config(self.upstream(respond)))
        client = self.client(proxy)
        client.request()
        client.head()
        self.assertEqual(client.reader.rest(), b"part")
        self.assertEqual(proxy.audit(1)[0]["reason"], "upstream_reset")


class Hygiene(Case):
    def test_hop_by_hop_fields_stay_here(self):
        def respond(request, _):
            return answer(fields=[("Connection", "X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "5"),
                                  ("X-End", "2"), ("Proxy-Connection", "x")])
        upstream = self.upstream(respond)
        client = self.client(self.edgehold(plain_config(upstream)))
        response = client.ask(fields=[
            ("Connection", "X-Mine"), ("X-Mine", "1"), ("Keep-Alive", "300"), ("TE", "trailers"),
            ("Proxy-Authorization", "Basic eA=="), ("X-Yours", "2")])
        request = upstream.requests[0]
        for name in ("x-mine", "keep-alive", "te", "proxy-authorization"):
            self.assertEqual(request.all(name), [], name)
        self.assertEqual(request.get("x-yours"), "2")
        for name in ("x-hop", "keep-alive", "proxy-connection"):
            self.assertEqual(response.all(name), [], name)
        self.assertEqual(response.get("x-end"), "2")

    def test_forwarding_and_identity_fields_are_rebuilt(self):
        upstream = self.upstream()
        client = self.client(self.edgehold(plain_config(upstream)))
        client.ask(fields=[
            ("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "gopher"),
            ("X-Forwarded-Host", "evil"), ("Forwarded", "for=6.6.6.6"), ("X-Real-IP", "6.6.6.6"),
            ("X-OpenClaw-Scopes", "operator.admin"), ("X-Request-Id", "mine")])
        request = upstream.requests[0]
        self.assertNotIn(b"6.6.6.6", request.head)
        self.assertNotIn(b"operator.admin", request.head)
        self.assertEqual(request.all("x-forwarded-for"), ["127.0.0.1"])
        self.assertEqual(request.all("x-forwarded-proto"), ["http"])
        self.assertEqual(request.all("x-forwarded-host"), ["agent.example"])
        self.assertEqual(len(request.all("x-request-id")), 1)
        self.assertNotEqual(request.get("x-request-id"), "mine")

    def test_request_id_is_one_for_answer_upstream_and_audit(self):
        upstream = self.upstream()
        proxy = self.edgehold(plain_config(upstream))
        response = self.client(proxy).ask()
        ids = {response.get("x-request-id"), upstream.requests[0].get("x-request-id"),
               proxy.audit(1)[0]["request_id"]}
        self.assertEqual(len(ids), 1, ids)

    def test_traceparent_is_continued_or_started(self):
        upstream = self.upstream()
        client = self.client(self.edgehold(plain_config(upstream)))
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        client.ask(fields=[("traceparent", "00-%s-00f067aa0ba902b7-01" % trace)])
        client.ask()
        client.ask(fields=[("traceparent", "00-zz-zz-zz")])
        continued, started, replaced = [r.all("traceparent") for r in upstream.requests]
        self.assertEqual(continued[0].split("-")[1], trace)
        for values in (continued, started, replaced):
            self.assertEqual(len(values), 1)
            self.assertRegex(values[0], r"^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$")

    def test_host_goes_on_as_the_client_said_it(self):
        upstream = self.upstream()
        self.client(self.edgehold(plain_config(upstream))).ask(host="bot.example:8443")
        self.assertEqual(upstream.requests[0].all("host"), ["bot.example:8443"])


class BadInput(Case):
    CASES = [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03garbage\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/3.7\r\nHost: a\r\n\r\n", 505),
        (b"GET /" + b"a" * 10000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"b" * 70000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 5000 + b"\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10485760\r\n\r\n", 413),
        (b"GET /%2e%2e/etc HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417),
    ]

    def test_each_gets_its_status_and_a_close_and_nothing_goes_on(self):
        upstream = self.upstream()
        proxy = self.edgehold(plain_config(upstream))
        for octets, status in self.CASES:
            with self.subTest(octets[:60]):
                client = proxy.client()
                client.send(octets)
                response = client.response()
                self.assertEqual(response.status, status, response)
                self.assertEqual(response.get("content-type"), "application/problem+json")
                client.close()
        good = self.client(proxy).ask()
        self.assertEqual(good.status, 200)
        self.assertEqual([r.target for r in upstream.requests], ["/"])

    def test_bytes_after_a_malformed_request_are_never_a_request(self):
        upstream = self.upstream()
        client = self.client(self.edgehold(plain_config(upstream)))
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n"
                    b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(client.response().status, 400)
        self.assertTrue(client.is_closed())
        self.assertEqual(upstream.requests, [])

    def test_half_a_head_gets_408_in_time(self):
        config = plain_config(self.upstream(), timeouts={"head": "300ms"})
        client = self.client(self.edgehold(config))
        client.send(b"GET / HTTP/1.1\r\nHo")
        response = client.response()
        self.assertProblem(response, 408, "head_timeout")
        self.assertTrue(client.is_closed())

    def test_half_a_body_gets_408_in_time(self):
        upstream = self.upstream()
        config = plain_config(upstream)
        config["routes"][0]["limits"] = {"body_timeout": "300ms"}
        client = self.client(self.edgehold(config))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
        self.assertProblem(client.response(), 408, "body_timeout")
        self.assertTrue(client.is_closed())

    def test_silent_connection_is_closed_in_time(self):
        config = plain_config(self.upstream(), timeouts={"idle": "300ms"})
        client = self.client(self.edgehold(config))
        self.assertEqual(client.ask().status, 200)
        self.assertTrue(client.is_closed())

    def test_head_sent_one_byte_at_a_time_is_a_request(self):
        client = self.client(self.edgehold(plain_config(self.upstream())))
        for octet in b"GET / HTTP/1.1\r\nHost: a\r\n\r\n":
            client.send(bytes([octet]))
        self.assertEqual(client.response().status, 200)
