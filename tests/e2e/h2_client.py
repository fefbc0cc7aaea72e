# SPDX-License-Identifier: Apache-2.0
"""Requests that two readers could take for two, written by python3-h2 with its checks off: its own
HPACK with indexing and Huffman code, over TLS. Run by test_http2_smuggling.py in the system's
Python.

  h2_client.py PORT CA      one JSON object per case: name, expected and seen status, ids of what
                            was let through, the requests that must have arrived
"""
import json
import socket
import ssl
import sys

import h2.config
import h2.connection
import h2.errors
import h2.events

SECONDS = 20
EVIL = "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"


def head(*more, **changed):
    fields = {":method": "POST", ":scheme": "https", ":authority": "a", ":path": "/"}
    fields.update({":" + name: value for name, value in changed.items()})
    return [(n, v) for n, v in fields.items() if v is not None] + list(more)


def arrived(**changed):
    return dict({"method": "POST", "target": "/", "body": "", "host": "a", "fields": {}}, **changed)


# Name, head, pieces of content, trailers, status, what arrives, whether a part may.
def cases():
    def refused(name, fields, status=400, content=(b"x",), trailers=None, may_begin=False):
        return name, fields, content, trailers, status, None, may_begin

    def taken(name, fields, content, request, trailers=None):
        return name, fields, content, trailers, 200, request, False

    yield taken("plain", head(), (b"hello",), arrived(body="hello"))
    yield taken("many pieces", head(("content-length", "6")), (b"he", b"", b"ll", b"o!"),
                arrived(body="hello!"))
    yield taken("crumbs", head(("cookie", "a=1"), ("cookie", "b=2")), (b"x",),
                arrived(body="x", fields={"cookie": "a=1; b=2"}))
    yield taken("trailers", head(), (b"x",), arrived(body="x", fields={"x-t": None}), [("x-t", "1")])
    yield taken("te", head(("te", "trailers")), (b"x",), arrived(body="x", fields={"te": None}))
    yield taken("a request as content", head(), (EVIL.encode(),), arrived(body=EVIL))
    for name, value in (("x-a", "b\r\nx-evil: 1"), ("x-a", "b\r\n\r\n" + EVIL), ("x-a", "b\0c"),
                        ("x-a", "b\nc"), ("x-a", " b"), ("x-a", "b "), ("x-a\r\nx-evil", "1"),
                        ("x-a: b\r\nx-evil", "1"), ("X-A", "1"), ("x a", "1"), ("", "1"),
                        (":evil", "1"), (":path", "/evil"), ("host", "evil"),
                        ("transfer-encoding", "chunked"), ("connection", "x-a"), ("upgrade", "h2c"),
                        ("keep-alive", "1"), ("te", "chunked"), ("content_length", "1"),
                        ("cookie", "a\r\nx-evil: 1"), ("content-length", "+1"),
                        ("content-length", "01")):
        yield refused("%r: %r" % (name, value), head((name, value)))
    for name, value in (("path", "/ HTTP/1.1\r\nHost: evil\r\n\r\n"), ("path", "/a b"),
                        ("path", "/a/../b"), ("path", "http://evil/"), ("path", "evil"),
                        ("authority", "a\r\nx-evil: 1"), ("authority", "evil@a"),
                        ("authority", "[::1\0]"), ("authority", None), ("method", "GET /evil"),
                        ("method", "get"), ("scheme", "http"), ("scheme", "https://evil/"),
                        ("path", None), ("method", None), ("scheme", None)):
        yield refused(":%s %r" % (name, value), head(**{name: value}))
    yield refused("two lengths", head(("content-length", "1"), ("content-length", "1")))
    yield refused("two other lengths", head(("content-length", "1"), ("content-length", "2")))
    for name, length, content in (("too short", "9", (b"hello",)), ("too long", "2", (b"hello",)),
                                  ("zero", "0", (EVIL.encode(),)), ("late", "5", (b"hello", b"!"))):
        yield refused("length " + name, head(("content-length", length)), content=content,
                      may_begin=True)
    for trailer in ((":path", "/evil"), ("X-A", "1"), ("x-a", "1\r\nb: c"), ("content-length", "1")):
        yield refused("trailer %r: %r" % trailer, head(), trailers=[trailer], may_begin=True)


class Client:
    def __init__(self, port, authorities):
        context = ssl.create_default_context(cafile=authorities)
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.sock = context.wrap_socket(plain, server_hostname="127.0.0.1")
        self.connection = h2.connection.H2Connection(config=h2.config.H2Configuration(
            header_encoding="latin-1", validate_outbound_headers=False,
            normalize_outbound_headers=False))
        self.connection.initiate_connection()
        self.flush()

    def flush(self):
        self.sock.sendall(self.connection.data_to_send())

    def ask(self, stream, fields, content, trailers):
        self.connection.send_headers(stream, fields)
        for at, piece in enumerate(content):
            is_last = at == len(content) - 1
            self.connection.send_data(stream, piece, end_stream=is_last and trailers is None)
        if trailers is not None:
            # h2 wants a response's words for them; its encoder does as well.
            block = self.connection.encoder.encode(trailers)
            self.flush()
            self.sock.sendall(len(block).to_bytes(3, "big") + b"\1\5" + stream.to_bytes(4, "big")
                              + block)
        self.flush()
        return self.answer(stream)

    def answer(self, stream):
        """(status, fields) when the stream is over."""
        fields = {}
        while True:
            octets = self.sock.recv(65536)
            if not octets:
                return fields
            for event in self.connection.receive_data(octets):
                if isinstance(event, h2.events.ResponseReceived) and event.stream_id == stream:
                    fields = dict(event.headers)
                if isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                    if event.stream_id == stream:
                        self.flush()
                        return fields
            self.flush()


def main():
    port, authorities = int(sys.argv[1]), sys.argv[2]
    for name, fields, content, trailers, status, request, may_begin in cases():
        client = Client(port, authorities)
        seen = client.ask(1, fields, content, trailers)
        after = client.ask(3, head(path="/after"), (b"after",), None)
        client.sock.close()
        ids = [seen["x-request-id"]] if request else []
        requests = [request] if request else []
        print(json.dumps({
            "name": name, "expected": [status, 200], "may_begin": may_begin,
            "seen": [int(seen.get(":status", 0)), int(after.get(":status", 0))],
            "ids": ids + [after["x-request-id"]],
            "requests": requests + [arrived(target="/after", body="after")]}))


if __name__ == "__main__":
    main()
