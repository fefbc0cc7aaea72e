# SPDX-License-Identifier: Apache-2.0
"""Raw HTTP/2 requests on stream 1, and what edgehold makes of each: see test_http2_smuggling.py.

`refused(name, fields, status)`: malformed; that answer, then RST_STREAM PROTOCOL_ERROR, nothing
upstream, and the connection goes on. `declined(...)`: understood, and not done: no PROTOCOL_ERROR.
`cut(name, octets, status)`: the content goes wrong after a good head; upstream no request ever
becomes whole. `taken(name, octets, request)`: exactly this request arrives upstream.
`broken(name, octets, code)`: GOAWAY with that code, the connection closes, nothing upstream.
"""
from typing import NamedTuple, Optional

from cases.smuggling import Request
from http2_wire import (COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM,
                        FRAME_SIZE_ERROR, HAS_PRIORITY, HEADERS, PADDED, PROTOCOL_ERROR,
                        PUSH_PROMISE, block, content, frame, headers, request)

EVIL = "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"

# Limits of proxy/base/limits.h.
HEAD_BYTES = 32 * 1024
TARGET_BYTES = 8 * 1024
FIELDS = 100
NAME_BYTES = 256
CONTINUATIONS = 8
BODY_BYTES = 1024 * 1024


class Http2Case(NamedTuple):
    name: str
    octets: bytes
    status: Optional[int] = None
    reset: Optional[int] = None  # the code of RST_STREAM on stream 1; None: it ends in peace
    requests: tuple = ()
    error: Optional[int] = None  # the code of GOAWAY
    may_begin: bool = False      # a part of the request may arrive, never the whole


CASES = []


def get(*more, **changed):
    return request(**dict({"scheme": "http"}, **changed), more=more)


def post(*more, **changed):
    return get(*more, **dict({"method": "POST"}, **changed))


def lacking(name):
    return [field for field in get() if field[0] != name]


def refused(name, fields, status=400, ends=True, octets=None):
    CASES.append(Http2Case(name, octets or headers(1, fields, ends), status, PROTOCOL_ERROR))


def declined(name, fields, status, octets=None):
    CASES.append(Http2Case(name, octets or headers(1, fields), status))


def cut(name, octets, status=400, reset=PROTOCOL_ERROR):
    CASES.append(Http2Case(name, octets, status, reset, may_begin=True))


def taken(name, octets, expected):
    CASES.append(Http2Case(name, octets, 200, requests=(expected,)))


def broken(name, octets, error):
    CASES.append(Http2Case(name, octets, error=error))


# --- names and values (RFC 9113 8.2.1) ------------------------------------------------------------

for what, octets in {
        "a line and a header": "b\r\nx-evil: 1", "a request": "b\r\n\r\n" + EVIL, "CR": "b\rc",
        "LF": "b\nc", "NUL": "b\0c", "CR at the end": "b\r", "LF at the start": "\nb",
        "NUL alone": "\0", "ESC": "b\x1bc", "DEL": "b\x7fc", "VT": "b\x0bc", "FF": "b\x0cc",
        "a blank before": " b", "a blank behind": "b ", "a tab before": "\tb", "a tab behind": "b\t",
        "only a blank": " ", "an obs-fold": "b\r\n c"}.items():
    refused("value with " + what, get(("x-a", octets)))
for what, octets in {
        "nothing": "", "upper case": "X-A", "one upper-case letter": "x-A", "a colon": "x:a",
        "a colon at the end": "x-a:", "a blank": "x a", "a blank at the end": "x-a ", "CRLF":
        "x-a\r\nx-evil", "a whole field": "x-a: b\r\nx-evil", "NUL": "x\0a", "LF": "x\na",
        "a request": "x-a: b\r\n\r\n" + EVIL, "a byte past ASCII": b"x-\xe9", "a slash": "x/a",
        "a quote": 'x"a', "a bracket": "x(a", "a tab": "\tx-a", "an underscore for a hyphen":
        "content_length", "a leading underscore": "_x", "a leading dot": ".x", "a bang": "x!a"}.items():
    refused("name with " + what, get((octets, "1")))
for name in ("Content-Length", "Host", "Transfer-Encoding", "Cookie", "TE"):
    refused("upper case: " + name, post((name, "5")), ends=False)

