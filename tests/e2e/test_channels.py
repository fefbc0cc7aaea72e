# SPDX-License-Identifier: Apache-2.0
"""Every example of conf/channels through the real binary: what `edgehold channel sign` makes passes
once, arrives as it was, and is refused with one byte changed."""
import base64
import hashlib
import http.client
import json
import re
import ssl
import subprocess
import tempfile
import time
import unittest
import urllib.parse
from pathlib import Path

from harness import PLAIN_BINARY, ROOT, Case, answer, certificates

EXAMPLES = ROOT / "conf/channels"
FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))

# Secrets that have a form of their own; others may be any text.
SECRETS = {
    "STANDARD_WEBHOOKS_SECRET": "whsec_DhxnZIRDF7baseRpdjM1rvBIlhAcL6F0",
    "TEAMS_OUTGOING_TOKEN": "0sZHIHhdnavc9K53W021/RxS3rBfpdGUQ5i4FaeFM7o=",
    "DINGTALK_AES_KEY": "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
    "WECHAT_AES_KEY": "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
    "WECOM_AES_KEY": "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
    "WECOM_BOT_AES_KEY": "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
}
# For platforms that sign with private keys: of which kind a key of ours is made.
SIGNING_KEYS = {"discord": "ed25519", "teams": "rsa"}


# Of the example for Teams, whose keys are fetched else.
FROM_A_FILE = [("          jwks: {", "          # jwks: {"), ("# jwks_file", "jwks_file")]


class ChannelCase(Case):
    def example(self, name, upstream, changes=(), files=None, environment=None, **more):
        """The example as it stands, but for its address, its upstream's, and `changes` of text."""
        text = (EXAMPLES / (name + ".yaml")).read_text()
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        text = text.replace('"0.0.0.0:8443"', '"127.0.0.1:0"')
        text = text.replace("http://127.0.0.1:18789", upstream.url)
        self.assertIn(upstream.url, text)
        certificate, key = certificates().leaf("agent.example")
        names = re.findall(r"\$\{env:(\w+)\}", text)
        return self.edgehold(
            text, files={"tls/cert.pem": certificate.read_text(), "tls/key.pem": key.read_text(),
                         **(files or {})},
            environment={**{n: SECRETS.get(n, "e2e-secret-of-" + n.lower()) for n in names},
                         **(environment or {})}, **more)

    def sign(self, proxy, name, body=None, key=None):
        arguments = ["channel", "sign", name, "-c", str(proxy.config_path), "--json"]
        if body is not None:
            arguments += ["--body", str(proxy.write("event", body))]
        if key is not None:
            arguments += ["--signing-key", str(key)]
        return json.loads(proxy.command(*arguments, admin=False).stdout)

    def signing_key(self, algorithm):
        key = self.folder() / "key.pem"
        self.openssl("genpkey", "-algorithm", algorithm, "-out", str(key))
        return key

    def ed25519_public(self, key):
        return self.openssl("pkey", "-in", str(key), "-pubout", "-outform", "DER")[-32:]

    def rsa_jwk(self, key, name):
        modulus = self.openssl("rsa", "-in", str(key), "-noout", "-modulus").decode()
        octets = bytes.fromhex(modulus.strip().partition("=")[2])
        return {"kty": "RSA", "kid": name, "e": "AQAB", "endorsements": ["msteams"],
                "n": base64.urlsafe_b64encode(octets).rstrip(b"=").decode()}

    def listed(self, name, key):
        """What changes of an example when it lists our key beside the platform's."""
        if name == "discord":
            example = (EXAMPLES / "discord.yaml").read_text()
            platform = re.search(r'"[0-9a-f]{64}"', example).group()
            mine = '"%s"' % self.ed25519_public(key).hex()
            return {"changes": [(platform, platform + ", " + mine)]}
        keys = {"keys": [self.rsa_jwk(self.signing_key("rsa"), "platform"),
                         self.rsa_jwk(key, "mine")]}
        return {"changes": FROM_A_FILE, "files": {"teams-keys.json": json.dumps(keys)}}

    def send(self, proxy, request, body=None):
        """(status, body) of the answer to a signed request, or to one with another body."""
        answer = self.ask(proxy, request, body)
        return answer.status, answer.content

    def ask(self, proxy, request, body=None):
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
        answer.content = answer.read()
        return answer

    def request(self, proxy, path, headers, body, method="POST"):
        """As sign() gives one, for keys that only the platform has."""
        url = "https://127.0.0.1:%d%s" % (proxy.port, path)
        return {"method": method, "url": url, "headers": headers, "body": body}

    def openssl(self, *arguments):
        return subprocess.run(["openssl", *arguments], check=True, timeout=20,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    def folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return Path(folder.name)


class Channels(ChannelCase):
    def test_every_example_takes_what_its_platform_signs_and_nothing_else(self):
        names = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))
        self.assertGreater(len(names), 0)
        for name in names:
            with self.subTest(name):
                self.takes_what_its_platform_signs(name)

    def takes_what_its_platform_signs(self, name):
        upstream = self.upstream()
        key = self.signing_key(SIGNING_KEYS[name]) if name in SIGNING_KEYS else None
        proxy = self.example(name, upstream, **(self.listed(name, key) if key else {}))
        request = self.sign(proxy, name, key=key)
        octets = request["body"].encode()
        changed = octets.replace(octets[-3:-2], b"~", 1)
        status, answer = self.send(proxy, request, changed)
        self.assertIn(status, (400, 401, 403, 422), answer)
        self.assertEqual(upstream.requests, [])

        request = self.sign(proxy, name, key=key)
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


    def test_a_key_that_is_not_listed_signs_nothing_and_is_told_how_to_be(self):
        for name, kind in SIGNING_KEYS.items():
            with self.subTest(name):
                key = self.signing_key(kind)
                listed = self.listed(name, self.signing_key(kind))
                proxy = self.example(name, self.upstream(), start=False, **listed)
                done = proxy.command("channel", "sign", name, "-c", str(proxy.config_path),
                                     "--signing-key", str(key), admin=False, check=False)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                told = (self.ed25519_public(key).hex() if kind == "ed25519"
                        else self.rsa_jwk(key, "")["n"])
                self.assertIn(told, done.stderr)
                self.assertNotIn(key.read_text().split("\n")[1], done.stderr)


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


