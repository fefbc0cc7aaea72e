# SPDX-License-Identifier: Apache-2.0
"""The upstream side: dead, slow, lying, and over verified TLS."""
import socket
import threading
import time

from harness import (Case, answer, certificates, plain_config, upstream_tls, wait_for)


class Trouble(Case):
    def test_dead_upstream_is_502(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        proxy = self.edgehold(plain_config("http://127.0.0.1:%d" % port))
        client = self.client(proxy)
        self.assertProblem(client.ask(), 502, "upstream_unreachable")
        self.assertProblem(client.ask(), 502, "upstream_unreachable")  # the connection lives on

    def test_slow_upstream_is_504(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def respond(request, _):
            release.wait(30)
            return answer()
        config = plain_config(self.upstream(respond))
        config["routes"][0]["limits"] = {"first_byte_timeout": "300ms"}
        client = self.client(self.edgehold(config))
        self.assertProblem(client.ask(), 504, "upstream_timeout")

    def test_malformed_answers_are_502_and_never_passed_on(self):
        replies = {
            "/1": b"not http at all\r\n\r\n",
            "/2": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
            "/3": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "/4": b"HTTP/1.1 999999 OK\r\n\r\n",
            "/5": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
            "/6": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100000 + b"\r\n\r\n",
        }

        def respond(request, connection):
            connection.send(replies[request.target])
            return False
        client = self.client(self.edgehold(plain_config(self.upstream(respond))))
        for target in replies:
            with self.subTest(target):
                self.assertProblem(client.ask(target=target), 502, "upstream_malformed")

    def test_upstream_that_closes_without_an_answer_is_502(self):
        client = self.client(self.edgehold(plain_config(self.upstream(lambda r, c: False))))
        response = client.ask("POST", body=b"once")
        self.assertEqual(response.status, 502, response)

    def test_request_on_a_stale_kept_connection_is_not_lost(self):
        served = []

        def respond(request, connection):
            served.append(request)
            connection.send(answer())
            return len(served) != 1  # says keep-alive, then closes
        upstream = self.upstream(respond)
        client = self.client(self.edgehold(plain_config(upstream)))
        self.assertEqual(client.ask().status, 200)
        time.sleep(0.1)
        self.assertEqual(client.ask().status, 200)
        self.assertEqual(len(served), 2)

    def test_interim_answers_do_not_confuse(self):
        def respond(request, connection):
            connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            return answer()
        client = self.client(self.edgehold(plain_config(self.upstream(respond))))
        for _ in range(2):
            self.assertEqual(client.ask().body, b"ok")


class VerifiedTls(Case):
    def secured(self, leaf, ca, **tls):
        upstream = self.upstream(tls=upstream_tls(*leaf))
        config = plain_config(upstream)
        config["upstreams"]["agent"]["tls"] = dict({"ca": str(ca)}, **tls)
        return upstream, self.client(self.edgehold(config))

    def test_certificate_of_the_right_authority_is_accepted(self):
        leaf = certificates().leaf("127.0.0.1", "agent.internal")
        upstream, client = self.secured(leaf, certificates().ca)
        self.assertEqual(client.ask().status, 200)
        self.assertEqual(upstream.requests[0].target, "/")

    def test_certificate_of_another_authority_is_refused(self):
        leaf = certificates().leaf("127.0.0.1", authority="other")
        upstream, client = self.secured(leaf, certificates().ca)
        self.assertProblem(client.ask(), 502, "upstream_unreachable")
        self.assertEqual(upstream.requests, [])

    def test_certificate_for_another_name_is_refused(self):
        leaf = certificates().leaf("somebody.else")
        upstream, client = self.secured(leaf, certificates().ca)
        self.assertProblem(client.ask(), 502, "upstream_unreachable")
        self.assertEqual(upstream.requests, [])

    def test_name_to_verify_can_be_told(self):
        leaf = certificates().leaf("agent.internal")
        upstream, client = self.secured(leaf, certificates().ca, server_name="agent.internal")
        self.assertEqual(client.ask().status, 200)
        wait_for(lambda: upstream.requests, "a request")
