# SPDX-License-Identifier: Apache-2.0
"""RFC 6455, one test for each law of an intermediary that reads the frames it relays (`inspect:
true`), named by its section. A peer that breaks a law is closed with the code that the section says,
and what broke it never reaches the other side."""
import struct
import threading

import websocket_wire as wire
from harness import Case, answer, plain_config, wait_for
from websocket_wire import (BINARY, CLOSE, CONTINUATION, MASK, PING, PONG, TEXT, WebSocketUpstream,
                            frame, open_client)

KIB = 1024


def inspected(upstream, **more):
    config = plain_config(upstream)
    config["routes"][0]["websocket"] = dict({"inspect": True}, **more)
    return config


class Rfc6455(Case):
    """One edgehold for all laws whose configuration is the same."""

    def setUp(self):
        self.spoken = WebSocketUpstream()
        self.agent = self.upstream(lambda request, connection: self.spoken(request, connection))

    def open(self, proxy=None, **more):
        """An open WebSocket through edgehold."""
        self.proxy = proxy or self.edgehold(inspected(self.agent, message_bytes="64KiB"))
        return self.another(**more)

    def another(self, **more):
        response, peer = open_client(self.client(self.proxy), **more)
        self.assertEqual(response.status, 101, response)
        return peer

    def assertClosed(self, peer, code):
        """The next frame is a close with `code`, and then the connection ends."""
        rest = peer.rest()
        self.assertTrue(rest and rest[-1].opcode == CLOSE, "%r, not a close with %d" % (rest, code))
        self.assertEqual(rest[-1].code, code, rest)
        self.assertFalse(rest[-1].is_masked, "masked by a server")

    def each(self, rows, code):
        """Every row, sent by a client after a good message, is closed with `code`, and only the good
        message arrives upstream."""
        self.open().close(1000)
        for name, octets in rows:
            with self.subTest(name):
                self.spoken = WebSocketUpstream()
                peer = self.another()
                peer.text("good")
                self.assertEqual(peer.receive().payload, b"good")
                peer.send(octets)
                self.assertClosed(peer, code)
                wait_for(lambda: self.spoken.ends == 1, "the upstream's connection is closed")
                self.assertEqual(self.spoken.messages(), [b"good"])

    def each_of_the_server(self, rows, code):
        """The same of what an upstream sends: the client gets nothing of it."""
        self.open().close(1000)
        for name, octets in rows:
            with self.subTest(name):
                self.spoken = WebSocketUpstream(greet=lambda peer, octets=octets: peer.send(octets))
                peer = self.another()
                frames = peer.rest()
                self.assertEqual([found.opcode for found in frames], [CLOSE], frames)
                self.assertIn(frames[0].code, (code, 1011, 1014))
                wait_for(lambda: self.spoken.ends == 1, "the upstream's connection is closed")

    # 4: the opening handshake

    def refuse(self, fields, status=400, method="GET"):
        proxy = self.proxy
        client = self.client(proxy)
        client.request(method, "/", fields=fields)
        response = client.response()
        self.assertEqual(response.status, status, fields)
        self.assertEqual(self.agent.requests, [])

    def without(self, name, *instead):
        return [field for field in wire.UPGRADE if field[0] != name] + list(instead)

    def test_4_2_1_a_request_that_breaks_a_rule_is_refused_and_does_not_arrive(self):
        self.proxy = self.edgehold(inspected(self.agent))
        for fields in (
                self.without("Sec-WebSocket-Key"),
                self.without("Sec-WebSocket-Key", ("Sec-WebSocket-Key", "c2hvcnQ=")),
                self.without("Sec-WebSocket-Key", ("Sec-WebSocket-Key", wire.KEY[:-2])),
                self.without("Sec-WebSocket-Key", ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZR==")),
                [*wire.UPGRADE, ("Sec-WebSocket-Key", wire.KEY)],
                self.without("Sec-WebSocket-Version"),
                [*wire.UPGRADE, ("Sec-WebSocket-Version", "13")],
                self.without("Upgrade", ("Upgrade", "websocket, h2c")),
                [*wire.UPGRADE, ("Sec-WebSocket-Protocol", "a,, b")],
                [*wire.UPGRADE, ("Sec-WebSocket-Protocol", "a, a")],
                [*wire.UPGRADE, ("Content-Length", "5")]):
            with self.subTest(fields=fields):
                self.refuse(fields, status=400)
        for version in ("8", "13, 8", "013"):
            self.refuse(self.without("Sec-WebSocket-Version", ("Sec-WebSocket-Version", version)),
                        status=426)
        self.refuse(wire.UPGRADE, method="POST", status=400)

    def test_4_2_2_the_accept_that_a_client_gets_follows_from_its_key(self):
        peer = self.open()
        response, _ = open_client(self.client(self.proxy))
        self.assertEqual(response.get("sec-websocket-accept"), wire.accept_of(wire.KEY))
        self.assertEqual(response.get("upgrade").lower(), "websocket")
        self.assertEqual(response.get("connection").lower(), "upgrade")
        peer.close(1000)

    def test_4_2_2_a_version_that_is_not_13_is_told_which_one_is(self):
        self.proxy = self.edgehold(inspected(self.agent))
        client = self.client(self.proxy)
        client.request("GET", "/", fields=self.without("Sec-WebSocket-Version",
                                                       ("Sec-WebSocket-Version", "8")))
        self.assertEqual(client.response().get("sec-websocket-version"), "13")

    def test_4_1_a_101_that_does_not_follow_from_the_request_opens_nothing(self):
        self.proxy = self.edgehold(inspected(self.agent))
        good = "HTTP/1.1 101 Switching Protocols\r\n"
        accept = "Sec-WebSocket-Accept: %s\r\n"
        rows = {
            "another accept": good + "Upgrade: websocket\r\nConnection: Upgrade\r\n" + accept % "x",
            "no accept": good + "Upgrade: websocket\r\nConnection: Upgrade\r\n",
            "no upgrade": good + "Connection: Upgrade\r\n@",
            "no connection": good + "Upgrade: websocket\r\n@",
            "another protocol": good + "Upgrade: h2c\r\nConnection: Upgrade\r\n@",
            "a length": good + "Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\n@",
            "a coding": good + "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Transfer-Encoding: chunked\r\n@",
            "a subprotocol": good + "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Protocol: unasked\r\n@",
            "an extension": good + "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Extensions: permessage-deflate\r\n@",
        }
        for name, head in rows.items():
            with self.subTest(name):
                def wrong(request, connection, head=head):
                    right = accept % wire.accept_of(request.get("sec-websocket-key"))
                    connection.send(head.replace("@", right).encode() + b"\r\n")
                    return False
                self.spoken = wrong
                response, peer = open_client(self.client(self.proxy))
                self.assertIsNone(peer)
                self.assertEqual(response.status, 502)

    def test_4_1_an_upstream_that_does_not_switch_is_passed_on(self):
        self.spoken = lambda request, connection: answer(403, b"no")
        self.proxy = self.edgehold(inspected(self.agent))
        response, peer = open_client(self.client(self.proxy))
        self.assertIsNone(peer)
        self.assertEqual((response.status, response.body), (403, b"no"))

    def early(self, octets):
        """A client that does not wait for the 101: (its connection, the answer's head)."""
        lines = ["GET / HTTP/1.1", "Host: agent.example", *("%s: %s" % f for f in wire.UPGRADE)]
        client = self.client(self.proxy)
        client.send("\r\n".join(lines).encode() + b"\r\n\r\n" + octets)
        return client, client.head()

    def test_4_1_what_comes_before_the_101_waits_for_it(self):
        self.proxy = self.edgehold(inspected(self.agent))
        client, response = self.early(frame(TEXT, b"early", MASK))
        self.assertEqual(response.status, 101)
        self.assertEqual(wire.read_frame(client.reader).payload, b"early")

    def test_4_1_what_comes_behind_an_upgrade_that_failed_is_never_a_request(self):
        self.spoken = lambda request, connection: answer(403, b"no")
        self.proxy = self.edgehold(inspected(self.agent))
        client, response = self.early(b"GET /smuggled HTTP/1.1\r\nHost: agent.example\r\n\r\n")
        self.assertEqual(response.status, 403)
        self.assertEqual(client.reader.exactly(2), b"no")
        self.assertTrue(client.is_closed())
        self.assertEqual([request.target for request in self.agent.requests], ["/"])

    def test_4_1_what_a_server_sends_with_its_101_arrives(self):
        def at_once(request, connection):
            connection.send(wire.switching(request) + frame(TEXT, b"hello") + frame(TEXT, b"again"))
            return False
        self.spoken = at_once
        self.proxy = self.edgehold(inspected(self.agent))
        _, peer = open_client(self.client(self.proxy))
        self.assertEqual([peer.receive().payload for _ in range(2)], [b"hello", b"again"])

    def test_4_2_2_a_subprotocol_is_one_of_those_offered(self):
        self.spoken = WebSocketUpstream(fields=[("Sec-WebSocket-Protocol", "v2")])
        self.proxy = self.edgehold(inspected(self.agent))
        response, peer = open_client(self.client(self.proxy),
                                     fields=[("Sec-WebSocket-Protocol", "v1, v2")])
        self.assertEqual(response.get("sec-websocket-protocol"), "v2")
        peer.text("x")
        self.assertEqual(peer.receive().payload, b"x")

    def test_9_1_extensions_are_not_negotiated_where_messages_are_read(self):
        self.proxy = self.edgehold(inspected(self.agent))
        response, peer = open_client(self.client(self.proxy), fields=[
            ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")])
        self.assertIsNotNone(peer)
        self.assertEqual(response.all("sec-websocket-extensions"), [])
        self.assertEqual(self.agent.requests[0].all("sec-websocket-extensions"), [])

    # 5: frames

    def test_5_1_a_client_that_does_not_mask_is_closed_with_1002(self):
        self.each([("text", frame(TEXT, b"bad")), ("ping", frame(PING, b"")),
                   ("close", wire.close(1000))], 1002)

    def test_5_1_a_server_that_masks_is_not_passed_on(self):
        self.each_of_the_server([("text", frame(TEXT, b"bad", MASK))], 1002)

    def test_5_1_what_goes_to_a_server_is_masked_and_to_a_client_is_not(self):
        peer = self.open()
        peer.text("whole")
        for found in (peer.receive(),):
            self.assertFalse(found.is_masked)
        peer.frame(TEXT, b"in ", final=False)
        peer.frame(CONTINUATION, b"parts")
        self.assertEqual(peer.receive().payload, b"in parts")
        self.assertTrue(all(found.is_masked for found in self.spoken.frames), self.spoken.frames)

    def test_5_2_reserved_bits_and_opcodes_are_1002(self):
        self.each([("reserved bit %d" % bit, frame(TEXT, b"bad", MASK, reserved=bit))
                   for bit in (1, 2, 4, 7)]
                  + [("opcode %d" % opcode, frame(opcode, b"bad", MASK))
                     for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)], 1002)

    def test_5_2_a_server_s_reserved_bits_and_opcodes_are_not_passed_on(self):
        self.each_of_the_server([("reserved bit", frame(TEXT, b"bad", reserved=4)),
                                 ("opcode", frame(3, b"bad"))], 1002)

    def test_5_2_a_length_has_one_form(self):
        self.each([
            ("5 in 16 bits", frame(TEXT, b"12345", MASK, length=b"\x7e\x00\x05")),
            ("125 in 16 bits", frame(TEXT, b"a" * 125, MASK, length=b"\x7e\x00\x7d")),
            ("5 in 64 bits", frame(TEXT, b"12345", MASK, length=b"\x7f" + struct.pack(">Q", 5))),
            ("65535 in 64 bits", frame(TEXT, b"", MASK, length=b"\x7f" + struct.pack(">Q", 65535))),
            ("2^63", frame(TEXT, b"", MASK, length=b"\x7f" + struct.pack(">Q", 1 << 63))),
        ], 1002)

    def test_5_2_every_length_form_is_relayed(self):
        peer = self.open()
        for size in (0, 1, 125, 126, 127, 65535, 65536):
            payload = bytes(i % 251 for i in range(size))
            peer.frame(BINARY, payload)
            self.assertEqual(peer.receive().payload, payload, size)

    def test_5_4_fragments_make_one_message(self):
        peer = self.open()
        for parts in ([b"Hel", b"lo"], [b"", b"a", b""], [b"a"] * 50):
            peer.frame(TEXT, parts[0], final=False)
            for part in parts[1:-1]:
                peer.frame(CONTINUATION, part, final=False)
            peer.frame(CONTINUATION, parts[-1])
            found = peer.receive()
            self.assertEqual((found.opcode, found.final, found.payload),
                             (TEXT, True, b"".join(parts)))

    def test_5_4_control_frames_come_between_fragments(self):
        peer = self.open()
        peer.frame(TEXT, b"Hel", final=False)
        peer.frame(PING, b"now")
        found = peer.receive()
        self.assertEqual((found.opcode, found.payload), (PONG, b"now"))
        peer.frame(CONTINUATION, b"lo")
        self.assertEqual(peer.receive().payload, b"Hello")

    def test_5_4_fragments_out_of_order_are_1002(self):
        self.each([
            ("nothing to continue", frame(CONTINUATION, b"bad", MASK)),
            ("nothing to continue, not final", frame(CONTINUATION, b"bad", MASK, final=False)),
            ("message in a message", frame(TEXT, b"a", MASK, final=False) + frame(TEXT, b"b", MASK)),
            ("binary in a text", frame(TEXT, b"a", MASK, final=False) + frame(BINARY, b"b", MASK)),
        ], 1002)

    def test_5_5_control_frames_are_short_and_whole(self):
        self.each([("ping of 126", frame(PING, b"p" * 126, MASK)),
                   ("close of 126", frame(CLOSE, b"\x03\xe8" + b"r" * 124, MASK)),
                   ("ping in parts", frame(PING, b"p", MASK, final=False)),
                   ("close in parts", frame(CLOSE, b"", MASK, final=False))], 1002)

    def test_5_5_1_a_close_is_answered_and_passed_on(self):
        for payload in (b"", b"\x03\xe8", b"\x03\xe9going", b"\x0f\xa0own", b"\x13\x87"):
            self.spoken = WebSocketUpstream()
            peer = self.open() if payload == b"" else self.another()
            peer.frame(CLOSE, payload)
            frames = peer.rest()
            self.assertEqual([found.opcode for found in frames], [CLOSE])
            self.assertEqual(frames[0].payload[:2], payload[:2])
            wait_for(lambda: self.spoken.ends == 1, "the upstream's connection is closed")
            self.assertEqual([(f.opcode, f.payload) for f in self.spoken.frames], [(CLOSE, payload)])

    def test_5_5_1_a_server_s_close_is_passed_on(self):
        self.spoken = WebSocketUpstream(greet=lambda peer: peer.close(4001, b"enough"),
                                        speak=lambda peer, found: found.opcode != CLOSE)
        peer = self.open()
        found = peer.receive()
        self.assertEqual((found.opcode, found.code, found.payload[2:]), (CLOSE, 4001, b"enough"))
        peer.frame(CLOSE, found.payload)
        self.assertEqual(peer.rest(), [])

    def test_5_5_1_nothing_after_a_close_is_a_message(self):
        peer = self.open()
        peer.send(wire.close(1000, mask=MASK) + frame(TEXT, b"late", MASK))
        peer.rest()
        wait_for(lambda: self.spoken.ends == 1, "the upstream's connection is closed")
        self.assertEqual(self.spoken.messages(), [])

    def test_5_5_2_every_ping_has_its_pong(self):
        peer = self.open()
        for payload in (b"", b"1", b"p" * 125):
            peer.frame(PING, payload)
            found = peer.receive()
            self.assertEqual((found.opcode, found.payload), (PONG, payload))

    def test_5_5_3_a_pong_that_nobody_asked_for_is_no_error(self):
        peer = self.open()
        peer.frame(PONG, b"unasked")
        peer.text("still here")
        self.assertEqual(peer.receive().payload, b"still here")

    def test_5_6_text_and_binary_stay_what_they_are(self):
        peer = self.open()
        for opcode, payload in ((TEXT, "ё".encode()), (BINARY, bytes(range(256))), (TEXT, b"")):
            peer.frame(opcode, payload)
            found = peer.receive()
            self.assertEqual((found.opcode, found.payload), (opcode, payload))

    # 7: closing

    def test_7_1_1_the_server_closes_the_connection_first(self):
        peer = self.open()
        peer.close(1000)
        self.assertEqual(peer.receive().code, 1000)
        self.assertIsNone(peer.receive())

    def test_7_1_5_a_connection_that_is_lost_is_no_clean_close(self):
        """1006 is never on the wire: a peer that is gone is told by another code, or by the end."""
        self.spoken = WebSocketUpstream(greet=lambda peer: peer.sock.shutdown(2))
        peer = self.open()
        for found in peer.rest():
            self.assertIn(found.code, (1001, 1011, 1014))

    def test_7_4_close_codes_that_may_not_be_sent_are_1002(self):
        self.each([("code %d" % code, wire.close(code, mask=MASK)) for code in
                   (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)]
                  + [("half a code", frame(CLOSE, b"\x03", MASK))], 1002)

    def test_7_4_close_codes_that_may_be_sent_are_taken(self):
        self.open().close(1000)
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000,
                     3999, 4000, 4999):
            with self.subTest(code):
                peer = self.another()
                peer.close(code)
                self.assertEqual([found.code for found in peer.rest()], [code])

    # 8: text

    def test_8_1_text_that_is_not_utf_8_is_1007(self):
        bad = [b"\x80", b"\xc0\x80", b"\xc3(", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff",
               b"cut \xe2\x82", b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"]
        self.each([(repr(text), frame(TEXT, text, MASK)) for text in bad]
                  + [("in parts", frame(TEXT, b"\xe2", MASK, final=False)
                      + frame(CONTINUATION, b"\x82", MASK)),
                     ("reason", wire.close(1000, b"\xff", MASK))], 1007)

    def test_8_1_a_server_s_text_that_is_not_utf_8_is_not_passed_on(self):
        self.each_of_the_server([("text", frame(TEXT, b"\xff"))], 1007)

    def test_8_1_characters_may_be_cut_by_fragments(self):
        peer = self.open()
        text = "κόσμε 😀 ёж".encode()
        peer.frame(TEXT, text[:1], final=False)
        for octet in text[1:-1]:
            peer.frame(CONTINUATION, bytes([octet]), final=False)
        peer.frame(CONTINUATION, text[-1:])
        self.assertEqual(peer.receive().payload, text)

    def test_8_1_text_fails_at_the_first_octet_that_cannot_be_right(self):
        peer = self.open()
        peer.frame(TEXT, b"a \xed\xa0", final=False)
        self.assertClosed(peer, 1007)

    # 10: security

    def test_10_4_a_message_past_the_limit_is_1009(self):
        over = 64 * KIB + 1
        announced = frame(BINARY, b"", MASK, length=b"\x7f" + struct.pack(">Q", over))
        self.each([("announced", announced),
                   ("2^62", frame(BINARY, b"", MASK, length=b"\x7f" + struct.pack(">Q", 1 << 62))),
                   ("in parts", frame(BINARY, b"x" * 60000, MASK, final=False)
                    + frame(CONTINUATION, b"x" * (over - 60000), MASK, final=False))], 1009)

    def test_10_4_empty_fragments_are_bounded(self):
        self.each([("129", frame(TEXT, b"", MASK, final=False)
                    + frame(CONTINUATION, b"", MASK, final=False) * 128)], 1009)

    def test_5_frames_are_the_same_however_they_are_cut(self):
        peer = self.open()
        octets = (frame(TEXT, b"a" * 130, MASK) + frame(PING, b"p", MASK)
                  + frame(TEXT, b"b", MASK, final=False) + frame(CONTINUATION, b"c", MASK))
        for octet in octets:
            peer.send(bytes([octet]))
        came = [peer.receive() for _ in range(3)]
        self.assertEqual([found.payload for found in came if found.opcode == PONG], [b"p"])
        self.assertEqual([found.payload for found in came if found.opcode == TEXT],
                         [b"a" * 130, b"bc"])

    def test_6_2_messages_of_both_directions_do_not_wait_for_each_other(self):
        """A server that speaks without being asked, while the client is in the middle of a message."""
        spoken = threading.Event()

        def speak(peer, found):
            peer.text("unasked")
            spoken.set()
        self.spoken = WebSocketUpstream(speak=speak)
        peer = self.open()
        peer.text("go")
        spoken.wait(20)
        peer.frame(TEXT, b"half", final=False)
        self.assertEqual(peer.receive().payload, b"unasked")


