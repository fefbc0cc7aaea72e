# SPDX-License-Identifier: Apache-2.0
"""Every example of conf/channels through the real binary: what `edgehold channel sign` makes passes
once, arrives as it was, and is refused with one byte changed."""
import http.client
import json
import re
import ssl
import urllib.parse

from harness import ROOT, Case, certificates

EXAMPLES = ROOT / "conf/channels"

# Secrets that have a form of their own; others may be any text.
SECRETS = {
}
# Only the platform has the key that signs for it.
UNSIGNABLE = set()


class ChannelCase(Case):
    def example(self, name, upstream):
        """The example as it stands, but for its address and its upstream's."""
        text = (EXAMPLES / (name + ".yaml")).read_text()
        text = text.replace('"0.0.0.0:8443"', '"127.0.0.1:0"')
        text = text.replace("http://127.0.0.1:18789", upstream.url)
        self.assertIn(upstream.url, text)
        certificate, key = certificates().leaf("agent.example")
        names = re.findall(r"\$\{env:(\w+)\}", text)
        return self.edgehold(
            text, files={"tls/cert.pem": certificate.read_text(), "tls/key.pem": key.read_text()},
            environment={n: SECRETS.get(n, "e2e-secret-of-" + n.lower()) for n in names})

    def sign(self, proxy, name, body=None):
        arguments = ["channel", "sign", name, "-c", str(proxy.config_path), "--json"]
        if body is not None:
            arguments += ["--body", str(proxy.write("event", body))]
        return json.loads(proxy.command(*arguments, admin=False).stdout)

    def send(self, proxy, request, body=None):
        """(status, body) of the answer to a signed request, or to one with another body."""
        context = ssl.create_default_context(cafile=str(certificates().ca))
        context.check_hostname = False
        url = urllib.parse.urlsplit(request["url"])
        connection = http.client.HTTPSConnection("127.0.0.1", proxy.port, context=context,
                                                 timeout=20)
        self.addCleanup(connection.close)
        octets = request["body"].encode() if body is None else body
        connection.putrequest(request["method"], url.path + ("?" + url.query if url.query else ""))
        for field, value in request["headers"]:
            connection.putheader(field, value)
        connection.putheader("Content-Length", str(len(octets)))
        connection.endheaders(octets)
        answer = connection.getresponse()
        return answer.status, answer.read()


class Channels(ChannelCase):
    def test_every_example_takes_what_its_platform_signs_and_nothing_else(self):
        names = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))
        self.assertGreater(len(names), 0)
        for name in names:
            if name in UNSIGNABLE:
                continue
            with self.subTest(name):
                self.takes_what_its_platform_signs(name)

    def takes_what_its_platform_signs(self, name):
        upstream = self.upstream()
        proxy = self.example(name, upstream)
        request = self.sign(proxy, name)
        octets = request["body"].encode()
        changed = octets.replace(octets[-3:-2], b"~", 1)
        status, answer = self.send(proxy, request, changed)
        self.assertIn(status, (400, 401, 403, 422), answer)
        self.assertEqual(upstream.requests, [])

        request = self.sign(proxy, name)
        status, answer = self.send(proxy, request)
        self.assertEqual(status, 200, answer)
        received = upstream.wait_for_requests(1)[0]
        self.assertEqual(received.body, request["body"].encode())
        self.assertEqual(received.get("x-edgehold-channel"), name)
        self.assertTrue(received.get("x-edgehold-event-type"))

        status, answer = self.send(proxy, request)
        self.assertIn(status, (200, 204), answer)
        self.assertEqual(len(upstream.requests), 1)
        lines = (proxy.dir / "state/audit.jsonl").read_text().splitlines()
        reasons = [json.loads(line)["reason"] for line in lines]
        self.assertEqual(reasons[1:], ["allowed", "duplicate"])
        self.assertNotEqual(reasons[0], "allowed")


class Qq(ChannelCase):
    def test_its_handshake_is_answered_here(self):
        upstream = self.upstream()
        proxy = self.example("qq", upstream)
        body = '{"op":13,"d":{"plain_token":"abc","event_ts":"1700000000"}}'
        status, answer = self.send(proxy, self.sign(proxy, "qq", body))
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(answer)["plain_token"], "abc")
        self.assertEqual(len(json.loads(answer)["signature"]), 128)
        self.assertEqual(upstream.requests, [])

    def test_it_signs_nothing_that_could_be_an_event(self):
        upstream = self.upstream()
        proxy = self.example("qq", upstream)
        body = '{"op":13,"d":{"plain_token":"{\\"op\\":0}","event_ts":"1700000000"}}'
        status, answer = self.send(proxy, self.sign(proxy, "qq", body))
        self.assertEqual(status, 400)
        self.assertNotIn(b"signature", answer)
