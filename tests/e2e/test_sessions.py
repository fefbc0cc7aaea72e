# SPDX-License-Identifier: Apache-2.0
"""Who may reach the agent: mini program sessions against a platform of our own, API keys, tokens."""
import base64
import hashlib
import json
import subprocess
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

from harness import ROOT, Case, answer, certificates, plain_config
from websocket_wire import WebSocketUpstream, open_client

SESSION_KEY = "HyVFkGl5F5OQWJZZaNzBBg=="
SECRETS = {"WX_APP_SECRET": "an-app-secret", "SESSION_KEY": "k" * 64, "OPS_KEY": "o" * 40}


class Platform:
    """What a login platform answers; codes are good once."""

    def __init__(self):
        self.used = set()
        self.targets = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, request, connection):
        url = urllib.parse.urlsplit(request.target)
        query = dict(urllib.parse.parse_qsl(url.query))
        self.targets.append(request.target)
        self.gate.wait(10)
        if url.path == "/cgi-bin/gettoken":
            return self.say(errcode=0, access_token="token/1", expires_in=7200)
        code = query["js_code"]
        if code == "bad":
            return self.say(errcode=40029, errmsg="invalid code")
        if code == "huge":
            return answer(body=b"x" * (300 * 1024))
        if code == "cut":
            return False
        if code in self.used:
            return self.say(errcode=40163, errmsg="code been used")
        self.used.add(code)
        user = {"userid" if "cgi-bin" in url.path else "openid": "user-of-" + code.split("-")[0]}
        return self.say(session_key=SESSION_KEY, **user)

    @staticmethod
    def say(**members):
        return answer(body=json.dumps(members).encode(),
                      fields=[("Content-Type", "text/plain")])  # as the platform does


class SessionCase(Case):
    def start(self, workers=2, platform=None, **login):
        self.platform = platform or Platform()
        self.agent = self.upstream()
        fake = self.upstream(self.platform)
        keys = ["${env:SESSION_KEY}"]
        settings = {"app_id": "wx1", "app_secret": "${env:WX_APP_SECRET}", "upstream": "platform",
                    "keys": keys, "logins_per_minute": 1000, "failures_per_minute": 1000}
        config = plain_config(self.agent, workers=workers)
        config["upstreams"]["platform"] = {"url": fake.url}
        config["routes"] = [
            {"name": "login", "match": {"path": "/session", "exact": True}, "upstream": "agent",
             "filters": [{"session_login": {**settings, **login}}]},
            {"name": "chat", "match": {"path": "/chat"}, "upstream": "agent",
             "filters": [{"session_auth": {"app_id": "wx1", "keys": keys}}]}]
        return self.edgehold(config, environment=SECRETS)

    def log_in(self, proxy, code):
        client = self.client(proxy)
        response = client.ask("POST", "/session", body=json.dumps({"code": code}).encode())
        client.close()
        return response

    def token(self, proxy, code):
        response = self.log_in(proxy, code)
        self.assertEqual(response.status, 200, response.body)
        return response.json()["token"]

    def chat(self, proxy, token, fields=()):
        client = self.client(proxy)
        fields = [("Authorization", "Bearer " + token), *fields]
        response = client.ask("GET", "/chat", fields=fields)
        client.close()
        return response


