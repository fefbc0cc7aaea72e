# SPDX-License-Identifier: Apache-2.0
"""TLS towards clients: versions, ALPN, names, and connections that never speak."""
import socket
import ssl

from harness import Case, certificates, client_tls, tls_config


class Tls(Case):
    def test_tls_12_and_13_are_served(self):
        proxy = self.edgehold(tls_config(self.upstream()))
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                              (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            client = self.tls_client(proxy, version=version)
            self.assertEqual(client.sock.version(), name)
            self.assertEqual(client.ask().status, 200)

    def everything(self, proxy, octets):
        """(all that comes, whether it ended with close_notify) on a connection of its own."""
        raw = socket.create_connection(("127.0.0.1", proxy.port), timeout=20)
        sock = client_tls().wrap_socket(raw, server_hostname="127.0.0.1",
                                        suppress_ragged_eofs=False)
        self.addCleanup(sock.close)
        sock.sendall(octets)
        got = b""
        try:
            while piece := sock.recv(65536):
                got += piece
        except (ssl.SSLError, ConnectionError):
            return got, False
        return got, True

    def test_answer_that_ends_with_the_connection_ends_with_close_notify(self):
        def respond(request, connection):
            connection.send(b"HTTP/1.1 200 OK\r\n\r\nwhole")
            return False
        proxy = self.edgehold(tls_config(self.upstream(respond)))
        octets, is_ended = self.everything(proxy, b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        self.assertTrue(octets.endswith(b"\r\n\r\nwhole"), octets)
        self.assertTrue(is_ended)

    def test_answer_that_broke_off_ends_without_close_notify(self):
        def respond(request, connection):
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n")
            return False
        proxy = self.edgehold(tls_config(self.upstream(respond)))
        octets, is_ended = self.everything(proxy, b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        self.assertNotIn(b"Transfer-Encoding", octets)
        self.assertFalse(is_ended)

    def test_refusal_reaches_a_client_that_still_sends(self):
        proxy = self.edgehold(tls_config(self.upstream()))
        octets, is_ended = self.everything(
            proxy, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3000000)
        self.assertTrue(octets.startswith(b"HTTP/1.1 413 "), octets[:100])
        self.assertTrue(is_ended)

    def test_clear_text_on_the_tls_port_gets_nothing(self):
        upstream = self.upstream()
        proxy = self.edgehold(tls_config(upstream))
        client = self.client(proxy)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertNotIn(b"HTTP/1.1", client.reader.rest())
        self.assertEqual(upstream.raw, b"")

    def test_tls_11_is_refused(self):
        proxy = self.edgehold(tls_config(self.upstream()))
        context = client_tls(verify=False)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.client(proxy, tls=context)

    def test_alpn_chooses_http11(self):
        client = self.tls_client(self.edgehold(tls_config(self.upstream())))
        self.assertEqual(client.sock.selected_alpn_protocol(), "http/1.1")

    def test_certificate_follows_the_name(self):
        leaves = [certificates().leaf("first.example"), certificates().leaf("second.example"),
                  certificates().leaf("*.wild.example")]
        proxy = self.edgehold(tls_config(self.upstream(), *leaves))
        for asked, expected in (("first.example", "first.example"),
                                ("second.example", "second.example"),
                                ("a.wild.example", "*.wild.example")):
            client = self.tls_client(proxy, name=asked)  # verifies the name
            names = [v for _, v in client.sock.getpeercert()["subjectAltName"]]
            self.assertEqual(names, [expected])

    def test_unknown_name_gets_the_first_certificate(self):
        leaves = [certificates().leaf("first.example"), certificates().leaf("second.example")]
        proxy = self.edgehold(tls_config(self.upstream(), *leaves))
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.tls_client(proxy, name="third.example")
        self.assertEqual(self.tls_client(proxy, verify=False, name="third.example").ask().status,
                         200)

    def test_forwarded_proto_says_https(self):
        upstream = self.upstream()
        self.tls_client(self.edgehold(tls_config(upstream))).ask()
        self.assertEqual(upstream.requests[0].all("x-forwarded-proto"), ["https"])

    def test_clear_text_on_the_tls_port_is_closed(self):
        proxy = self.edgehold(tls_config(self.upstream()))
        client = self.client(proxy)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.sock.settimeout(20)
        try:
            self.assertNotIn(b"HTTP/1.1 200", client.reader.rest())
        except ConnectionError:
            pass
        self.assertEqual(self.tls_client(proxy).ask().status, 200)

    def test_handshake_that_stalls_is_cut(self):
        config = tls_config(self.upstream(), timeouts={"handshake": "300ms"})
        proxy = self.edgehold(config)
        with socket.create_connection(("127.0.0.1", proxy.port), 20) as silent:
            silent.sendall(b"\x16\x03\x01")
            try:
                while silent.recv(100):
                    pass
            except ConnectionError:
                pass
        self.assertEqual(self.tls_client(proxy).ask().status, 200)
