# SPDX-License-Identifier: Apache-2.0
"""What TLS says beyond secrecy: sessions that go on, who the client is, how long to insist on TLS."""
import re
import ssl
import subprocess

from harness import WAIT, Case, certificates, client_tls, plain_config, tls_config


def with_tls(upstream, filters=(), limits=None, **keys):
    config = tls_config(upstream, filters=filters, **({"limits": limits} if limits else {}))
    config["listen"][0]["tls"].update(keys)
    return config


class Sessions(Case):
    def meet(self, proxy, version, session):
        """(was it resumed, the next session) of a connection with one request."""
        client = self.client(proxy)
        context = self.contexts[version]
        client.sock = context.wrap_socket(client.sock, server_hostname="127.0.0.1", session=session)
        client.reader.sock = client.sock
        self.assertEqual(client.ask().status, 200)
        resumed = client.sock.session_reused, client.sock.session
        client.close()
        return resumed

    def setUp(self):
        self.contexts = {v: client_tls(v) for v in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)}

    def test_ticket_is_good_at_every_worker_and_after_a_reload(self):
        proxy = self.edgehold(dict(tls_config(self.upstream()), workers=4))
        for version in self.contexts:
            resumed, session = self.meet(proxy, version, None)
            self.assertFalse(resumed)
            for _ in range(8):
                resumed, session = self.meet(proxy, version, session)
                self.assertTrue(resumed, version)
            proxy.command("reload")
            self.assertTrue(self.meet(proxy, version, session)[0], version)

    def test_ticket_does_not_outlive_a_change_of_the_authorities(self):
        config = with_tls(self.upstream(), client_ca=str(certificates().ca),
                          client_certificate="optional")
        proxy = self.edgehold(config)
        version = ssl.TLSVersion.TLSv1_3
        _, session = self.meet(proxy, version, None)
        resumed, session = self.meet(proxy, version, session)
        self.assertTrue(resumed)
        config["listen"][0]["tls"]["client_ca"] = str(certificates().other_ca)
        proxy.configure(config)
        proxy.command("reload")
        self.assertFalse(self.meet(proxy, version, session)[0])


class Principals(Case):
    """Clients with certificates of the authority `other`."""

    def config(self, upstream, certificate="required", filters=()):
        return with_tls(upstream, filters, client_ca=str(certificates().other_ca),
                        client_certificate=certificate)

    def with_certificate(self, proxy, authority="other", name="agent-7.example"):
        context = client_tls()
        context.load_cert_chain(*certificates().leaf(name, authority=authority))
        return self.client(proxy, tls=context)

    def test_name_of_the_certificate_is_the_principal_everywhere(self):
        upstream = self.upstream()
        proxy = self.edgehold(self.config(upstream))
        client = self.with_certificate(proxy)
        fields = [("X-Edgehold-Principal", "cn:root"), ("x_edgehold_principal", "cn:root")]
        self.assertEqual(client.ask(fields=fields).status, 200)
        self.assertEqual(upstream.requests[0].all("x-edgehold-principal"), ["dns:agent-7.example"])
        self.assertNotIn(b"root", upstream.raw)
        self.assertEqual(proxy.audit(1)[0]["who"]["principal"], "dns:agent-7.example")

    def test_required_certificate_is_required(self):
        upstream = self.upstream()
        proxy = self.edgehold(self.config(upstream))
        for connect in (lambda: self.tls_client(proxy),
                        lambda: self.with_certificate(proxy, "ca")):
            with self.assertRaises((ssl.SSLError, ConnectionError, EOFError)):
                connect().ask()
        self.assertEqual(upstream.raw, b"")
        self.assertGreaterEqual(proxy.metrics()["edgehold_tls_handshake_failures_total"], 2)

    def test_route_asks_for_what_the_listener_leaves_open(self):
        upstream = self.upstream()
        proxy = self.edgehold(self.config(
            upstream, "optional", [{"mtls_identity": {"principals": ["dns:agent-7.example"]}}]))
        self.assertProblem(self.tls_client(proxy).ask(), 401, "credentials_invalid")
        other = self.with_certificate(proxy, name="agent-8.example")
        self.assertProblem(other.ask(), 401, "credentials_invalid")
        self.assertEqual(self.with_certificate(proxy).ask().status, 200)
        self.assertEqual(len(upstream.requests), 1)