class Sessions(SessionCase):
    def test_code_becomes_a_session_that_reaches_the_agent_and_nothing_else_does(self):
        proxy = self.start()
        self.assertProblem(self.client(proxy).ask("GET", "/chat"), 401, "credentials_invalid")
        response = self.log_in(proxy, "ann-1")
        self.assertEqual(response.status, 200)
        self.assertEqual(response.get("cache-control"), "no-store")
        self.assertNotIn(SESSION_KEY.encode(), response.body)
        self.assertEqual(self.agent.requests, [])
        forged = [("X-Edgehold-Principal", "wx1:root"), ("X-Wx-Openid", "root"),
                  ("x_wx_source", "root")]
        self.assertEqual(self.chat(proxy, response.json()["token"], forged).status, 200)
        request = self.agent.requests[0]
        self.assertEqual(request.all("x-edgehold-principal"), ["wx1:user-of-ann"])
        self.assertEqual(request.all("x-edgehold-sender"), ["user-of-ann"])
        self.assertIsNone(request.get("authorization"))
        self.assertNotIn(b"root", self.agent.raw)
        self.assertEqual(proxy.audit(3)[-1]["who"]["principal"], "wx1:user-of-ann")
        for secret in (SESSION_KEY, "an-app-secret", response.json()["token"], "ann-1"):
            self.assertNotIn(secret, proxy.log)
            self.assertNotIn(secret, (proxy.dir / "audit.jsonl").read_text())
        stored = b"".join(p.read_bytes() for p in (proxy.dir / "state").iterdir() if p.is_file())
        self.assertNotIn(SESSION_KEY.encode(), stored)
        self.assertNotIn(b"user-of-ann", stored)

    def test_platform_is_asked_as_it_wants_once_for_each_code(self):
        proxy = self.start()
        self.token(proxy, "ann-1")
        self.assertEqual(self.platform.targets, [
            "/sns/jscode2session?appid=wx1&secret=an-app-secret&js_code=ann-1"
            "&grant_type=authorization_code"])
        self.assertProblem(self.log_in(proxy, "ann-1"), 401, "login_code_used")
        self.assertEqual(len(self.platform.targets), 1)
        self.assertProblem(self.log_in(proxy, "bad"), 401, "login_code_invalid")
        self.assertProblem(self.log_in(proxy, "a b"), 401, "login_code_invalid")
        self.assertProblem(self.log_in(proxy, "huge"), 502, "upstream_malformed")
        self.assertIn(self.log_in(proxy, "cut").status, (502, 503))
        self.assertNotIn("a b", self.platform.targets[-1])

    def test_many_who_bring_one_code_at_once_are_one_question(self):
        proxy = self.start(workers=2)
        self.platform.gate.clear()
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.log_in(proxy, "ann-1")))
                   for _ in range(8)]
        for thread in threads:
            thread.start()
        self.wait(lambda: len(answers) == 7)
        self.platform.gate.set()
        for thread in threads:
            thread.join(20)
        self.assertEqual(sorted(a.status for a in answers), [200] + 7 * [401])
        self.assertEqual(len(self.platform.targets), 1)

    def test_logout_holds_at_every_worker_and_after_a_crash(self):
        proxy = self.start(workers=2)
        token, other = self.token(proxy, "ann-1"), self.token(proxy, "bob-1")
        client = self.client(proxy)
        fields = [("Authorization", "Bearer " + token)]
        self.assertEqual(client.ask("DELETE", "/session", fields=fields).status, 204)
        for _ in range(8):
            self.assertProblem(self.chat(proxy, token), 401, "session_expired")
        proxy.kill()
        proxy.start()
        self.assertProblem(self.chat(proxy, token), 401, "session_expired")
        self.assertEqual(self.chat(proxy, other).status, 200)
        self.assertProblem(self.log_in(proxy, "ann-1"), 401, "login_code_used")

    def test_new_login_ends_the_session_before_where_there_is_one(self):
        proxy = self.start(single=True)
        first, second, other = (self.token(proxy, c) for c in ("ann-1", "ann-2", "bob-1"))
        self.assertProblem(self.chat(proxy, first), 401, "session_expired")
        self.assertEqual(self.chat(proxy, second).status, 200)
        self.assertEqual(self.chat(proxy, other).status, 200)

    def test_wecom_is_asked_with_an_access_token_that_is_kept(self):
        proxy = self.start(platform=Platform(), workers=1)
        config = json.loads(proxy.config_path.read_text())
        config["routes"][0]["filters"][0]["session_login"]["platform"] = "wecom"
        proxy.configure(config)
        proxy.command("reload")
        self.token(proxy, "li-1")
        self.token(proxy, "wu-1")
        paths = [t.split("?")[0] for t in self.platform.targets]
        self.assertEqual(paths, ["/cgi-bin/gettoken"] + 2 * ["/cgi-bin/miniprogram/jscode2session"])
        self.assertIn("access_token=token%2F1&", self.platform.targets[1])

    def test_platform_that_is_gone_is_told_and_the_code_may_come_again(self):
        proxy = self.start()
        config = json.loads(proxy.config_path.read_text())
        url = config["upstreams"]["platform"]["url"]
        config["upstreams"]["platform"]["url"] = "http://127.0.0.1:1"
        proxy.configure(config)
        proxy.command("reload")
        self.assertProblem(self.log_in(proxy, "ann-1"), 502, "upstream_unreachable")
        config["upstreams"]["platform"]["url"] = url
        proxy.configure(config)
        proxy.command("reload")
        self.token(proxy, "ann-1")

    def test_example_works_but_for_its_addresses(self):
        agent, platform = self.upstream(), self.upstream(Platform())
        text = (ROOT / "conf/sessions.yaml").read_text()
        text = text.replace('"0.0.0.0:8443"', '"127.0.0.1:0"')
        text = text.replace("http://127.0.0.1:18789", agent.url)
        text = text.replace("https://api.weixin.qq.com", platform.url)
        certificate, key = certificates().leaf("127.0.0.1")
        proxy = self.edgehold(text, environment=SECRETS, files={
            "tls/cert.pem": certificate.read_text(), "tls/key.pem": key.read_text()})
        ask = self.tls_client(proxy).ask
        response = ask("POST", "/session", body=b'{"code":"ann-1"}')
        fields = [("Authorization", "Bearer " + response.json()["token"])]
        self.assertEqual(ask("GET", "/chat", fields=fields).status, 200)
        for path in ("/chat", "/hooks"):
            self.assertProblem(ask("GET", path), 401, "credentials_invalid")
        self.assertProblem(ask("GET", "/hooks", fields=fields), 401, "credentials_invalid")

    def wait(self, condition):
        from harness import wait_for
        wait_for(condition, "the others were refused")


