# SPDX-License-Identifier: Apache-2.0
"""RFC 9113 (HTTP/2) and, where a block is read, RFC 7541 (HPACK): one test named for each law that a
server can be held to from outside, in the order of the sections. Frames are written by hand.

Where the RFC leaves a choice, edgehold's is the law here: docstrings say so.
"""
import unittest

from harness import CapturingUpstream, Client, Edgehold, answer, certificates, client_tls, tls_config
from http2_wire import (ACK, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM,
                        ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY,
                        HAS_PRIORITY, HEADERS, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS,
                        MAX_FRAME_SIZE, NO_ERROR, PADDED, PING, PREFACE, PRIORITY, PROTOCOL_ERROR,
                        PUSH_PROMISE, REFUSED_STREAM, RST_STREAM, SETTINGS, STREAM_CLOSED,
                        WINDOW_UPDATE, Http2Client, block, content, frame, goaway, headers, literal,
                        ping, request, reset, settings, window_update)

LARGE = bytes(i % 251 for i in range(300_000))
CODED = b"\0\x85\xf2\xb2\x4a\x84\xff"  # a literal field, its name `x-test` in Huffman code
STREAMS_MAX = 100
FRAME_BYTES_MAX = 16384


def respond(asked, _):
    """By the path: /large, /slow (never), /echo, /204, /304, else `ok`."""
    kind = asked.target.split("?")[0]
    if kind == "/large":
        return answer(body=LARGE)
    if kind == "/slow":
        return None
    if kind == "/echo":
        return answer(body=asked.body)
    if kind in ("/204", "/304"):
        return b"HTTP/1.1 %s x\r\nETag: \"a\"\r\n\r\n" % kind[1:].encode()
    if kind == "/fields":
        return answer(fields=[("Connection", "x-hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"),
                              ("X-Mixed", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    if kind == "/early":
        return b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer()
    return answer()


def get(path="/", *more, **changed):
    return request(path=path, scheme="http", more=more, **changed)


def post(path="/echo", *more):
    return get(path, *more, method="POST")


class Rfc9113(unittest.TestCase):
    """One edgehold for all: each test has connections of its own."""

    @classmethod
    def setUpClass(cls):
        cls.upstream = CapturingUpstream(respond)
        cls.addClassCleanup(cls.upstream.stop)
        config = tls_config(cls.upstream)
        config["listen"].append(
            {"address": "127.0.0.1:0", "clear_text": True, "http2": True, "name": "both"})
        config["listen"].append({"address": "127.0.0.1:0", "clear_text": True, "name": "http1"})
        cls.proxy = Edgehold(config)
        cls.addClassCleanup(cls.proxy.remove)
        cls.addClassCleanup(cls.proxy.stop)
        cls.proxy.start()
        cls.tls_port, cls.port, cls.http1_port = cls.proxy.ports

    def connect(self, start=True, **more):
        client = Http2Client(self.port, start=start, **more)
        self.addCleanup(client.close)
        return client

    def ask(self, octets, stream=1, client=None, status=200):
        """The answer on `stream` to what `octets` are; whole."""
        client = client or self.connect()
        client.send(octets)
        got = client.ended(stream)
        self.assertEqual(got.status, status, got)
        self.assertTrue(got.has_ended, got)
        return got

    def goes_on(self, client, stream=101):
        """The connection serves another request."""
        self.ask(headers(stream, get()), stream, client)

    def connection_error(self, code, octets, client=None):
        client = client or self.connect()
        client.send(octets)
        self.assertEqual(client.error(), code)
        self.assertTrue(client.is_closed)
        return client

    def stream_error(self, code, octets, stream=1):
        """RST_STREAM with `code`, and the connection lives on."""
        client = self.connect()
        client.send(octets)
        client.wait(lambda: client.answer(stream).reset is not None)
        self.assertEqual(client.answer(stream).reset, code, client.goaways)
        self.goes_on(client)
        return client.answer(stream)

    def ignored(self, octets, client=None):
        client = client or self.connect()
        client.send(octets)
        self.goes_on(client)
        self.assertEqual([g for g in client.goaways if g[1] != NO_ERROR], [])

    # --- 3: starting ------------------------------------------------------------------------------

    def test_3_2_alpn_chooses_h2(self):
        context = client_tls()
        context.set_alpn_protocols(["http/1.1", "h2"])
        client = Client(self.tls_port, tls=context)
        self.addCleanup(client.close)
        self.assertEqual(client.sock.selected_alpn_protocol(), "h2")

    def test_3_2_h2c_is_no_protocol_of_alpn(self):
        context = client_tls()
        context.set_alpn_protocols(["h2c", "http/1.1"])
        client = Client(self.tls_port, tls=context)
        self.addCleanup(client.close)
        self.assertEqual(client.sock.selected_alpn_protocol(), "http/1.1")

    def test_3_2_over_tls_requests_are_https(self):
        client = Http2Client(self.tls_port, tls=client_tls())
        self.addCleanup(client.close)
        self.ask(headers(1, request()), client=client)
        client.send(headers(3, get()))
        self.assertEqual(client.ended(3).reset, PROTOCOL_ERROR)

    def test_3_1_upgrade_to_h2c_is_not_done(self):
        """RFC 9113 3.1 took it away."""
        client = Client(self.port)
        self.addCleanup(client.close)
        client.request(fields=[("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"),
                               ("HTTP2-Settings", "AAMAAABkAAQAAP__")])
        self.assertNotEqual(client.response().status, 101)

    def test_3_3_prior_knowledge_begins_with_the_preface(self):
        self.ask(headers(1, get()))

    def test_3_3_without_the_preface_the_same_port_speaks_http1(self):
        client = Client(self.port)
        self.addCleanup(client.close)
        self.assertEqual(client.ask().status, 200)

    def test_3_3_where_it_is_not_configured_the_preface_is_refused(self):
        client = Http2Client(self.http1_port)
        self.addCleanup(client.close)
        client.sock.settimeout(20)
        self.assertTrue(client.sock.recv(65536).startswith(b"HTTP/1.1 505 "))

    def test_3_4_settings_are_the_first_frame_of_the_server(self):
        client = self.connect()
        client.wait(lambda: client.frames)
        self.assertEqual(client.frames[0][0], SETTINGS)
        self.assertEqual(client.frames[0][1] & ACK, 0)

    def test_3_4_the_preface_may_come_byte_by_byte(self):
        client = self.connect(start=False)
        client.send_in_pieces(PREFACE + settings() + headers(1, get()), 1)
        self.assertEqual(client.ended(1).status, 200)

    def test_3_4_a_malformed_preface_ends_the_connection(self):
        client = Http2Client(self.tls_port, tls=client_tls(), start=False)
        self.addCleanup(client.close)
        client.send(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + settings() + headers(1, request()))
        self.assertIn(client.error(), (PROTOCOL_ERROR, None))
        self.assertTrue(client.is_closed)

    def test_3_4_http1_behind_alpn_h2_ends_the_connection(self):
        client = Http2Client(self.tls_port, tls=client_tls(), start=False)
        self.addCleanup(client.close)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.error()
        self.assertTrue(client.is_closed)

    def test_3_4_settings_must_follow_the_preface(self):
        self.connection_error(PROTOCOL_ERROR, PREFACE + headers(1, get()), self.connect(False))

    def test_3_4_requests_need_not_wait_for_the_servers_settings(self):
        client = self.connect(start=False)
        client.send(PREFACE + settings() + headers(1, get()))
        self.assertEqual(client.ended(1).status, 200)

    # --- 4: frames --------------------------------------------------------------------------------

    def test_4_1_unknown_types_are_ignored(self):
        self.ignored(frame(0xee, 0xff, 0, b"?" * 100) + frame(0x0b, 0, 1, b"") +
                     frame(0x10, 0, 0, b"\0\0\0\1u=0"))

    def test_4_1_undefined_flags_are_ignored(self):
        self.ignored(frame(PING, 0xfe, 0, b"12345678"))
        self.ask(frame(HEADERS, END_HEADERS | END_STREAM | 0xd2, 1, block(get())))

    def test_4_1_the_reserved_bit_is_ignored(self):
        client = self.connect()
        client.send(frame(PING, 0, 1 << 31, b"reserved"))
        self.assertTrue(client.wait(lambda: b"reserved" in client.acknowledged))
        self.ask(headers(1 | 1 << 31, get()), client=client)

    def test_4_2_frames_of_16384_octets_are_taken(self):
        got = self.ask(headers(1, post(), False) + content(1, LARGE[:FRAME_BYTES_MAX]))
        self.assertEqual(got.body, LARGE[:FRAME_BYTES_MAX])

    def test_4_2_larger_frames_are_errors_of_size(self):
        too_large = b"\0" * (FRAME_BYTES_MAX + 1)
        for octets in (headers(1, post(), False) + content(1, too_large),
                       frame(HEADERS, END_HEADERS, 1, too_large), frame(SETTINGS, 0, 0, too_large),
                       frame(0xee, 0, 0, too_large)):
            self.connection_error(FRAME_SIZE_ERROR, octets)

    def test_4_2_no_frame_is_larger_than_the_client_allows(self):
        client = self.connect(own_settings=[(INITIAL_WINDOW_SIZE, 1 << 20)])
        client.send(window_update(0, 1 << 20))
        got = self.ask(headers(1, get("/large")), client=client)
        self.assertEqual(got.body, LARGE)
        self.assertLessEqual(max(size for _, _, _, size in client.frames), FRAME_BYTES_MAX)

    def test_4_3_a_block_that_cannot_be_unpacked_ends_the_connection(self):
        for octets in (b"\xff" * 10, b"\0\x05abc", b"\x40\x01a"):
            self.connection_error(COMPRESSION_ERROR,
                                  frame(HEADERS, END_HEADERS | END_STREAM, 1, octets))

    def test_4_3_a_block_is_one_run_of_frames(self):
        begun = frame(HEADERS, END_STREAM, 1, block(get())[:9])
        for other in (headers(3, get()), content(1, b"a"), ping(), settings(), goaway(),
                      window_update(0, 1), reset(1), frame(PRIORITY, 0, 1, b"\0\0\0\0\1"),
                      frame(0xee, 0, 0, b""), frame(CONTINUATION, END_HEADERS, 3, block(get())[9:])):
            self.connection_error(PROTOCOL_ERROR, begun + other)

    def test_4_3_the_table_lives_on_through_requests_that_are_refused(self):
        client = self.connect()
        refused = block(get()) + literal(b"x-kept", b"1", 0x40) + literal(b"connection", b"close")
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, refused))
        self.assertEqual(client.ended(1).reset, PROTOCOL_ERROR)
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, block(get("/kept")) + b"\xbe"))
        self.assertEqual(client.ended(3).status, 200)
        seen = next(r for r in self.upstream.requests if r.target == "/kept")
        self.assertEqual(seen.all("x-kept"), ["1"])

    def test_4_3_hpack_every_representation_is_read(self):
        indexed = b"\x82\x86\x84" + b"\x01\x01a"
        more = (b"\x40\x03x-a\x011" + b"\x00\x03x-b\x012" + b"\x10\x03x-c\x013" + b"\x0f\x2b\x01u"
                + b"\x00\x84\xf2\xb4\x07\x9f"[:1] + b"\x03x-d\x014")
        self.ask(frame(HEADERS, END_HEADERS | END_STREAM, 1, indexed + more))

    def test_4_3_hpack_huffman_codes_are_read(self):
        coded = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"
        self.ask(frame(HEADERS, END_HEADERS | END_STREAM, 1, coded))
        self.assertEqual(self.upstream.requests[-1].get("host"), "www.example.com")

    def test_4_3_hpack_the_table_may_shrink_at_the_start_of_a_block(self):
        self.ask(frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x20\x3f\xe1\x1f" + block(get())))

    def test_4_3_hpack_malformed_blocks_end_the_connection(self):
        for octets in (b"\x80",                                  # index 0 (6.1)
                       b"\xff\x80\x80\x01",                      # past the tables (2.3.3)
                       b"\x7f\xff\x01\x01a",                     # a name past the tables
                       b"\x82\x20",                              # a size update that is late (4.2)
                       b"\x3f\xe2\x1f",                          # larger than allowed (6.3)
                       CODED + b"\x84\x49\x50\x9f\xff",          # more than 7 bits of padding (5.2)
                       CODED + b"\x83\x49\x50\x90",              # padding of zeros
                       CODED + b"\x87\x49\x51\xff\xff\xff\xfa\x7f",  # EOS
                       b"\x00\xff\xff\xff\xff\xff\xff\xff\x7f",  # a length that no integer holds
                       b"\x1f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"):
            with self.subTest(octets):
                self.connection_error(COMPRESSION_ERROR,
                                      frame(HEADERS, END_HEADERS | END_STREAM, 1, octets))

    # --- 5.1: streams -----------------------------------------------------------------------------

    def test_5_1_idle_takes_headers_and_priority_alone(self):
        for octets in (content(1, b"a"), reset(1), window_update(1, 1),
                       frame(CONTINUATION, END_HEADERS, 1, block(get()))):
            self.connection_error(PROTOCOL_ERROR, octets)
        self.ignored(frame(PRIORITY, 0, 7, b"\0\0\0\0\x0f"))

    def test_5_1_half_closed_takes_no_content(self):
        self.connection_error(STREAM_CLOSED, headers(1, get("/slow")) + content(1, b"a"))

    def test_5_1_half_closed_takes_no_headers(self):
        self.connection_error(STREAM_CLOSED, headers(1, get("/slow")) + headers(1, get()))

    def test_5_1_half_closed_takes_no_continuation(self):
        self.connection_error(PROTOCOL_ERROR, headers(1, get("/slow")) +
                              frame(CONTINUATION, END_HEADERS, 1, block(get())))

    def test_5_1_half_closed_takes_window_update_priority_and_reset(self):
        self.ignored(headers(1, get("/slow")) + window_update(1, 10) +
                     frame(PRIORITY, 0, 1, b"\0\0\0\0\x0f") + reset(1))

    def test_5_1_closed_by_the_client_takes_no_headers(self):
        for octets in (headers(1, get()), content(1, b"a")):
            client = self.connect()
            self.ask(headers(1, get()), client=client)
            self.connection_error(STREAM_CLOSED, octets, client)

    def test_5_1_reset_by_the_client_takes_nothing_more(self):
        for octets in (headers(1, post("/slow")), content(1, b"a")):
            self.connection_error(STREAM_CLOSED,
                                  headers(1, post("/slow"), False) + reset(1) + octets)

    def test_5_1_closed_takes_window_update_priority_and_reset(self):
        client = self.connect()
        self.ask(headers(1, get()), client=client)
        self.ignored(window_update(1, 1) + frame(PRIORITY, 0, 1, b"\0\0\0\0\x0f") + reset(1), client)

    def test_5_1_what_comes_late_on_a_stream_that_the_server_reset_is_ignored(self):
        client = self.connect()
        client.send(headers(1, post("/", ("connection", "close")), False))
        self.assertEqual(client.ended(1).reset, PROTOCOL_ERROR)
        self.ignored(content(1, b"late", False) + headers(1, [("x-late", "1")]), client)

    def test_5_1_1_clients_have_odd_numbers(self):
        self.connection_error(PROTOCOL_ERROR, headers(2, get()))

    def test_5_1_1_numbers_grow(self):
        self.connection_error(PROTOCOL_ERROR, headers(5, get("/slow")) + headers(3, get()))

    def test_5_1_1_a_request_is_not_on_stream_zero(self):
        self.connection_error(PROTOCOL_ERROR, headers(0, get()))

    def test_5_1_1_the_last_number_there_is_may_be_used(self):
        self.ask(headers((1 << 31) - 1, get()), (1 << 31) - 1)

    def test_5_1_2_one_stream_too_many_is_refused(self):
        client = self.connect()
        for i in range(STREAMS_MAX + 1):
            client.send(headers(2 * i + 1, get("/slow")))
        last = 2 * STREAMS_MAX + 1
        self.assertEqual(client.ended(last).reset, REFUSED_STREAM)
        self.assertFalse(any(a.is_over for s, a in client.answers.items() if s != last))
        self.assertEqual(client.settings[MAX_CONCURRENT_STREAMS], STREAMS_MAX)

    # --- 5.2 to 5.5 -------------------------------------------------------------------------------

    def test_5_2_content_waits_for_the_windows(self):
        client = self.connect()
        client.send(headers(1, get("/large")))
        self.assertTrue(client.synchronise())
        client.wait(lambda: len(client.answer(1).body) >= 65535)
        self.assertTrue(client.synchronise())
        self.assertEqual(len(client.answer(1).body), 65535)
        client.send(window_update(1, 1 << 20) + window_update(0, 1 << 20))
        self.assertEqual(client.ended(1).body, LARGE)

    def test_5_3_priorities_are_ignored(self):
        """RFC 9113 5.3.2: the server says so in its settings (RFC 9218 2.1)."""
        client = self.connect()
        self.ask(frame(HEADERS, END_HEADERS | END_STREAM | HAS_PRIORITY, 1,
                       b"\x80\0\0\x05\xff" + block(get())), client=client)
        self.assertEqual(client.settings.get(9), 1)

    def test_5_4_1_an_error_of_the_connection_is_said_and_then_it_closes(self):
        client = self.connection_error(FRAME_SIZE_ERROR, frame(PING, 0, 0, b"short"))
        self.assertEqual(client.goaways, [(0, FRAME_SIZE_ERROR)])

    def test_5_4_1_the_last_stream_is_told(self):
        client = self.connect()
        self.ask(headers(1, get()), client=client)
        self.ask(headers(3, get()), 3, client)
        self.connection_error(FRAME_SIZE_ERROR, frame(PING, 0, 0, b"short"), client)
        self.assertEqual(client.goaways[-1][0], 3)

    def test_5_4_2_a_reset_is_not_answered_by_a_reset(self):
        client = self.connect()
        client.send(headers(1, get("/slow")) + reset(1))
        self.goes_on(client)
        self.assertIsNone(client.answer(1).reset)

    def test_5_5_an_unknown_frame_has_no_place_in_a_block(self):
        self.connection_error(PROTOCOL_ERROR, frame(HEADERS, END_STREAM, 1, block(get())[:5]) +
                              frame(0xee, 0, 0, b""))

    def test_5_5_unknown_settings_are_ignored(self):
        self.ignored(settings((0xfff, 1), (0, 5)))

    # --- 6.1, 6.2: DATA and HEADERS ---------------------------------------------------------------

    def test_6_1_data_has_a_stream(self):
        self.connection_error(PROTOCOL_ERROR, content(0, b"a"))

    def test_6_1_padding_is_taken_off(self):
        got = self.ask(headers(1, post(), False) +
                       frame(DATA, PADDED, 1, b"\x05hello" + b"\0" * 5) +
                       frame(DATA, PADDED | END_STREAM, 1, b"\0!"))
        self.assertEqual(got.body, b"hello!")

    def test_6_1_padding_is_not_longer_than_its_frame(self):
        for octets in (b"\x05hell", b"\xff", b""):
            self.connection_error(PROTOCOL_ERROR, headers(1, post(), False) +
                                  frame(DATA, PADDED, 1, octets))

    def test_6_1_padding_counts_in_the_window(self):
        """All of a frame does: what was padding comes back."""
        client = self.connect(own_settings=[(INITIAL_WINDOW_SIZE, 1 << 20)])
        client.send(window_update(0, 1 << 20) + headers(1, post(), False))
        for _ in range(16):
            client.send(frame(DATA, PADDED, 1, b"\xff" + b"a" * 10000 + b"\0" * 255))
        client.send(content(1, b""))
        self.assertEqual(len(client.ended(1).body), 160_000)

    def test_6_2_headers_have_a_stream(self):
        self.connection_error(PROTOCOL_ERROR, frame(HEADERS, END_HEADERS, 0, block(get())))

    def test_6_2_padding_and_priority_are_taken_off(self):
        self.ask(frame(HEADERS, END_HEADERS | END_STREAM | PADDED | HAS_PRIORITY, 1,
                       b"\x04" + b"\0\0\0\0\x0f" + block(get()) + b"\0" * 4))

    def test_6_2_padding_is_not_longer_than_its_frame(self):
        self.connection_error(PROTOCOL_ERROR, frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 1,
                                                    b"\xff" + block(get())))

    def test_6_2_priority_needs_its_five_octets(self):
        self.connection_error(FRAME_SIZE_ERROR,
                              frame(HEADERS, END_HEADERS | HAS_PRIORITY, 1, b"\0\0\0"))

    # --- 6.3, 6.4: PRIORITY and RST_STREAM --------------------------------------------------------

    def test_6_3_priority_has_a_stream(self):
        self.connection_error(PROTOCOL_ERROR, frame(PRIORITY, 0, 0, b"\0\0\0\0\x0f"))

    def test_6_3_priority_has_five_octets(self):
        """An error of the stream would do; ours is the connection's."""
        for octets in (b"", b"\0\0\0\0", b"\0\0\0\0\x0f\0"):
            self.connection_error(FRAME_SIZE_ERROR, frame(PRIORITY, 0, 1, octets))

    def test_6_4_reset_has_a_stream(self):
        self.connection_error(PROTOCOL_ERROR, reset(0))

    def test_6_4_reset_has_four_octets(self):
        for octets in (b"", b"\0\0\0", b"\0\0\0\0\0"):
            self.connection_error(FRAME_SIZE_ERROR, headers(1, get("/slow")) +
                                  frame(RST_STREAM, 0, 1, octets))

    def test_6_4_an_idle_stream_cannot_be_reset(self):
        self.connection_error(PROTOCOL_ERROR, reset(5))

    def test_6_4_a_reset_ends_the_request_upstream(self):
        count = len(self.upstream.connections)
        client = self.connect()
        client.send(headers(1, get("/slow?reset")))
        self.upstream.wait_for_requests(1)
        while not any(r.target == "/slow?reset" for r in self.upstream.requests):
            client.synchronise()
        client.send(reset(1))
        client.synchronise()
        self.assertGreaterEqual(len(self.upstream.connections), count)
        self.assertIsNone(client.answer(1).status)

    # --- 6.5: SETTINGS ----------------------------------------------------------------------------

    def test_6_5_settings_are_of_the_connection(self):
        self.connection_error(PROTOCOL_ERROR, frame(SETTINGS, 0, 1, b""))

    def test_6_5_settings_have_six_octets_each(self):
        for octets in (b"\0", b"\0\4\0\0\0", b"\0\4\0\0\0\1\0"):
            self.connection_error(FRAME_SIZE_ERROR, frame(SETTINGS, 0, 0, octets))

    def test_6_5_an_acknowledgement_is_empty(self):
        self.connection_error(FRAME_SIZE_ERROR, frame(SETTINGS, ACK, 0, b"\0\4\0\0\0\1"))

    def test_6_5_2_push_is_zero_or_one(self):
        self.connection_error(PROTOCOL_ERROR, settings((2, 2)))
        self.ignored(settings((2, 0)) + settings((2, 1)))

    def test_6_5_2_a_window_is_below_2_to_the_31(self):
        self.connection_error(FLOW_CONTROL_ERROR, settings((INITIAL_WINDOW_SIZE, 1 << 31)))

    def test_6_5_2_a_frame_size_is_within_its_bounds(self):
        for size in (0, 16383, 1 << 24):
            self.connection_error(PROTOCOL_ERROR, settings((MAX_FRAME_SIZE, size)))
        self.ignored(settings((MAX_FRAME_SIZE, 16384), (MAX_FRAME_SIZE, (1 << 24) - 1)))

    def test_6_5_3_settings_are_acknowledged(self):
        client = self.connect()
        client.send(settings((INITIAL_WINDOW_SIZE, 1)) + settings())
        self.assertTrue(client.wait(lambda: client.settings_acknowledged == 3))

    def test_6_5_3_values_are_taken_in_order(self):
        client = self.connect()
        client.send(settings((INITIAL_WINDOW_SIZE, 100), (INITIAL_WINDOW_SIZE, 7)) +
                    headers(1, get("/large")))
        client.wait(lambda: client.answer(1).body)
        client.synchronise()
        self.assertEqual(len(client.answer(1).body), 7)

    def test_6_5_2_a_small_header_table_is_respected(self):
        client = self.connect(own_settings=[(1, 0)])
        for stream in (1, 3, 5):
            self.ask(headers(stream, get()), stream, client)
        self.assertEqual(client._decoder.table, [])

    # --- 6.6, 6.7, 6.8: PUSH_PROMISE, PING, GOAWAY ------------------------------------------------

    def test_6_6_a_client_cannot_push(self):
        self.connection_error(PROTOCOL_ERROR, headers(1, post(), False) + frame(
            PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + block(get())))

    def test_6_7_a_ping_is_answered_with_its_octets(self):
        client = self.connect()
        client.send(ping(b"\0\1\2\3\xff\xfe\xfd\xfc"))
        self.assertTrue(client.wait(lambda: client.acknowledged == [b"\0\1\2\3\xff\xfe\xfd\xfc"]))

    def test_6_7_an_acknowledgement_is_not_answered(self):
        client = self.connect()
        client.send(ping(b"answered", ACK))
        client.synchronise()
        self.assertNotIn(b"answered", client.acknowledged)

    def test_6_7_a_ping_is_of_the_connection(self):
        self.connection_error(PROTOCOL_ERROR, frame(PING, 0, 1, b"12345678"))

    def test_6_7_a_ping_has_eight_octets(self):
        for octets in (b"", b"1234567", b"123456789"):
            self.connection_error(FRAME_SIZE_ERROR, ping(octets))

    def test_6_8_goaway_is_of_the_connection(self):
        self.connection_error(PROTOCOL_ERROR, frame(GOAWAY, 0, 1, b"\0" * 8))

    def test_6_8_goaway_has_eight_octets_at_least(self):
        self.connection_error(FRAME_SIZE_ERROR, frame(GOAWAY, 0, 0, b"\0" * 7))

    def test_6_8_what_is_under_way_is_answered_after_the_clients_goaway(self):
        client = self.connect()
        client.send(headers(1, post(), False) + goaway(0, NO_ERROR, b"bye") + content(1, b"late"))
        self.assertEqual(client.ended(1).body, b"late")
        client.error()
        self.assertTrue(client.is_closed)

    # --- 6.9: WINDOW_UPDATE -----------------------------------------------------------------------

    def test_6_9_an_increment_is_not_zero(self):
        self.connection_error(PROTOCOL_ERROR, window_update(0, 0))
        self.stream_or_connection_error(PROTOCOL_ERROR,
                                        headers(1, get("/slow")) + window_update(1, 0))

    def stream_or_connection_error(self, code, octets):
        client = self.connect()
        client.send(octets)
        client.wait(lambda: client.answer(1).reset is not None or client.goaways)
        self.assertIn(code, [client.answer(1).reset, *(g[1] for g in client.goaways)])

    def test_6_9_a_window_update_has_four_octets(self):
        for octets in (b"", b"\0\0\1", b"\0\0\0\1\0"):
            self.connection_error(FRAME_SIZE_ERROR, frame(WINDOW_UPDATE, 0, 0, octets))

    def test_6_9_1_windows_end_at_2_to_the_31(self):
        self.connection_error(FLOW_CONTROL_ERROR, window_update(0, (1 << 31) - 1))
        self.stream_error(FLOW_CONTROL_ERROR,
                          headers(1, get("/slow")) + window_update(1, (1 << 31) - 1))

    def test_6_9_1_no_content_is_sent_past_a_window_of_one(self):
        client = self.connect(own_settings=[(INITIAL_WINDOW_SIZE, 1)])
        client.send(headers(1, get("/large")))
        client.wait(lambda: client.answer(1).body)
        client.synchronise()
        self.assertEqual(client.answer(1).body, LARGE[:1])

    def test_6_9_2_a_change_of_the_first_window_moves_the_open_ones(self):
        client = self.connect(own_settings=[(INITIAL_WINDOW_SIZE, 0)])
        client.send(headers(1, get("/large")))
        client.wait(lambda: client.answer(1).statuses)
        client.synchronise()
        self.assertEqual(client.answer(1).body, b"")
        client.send(settings((INITIAL_WINDOW_SIZE, 5)))
        client.wait(lambda: client.answer(1).body)
        client.synchronise()
        self.assertEqual(client.answer(1).body, LARGE[:5])

    def test_6_9_2_a_window_may_be_negative(self):
        client = self.connect(own_settings=[(INITIAL_WINDOW_SIZE, 3)])
        client.send(headers(1, get("/large")))
        client.wait(lambda: len(client.answer(1).body) == 3)
        client.send(settings((INITIAL_WINDOW_SIZE, 2)) + window_update(1, 1))
        client.synchronise()
        self.assertEqual(len(client.answer(1).body), 3)
        client.send(window_update(1, 1))
        client.wait(lambda: len(client.answer(1).body) == 4)

    def test_6_9_2_a_change_that_overflows_a_window_is_an_error(self):
        """The RFC ends the connection; nghttp2 the streams whose windows they are."""
        self.stream_or_connection_error(
            FLOW_CONTROL_ERROR, settings((INITIAL_WINDOW_SIZE, 0)) + headers(1, get("/slow")) +
            window_update(1, (1 << 31) - 1) + settings((INITIAL_WINDOW_SIZE, 1)))

    # --- 6.10: CONTINUATION -----------------------------------------------------------------------

    def test_6_10_a_block_may_be_cut_anywhere(self):
        octets = block(get())
        for at in range(0, len(octets) + 1, 5):
            self.ask(frame(HEADERS, END_STREAM, 1, octets[:at]) +
                     frame(CONTINUATION, 0, 1, b"") +
                     frame(CONTINUATION, END_HEADERS, 1, octets[at:]))

    def test_6_10_a_continuation_needs_a_block(self):
        rest = frame(CONTINUATION, END_HEADERS, 1, block(get()))
        for octets in (rest, headers(1, get("/slow")) + rest,
                       headers(1, post("/slow"), False) + content(1, b"a", False) + rest,
                       frame(CONTINUATION, END_HEADERS, 0, b"")):
            self.connection_error(PROTOCOL_ERROR, octets)

    # --- 7: error codes ---------------------------------------------------------------------------

    def test_7_unknown_codes_mean_nothing_special(self):
        self.ignored(headers(1, get("/slow")) + reset(1, 0xff))
        client = self.connect()
        client.send(headers(1, post(), False) + goaway(0, 0xff) + content(1, b"a"))
        self.assertEqual(client.ended(1).status, 200)

    # --- 8.1: messages ----------------------------------------------------------------------------

    def malformed(self, octets, stream=1):
        got = self.stream_error(PROTOCOL_ERROR, octets, stream)
        self.assertEqual(got.status, 400, got)
        return got

    def test_8_1_an_answer_is_headers_and_content(self):
        self.assertEqual(self.ask(headers(1, get())).body, b"ok")

    def test_8_1_an_answer_may_have_no_content(self):
        for path, status in (("/204", 204), ("/304", 304)):
            got = self.ask(headers(1, get(path)), status=status)
            self.assertEqual(got.body, b"")

    def test_8_1_interim_answers_do_not_end_the_stream(self):
        """A 100 comes when it was asked for; other interim answers of an upstream are dropped."""
        client = self.connect()
        client.send(headers(1, post("/echo", ("expect", "100-continue")), False))
        client.wait(lambda: client.answer(1).statuses)
        self.assertEqual(client.answer(1).statuses, [100])
        self.assertFalse(client.answer(1).has_ended)
        client.send(content(1, b"late"))
        self.assertEqual(client.ended(1).statuses, [100, 200])
        self.assertEqual(client.answer(1).body, b"late")
        self.assertEqual(self.ask(headers(1, get("/early"))).statuses, [200])

    def test_8_1_trailers_end_the_request(self):
        got = self.ask(headers(1, post(), False) + content(1, b"a", False) +
                       headers(1, [("x-trailer", "1")]))
        self.assertEqual(got.body, b"a")

    def test_8_1_a_second_head_without_the_end_is_malformed(self):
        self.malformed(headers(1, post("/slow"), False) + content(1, b"a", False) +
                       headers(1, [("x-trailer", "1")], ends=False))

    def test_8_1_trailers_have_no_pseudo_header(self):
        self.malformed(headers(1, post("/slow"), False) + content(1, b"a", False) +
                       headers(1, [(":method", "GET")]))

    def test_8_1_an_early_answer_ends_with_a_reset_without_error(self):
        client = self.connect()
        client.send(headers(1, post("/a/../b"), False))
        self.assertTrue(client.wait(lambda: client.answer(1).reset is not None))
        self.assertEqual(client.answer(1).status, 400)
        self.assertTrue(client.answer(1).has_ended)
        self.assertEqual(client.answer(1).reset, NO_ERROR)

    def test_8_1_1_content_is_as_long_as_declared(self):
        for pieces in ((b"hell",), (b"hello!",), (b"he", b"l"), (b"hello", b"!")):
            octets = headers(1, post("/slow", ("content-length", "5")), False)
            for at, piece in enumerate(pieces):
                octets += content(1, piece, at == len(pieces) - 1)
            self.malformed(octets)
        self.malformed(headers(1, post("/slow", ("content-length", "5"))))

    def test_8_1_1_a_head_request_declares_without_content(self):
        got = self.ask(headers(1, get("/large", method="HEAD")))
        self.assertEqual((got.body, got.get("content-length")), (b"", str(len(LARGE))))

    # --- 8.2: fields ------------------------------------------------------------------------------

    def test_8_2_1_names_are_in_lower_case(self):
        self.malformed(headers(1, get("/", ("X-A", "1"))))

    def test_8_2_1_names_have_no_forbidden_octets(self):
        for name in (b"x a", b"x\0a", b"x\x7fa", b"x\xe9a", b"x:a", b""):
            self.malformed(headers(1, get("/", (name, "1"))))

    def test_8_2_1_values_have_no_line_ends_and_no_nul(self):
        for value in (b"a\r", b"a\nb", b"a\0b", b" a", b"a ", b"\ta", b"a\t"):
            self.malformed(headers(1, get("/", ("x-a", value))))

    def test_8_2_2_fields_of_a_connection_are_malformed(self):
        for name in ("connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"):
            self.malformed(headers(1, get("/", (name, "close"))))

    def test_8_2_2_te_is_trailers_or_nothing(self):
        self.malformed(headers(1, get("/", ("te", "trailers, gzip"))))
        self.ask(headers(1, get("/", ("te", "trailers"))))

    def test_8_2_2_answers_carry_no_field_of_a_connection(self):
        got = self.ask(headers(1, get("/fields")))
        names = [name for name, _ in got.fields]
        for name in ("connection", "keep-alive", "transfer-encoding", "x-hop"):
            self.assertNotIn(name, names)
        self.assertTrue(all(name == name.lower() for name in names))
        self.assertEqual(got.all("set-cookie"), ["a=1", "b=2"])

    def test_8_2_3_crumbs_are_joined(self):
        self.ask(headers(1, get("/crumbs", ("cookie", "a=b"), ("cookie", "c=d"), ("cookie", "e=f"))))
        seen = next(r for r in self.upstream.requests if r.target == "/crumbs")
        self.assertEqual(seen.all("cookie"), ["a=b; c=d; e=f"])

    # --- 8.3: pseudo-header fields ----------------------------------------------------------------

    def test_8_3_pseudo_headers_come_first(self):
        self.malformed(headers(1, [("x-a", "1"), *get()]))

    def test_8_3_pseudo_headers_are_known(self):
        self.malformed(headers(1, get() + [(":x", "1")]))

    def test_8_3_pseudo_headers_of_answers_have_no_place(self):
        self.malformed(headers(1, get() + [(":status", "200")]))

    def test_8_3_pseudo_headers_come_once(self):
        for name, value in get():
            self.malformed(headers(1, [*get(), (name, value)]))

    def test_8_3_1_method_scheme_and_path_are_there(self):
        for name in (":method", ":scheme", ":path"):
            self.malformed(headers(1, [field for field in get() if field[0] != name]))

    def test_8_3_1_a_path_is_not_empty(self):
        self.malformed(headers(1, get("")))

    def test_8_3_1_an_asterisk_is_for_options(self):
        self.ask(headers(1, get("*", method="OPTIONS")), status=404)  # it has no route
        self.ask(headers(1, get("*")), status=400)

    def test_8_3_1_an_authority_names_no_user(self):
        self.malformed(headers(1, get(authority="user@a")))

    def test_8_3_1_host_agrees_with_the_authority(self):
        self.malformed(headers(1, get("/", ("host", "b"))))
        self.ask(headers(1, get("/", ("host", "a"))))

    def test_8_3_1_host_stands_in_for_the_authority(self):
        self.ask(headers(1, [(":method", "GET"), (":scheme", "http"), (":path", "/host"),
                             ("host", "b")]))
        seen = next(r for r in self.upstream.requests if r.target == "/host")
        self.assertEqual(seen.all("host"), ["b"])

    def test_8_3_2_an_answer_has_its_status_first(self):
        got = self.ask(headers(1, get()))
        self.assertEqual(got.fields[0], (":status", "200"))
        self.assertEqual(sum(name.startswith(":") for name, _ in got.fields), 1)

    # --- 8.4 to 8.7, 10.5 -------------------------------------------------------------------------

    def test_8_4_nothing_is_pushed(self):
        client = self.connect(own_settings=[(2, 1)])
        self.ask(headers(1, get()), client=client)
        self.assertNotIn(PUSH_PROMISE, [kind for kind, _, _, _ in client.frames])

    def test_8_5_connect_is_refused(self):
        client = self.connect()
        client.send(headers(1, [(":method", "CONNECT"), (":authority", "a:443")], False))
        self.assertEqual(client.ended(1).status, 405)
        self.goes_on(client)

    def test_8_5_connect_has_neither_scheme_nor_path(self):
        self.malformed(headers(1, get(method="CONNECT"), False))

    def test_8_6_an_upgrade_is_not_to_be_had(self):
        self.malformed(headers(1, get("/", ("upgrade", "websocket"))))

    def test_8_7_a_refused_stream_was_not_processed(self):
        client = self.connect()
        mark = "/refused"
        for i in range(STREAMS_MAX):
            client.send(headers(2 * i + 1, get("/slow")))
        client.send(headers(2 * STREAMS_MAX + 1, get(mark)))
        self.assertEqual(client.ended(2 * STREAMS_MAX + 1).reset, REFUSED_STREAM)
        self.assertNotIn(mark, [r.target for r in self.upstream.requests])

    def test_10_5_floods_are_answered_with_enhance_your_calm(self):
        self.connection_error(ENHANCE_YOUR_CALM, ping() * 400)
        self.connection_error(ENHANCE_YOUR_CALM, settings() * 40)
        self.connection_error(ENHANCE_YOUR_CALM, b"".join(
            headers(2 * i + 1, get("/slow")) + reset(2 * i + 1) for i in range(250)))

    def test_10_5_1_a_head_past_its_bounds_is_refused(self):
        octets = block(get("/", *[("x-a", "a" * 4000)] * 9))
        self.ask(frame(HEADERS, END_STREAM, 1, octets[:16384]) +
                 frame(CONTINUATION, 0, 1, octets[16384:32768]) +
                 frame(CONTINUATION, END_HEADERS, 1, octets[32768:]), status=431)