class StrictTransportSecurity(Case):
    VALUE = "max-age=31536000; includeSubDomains; preload"

    def respond(self, request, connection):
        connection.send(b"HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=0\r\n"
                        b"strict-transport-security: max-age=1\r\nContent-Length: 0\r\n\r\n")

    def test_every_answer_over_tls_has_it_once(self):
        proxy = self.edgehold(with_tls(
            self.upstream(self.respond), [{"method_path": {"methods": ["GET"]}}],
            hsts={"max_age": "365d", "include_subdomains": True, "preload": True}))
        client = self.tls_client(proxy)
        for method, status in (("GET", 200), ("DELETE", 405)):
            response = client.ask(method)
            self.assertEqual(response.status, status)
            self.assertEqual(response.all("strict-transport-security"), [self.VALUE])
        malformed = self.tls_client(proxy)
        malformed.send(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n")
        self.assertEqual(malformed.head().all("strict-transport-security"), [self.VALUE])

    def test_no_answer_in_clear_text_has_it(self):
        proxy = self.edgehold(plain_config(self.upstream(self.respond)))
        self.assertEqual(self.client(proxy).ask().all("strict-transport-security"), [])

    def test_upstream_speaks_for_itself_where_nothing_is_said(self):
        proxy = self.edgehold(tls_config(self.upstream(self.respond)))
        response = self.tls_client(proxy).ask()
        self.assertEqual(response.all("strict-transport-security"), ["max-age=0", "max-age=1"])


class Stapling(Case):
    def response(self, certificate, folder, is_good=True):
        """An OCSP response of the test authority about `certificate`, made by openssl."""
        authority = certificates().ca
        serial = subprocess.run(
            ["openssl", "x509", "-in", str(certificate), "-noout", "-serial"], check=True,
            capture_output=True, text=True, timeout=WAIT).stdout.strip().split("=")[1]
        state, since = ("V", "") if is_good else ("R", "200101000000Z")
        (folder / "index").write_text(
            "\t".join((state, "391231235959Z", since, serial, "unknown", "/CN=x\n")))
        out = folder / "ocsp.der"
        subprocess.run(
            ["openssl", "ocsp", "-index", str(folder / "index"), "-rsigner", str(authority),
             "-rkey", str(authority.with_suffix(".key")), "-CA", str(authority), "-issuer",
             str(authority), "-cert", str(certificate), "-respout", str(out), "-ndays", "1"],
            check=True, capture_output=True, timeout=WAIT)
        return out

    def stapled(self, proxy):
        done = subprocess.run(
            ["openssl", "s_client", "-connect", "127.0.0.1:%d" % proxy.port, "-status"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WAIT, check=False)
        return re.search(r"OCSP [Rr]esponse: no response|Cert Status: (\w+)", done.stdout).group(1)

    def test_response_is_stapled_and_a_reload_takes_a_newer_one(self):
        leaf, key = certificates().leaf("stapled.example", "127.0.0.1")
        config = tls_config(self.upstream())
        proxy = self.edgehold(config, start=False)
        chain = proxy.write("chain.pem", leaf.read_text() + certificates().ca.read_text())
        old = self.response(leaf, proxy.dir, is_good=False)
        config["listen"][0]["tls"]["certificates"] = [
            {"certificate": str(chain), "key": str(key), "ocsp_file": str(old)}]
        proxy.configure(config)
        proxy.start()
        name = 'edgehold_ocsp_response_current{listener="127.0.0.1:0",file="%s"}' % old
        self.assertIsNone(self.stapled(proxy), "clients would refuse us")
        self.assertIn("is not stapled: the certificate is revoked", proxy.log)
        self.assertEqual(proxy.metrics()[name], 0)
        self.response(leaf, proxy.dir)
        proxy.command("reload")
        self.assertEqual(self.stapled(proxy), "good")
        self.assertEqual(proxy.metrics()[name], 1)

    def test_response_about_another_certificate_is_refused(self):
        leaf, key = certificates().leaf("stapled.example", "127.0.0.1")
        other, _ = certificates().leaf("other.example")
        config = tls_config(self.upstream())
        proxy = self.edgehold(config, start=False)
        chain = proxy.write("chain.pem", leaf.read_text() + certificates().ca.read_text())
        config["listen"][0]["tls"]["certificates"] = [
            {"certificate": str(chain), "key": str(key),
             "ocsp_file": str(self.response(other, proxy.dir))}]
        proxy.configure(config)
        proxy.spawn()
        self.assertEqual(proxy.process.wait(WAIT), 1)
        self.assertIn("is about another certificate", proxy.log)


class Handshakes(Case):
    def test_over_the_cap_of_handshakes_the_newest_is_closed_at_once(self):
        proxy = self.edgehold(with_tls(self.upstream(), limits={"handshakes_per_address": 3}))
        kept = self.tls_client(proxy)
        self.assertEqual(kept.ask().status, 200)
        silent = [self.client(proxy) for _ in range(3)]
        self.assertTrue(self.client(proxy).is_closed())
        other = self.client(proxy, tls=client_tls(), source="127.0.0.2")
        self.assertEqual(other.ask().status, 200)
        self.assertEqual(kept.ask().status, 200)
        self.assertEqual(
            proxy.metrics()['edgehold_overload_refusals_total{limit="handshakes"}'], 1)
        for client in silent:
            client.close()


class Shedding(Case):
    def test_who_has_few_connections_takes_the_place_of_an_idle_one_of_who_has_many(self):
        # One worker: who came first is then who was taken in first.
        proxy = self.edgehold(plain_config(self.upstream(), workers=1, limits={"connections": 6}))
        greedy = [self.client(proxy) for _ in range(6)]
        greedy[0].send(b"GET / HTTP/1.1\r\nHost:")  # half a head keeps no place
        for client in greedy[1:]:
            self.assertEqual(client.ask().status, 200)
        modest = [self.client(proxy, source="127.0.0.2") for _ in range(2)]
        for client in modest:
            self.assertEqual(client.ask().status, 200)
        self.assertTrue(greedy[0].is_closed(), "the oldest went first")
        self.assertTrue(greedy[1].is_closed())
        for client in greedy[2:] + modest:
            self.assertEqual(client.ask().status, 200)
        self.assertEqual(proxy.metrics()["edgehold_connections_shed_total"], 2)

    def test_what_is_under_way_is_never_shed(self):
        def slow(request, connection):
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na")
        proxy = self.edgehold(plain_config(self.upstream(slow), limits={"connections": 3}))
        greedy = [self.client(proxy) for _ in range(3)]
        for client in greedy:
            client.request()
            self.assertEqual(client.head().status, 200)
        modest = self.client(proxy, source="127.0.0.2")
        self.assertProblem(modest.ask(), 503, "overloaded")
        self.assertEqual(proxy.metrics()["edgehold_connections_shed_total"], 0)