# --- pseudo-header fields (8.3) -------------------------------------------------------------------

for name in (":method", ":scheme", ":path", ":authority"):
    refused("without " + name, lacking(name))
    refused("twice " + name, get((name, dict(get())[name])))
    refused("two kinds of " + name, get((name, "/evil")))
    refused("%s after a field" % name, lacking(name) + [("x-a", "1"), (name, dict(get())[name])])
refused("empty :path", get(path=""))
refused("empty :method", get(method=""))
refused("empty :scheme", get(scheme=""))
refused("empty :authority", get(authority=""))
refused("the answer's :status", get((":status", "200")))
refused("unknown pseudo-header", get((":evil", "1")))
refused("a colon alone", get((":", "1")))
refused(":protocol that nobody offered", get((":protocol", "websocket")))
refused(":path in upper case", lacking(":path") + [(":PATH", "/")])
refused(":host", lacking(":authority") + [(":host", "a")])
refused("CONNECT with a path", get(method="CONNECT"))
declined("CONNECT", [(":method", "CONNECT"), (":authority", "a:443")], 405)
declined("TRACE", get(method="TRACE"), 405)
for what, method in {"lower case": "get", "a blank": "GET /evil", "a whole request":
                     "GET /evil HTTP/1.1\r\nHost: a\r\n\r\nGET", "CRLF": "GET\r\n", "a tab": "GET\t",
                     "NUL": "GET\0", "a colon": "GET:", "too many letters": "G" * 33}.items():
    refused("method with " + what, get(method=method))
for what, scheme in {"the other transport's": "https", "upper case": "HTTP", "a URL":
                     "http://evil/", "ftp": "ftp", "CRLF": "http\r\nx-evil: 1", "a blank":
                     "http "}.items():
    refused("scheme: " + what, get(scheme=scheme))
for what, path in {
        "no slash": "evil", "an absolute form": "http://evil/", "an authority": "//evil/",
        "a request line": "/ HTTP/1.1\r\nHost: evil\r\n\r\n", "a version": "/ HTTP/1.1", "CRLF": "/a\r\n",
        "LF": "/a\nb", "NUL": "/a\0b", "a blank": "/a b", "a tab": "/a\tb", "a fragment": "/a#b",
        "a back-slash": "/a\\b", "dots": "/a/../b", "dots escaped": "/a/%2e%2e/b", "an escaped slash":
        "/a%2fb", "a lower-case escape": "/%c3%a9", "a doubled escape": "/%252e", "half an escape":
        "/a%4", "a byte past ASCII": b"/\xe9", "escaped CRLF": "/a%0d%0a", "DEL": "/a\x7f",
        "an asterisk for GET": "*", "a query alone": "?a"}.items():
    declined("path with " + what, get(path=path), 400)
declined("path too long", get(path="/" + "a" * TARGET_BYTES), 414)
for what, authority in {
        "user information": "evil@a", "a path": "a/evil", "a blank": "a b", "CRLF": "a\r\nx-evil: 1",
        "a whole request": "a\r\n\r\n" + EVIL, "NUL": "a\0", "NUL in brackets": "[::1\0]", "no host":
        ":80", "a port that is none": "a:b", "two ports": "a:1:2", "a comma": "a,b", "a query": "a?b",
        "a fragment": "a#b", "a tab": "a\t", "a dot at the end": "a."}.items():
    refused("authority with " + what, get(authority=authority))

# --- host beside :authority (8.3.1) ---------------------------------------------------------------

refused("host unlike the authority", get(("host", "evil")))
refused("host of another port", get(("host", "a:8080")))
refused("two hosts", get(("host", "a"), ("host", "a")))
refused("two hosts, one evil", get(("host", "a"), ("host", "evil")))
refused("empty host", get(("host", "")))
refused("host with CRLF", get(("host", "a\r\nx-evil: 1")))
refused("malformed host alone", lacking(":authority") + [("host", "evil@a")])
refused("two hosts and no authority", lacking(":authority") + [("host", "a"), ("host", "b")])
taken("host that agrees", headers(1, get(("host", "a"))), Request(fields={"host": "a"}))
taken("host alone", headers(1, lacking(":authority") + [("host", "a")]), Request())

# --- fields of a connection (8.2.2) ---------------------------------------------------------------

