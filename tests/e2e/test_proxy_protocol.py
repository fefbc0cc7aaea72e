# SPDX-License-Identifier: Apache-2.0
"""The PROXY protocol: whom a trusted proxy announces is the client, and nobody else may say so."""
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from harness import Case, Client, client_tls, plain_config, tls_config, wait_for

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def v1(source="203.0.113.7", port=4711):
    return b"PROXY TCP4 %s 192.0.2.1 %d 443\r\n" % (source.encode(), port)


def v2(source="203.0.113.7", port=4711, command=0x21, vectors=b""):
    block = (socket.inet_aton(source) + socket.inet_aton("192.0.2.1") + port.to_bytes(2, "big")
             + (443).to_bytes(2, "big") + vectors)
    return SIGNATURE + bytes([command, 0x11]) + len(block).to_bytes(2, "big") + block


def behind_proxy(config, peers="required"):
    config["listen"][0]["proxy_protocol"] = peers
    config.setdefault("trusted_proxies", ["127.0.0.1/32"])
    return config


class ProxyProtocol(Case):
    def faults(self, proxy, kind):
        return proxy.metrics()['edgehold_proxy_header_refusals_total{kind="%s"}' % kind]

    def talk(self, proxy, octets):
        """What comes back for `octets` on a connection of its own."""
        client = self.client(proxy)
        client.send(octets)
        try:
            return client.reader.rest()
        except ConnectionError:
            return client.reader.raw

    def test_announced_client_is_the_one_that_is_decided_on_and_recorded(self):
        upstream = self.upstream()
        proxy = self.edgehold(behind_proxy(plain_config(
            upstream, [{"ip_access": {"deny": ["203.0.113.66"]}}])))
        self.assertIn(b" 200 ", self.talk(proxy, v1() + REQUEST))
        self.assertIn(b" 200 ", self.talk(proxy, v2("203.0.113.8") + REQUEST))
        self.assertIn(b" 403 ", self.talk(proxy, v2("203.0.113.66") + REQUEST))
        self.assertEqual([r.get("x-forwarded-for") for r in upstream.requests],
                         ["203.0.113.7", "203.0.113.8"])
        self.assertEqual([r["who"]["address"] for r in proxy.audit(3)],
                         ["203.0.113.7", "203.0.113.8", "203.0.113.66"])

    def test_announced_client_is_not_believed_about_another(self):
        upstream = self.upstream()
        proxy = self.edgehold(behind_proxy(plain_config(upstream)))
        lie = REQUEST.replace(b"Host", b"X-Forwarded-For: 198.51.100.1\r\nHost")
        self.talk(proxy, v2() + lie)
        self.talk(proxy, b"PROXY UNKNOWN\r\n" + lie)
        self.talk(proxy, v2(command=0x20) + lie)
        self.assertEqual([r.get("x-forwarded-for") for r in upstream.requests],
                         ["203.0.113.7", "127.0.0.1", "198.51.100.1"],
                         "only what the proxy says for itself (LOCAL) is")

    def test_header_stands_before_tls_and_may_come_byte_by_byte(self):
        proxy = self.edgehold(behind_proxy(tls_config(self.upstream())))
        for header in (v1(), v2()):
            raw = socket.create_connection(("127.0.0.1", proxy.port), timeout=20)
            self.addCleanup(raw.close)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(len(header)):
                raw.sendall(header[at:at + 1])
            with client_tls().wrap_socket(raw, server_hostname="127.0.0.1") as sock:
                sock.sendall(REQUEST)
                self.assertIn(b" 200 ", sock.recv(65536))

    def test_wrong_headers_are_closed_unanswered_and_counted(self):
        upstream = self.upstream()
        proxy = self.edgehold(behind_proxy(plain_config(upstream)))
        for kind, octets in (
                ("missing", REQUEST), ("missing", b"\x16\x03\x01\0\0"),
                ("malformed", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n" + REQUEST),
                ("malformed", v2(command=0x22) + REQUEST),
                ("malformed", v2(vectors=b"\x03\0\4abcd") + REQUEST),
                ("too_large", b"PROXY UNKNOWN " + b"x" * 100), ("too_large", v2(vectors=b"\0" * 3000))):
            before = self.faults(proxy, kind)
            self.assertEqual(self.talk(proxy, octets), b"", octets)
            self.assertEqual(self.faults(proxy, kind), before + 1, octets)
        self.assertEqual(upstream.raw, b"")
        self.assertEqual(proxy.audit(), [])

    def test_half_a_header_has_a_deadline_and_a_cut_one_is_counted(self):
        proxy = self.edgehold(behind_proxy(plain_config(self.upstream(),
                                                        timeouts={"handshake": "300ms"})))
        client = self.client(proxy)
        client.send(v1()[:-1])
        begun = time.monotonic()
        self.assertTrue(client.is_closed())
        self.assertLess(time.monotonic() - begun, 10)
        self.assertEqual(self.faults(proxy, "late"), 1)
        cut = self.client(proxy)
        cut.send(v2()[:20])
        cut.sock.shutdown(socket.SHUT_WR)
        self.assertTrue(cut.is_closed())
        self.assertEqual(self.faults(proxy, "late"), 2)
        silent = self.client(proxy)
        self.assertTrue(silent.is_closed())
        self.assertEqual(self.faults(proxy, "late"), 3)
        self.assertEqual(self.faults(proxy, "missing"), 0)

    def test_peer_that_is_no_trusted_proxy_is_closed_and_counted(self):
        proxy = self.edgehold(behind_proxy(plain_config(self.upstream()),
                                           {"from": ["198.51.100.0/24"]}))
        self.assertEqual(self.talk(proxy, v1() + REQUEST), b"")
        self.assertEqual(self.faults(proxy, "untrusted"), 1)

    def test_cap_of_an_address_counts_the_announced_one(self):
        proxy = self.edgehold(behind_proxy(plain_config(
            self.upstream(), limits={"connections_per_address": 2})))
        kept = []
        for _ in range(2):
            kept.append(self.client(proxy))
            kept[-1].send(v1())
            self.assertEqual(kept[-1].ask().status, 200)
        self.assertIn(b" 503 ", self.talk(proxy, v1(port=9) + REQUEST))
        self.assertIn(b" 200 ", self.talk(proxy, v1("203.0.113.8") + REQUEST))
        for client in kept:
            client.close()
        wait_for(lambda: b" 200 " in self.talk(proxy, v1() + REQUEST), "the places are free again")

    def test_drain_does_not_wait_for_who_was_never_announced(self):
        proxy = self.edgehold(behind_proxy(plain_config(self.upstream(),
                                                        timeouts={"handshake": "500ms"})))
        client = self.client(proxy)
        client.send(v1()[:5])
        self.assertEqual(proxy.stop(), 0)

    def test_haproxy_announces_its_clients(self):
        """Goal: what others write is understood. Method: HAProxy in TCP mode before a TLS listener,
        with each version."""
        haproxy = shutil.which("haproxy") or "/usr/sbin/haproxy"
        upstream = self.upstream()
        proxy = self.edgehold(behind_proxy(tls_config(upstream)))
        for options in ("send-proxy", "send-proxy-v2",
                        "send-proxy-v2 proxy-v2-options crc32c,unique-id"):
            client = self.through_haproxy(haproxy, proxy.port, options)
            self.assertEqual(client.ask().status, 200, options)
        self.assertEqual({r.get("x-forwarded-for") for r in upstream.requests}, {"127.0.0.2"})

    def through_haproxy(self, haproxy, port, options):
        folder = tempfile.TemporaryDirectory(prefix="edgehold-haproxy-")
        self.addCleanup(folder.cleanup)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            own = probe.getsockname()[1]
        config = Path(folder.name) / "haproxy.cfg"
        config.write_text(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n"
            "frontend in\n bind 127.0.0.1:%d\n unique-id-format %%ci-%%pid\n default_backend out\n"
            "backend out\n server e 127.0.0.1:%d %s\n" % (own, port, options))
        process = subprocess.Popen([haproxy, "-db", "-f", str(config)], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait, 20)
        self.addCleanup(process.kill)

        def connected():
            raw = socket.socket()
            raw.settimeout(20)
            raw.bind(("127.0.0.2", 0))
            try:
                raw.connect(("127.0.0.1", own))
                return raw
            except OSError:
                raw.close()
                return None
        raw = wait_for(connected, "HAProxy listens")
        self.assertIsNone(process.poll())
        client = Client(over=raw, tls=client_tls())
        self.addCleanup(client.close)
        return client
