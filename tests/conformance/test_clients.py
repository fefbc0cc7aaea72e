# SPDX-License-Identifier: Apache-2.0
"""Clients and servers that others wrote, with the real binary between them: Node's `ws` and `undici`,
Python's `websockets`, curl."""
import subprocess

import peers_of_others as peers
from harness import Case, answer, certificates, plain_config, tls_config

SECONDS = 60


def with_websockets(config, inspect, **more):
    config["routes"][0]["websocket"] = dict({"inspect": inspect}, **more)
    return config


class WebSocketPeers(Case):
    """Every client with every server, inspected and not, in clear text and over TLS."""

    def server(self, peer):
        server = peers.Server(peer)
        self.addCleanup(server.stop)
        return "http://127.0.0.1:%d" % server.port

    def through(self, server, inspect):
        """(ws URL, wss URL, CA) of an edgehold in front of `server`."""
        config = with_websockets(tls_config(self.server(server)), inspect)
        config["listen"].append({"address": "127.0.0.2:0", "clear_text": True})
        proxy = self.edgehold(config)
        return ("ws://127.0.0.2:%d/" % proxy.ports[1], "wss://127.0.0.1:%d/" % proxy.ports[0],
                str(certificates().ca))

    def check_ws(self, seen, extensions):
        self.assertEqual(seen["protocol"], "echo")
        self.assertEqual(seen["extensions"], extensions)
        self.assertEqual(seen["pongs"], ["are you there"])
        self.assertEqual(seen["texts"], ["plain", "кириллица 😀", "in three parts"])
        self.assertEqual(seen["binaries"], ["0001feff", "large"])
        self.assertEqual(seen["close"], [4000, "that is all"])

    def check_websockets(self, seen, extensions):
        self.assertEqual(seen["protocol"], "echo")
        self.assertEqual(seen["extensions"], extensions)
        self.assertEqual(seen["same"], [True] * 5)
        self.assertEqual(seen["close"], [4000, "that is all"])

    def test_ws_with_websockets_inspected(self):
        clear, secure, ca = self.through("websockets_peer.py", inspect=True)
        self.check_ws(peers.run("ws_peer.js", "client", clear), "")
        self.check_ws(peers.run("ws_peer.js", "client", secure, ca), "")

    def test_websockets_with_ws_inspected(self):
        clear, secure, ca = self.through("ws_peer.js", inspect=True)
        self.check_websockets(peers.run("websockets_peer.py", "client", clear), [])
        self.check_websockets(peers.run("websockets_peer.py", "client", secure, ca), [])

    def test_ws_with_websockets_through_a_tunnel_and_compressed(self):
        clear, secure, ca = self.through("websockets_peer.py", inspect=False)
        self.check_ws(peers.run("ws_peer.js", "client", clear), "permessage-deflate")
        self.check_ws(peers.run("ws_peer.js", "client", secure, ca), "permessage-deflate")

    def test_websockets_with_ws_through_a_tunnel_and_compressed(self):
        clear, secure, ca = self.through("ws_peer.js", inspect=False)
        self.check_websockets(peers.run("websockets_peer.py", "client", clear),
                              ["permessage-deflate"])
        self.check_websockets(peers.run("websockets_peer.py", "client", secure, ca),
                              ["permessage-deflate"])

    def test_undici_opens_a_websocket(self):
        for inspect in (True, False):
            with self.subTest(inspect=inspect):
                clear, _, _ = self.through("ws_peer.js", inspect=inspect)
                seen = peers.run("undici_peer.js", "ws", clear)
                self.assertEqual(seen["protocol"], "echo")
                self.assertEqual(seen["messages"], ["plain", "ё 😀", "00ff"])
                self.assertEqual(seen["close"], [3000, "done", True])

    def test_h2_opens_a_websocket_on_a_stream(self):
        for inspect in (True, False):
            with self.subTest(inspect=inspect):
                config = with_websockets(tls_config(self.server("ws_peer.js")), inspect)
                config["listen"][0]["tls"]["http2"] = True
                proxy = self.edgehold(config)
                seen = peers.run("h2_websocket_peer.py", "127.0.0.1", str(proxy.port),
                                 str(certificates().ca))
                self.assertEqual((seen["setting"], seen["status"]), (1, "200"))
                self.assertEqual(seen["frames"], [
                    ["text", "ё 😀".encode().decode("latin-1")], ["binary", "\x00\xff"],
                    ["pong", "are you there"], ["binary", "large"]])
                self.assertEqual(seen["close"], 4000)


class HttpPeers(Case):
    def test_undici_pipelines_streams_and_fetches(self):
        def echo(request, connection):
            return answer(body=request.body or request.target.encode())
        proxy = self.edgehold(plain_config(self.upstream(echo)))
        seen = peers.run("undici_peer.js", "http", "http://127.0.0.1:%d" % proxy.port)
        self.assertEqual(seen["gets"], ["200 /get/%d" % i for i in range(50)])
        self.assertEqual((seen["post"], seen["same"]), (200, True))
        self.assertEqual(seen["streamed"], "".join("piece %d;" % i for i in range(20)))
        self.assertEqual(seen["fetched"], "fetched")
        self.assertEqual(seen["head"], 200)

    def curl(self, proxy, *arguments):
        done = subprocess.run(
            ["curl", "-sS", "--max-time", str(SECONDS), "--cacert", str(certificates().ca),
             "-w", "\n%{http_code} %{http_version}", *arguments],
            capture_output=True, text=True, timeout=2 * SECONDS, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        body, _, tail = done.stdout.rpartition("\n")
        return tail, body

    def test_curl_speaks_each_version(self):
        upstream = self.upstream(lambda request, connection: answer(body=request.body or b"ok"))
        config = tls_config(upstream)
        config["listen"][0]["tls"]["http2"] = True
        proxy = self.edgehold(config)
        url = "https://127.0.0.1:%d/" % proxy.port
        self.assertEqual(self.curl(proxy, "--http1.0", "--no-alpn", url), ("200 1.1", "ok"))
        self.assertEqual(self.curl(proxy, "--http1.1", "-d", "x" * 5000, url), ("200 1.1", "x" * 5000))
        self.assertEqual(self.curl(proxy, "--http2", "-d", "y" * 5000, url), ("200 2", "y" * 5000))
        self.assertEqual(self.curl(proxy, "--http1.1", "-H", "Expect: 100-continue", "-d", "z", url),
                         ("200 1.1", "z"))