for name, value in (("connection", "close"), ("connection", "x-forwarded-for"), ("connection", ""),
                    ("keep-alive", "timeout=5"), ("proxy-connection", "keep-alive"),
                    ("upgrade", "h2c"), ("upgrade", "websocket"), ("te", "chunked"), ("te", "gzip"),
                    ("te", "trailers, deflate"), ("te", ""), ("transfer-encoding", "chunked"),
                    ("transfer-encoding", "identity"), ("transfer-encoding", "xchunked"),
                    ("transfer-encoding", "")):
    refused("%s: %s" % (name, value), post((name, value)), ends=False)
taken("te: trailers", headers(1, get(("te", "trailers"))), Request(fields={"te": None}))

# --- lengths (8.1.1) ------------------------------------------------------------------------------

for value in ("+5", "-5", "05", "0x5", "5,5", "5, 6", "five", "", "5 5", "1" + "0" * 18, "5.0"):
    refused("length `%s`" % value, post(("content-length", value)), ends=False)
refused("two lengths", post(("content-length", "5"), ("content-length", "5")), ends=False)
refused("two other lengths", post(("content-length", "5"), ("content-length", "6")), ends=False)
refused("length and coding", post(("content-length", "5"), ("transfer-encoding", "chunked")),
        ends=False)
refused("length without content", post(("content-length", "5")))
for what, pieces in {
        "less content": (b"hell",), "more content": (b"hello!",), "a second request":
        (b"hello" + EVIL.encode(),), "more in a second frame": (b"hello", b"!"), "less in two frames":
        (b"he", b"l"), "an empty frame too few": (b"hell", b"")}.items():
    cut("length with " + what, headers(1, post(("content-length", "5")), False) + b"".join(
        content(1, piece, at == len(pieces) - 1) for at, piece in enumerate(pieces)))
cut("length of zero with content",
    headers(1, post(("content-length", "0")), False) + content(1, EVIL.encode()))
taken("length that is right", headers(1, post(("content-length", "5")), False) +
      content(1, b"hello"), Request("POST", body=b"hello"))
taken("length in many frames", headers(1, post(("content-length", "5")), False) +
      b"".join(content(1, b"hello"[i:i + 1], i == 4) for i in range(5)),
      Request("POST", body=b"hello"))
taken("length of zero", headers(1, post(("content-length", "0"))), Request("POST"))
taken("no length", headers(1, post(), False) + content(1, b"5\r\nhello\r\n0\r\n\r\n"),
      Request("POST", body=b"5\r\nhello\r\n0\r\n\r\n"))
taken("content that is a request", headers(1, post(), False) + content(1, EVIL.encode()),
      Request("POST", body=EVIL.encode()))
taken("content of a GET", headers(1, get(), False) + content(1, EVIL.encode()),
      Request("GET", body=EVIL.encode()))
taken("padded content", headers(1, post(), False) +
      frame(DATA, END_STREAM | PADDED, 1, b"\x04hello" + b"\0" * 4), Request("POST", body=b"hello"))
taken("length without the padding", headers(1, post(("content-length", "5")), False) +
      frame(DATA, END_STREAM | PADDED, 1, b"\x04hello" + b"\0" * 4), Request("POST", body=b"hello"))

# --- trailers (8.1) -------------------------------------------------------------------------------

START = headers(1, post(), False) + content(1, b"hello", False)
taken("trailers are dropped", START + headers(1, [("x-trailer", "1")]),
      Request("POST", body=b"hello", fields={"x-trailer": None}))
for what, fields in {
        "a path": [(":path", "/evil")], "a status": [(":status", "200")], "a path after a field":
        [("x-a", "1"), (":path", "/evil")], "upper case": [("X-A", "1")], "CRLF":
        [("x-a", "1\r\nx-evil: 1")], "a length": [("content-length", "5")], "a coding":
        [("transfer-encoding", "chunked")], "a host": [("host", "evil")], "a connection":
        [("connection", "close")], "credentials": [("authorization", "evil")]}.items():
    cut("trailers with " + what, START + headers(1, fields))
cut("trailers without an end", START + headers(1, [("x-a", "1")], ends=False))

# --- what is translated ---------------------------------------------------------------------------

