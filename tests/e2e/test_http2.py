# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 towards clients, as other people's clients speak it: curl, nghttp, h2load."""
import re
import subprocess
import tempfile

from harness import Case, answer, certificates, client_tls, plain_config, tls_config

SECONDS = 60


class Http2(Case):
    def curl(self, proxy, *arguments, path="/"):
        """(status, HTTP version, body) as curl saw them."""
        done = subprocess.run(
            ["curl", "-sS", "--http2", "--max-time", str(SECONDS), "--cacert",
             str(certificates().ca), "-w", "\n%{http_code} %{http_version}", *arguments,
             "https://127.0.0.1:%d%s" % (proxy.port, path)],
            capture_output=True, timeout=2 * SECONDS, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        body, _, tail = done.stdout.rpartition(b"\n")
        status, version = tail.decode().split()
        return int(status), version, body

    def test_curl_speaks_http2(self):
        upstream = self.upstream()
        proxy = self.edgehold(tls_config(upstream))
        self.assertEqual(self.curl(proxy, path="/a?b=c"), (200, "2", b"ok"))
        self.assertEqual(upstream.requests[0].target, "/a?b=c")
        self.assertEqual(upstream.requests[0].all("x-forwarded-proto"), ["https"])

    def test_bodies_of_both_directions_arrive_whole(self):
        large = bytes(i % 251 for i in range(700_000))
        upstream = self.upstream(lambda request, connection: answer(body=request.body))
        proxy = self.edgehold(tls_config(upstream))
        with tempfile.NamedTemporaryFile() as source:
            source.write(large)
            source.flush()
            got = self.curl(proxy, "--data-binary", "@" + source.name)
        self.assertEqual(got, (200, "2", large))

    def test_head_has_no_content(self):
        proxy = self.edgehold(tls_config(self.upstream()))
        status, version, body = self.curl(proxy, "-I")
        self.assertEqual((status, version), (200, "2"))
        self.assertIn(b"content-length: 2", body)

    def test_refusal_is_an_answer(self):
        upstream = self.upstream()
        proxy = self.edgehold(tls_config(upstream))
        status, version, body = self.curl(proxy, "--path-as-is", path="/a/../b")
        self.assertEqual((status, version), (400, "2"))
        self.assertIn(b"target_not_canonical", body)
        self.assertEqual(upstream.raw, b"")

    def test_http2_is_offered_unless_the_configuration_says_no(self):
        config = tls_config(self.upstream())
        config["listen"][0]["tls"]["http2"] = False
        self.assertEqual(self.curl(self.edgehold(config))[:2], (200, "1.1"))

    def test_curl_knows_beforehand_in_clear_text_where_it_is_configured(self):
        config = plain_config(self.upstream())
        config["listen"][0]["http2"] = True
        url = "http://127.0.0.1:%d/" % self.edgehold(config).port
        for option, version in (("--http2-prior-knowledge", "2"), ("--http1.1", "1.1"),
                                ("--http2", "1.1")):
            done = subprocess.run(["curl", "-sS", option, "--max-time", str(SECONDS), "-o",
                                   "/dev/null", "-w", "%{http_code} %{http_version}", url],
                                  capture_output=True, timeout=2 * SECONDS, check=False)
            if option == "--http2":  # Upgrade: h2c is refused (RFC 9113 3.1)
                self.assertEqual(done.stdout, b"400 1.1", done.stderr)
            else:
                self.assertEqual(done.stdout, b"200 " + version.encode(), done.stderr)

    def test_alpn_prefers_http2(self):
        context = client_tls()
        context.set_alpn_protocols(["http/1.1", "h2"])
        client = self.client(self.edgehold(tls_config(self.upstream())), tls=context)
        self.assertEqual(client.sock.selected_alpn_protocol(), "h2")

    def test_nghttp_asks_many_at_a_time(self):
        proxy = self.edgehold(tls_config(self.upstream()))
        urls = ["https://127.0.0.1:%d/%d" % (proxy.port, i) for i in range(20)]
        done = subprocess.run(["nghttp", "-nsv", "--no-verify-peer", *urls], capture_output=True,
                              timeout=SECONDS, check=True)
        text = done.stdout.decode()
        self.assertEqual(len(re.findall(r":status: 200", text)), 20)
        self.assertIn("SETTINGS_MAX_CONCURRENT_STREAMS(0x03):100", text)
        self.assertNotIn("RST_STREAM", text)

    def test_h2load_finds_every_answer(self):
        proxy = self.edgehold(tls_config(self.upstream()))
        done = subprocess.run(
            ["h2load", "-n", "400", "-c", "4", "-m", "20", "https://127.0.0.1:%d/" % proxy.port],
            capture_output=True, timeout=SECONDS, check=True)
        self.assertIn("400 succeeded, 0 failed, 0 errored, 0 timeout", done.stdout.decode())