class Slack(ChannelCase):
    def test_its_challenge_is_answered_here(self):
        upstream = self.upstream()
        proxy = self.example("slack", upstream)
        request = self.sign(proxy, "slack", '{"type":"url_verification","challenge":"abc"}')
        self.assertEqual(self.send(proxy, request), (200, b"abc"))
        forged = self.send(proxy, request, b'{"type":"url_verification","challenge":"abd"}')
        self.assertEqual(forged[0], 401)
        self.assertEqual(upstream.requests, [])

    def test_a_slash_command_arrives_as_it_was_sent(self):
        upstream = self.upstream()
        proxy = self.example("slack", upstream)
        body = "command=%2Fask&text=a+b&trigger_id=1.2&channel_id=C1&user_id=U1"
        self.assertEqual(self.send(proxy, self.sign(proxy, "slack", body))[0], 200)
        received = upstream.wait_for_requests(1)[0]
        self.assertEqual(received.body, body.encode())
        self.assertEqual(received.get("x-edgehold-event-type"), "slash_command")
        self.assertEqual(received.get("x-edgehold-group"), "C1")
        self.assertEqual(received.get("x-edgehold-sender"), "U1")


class Line(ChannelCase):
    def test_the_consoles_verification_is_answered_here(self):
        upstream = self.upstream()
        proxy = self.example("line", upstream)
        request = self.sign(proxy, "line", '{"destination":"U","events":[]}')
        self.assertEqual(self.send(proxy, request), (200, b""))
        self.assertEqual(upstream.requests, [])


class Telegram(ChannelCase):
    def test_another_body_under_the_same_update_is_refused(self):
        upstream = self.upstream()
        proxy = self.example("telegram", upstream)
        request = self.sign(proxy, "telegram", '{"update_id":7,"message":{"text":"a"}}')
        self.assertEqual(self.send(proxy, request)[0], 200)
        forged = b'{"update_id":7,"message":{"text":"b"}}'
        self.assertEqual(self.send(proxy, request, forged)[0], 401)
        self.assertEqual(len(upstream.requests), 1)


class Github(ChannelCase):
    def test_a_delivery_under_another_id_is_a_duplicate(self):
        upstream = self.upstream()
        proxy = self.example("github", upstream)
        request = self.sign(proxy, "github")
        self.assertEqual(self.send(proxy, request)[0], 200)
        for pair in request["headers"]:
            if pair[0] == "X-GitHub-Delivery":
                pair[1] = "another"
        self.assertEqual(self.send(proxy, request), (200, b""))
        self.assertEqual(len(upstream.requests), 1)


class Whatsapp(ChannelCase):
    def test_a_subscription_is_answered_here(self):
        upstream = self.upstream()
        proxy = self.example("whatsapp", upstream)
        target = "/whatsapp/webhook?hub.mode=subscribe&hub.challenge=74763&hub.verify_token="
        token = proxy.environment["WHATSAPP_VERIFY_TOKEN"]
        good = self.request(proxy, target + token, [], "", "GET")
        self.assertEqual(self.send(proxy, good), (200, b"74763"))
        wrong = self.request(proxy, target + token + "x", [], "", "GET")
        self.assertEqual(self.send(proxy, wrong)[0], 401)
        self.assertEqual(upstream.requests, [])