taken("plain", headers(1, get()), Request())
taken("crumbs are one cookie", headers(1, get(("cookie", "a=1"), ("cookie", "b=2"))),
      Request(fields={"cookie": "a=1; b=2"}))
taken("crumbs with commas", headers(1, get(("cookie", "a=1, b"), ("cookie", "c=2"))),
      Request(fields={"cookie": "a=1, b; c=2"}))
refused("a crumb with CRLF", get(("cookie", "a=1"), ("cookie", "b\r\nx-evil: 1")))
taken("a query", headers(1, get(path="/a?b=/../c&d=%20")), Request(target="/a?b=/../c&d=%20"))
taken("an authority with a port", headers(1, get(authority="a:8443")), Request(host="a:8443"))
declined("asterisk of OPTIONS, which has no route", get(method="OPTIONS", path="*"), 404)
taken("values past ASCII", headers(1, get(("x-a", b"\xc3\xa9"))), Request(fields={"x-a": "\xc3\xa9"}))
taken("identity fields are dropped",
      headers(1, get(("x-forwarded-for", "1.2.3.4"), ("x-original-url", "/evil"),
                     ("x-http-method-override", "DELETE"), ("forwarded", "for=1.2.3.4"))),
      Request(fields={"x-original-url": None, "x-http-method-override": None}))
taken("http2-settings is dropped", headers(1, get(("http2-settings", "AAMAAABk"))),
      Request(fields={"http2-settings": None}))
taken("priority in HEADERS", frame(HEADERS, END_STREAM | END_HEADERS | HAS_PRIORITY, 1,
                                   b"\0\0\0\0\x0f" + block(get())), Request())
taken("padded HEADERS", frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1,
                              b"\x03" + block(get()) + b"\0\0\0"), Request())
taken("a block in pieces", frame(HEADERS, END_STREAM, 1, block(get())[:5]) + b"".join(
    frame(CONTINUATION, END_HEADERS if i == 2 else 0, 1, block(get())[5 + 7 * i:12 + 7 * i if i < 2
                                                                       else None])
    for i in range(3)), Request())
taken("unknown frames between", frame(0xee, 0xff, 0, b"?") + headers(1, post(), False) +
      frame(0xef, 1, 1, b"evil") + content(1, b"hello"), Request("POST", body=b"hello"))

# --- bounds ---------------------------------------------------------------------------------------

declined("one field too many", get(*[("x-a", "1")] * FIELDS), 431)
taken("as many fields as may be", headers(1, get(*[("x-a", "1")] * 60)), Request())
declined("a name too long", get(("x" * (NAME_BYTES + 1), "1")), 431)
LARGE = block(get(*[("x-a", "a" * 8000)] * 5))
declined("a head too large", None, 431,
         frame(HEADERS, END_STREAM, 1, LARGE[:16384]) +
         frame(CONTINUATION, 0, 1, LARGE[16384:32768]) +
         frame(CONTINUATION, END_HEADERS, 1, LARGE[32768:]))

# --- connections that end -------------------------------------------------------------------------

broken("a block that cannot be unpacked", frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\xff" * 8),
       COMPRESSION_ERROR)
broken("an index of zero", frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\x80"), COMPRESSION_ERROR)
broken("a string longer than its block",
       frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\0\x7fabc"), COMPRESSION_ERROR)
broken("another stream's block in between",
       frame(HEADERS, END_STREAM, 1, block(get())[:5]) + headers(3, get(path="/evil")),
       PROTOCOL_ERROR)
broken("content in a block", frame(HEADERS, 0, 1, block(get())[:5]) + content(1, b"evil"),
       PROTOCOL_ERROR)
broken("a continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, block(get())), PROTOCOL_ERROR)
broken("a stream of the server's", headers(2, get()), PROTOCOL_ERROR)
broken("no stream", headers(0, get()), PROTOCOL_ERROR)
broken("content of an idle stream", content(1, EVIL.encode()), PROTOCOL_ERROR)
broken("a push", frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + block(get())), PROTOCOL_ERROR)
broken("padding longer than its frame",
       frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1, b"\xff" + block(get())), PROTOCOL_ERROR)
broken("a frame too large", frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\0" * 16385),
       FRAME_SIZE_ERROR)
broken("HTTP/1 behind the preface", EVIL.encode(), FRAME_SIZE_ERROR)
