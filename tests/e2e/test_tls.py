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