class Discord(ChannelCase):
    def test_pings_and_forgeries_are_answered_here_and_interactions_pass(self):
        key = self.signing_key("ed25519")
        upstream = self.upstream()
        proxy = self.example("discord", upstream, **self.listed("discord", key))
        ping = self.sign(proxy, "discord", '{"id":"1","type":1}', key)
        self.assertEqual(self.send(proxy, ping), (200, b'{"type":1}'))
        for _ in range(70):  # more than would be borne elsewhere
            self.assertEqual(self.send(proxy, ping, b'{"id":"2","type":1}')[0], 401)
        event = self.ask(proxy, self.sign(proxy, "discord", '{"version":1,"type":0}', key))
        self.assertEqual((event.status, event.content), (204, b""))
        self.assertEqual(event.getheader("Content-Type"), "application/json")
        self.assertIsNone(event.getheader("Content-Length"))
        self.assertEqual(upstream.requests, [])
        command = self.sign(proxy, "discord", '{"id":"7","type":2,"guild_id":"g"}', key)
        self.assertEqual(self.send(proxy, command)[0], 200)
        received = upstream.wait_for_requests(1)[0]
        self.assertEqual(received.get("x-edgehold-event-type"), "APPLICATION_COMMAND")
        self.assertEqual(received.get("x-edgehold-group"), "g")


class Teams(ChannelCase):
    SERVICE = "https://smba.trafficmanager.net/emea/"
    APP = "00000000-0000-0000-0000-000000000000"

    @staticmethod
    def encode(octets):
        return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()

    def make_key(self, name="k1"):
        """A key of the connector, and how it publishes it."""
        self.dir = self.folder()
        self.key, self.key_name = self.signing_key("rsa"), name
        return json.dumps({"keys": [self.rsa_jwk(self.key, name)]})

    def token(self, **changes):
        now = int(time.time())
        claims = {"iss": "https://api.botframework.com", "aud": self.APP, "nbf": now - 60,
                  "exp": now + 600, "serviceurl": self.SERVICE, **changes}
        header = {"alg": "RS256", "typ": "JWT", "kid": self.key_name}
        text = ".".join(self.encode(json.dumps(part).encode()) for part in (header, claims))
        message = self.dir / "message"
        message.write_text(text)
        return text + "." + self.encode(self.openssl("dgst", "-sha256", "-sign", str(self.key),
                                                     str(message)))

    def activity(self, proxy, token, text="hello", name="1"):
        body = {"type": "message", "id": name, "channelId": "msteams", "serviceUrl": self.SERVICE,
                "conversation": {"id": "19:c"}, "from": {"id": "29:1"}, "text": text}
        return self.request(proxy, "/api/messages", [
            ("Content-Type", "application/json"), ("Authorization", "Bearer " + token)],
            json.dumps(body))

    def lets_one_body_in(self, proxy, upstream):
        for claims in ({"aud": "another"}, {"iss": "https://evil.example"}, {"exp": 1700000000},
                       {"serviceurl": "https://evil.example/"}):
            refused = self.send(proxy, self.activity(proxy, self.token(**claims)))
            self.assertEqual(refused[0], 403, claims)
        self.assertEqual(upstream.requests, [])
        token = self.token()
        self.assertEqual(self.send(proxy, self.activity(proxy, token))[0], 200)
        received = upstream.wait_for_requests(1)[0]
        self.assertEqual(received.get("x-edgehold-group"), "19:c")
        forged = self.send(proxy, self.activity(proxy, token, "forged"))
        self.assertEqual(forged[0], 403)
        self.assertEqual(self.send(proxy, self.activity(proxy, token)), (200, b""))
        self.assertEqual(len(upstream.requests), 1)

    def published(self, upstream, **more):
        """The example with a connector of our own, whose last key set counts."""
        self.keys = [self.make_key()]
        self.connector = self.upstream(
            lambda request, _: self.keys[-1] and answer(body=self.keys[-1].encode()))
        return self.example("teams", upstream,
                            [("https://login.botframework.com", self.connector.url)], **more)

    def test_a_token_of_the_connector_lets_one_body_in(self):
        upstream = self.upstream()
        proxy = self.published(upstream)
        self.lets_one_body_in(proxy, upstream)
        self.assertEqual([r.target for r in self.connector.requests], ["/v1/.well-known/keys"])

    def test_keys_may_come_from_a_file(self):
        upstream = self.upstream()
        keys = self.make_key()
        proxy = self.example("teams", upstream, FROM_A_FILE, files={"teams-keys.json": keys})
        self.lets_one_body_in(proxy, upstream)

    def test_without_keys_nobody_is_let_in_and_the_platform_is_asked_to_come_again(self):
        upstream = self.upstream()
        proxy = self.published(upstream)
        self.keys.append(False)  # hangs up
        status, body = self.send(proxy, self.activity(proxy, self.token()))
        self.assertEqual((status, json.loads(body)["reason"]), (503, "secret_unavailable"))
        self.assertEqual(upstream.requests, [])
        self.keys.pop()
        self.assertEqual(self.send(proxy, self.activity(proxy, self.token()))[0], 200)

    def test_a_key_that_is_not_known_is_asked_for_once_in_a_while(self):
        upstream = self.upstream()
        proxy = self.published(upstream)
        self.assertEqual(self.send(proxy, self.activity(proxy, self.token()))[0], 200)
        self.keys.append(self.make_key("k2"))
        for name in ("2", "3"):
            refused = self.send(proxy, self.activity(proxy, self.token(), name=name))
            self.assertEqual(refused[0], 403)
        self.assertEqual(len(self.connector.requests), 1)
        self.assertEqual(len(upstream.requests), 1)

    @unittest.skipUnless(FAKETIME, "libfaketime is not installed")
    def test_a_key_that_is_new_is_fetched(self):
        # Half a minute later, by a clock that jumps; the library is not one for sanitizers.
        folder = self.folder()
        offset, fresh = folder / "offset", folder / "fresh"
        offset.write_text("+0s")
        upstream = self.upstream()
        proxy = self.published(upstream, binary=PLAIN_BINARY, environment={
            "LD_PRELOAD": str(FAKETIME[0]), "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_NO_CACHE": "1"})
        self.assertEqual(self.send(proxy, self.activity(proxy, self.token()))[0], 200)
        self.keys.append(self.make_key("k2"))
        fresh.write_text("+31s")
        fresh.rename(offset)
        self.assertEqual(self.send(proxy, self.activity(proxy, self.token(), name="2"))[0], 200)
        self.assertEqual(len(self.connector.requests), 2)


