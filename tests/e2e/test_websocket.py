# SPDX-License-Identifier: Apache-2.0
"""WebSockets through the real program: opened, relayed, inspected, denied, reloaded, drained."""
import json
import signal
import struct
import unittest

import http2_wire
import websocket_wire as wire
from harness import Case, answer, client_tls, plain_config, tls_config, wait_for
from websocket_wire import BINARY, CLOSE, PING, PONG, TEXT, WebSocketUpstream, open_client


def config_of(upstream, websocket, filters=()):
    config = plain_config(upstream)
    config["routes"][0]["websocket"] = websocket
    if filters:
        config["routes"][0]["filters"] = list(filters)
    return config


def request(number, method, **params):
    return json.dumps({"type": "req", "id": str(number), "method": method, "params": params})


class Gateway(WebSocketUpstream):
    """Answers like an OpenClaw gateway: a challenge, then `res` with ok for every request."""

    def __init__(self):
        super().__init__(speak=self.answer, greet=self.challenge)

    @staticmethod
    def challenge(peer):
        peer.text(json.dumps({"type": "event", "event": "connect.challenge"}))

    @staticmethod
    def answer(peer, found):
        if found.opcode != TEXT:
            return WebSocketUpstream.echo(peer, found)
        asked = json.loads(found.payload)
        peer.text(json.dumps({"type": "res", "id": asked["id"], "ok": True}))
        return None

    def methods(self):
        return [json.loads(message)["method"] for message in self.messages()]


class WebSocketCase(Case):
    def open(self, spoken, websocket, filters=()):
        self.spoken = spoken
        self.agent = self.upstream(spoken)
        self.proxy = self.edgehold(config_of(self.agent, websocket, filters))
        return self.another()

    def another(self):
        response, peer = open_client(self.client(self.proxy))
        self.assertEqual(response.status, 101, response)
        return peer

    def messages_recorded(self):
        return [r for r in self.proxy.audit() if "message" in r]


class Size(WebSocketCase):
    LIMIT = 25 << 20

    def test_a_message_of_25_mib_passes_and_one_octet_more_does_not(self):
        gateway = self.open(Gateway(), {"inspect": True, "protocol": "openclaw"})
        self.assertEqual(gateway.receive().opcode, TEXT)  # the challenge
        gateway.text(request(1, "connect"))
        self.assertIn(b'"ok": true', gateway.receive().payload)
        text = request(2, "chat.send", attachment="%s")
        gateway.text(text % ("a" * (self.LIMIT - len(text) + 2)))
        self.assertIn(b'"id": "2"', gateway.receive().payload)
        gateway.frame(TEXT, length=b"\x7f" + struct.pack(">Q", self.LIMIT + 1))
        self.assertEqual(gateway.rest()[-1].code, 1009)

    def test_before_authentication_64_kib_is_the_limit(self):
        gateway = self.open(Gateway(), {"inspect": True, "protocol": "openclaw"})
        gateway.receive()
        gateway.frame(TEXT, length=b"\x7f" + struct.pack(">Q", (64 << 10) + 1))
        self.assertEqual(gateway.rest()[-1].code, 1009)


class BlindTunnel(WebSocketCase):
    def test_bytes_pass_as_they_are_and_one_record_comes_at_the_end(self):
        peer = self.open(WebSocketUpstream(), {})
        for size in (0, 1, 125, 126, 65535, 65536, 1 << 20):
            peer.frame(BINARY, bytes(size))
            self.assertEqual(len(peer.receive().payload), size)
        peer.text("not UTF-8 is not our business here: \udcff".encode("utf-8", "surrogateescape"))
        self.assertEqual(peer.receive().opcode, TEXT)
        self.assertEqual(self.proxy.audit(), [])
        peer.close(1000)
        self.assertEqual(peer.rest()[-1].code, 1000)
        (record,) = self.proxy.audit(1)
        self.assertEqual((record["decision"], record["status"]), ("allow", 101))
        self.assertGreater(record["request_bytes"], 1 << 20)

    def test_a_refused_upgrade_leaves_nothing_behind(self):
        agent = self.upstream(lambda request, connection: connection.send(answer(status=403)))
        proxy = self.edgehold(config_of(agent, {}))
        client = self.client(proxy)
        fields = "".join("%s: %s\r\n" % field for field in wire.UPGRADE)
        client.send(("GET / HTTP/1.1\r\nHost: a\r\n%s\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
                     % fields).encode())
        self.assertEqual(client.response().status, 403)
        self.assertTrue(client.is_closed())
        self.assertNotIn("/smuggled", [r.target for r in agent.requests])