class SocketsOfSessions(SessionCase):
    def start(self, websocket):
        proxy = super().start()
        config = json.loads(proxy.config_path.read_text())
        config["upstreams"]["gateway"] = {"url": self.upstream(WebSocketUpstream()).url}
        config["routes"][1].update(upstream="gateway", websocket=websocket)
        proxy.configure(config)
        proxy.command("reload", "--allow-downgrade")
        return proxy

    def socket(self, proxy, token):
        response, peer = open_client(self.client(proxy), "/chat",
                                     [("Authorization", "Bearer " + token)])
        self.assertEqual(response.status, 101, response)
        return peer

    def log_out(self, proxy, token):
        fields = [("Authorization", "Bearer " + token)]
        self.assertEqual(self.client(proxy).ask("DELETE", "/session", fields=fields).status, 204)

    def test_message_after_the_logout_goes_nowhere_and_closes_its_socket_alone(self):
        proxy = self.start({"inspect": True})
        ann, bob = (self.token(proxy, code) for code in ("ann-1", "bob-1"))
        sockets = [self.socket(proxy, token) for token in (ann, ann, bob)]
        for socket in sockets:
            socket.text("hello")
            self.assertEqual(socket.receive().payload, b"hello")
        self.log_out(proxy, ann)
        for socket in sockets[:2]:
            socket.text("too late")
            self.assertEqual([frame.code for frame in socket.rest()], [1008])
        sockets[2].text("still")
        self.assertEqual(sockets[2].receive().payload, b"still")
        records = [r for r in proxy.audit(11) if r["reason"] == "session_expired"]
        self.assertEqual(sorted("message" in r for r in records), [False, False, True, True])

    def test_silent_socket_ends_soon_after_the_logout(self):
        proxy = self.start({})
        token = self.token(proxy, "ann-1")
        socket = self.socket(proxy, token)
        self.log_out(proxy, token)
        self.assertEqual(socket.rest(), [])  # within five seconds
        self.assertEqual(proxy.audit(3)[-1]["reason"], "session_expired")


class Operators(SessionCase):
    def end(self, proxy, subject, *more):
        return proxy.command("session", "end", "wx1", subject, "--reason", "floods", *more)

    def test_operator_throws_a_user_out_everywhere_and_for_good(self):
        for single in (False, True):
            with self.subTest(single=single):
                proxy = self.start(workers=2, single=single)
                bob = self.token(proxy, "bob-1")
                tokens = [self.token(proxy, "ann-%d" % i) for i in range(1 if single else 3)]
                for token in (bob, *tokens):
                    self.assertEqual(self.chat(proxy, token).status, 200)
                principal = proxy.audit()[-1]["who"]["principal"]
                app, subject = principal.split(":")
                self.assertEqual(app, "wx1")
                told = self.end(proxy, subject, "--who", "carol").stdout
                self.assertIn("%d session" % len(tokens), told)
                for _ in range(2):
                    for token in tokens * 2:
                        self.assertProblem(self.chat(proxy, token), 401, "session_expired")
                    self.assertEqual(self.chat(proxy, bob).status, 200)
                    proxy.kill()
                    proxy.start()
                self.assertIn("has no session", self.end(proxy, subject).stdout)
                self.assertEqual(self.chat(proxy, self.token(proxy, "ann-9")).status, 200)
                acts = [r for r in proxy.audit() if r["decision"] == "operator"
                        and r["what"]["act"] == "session.end"]
                self.assertEqual([r["what"]["target"] for r in acts], [principal] * 2)
                self.assertTrue(acts[0]["who"]["operator"].startswith("carol via uid:"))
                self.assertEqual(acts[0]["why"]["detail"], "floods")


