# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 towards upstreams by choice, against nghttp2's own server: by ALPN and by prior knowledge."""
import os
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from harness import (Case, answer, certificates, plain_config, tls_config, upstream_tls, wait_for)

SECONDS = 60
NGHTTPD = shutil.which("nghttpd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class Nghttpd:
    """nghttpd with a folder of files; what is posted it sends back."""

    def __init__(self, files, tls=None, arguments=()):
        self.dir = Path(tempfile.mkdtemp(prefix="edgehold-nghttpd-"))
        for name, content in files.items():
            (self.dir / name).write_bytes(content)
        self.log = self.dir / "log"
        scheme = "https" if tls else "http"
        self.process = None
        for _ in range(5):  # nghttpd cannot tell which port it took, and somebody else may take ours
            port = free_port()
            self.url = "%s://127.0.0.1:%d" % (scheme, port)
            end = [str(port), str(tls[1]), str(tls[0])] if tls else ["--no-tls", str(port)]
            with self.log.open("wb") as log:
                self.process = subprocess.Popen(
                    [NGHTTPD, "-v", "-d", str(self.dir), "-a", "127.0.0.1", "--echo-upload",
                     *arguments, *end], stdout=log, stderr=subprocess.STDOUT)
            wait_for(lambda: self.process.poll() is not None or b"listen" in self.log.read_bytes(),
                     "nghttpd listens")
            if self.process.poll() is None:
                return
        raise AssertionError("nghttpd does not start: " + self.text())

    def text(self):
        return self.log.read_text(errors="replace")

    def connections(self):
        return len(set(re.findall(r"\[id=(\d+)\]", self.text())))

    def stop(self):
        self.process.kill()
        self.process.wait(SECONDS)
        shutil.rmtree(self.dir, ignore_errors=True)


def http2(config, **more):
    config["upstreams"]["agent"].update({"protocol": "h2"}, **more)
    return config


def trusted():
    """The upstream's certificate, and what edgehold needs to trust it."""
    return certificates().leaf("agent.example", "127.0.0.1"), {"tls": {"ca": str(certificates().ca)}}


class Http2Upstream(Case):
    def nghttpd(self, files, tls=None, arguments=()):
        server = Nghttpd(files, tls, arguments)
        self.addCleanup(server.stop)
        return server

    def test_prior_knowledge(self):
        server = self.nghttpd({"a": b"hello"}, arguments=["--trailer", "x-trailer: t"])
        client = self.client(self.edgehold(http2(plain_config(server.url))))
        response = client.ask(target="/a")
        self.assertEqual((response.status, response.body), (200, b"hello"))
        self.assertIsNone(response.get("x-trailer"))
        self.assertEqual(client.ask(target="/nothing").status, 404)
        head = client.ask("HEAD", "/a")
        self.assertEqual((head.status, head.get("content-length")), (200, "5"))
        text = server.text()
        self.assertIn(":scheme: http\n", text)
        self.assertIn(":path: /nothing\n", text)
        self.assertIn(":authority: agent.example\n", text)
        self.assertIn("x-forwarded-for: 127.0.0.1\n", text)
        self.assertIn("SETTINGS_ENABLE_PUSH(0x02):0", text)
        self.assertNotIn("RST_STREAM", text)

    def test_tls_by_alpn(self):
        leaf, trust = trusted()
        server = self.nghttpd({"a": b"hello"}, tls=leaf)
        client = self.client(self.edgehold(http2(plain_config(server.url), **trust)))
        self.assertEqual(client.ask(target="/a").body, b"hello")
        self.assertIn(":scheme: https\n", server.text())

    def test_bodies_of_both_directions_arrive_whole(self):
        large = bytes(i % 251 for i in range(1_500_000))
        server = self.nghttpd({"large": large})
        config = http2(plain_config(server.url))
        config["routes"][0]["limits"] = {"body": "4MiB"}
        client = self.client(self.edgehold(config))
        self.assertEqual(client.ask(target="/large").body, large)
        self.assertEqual(client.ask("POST", "/", body=large).body, large)
        client.send(b"POST / HTTP/1.1\r\nHost: agent.example\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"%x\r\n%s\r\n0\r\n\r\n" % (len(large), large))
        self.assertEqual(client.response().body, large)

    def test_many_exchanges_share_connections(self):
        server = self.nghttpd({"a": b"hello"})
        proxy = self.edgehold(http2(plain_config(server.url)))
        done = subprocess.run(
            ["h2load", "--h1", "-n", "600", "-c", "30", "http://127.0.0.1:%d/a" % proxy.port],
            capture_output=True, timeout=SECONDS, check=True)
        self.assertIn("600 succeeded, 0 failed, 0 errored, 0 timeout", done.stdout.decode())
        # One for each worker, and what was opened before the server said how much it takes.
        self.assertLessEqual(server.connections(), 4)

    def test_no_more_streams_than_the_server_takes(self):
        server = self.nghttpd({"a": b"hello"}, arguments=["-m", "3"])
        proxy = self.edgehold(http2(plain_config(server.url)))
        done = subprocess.run(
            ["h2load", "--h1", "-n", "300", "-c", "20", "http://127.0.0.1:%d/a" % proxy.port],
            capture_output=True, timeout=SECONDS, check=True)
        self.assertIn("300 succeeded, 0 failed, 0 errored, 0 timeout", done.stdout.decode())
        self.assertNotIn("REFUSED_STREAM", server.text())

    def test_http2_on_both_sides(self):
        leaf, trust = trusted()
        server = self.nghttpd({"a": b"hello"}, tls=leaf)
        config = http2(tls_config(server.url), **trust)
        config["listen"][0]["tls"]["http2"] = True
        proxy = self.edgehold(config)
        done = subprocess.run(
            ["h2load", "-n", "600", "-c", "4", "-m", "20", "https://127.0.0.1:%d/a" % proxy.port],
            capture_output=True, timeout=SECONDS, check=True)
        self.assertIn("600 succeeded, 0 failed, 0 errored, 0 timeout", done.stdout.decode())

    def test_a_server_that_chooses_something_else_is_no_upstream(self):
        leaf, trust = trusted()
        for protocols in ["http/1.1"], []:
            context = upstream_tls(*leaf)
            if protocols:
                context.set_alpn_protocols(protocols)
            upstream = self.upstream(tls=context)
            proxy = self.edgehold(http2(plain_config(upstream), **trust))
            response = self.client(proxy).ask()
            self.assertProblem(response, 502, "upstream_unreachable")
            detail = proxy.audit(1)[0]["why"]["detail"]
            self.assertRegex(detail, "ALPN|application protocol")
            self.assertEqual(upstream.requests, [])

    def test_a_server_that_speaks_http1_in_clear_text_is_no_upstream(self):
        upstream = self.upstream(lambda request, connection: answer(400))
        proxy = self.edgehold(http2(plain_config(upstream)))
        response = self.client(proxy).ask("POST", body=b"once")
        self.assertProblem(response, 502, "upstream_unreachable")
        self.assertNotIn(b"once", upstream.raw)
        self.assertEqual(len(upstream.connections), 1)

    def test_the_server_sees_that_a_client_left(self):
        stopped = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(stopped.close)
        proxy = self.edgehold(http2(plain_config("http://127.0.0.1:%d" % stopped.getsockname()[1])))
        client = self.client(proxy)
        client.request(target="/slow")
        upstream, _ = stopped.accept()
        self.addCleanup(upstream.close)
        upstream.settimeout(SECONDS)
        upstream.sendall(b"\0\0\0\4\0\0\0\0\0" + b"\0\0\0\4\1\0\0\0\0")
        received = b""
        while b"/slow" not in received and len(received) < 90:
            received += upstream.recv(4096)
        self.assertTrue(received.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
        client.close()
        reset = b"\0\0\4\3\0\0\0\0\1\0\0\0\x08"  # RST_STREAM of stream 1, CANCEL
        while reset not in received:
            more = upstream.recv(4096)
            self.assertTrue(more, "the connection is kept for others")
            received += more

    def test_a_certificate_is_verified_as_ever(self):
        server = self.nghttpd({}, tls=certificates().leaf("127.0.0.1", authority="other"))
        _, trust = trusted()
        proxy = self.edgehold(http2(plain_config(server.url), **trust))
        self.assertProblem(self.client(proxy).ask(), 502, "upstream_unreachable")


class TlsOffer(Case):
    def test_http1_upstreams_are_not_offered_http2(self):
        leaf, trust = trusted()
        context = upstream_tls(*leaf)
        context.set_alpn_protocols(["h2", "http/1.1"])
        chosen = []

        def respond(request, connection):
            chosen.append(connection.sock.selected_alpn_protocol())
            return answer()

        upstream = self.upstream(respond, tls=context)
        config = plain_config(upstream)
        config["upstreams"]["agent"].update(trust)
        self.assertEqual(self.client(self.edgehold(config)).ask().status, 200)
        self.assertEqual(chosen, ["http/1.1"])
