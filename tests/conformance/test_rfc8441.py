# SPDX-License-Identifier: Apache-2.0
"""RFC 8441, one test for each law of WebSockets on streams of HTTP/2, named by its section. What the
frames must be is RFC 6455's (`test_rfc6455.py`); here it is the way of opening, sharing and ending."""
import http2_wire as http2
import websocket_wire as wire
from harness import Case, answer, client_tls, tls_config, wait_for
from websocket_wire import CLOSE, MASK, PING, PONG, TEXT, WebSocketUpstream

ENABLE_CONNECT_PROTOCOL = 8
VERSION = ("sec-websocket-version", "13")


def connect(protocol="websocket", more=(VERSION,), **instead):
    fields = {":method": "CONNECT", ":protocol": protocol, ":scheme": "https", ":path": "/",
              ":authority": "agent.example"}
    fields.update(instead)
    return [(name, value) for name, value in fields.items() if value is not None] + list(more)


class Octets:
    """What came of a stream, as a reader of frames wants it."""

    def __init__(self, octets):
        self.rest = octets

    def exactly(self, count):
        if len(self.rest) < count:
            raise EOFError
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken


class Rfc8441(Case):
    def setUp(self):
        self.spoken = WebSocketUpstream()
        self.agent = self.upstream(lambda request, connection: self.spoken(request, connection))

    def start(self, opens_websockets=True):
        config = tls_config(self.agent)
        config["listen"][0]["tls"]["http2"] = True
        if opens_websockets:
            config["routes"][0]["websocket"] = {"inspect": True}
        self.proxy = self.edgehold(config)
        return self.connection()

    def connection(self):
        client = http2.Http2Client(self.proxy.port, client_tls())
        self.addCleanup(client.close)
        self.assertTrue(client.wait(lambda: client.settings), "the server's SETTINGS")
        return client

    def ask(self, client, number, fields, ends=False):
        """The head of the answer on that stream."""
        client.send(http2.headers(number, fields, ends=ends))
        said = client.answer(number)
        self.assertTrue(client.wait(lambda: said.status or said.is_over), said)
        return said

    def open(self, client, number=1, fields=None):
        said = self.ask(client, number, fields or connect())
        self.assertEqual(said.status, 200, said)
        return said

    def frames(self, client, number, count):
        """The first `count` frames on that stream; fewer if it ends."""
        said = client.answer(number)

        def whole():
            octets, found = Octets(said.body), []
            try:
                while len(found) < count:
                    found.append(wire.read_frame(octets))
            except EOFError:
                return found if said.is_over else None
            return found
        self.assertTrue(client.wait(lambda: whole() is not None), said)
        return whole()

    def test_3_the_setting_is_sent_where_a_route_opens_websockets_and_nowhere_else(self):
        self.assertEqual(self.start().settings.get(ENABLE_CONNECT_PROTOCOL), 1)
        self.assertIn(self.start(opens_websockets=False).settings.get(ENABLE_CONNECT_PROTOCOL), (None, 0))

    def test_4_without_the_setting_a_protocol_is_malformed(self):
        client = self.start(opens_websockets=False)
        said = self.ask(client, 1, connect())
        self.assertIn(said.status, (None, 400))
        self.assertEqual(self.agent.requests, [])

    def test_4_a_protocol_belongs_to_connect_with_a_scheme_and_a_path(self):
        client = self.start()
        for number, fields in enumerate((
                connect(**{":method": "GET"}), connect(**{":method": "POST"}),
                connect(**{":path": None}), connect(**{":scheme": None}),
                connect(**{":authority": None}), connect(**{":scheme": "http"}),
                connect(**{":path": ""}), connect(protocol=""),
                connect() + [("upgrade", "websocket")], connect() + [("connection", "upgrade")])):
            with self.subTest(fields=fields):
                said = self.ask(client, 2 * number + 1, fields)
                self.assertIn(said.status, (None, 400), said)
        self.assertEqual(self.agent.requests, [])
        self.open(client, 101)  # the connection goes on

    def test_4_a_connect_without_a_protocol_is_no_tunnel(self):
        client = self.start()
        said = self.ask(client, 1, [(":method", "CONNECT"), (":authority", "agent.example:443")])
        self.assertIn(said.status, (None, 400, 405))
        self.assertEqual(self.agent.requests, [])

    def test_4_a_protocol_that_is_none_of_ours_is_refused(self):
        client = self.start()
        for number, protocol in enumerate(("connect-udp", "WebSocket", "websocket, x")):
            said = self.ask(client, 2 * number + 1, connect(protocol=protocol))
            self.assertIn(said.status, (None, 400, 501), said)
        self.assertEqual(self.agent.requests, [])

    def test_5_a_200_opens_it_and_says_nothing_of_keys_or_upgrades(self):
        client = self.start()
        said = self.open(client)
        for name in ("sec-websocket-accept", "upgrade", "connection", "content-length"):
            self.assertEqual(said.all(name), [], name)
        client.send(http2.content(1, wire.frame(TEXT, b"hello", MASK), ends=False))
        found, = self.frames(client, 1, 1)
        self.assertEqual((found.opcode, found.payload, found.is_masked), (TEXT, b"hello", False))

    def test_5_towards_http_1_1_it_is_the_upgrade_of_rfc_6455(self):
        self.open(self.start())
        asked, = self.agent.requests
        self.assertTrue(asked.start.startswith("GET / HTTP/1.1"), asked.start)
        self.assertEqual(asked.get("upgrade"), "websocket")
        self.assertEqual(asked.all("sec-websocket-version"), ["13"])
        self.assertEqual(len(asked.get("sec-websocket-key")), 24)
        self.assertEqual(asked.all("host"), ["agent.example"])

    def test_5_1_a_key_is_not_looked_at(self):
        client = self.start()
        self.open(client, fields=connect() + [("sec-websocket-key", "my own")])
        self.assertEqual(len(self.agent.requests[0].all("sec-websocket-key")), 1)
        self.assertNotEqual(self.agent.requests[0].get("sec-websocket-key"), "my own")

    def test_5_the_version_is_13(self):
        client = self.start()
        for number, more in enumerate(((), (("sec-websocket-version", "8"),), (VERSION, VERSION))):
            said = self.ask(client, 2 * number + 1, connect(more=more))
            self.assertIn(said.status, (400, 426), said)
        self.assertEqual(self.agent.requests, [])

    def test_5_subprotocols_are_negotiated_end_to_end_and_extensions_not(self):
        self.spoken = WebSocketUpstream(fields=[("Sec-WebSocket-Protocol", "v2")])
        client = self.start()
        said = self.open(client, fields=connect() + [
            ("sec-websocket-protocol", "v1, v2"), ("sec-websocket-extensions", "permessage-deflate")])
        self.assertEqual(said.all("sec-websocket-protocol"), ["v2"])
        self.assertEqual(said.all("sec-websocket-extensions"), [])
        self.assertEqual(self.agent.requests[0].all("sec-websocket-extensions"), [])

    def test_5_an_answer_that_opens_nothing_is_passed_on(self):
        self.spoken = lambda request, connection: answer(403, b"no")
        client = self.start()
        said = self.ask(client, 1, connect())
        self.assertEqual(said.status, 403)
        client.ended(1)
        self.assertEqual(said.body, b"no")

    def test_5_frames_of_clients_are_masked_here_too(self):
        client = self.start()
        self.open(client)
        client.send(http2.content(1, wire.frame(TEXT, b"bad"), ends=False))
        found, = self.frames(client, 1, 1)
        self.assertEqual((found.opcode, found.code), (CLOSE, 1002))
        self.assertTrue(client.ended(1).is_over)
        self.assertEqual(self.spoken.messages(), [])

    def test_5_a_close_ends_the_stream_and_not_the_connection(self):
        client = self.start()
        self.open(client)
        client.send(http2.content(1, wire.close(4000, b"bye", MASK), ends=False))
        found, = self.frames(client, 1, 1)
        self.assertEqual((found.opcode, found.code), (CLOSE, 4000))
        self.assertTrue(client.ended(1).has_ended)
        wait_for(lambda: self.spoken.ends == 1, "the upstream's connection is closed")
        self.open(client, 3)

    def test_5_a_reset_is_the_loss_of_the_connection(self):
        client = self.start()
        self.open(client)
        client.send(http2.reset(1))
        wait_for(lambda: self.spoken.ends == 1, "the upstream's connection is closed")
        self.open(client, 3)

    def test_5_the_end_of_the_client_s_stream_is_the_end_of_its_side(self):
        client = self.start()
        self.open(client)
        client.send(http2.content(1, b"", ends=True))
        self.assertTrue(client.ended(1).is_over)
        wait_for(lambda: self.spoken.ends == 1, "the upstream's connection is closed")

    def test_5_many_share_a_connection_with_each_other_and_with_requests(self):
        def speak(request, connection):
            if request.get("upgrade"):
                return self.spoken(request, connection)
            return answer(body=request.target.encode())
        self.agent.respond = speak
        client = self.start()
        numbers = range(1, 41, 2)
        for number in numbers:
            self.open(client, number)
        for number in numbers:
            client.send(http2.content(number, wire.frame(TEXT, b"of %d" % number, MASK)
                                      + wire.frame(PING, b"p", MASK), ends=False))
        client.send(http2.headers(101, http2.request(path="/get", authority="agent.example")))
        self.assertEqual(client.ended(101).body, b"/get")
        for number in numbers:
            came = self.frames(client, number, 2)
            self.assertEqual({(found.opcode, found.payload) for found in came},
                             {(TEXT, b"of %d" % number), (PONG, b"p")})