class Encrypting(ChannelCase):
    def test_dingtalk_is_told_an_encrypted_success_whatever_the_upstream_says(self):
        upstream = self.upstream()
        proxy = self.example("dingtalk_event", upstream)
        for count, body in enumerate(['{"EventType":"check_url"}', None]):
            status, answer = self.send(proxy, self.sign(proxy, "dingtalk_event", body))
            self.assertEqual(status, 200)
            self.assertEqual(sorted(json.loads(answer)),
                             ["encrypt", "msg_signature", "nonce", "timeStamp"])
            self.assertEqual(len(upstream.requests), count)

    def test_feishu_gets_its_challenge_back(self):
        upstream = self.upstream()
        proxy = self.example("feishu", upstream)
        body = '{"type":"url_verification","token":"e2e-secret-of-feishu_token","challenge":"abc"}'
        status, answer = self.send(proxy, self.sign(proxy, "feishu", body))
        self.assertEqual((status, json.loads(answer)), (200, {"challenge": "abc"}))
        self.assertEqual(upstream.requests, [])

    def test_wechat_gets_its_echostr_back_as_a_plain_word_only(self):
        upstream = self.upstream()
        proxy = self.example("wechat", upstream)
        now = str(int(time.time()))
        parts = sorted(["e2e-secret-of-wechat_token", now, "n0nce"])
        signature = hashlib.sha1("".join(parts).encode()).hexdigest()
        for echo, answers in (("4375120948345356249", (200, b"4375120948345356249")),
                              ("%3Cscript%3E", (400, None))):
            url = "https://x/wechat?signature=%s&timestamp=%s&nonce=n0nce&echostr=%s" % (
                signature, now, echo)
            status, answer = self.send(proxy, {"method": "GET", "url": url, "headers": [],
                                               "body": ""})
            self.assertEqual(status, answers[0], answer)
            if answers[1]:
                self.assertEqual(answer, answers[1])
        self.assertEqual(upstream.requests, [])

    def test_wecom_gets_what_its_echostr_decrypts_to_and_never_an_event(self):
        upstream = self.upstream()
        proxy = self.example("wecom", upstream)
        for text, expected in (("3088669031036293126", 200), ("<xml></xml>", 400)):
            request = self.sign(proxy, "wecom", text)
            encrypted = re.search(r"<Encrypt><!\[CDATA\[(.*?)\]\]>", request["body"]).group(1)
            request["url"] += "&echostr=" + urllib.parse.quote(encrypted, safe="")
            status, answer = self.send(proxy, dict(request, method="GET", body="", headers=[]))
            self.assertEqual(status, expected, answer)
            if expected == 200:
                self.assertEqual(answer.decode(), text)
        self.assertEqual(upstream.requests, [])