class ApiKeys(Case):
    def test_key_that_the_binary_made_lets_in_and_another_does_not(self):
        agent = self.upstream()
        proxy = self.edgehold(plain_config(agent), start=False, environment=SECRETS)
        made = json.loads(proxy.command("key", "new", "--json", admin=False).stdout)
        self.assertEqual(hashlib.sha256(made["key"].encode()).hexdigest(), made["sha256"])
        keys = [{"name": "ci", "sha256": made["sha256"], "roles": ["deploy", "read"]},
                {"name": "ops", "secret": "${env:OPS_KEY}"}]
        proxy.configure(plain_config(agent, [{"api_key": {"keys": keys}}]))
        proxy.start()
        client = self.client(proxy)
        refused = client.ask()
        self.assertProblem(refused, 401, "credentials_invalid")
        self.assertEqual(refused.get("www-authenticate"), 'Bearer realm="edgehold"')

        def ask(key):
            return client.ask(fields=[("Authorization", "Bearer " + key),
                                      ("X-Edgehold-Roles", "root")])
        self.assertEqual(ask(made["key"]).status, 200)
        self.assertEqual(ask(SECRETS["OPS_KEY"]).status, 200)
        self.assertProblem(ask(made["sha256"]), 401, "credentials_invalid")
        ci, ops = agent.requests
        self.assertEqual(ci.all("x-edgehold-principal"), ["ci"])
        self.assertEqual(ci.all("x-edgehold-roles"), ["deploy,read"])
        self.assertEqual(ops.all("x-edgehold-principal"), ["ops"])
        self.assertEqual(ops.all("x-edgehold-roles"), [])
        self.assertIsNone(ci.get("authorization"))
        self.assertNotIn(made["key"], proxy.log + (proxy.dir / "audit.jsonl").read_text())


class Tokens(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = Path(folder.name)
        self.key = self.dir / "key.pem"
        self.openssl("genrsa", "-out", str(self.key), "2048")
        modulus = self.openssl("rsa", "-in", str(self.key), "-noout", "-modulus").decode()
        octets = bytes.fromhex(modulus.strip().partition("=")[2])
        self.keys = json.dumps({"keys": [{"kty": "RSA", "kid": "k1", "e": "AQAB",
                                          "n": self.encode(octets)}]})

    @staticmethod
    def openssl(*arguments):
        return subprocess.run(["openssl", *arguments], check=True, timeout=20,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    @staticmethod
    def encode(octets):
        return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()

    def token(self, seconds):
        claims = {"iss": "i", "aud": "a", "sub": "ann", "exp": int(time.time()) + seconds}
        text = ".".join(self.encode(json.dumps(part).encode())
                        for part in ({"alg": "RS256", "kid": "k1"}, claims))
        message = self.dir / "message"
        message.write_text(text)
        return text + "." + self.encode(self.openssl("dgst", "-sha256", "-sign", str(self.key),
                                                     str(message)))

    def test_socket_ends_with_the_token_that_opened_it(self):
        config = plain_config(self.upstream(WebSocketUpstream()), [{"jwt_auth": {
            "jwks_file": "keys.json", "issuer": "i", "audience": "a", "leeway": "0s"}}])
        config["routes"][0]["websocket"] = {"inspect": True}
        proxy = self.edgehold(config, files={"keys.json": self.keys})
        peers = []
        for seconds in (3, 600):
            fields = [("Authorization", "Bearer " + self.token(seconds))]
            response, peer = open_client(self.client(proxy), fields=fields)
            self.assertEqual(response.status, 101, response)
            peers.append(peer)
        self.assertEqual([frame.code for frame in peers[0].rest()], [1008])
        self.assertEqual(proxy.audit(1)[-1]["reason"], "credentials_invalid")
        peers[1].text("still")
        self.assertEqual(peers[1].receive().payload, b"still")