class Inspected(WebSocketCase):
    POLICY = {"inspect": True, "protocol": "openclaw"}
    FILTERS = [{"action_class": {"deny": ["danger"], "rows": [
        {"action": "danger", "method": "MESSAGE", "path": "/**",
         "when": {"any": [{"pointer": "/method", "op": "eq", "value": "sessions.delete"}]}}]}}]

    def connected(self):
        peer = self.open(Gateway(), self.POLICY, self.FILTERS)
        self.assertIn(b"connect.challenge", peer.receive().payload)
        peer.text(request(1, "connect"))
        self.assertTrue(json.loads(peer.receive().payload)["ok"])
        return peer

    def test_a_denied_request_is_answered_recorded_and_never_arrives(self):
        peer = self.connected()
        peer.text(request(2, "sessions.delete"))
        said = json.loads(peer.receive().payload)
        self.assertEqual((said["id"], said["ok"], said["error"]["code"]), ("2", False, "FORBIDDEN"))
        self.assertEqual(said["error"]["details"]["reason"], "action_denied")
        records = self.messages_recorded()
        self.assertEqual([r["decision"] for r in records], ["allow", "deny"], "before the answer")
        self.assertEqual(records[1]["request_id"], said["error"]["details"]["request_id"])
        peer.text(request(3, "sessions.list"))
        self.assertTrue(json.loads(peer.receive().payload)["ok"])
        self.assertEqual(self.spoken.methods(), ["connect", "sessions.list"])

    def test_a_reload_drops_no_socket_and_its_rules_hold_at_once(self):
        peer = self.connected()
        config = config_of(self.agent, self.POLICY, json.loads(
            json.dumps(self.FILTERS).replace("sessions.delete", "sessions.list")))
        self.proxy.configure(config)
        self.proxy.command("reload", "--allow-downgrade")
        peer.text(request(2, "sessions.list"))
        self.assertFalse(json.loads(peer.receive().payload)["ok"])
        peer.text(request(3, "sessions.delete"))
        self.assertTrue(json.loads(peer.receive().payload)["ok"])

    def test_a_drain_says_1012_and_ends(self):
        peer = self.connected()
        self.proxy.signal(signal.SIGTERM)
        self.assertEqual(peer.receive().code, 1012)
        peer.close(1012)
        self.assertEqual(self.proxy.stop(), 0)
        self.assertEqual(self.spoken.frames[-1].opcode, CLOSE)

    def test_pings_are_answered_here_and_do_not_pass(self):
        peer = self.connected()
        peer.frame(PING, b"hop")
        answer_frame = peer.receive()
        self.assertEqual((answer_frame.opcode, answer_frame.payload), (PONG, b"hop"))
        self.assertNotIn(PING, [found.opcode for found in self.spoken.frames])


class OverHttp2(WebSocketCase):
    """RFC 8441: the same on a stream of HTTP/2."""

    def test_a_message_on_a_stream_is_judged_and_answered(self):
        spoken = Gateway()
        config = tls_config(self.upstream(spoken))
        config["routes"][0].update(websocket=Inspected.POLICY, filters=Inspected.FILTERS)
        proxy = self.edgehold(config)
        client = http2_wire.Http2Client(proxy.port, client_tls())
        client.send(http2_wire.headers(1, [
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"),
            (":path", "/"), (":authority", "agent.example"), ("sec-websocket-version", "13")],
            ends=False))
        said = client.answer(1)
        self.assertTrue(client.wait(lambda: b"connect.challenge" in said.body), said)
        self.assertEqual((said.status, client.settings.get(8)), (200, 1))
        for number, method in enumerate(["connect", "sessions.delete", "sessions.list"]):
            message = wire.frame(TEXT, request(number, method).encode(), wire.MASK)
            client.send(http2_wire.content(1, message, ends=False))
            mark = '"id":"%d"' % number
            self.assertTrue(client.wait(
                lambda mark=mark: mark.encode() in said.body.replace(b" ", b"")), said)
        self.assertIn(b"FORBIDDEN", said.body)
        self.assertEqual(spoken.methods(), ["connect", "sessions.list"])
        self.assertIn("HTTP/1.1", spoken.peers[0].request.start)
        client.send(http2_wire.content(1, wire.close(1000, mask=wire.MASK), ends=False))
        self.assertTrue(client.ended(1).has_ended)
        self.assertEqual(wait_for(lambda: spoken.frames[-1], "a close").opcode, CLOSE)


if __name__ == "__main__":
    unittest.main()
