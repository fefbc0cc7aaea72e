# SPDX-License-Identifier: Apache-2.0
"""Raw answers of an upstream, and what edgehold makes of each: see test_upstream_framing.py.

`whole(name, octets, status, body)`: the client gets that, and only if `keeps` may the connection
to the upstream be used again. `refused(name, octets)`: the client gets 502 `upstream_malformed`.
`broken(name, octets)`: the head was good and is passed on; the client sees that the rest is cut.
`then`: what the upstream does after its last byte, `stay`, `end` or `reset`.
"""
from typing import NamedTuple

OK = b"HTTP/1.1 200 OK\r\n"
END = b"\r\n\r\n"
LENGTH = OK + b"Content-Length: 5\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
NEXT = LENGTH + b"wrong"

HEAD_BYTES = 32 * 1024
FIELDS = 100
INTERIM = 8


class Case(NamedTuple):
    name: str
    octets: bytes
    status: int  # 0: the head is passed on and the rest is cut
    body: bytes = b""
    method: str = "POST"
    then: str = "stay"
    keeps: bool = False


CASES = []


def whole(name, octets, status=200, body=b"", keeps=False, **more):
    CASES.append(Case(name, octets, status, body, keeps=keeps, **more))


def refused(name, octets, then="stay"):
    CASES.append(Case(name, octets, 502, then=then))


def broken(name, octets, then="stay"):
    CASES.append(Case(name, octets, 0, then=then))


def with_field(octets):
    return OK + octets + END


# --- answers that are whole -------------------------------------------------------------------------

whole("length", LENGTH + b"hello", 200, b"hello", keeps=True)
whole("length zero", with_field(b"Content-Length: 0"), 200, b"", keeps=True)
whole("chunked", CHUNKED + b"5\r\nhello\r\n" + LAST, 200, b"hello", keeps=True)
whole("chunked with extensions", CHUNKED + b"5;a=b\r\nhello\r\n0;c\r\n\r\n", 200, b"hello", keeps=True)
whole("chunked with a trailer", CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\n\r\n", 200, b"hello",
      keeps=True)
whole("until the end", OK + b"\r\nhello", 200, b"hello", then="end")
whole("close asked", OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello")
whole("1.0", b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello")
whole("1.0 kept", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", 200,
      b"hello", keeps=True)
whole("1.0 until the end", b"HTTP/1.0 200 OK\r\n\r\nhello", 200, b"hello", then="end")
whole("204", b"HTTP/1.1 204 No Content\r\n\r\n", 204, keeps=True)
whole("204 with a length", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", 204)
whole("204 with a coding", b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST, 204)
whole("204 with content unannounced", b"HTTP/1.1 204 No Content\r\n\r\nhello", 204)
whole("304 with a length", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, keeps=True)
whole("304 with content", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello", 304)
whole("HEAD with a length", LENGTH, 200, method="HEAD", keeps=True)
whole("HEAD with content", LENGTH + b"hello", 200, method="HEAD")
whole("HEAD with a coding", CHUNKED, 200, method="HEAD", keeps=True)
whole("HEAD with chunks", CHUNKED + LAST, 200, method="HEAD")
whole("HEAD with an answer behind it", LENGTH + NEXT, 200, method="HEAD")
whole("empty phrase", b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, keeps=True)
whole("no phrase", b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, keeps=True)
whole("phrase of blanks", b"HTTP/1.1 200   \r\nContent-Length: 0\r\n\r\n", 200, keeps=True)
whole("phrase that is not ASCII", b"HTTP/1.1 200 \xc3\x96K\r\nContent-Length: 0\r\n\r\n", 200,
      keeps=True)
whole("long phrase", b"HTTP/1.1 200 " + b"x" * 4000 + b"\r\nContent-Length: 0\r\n\r\n", 200,
      keeps=True)
whole("status nobody knows", b"HTTP/1.1 599 X\r\nContent-Length: 5\r\n\r\nhello", 599, b"hello",
      keeps=True)
whole("two content types", with_field(b"Content-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 0"),
      200, keeps=True)
whole("blank around a length", with_field(b"Content-Length:  5  ") + b"hello", 200, b"hello",
      keeps=True)
whole("100", b"HTTP/1.1 100 Continue\r\n\r\n" + LENGTH + b"hello", 200, b"hello", keeps=True)
whole("103", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + LENGTH + b"hello", 200, b"hello",
      keeps=True)
whole("as many 1xx as may be", b"HTTP/1.1 102 X\r\n\r\n" * INTERIM + LENGTH + b"hello", 200, b"hello",
      keeps=True)

# --- bytes behind an answer -------------------------------------------------------------------------

whole("a byte too many", LENGTH + b"hello!", 200, b"hello")
whole("a line end too many", LENGTH + b"hello\r\n", 200, b"hello")
whole("an answer behind it", LENGTH + b"hello" + NEXT, 200, b"hello")
whole("an answer behind chunks", CHUNKED + b"5\r\nhello\r\n" + LAST + NEXT, 200, b"hello")
whole("an answer behind a 204", b"HTTP/1.1 204 No Content\r\n\r\n" + NEXT, 204)
whole("1xx behind it", LENGTH + b"hello" + b"HTTP/1.1 100 Continue\r\n\r\n", 200, b"hello")
whole("a chunk behind the last", CHUNKED + LAST + LAST, 200)
whole("content behind a length of zero", with_field(b"Content-Length: 0") + b"hello", 200)

# --- heads that are refused -------------------------------------------------------------------------

for name, octets in (
        ("two lengths", b"Content-Length: 5\r\nContent-Length: 6"),
        ("a length twice", b"Content-Length: 5\r\nContent-Length: 5"),
        ("a list of lengths", b"Content-Length: 5, 5"),
        ("length and coding", b"Content-Length: 5\r\nTransfer-Encoding: chunked"),
        ("coding and length", b"Transfer-Encoding: chunked\r\nContent-Length: 5"),
        ("length with a sign", b"Content-Length: +5"), ("negative length", b"Content-Length: -5"),
        ("length in hexadecimal", b"Content-Length: 0x5"), ("length with a blank", b"Content-Length: 5 5"),
        ("length with zeros", b"Content-Length: 005"), ("empty length", b"Content-Length:"),
        ("length of 2^63", b"Content-Length: 9223372036854775808"),
        ("length of 2^64 + 5", b"Content-Length: 18446744073709551621"),
        ("length of 40 digits", b"Content-Length: " + b"9" * 40),
        ("coding gzip", b"Transfer-Encoding: gzip"), ("coding identity", b"Transfer-Encoding: identity"),
        ("codings gzip, chunked", b"Transfer-Encoding: gzip, chunked"),
        ("chunked twice", b"Transfer-Encoding: chunked, chunked"),
        ("two codings", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        ("chunked with an x", b"Transfer-Encoding: xchunked"),
        ("chunked with a tab", b"Transfer-Encoding:\tchunked"),
        ("chunked quoted", b"Transfer-Encoding: \"chunked\""),
        ("blank before the colon", b"X : y\r\nContent-Length: 5"),
        ("blank before the colon of the length", b"Content-Length : 5"),
        ("folded", b"X: y\r\n z\r\nContent-Length: 5"), ("folded length", b"Content-Length:\r\n 5"),
        ("bare LF in a value", b"X: y\nContent-Length: 5"),
        ("bare CR in a value", b"X: y\rz\r\nContent-Length: 5"),
        ("NUL in a value", b"X: \0\r\nContent-Length: 5"),
        ("control byte in a value", b"X: \x01\r\nContent-Length: 5"),
        ("empty name", b": y\r\nContent-Length: 5"), ("no colon", b"X\r\nContent-Length: 5"),
        ("odd name", b"X(: y\r\nContent-Length: 5"), ("NUL in a name", b"X\0: y\r\nContent-Length: 5"),
        ("disguised length", b"Content_Length: 5"),
        ("disguised coding", b"Transfer_Encoding: chunked"),
        ("name too long", b"X" * 300 + b": y\r\nContent-Length: 5"),
        ("too many fields", b"\r\n".join([b"X: y"] * (FIELDS + 1))),
        ("too large", b"X: " + b"y" * HEAD_BYTES)):
    refused("head: " + name, with_field(octets) + b"hello", then="end")

for name, octets in (
        ("bare LF", b"HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\nhello"),
        ("bare LF everywhere", b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"),
        ("bare CR", b"HTTP/1.1 200 OK\rContent-Length: 5\r\n\r\nhello"),
        ("line end before", b"\r\n" + LENGTH + b"hello"), ("blank before", b" " + LENGTH + b"hello"),
        ("two blanks", b"HTTP/1.1  200 OK" + END), ("tab", b"HTTP/1.1\t200 OK" + END),
        ("no status", b"HTTP/1.1 OK" + END), ("no status at all", b"HTTP/1.1\r\n\r\n12345\r\n"),
        ("status of two digits", b"HTTP/1.1 20 OK" + END), ("status of four", b"HTTP/1.1 2000 OK" + END),
        ("status 099", b"HTTP/1.1 099 X" + END), ("status 600", b"HTTP/1.1 600 X" + END),
        ("status with a sign", b"HTTP/1.1 +20 X" + END), ("status in letters", b"HTTP/1.1 2OO X" + END),
        ("status without its blank", b"HTTP/1.1 200OK" + END),
        ("control byte in the phrase", b"HTTP/1.1 200 \x01" + END),
        ("NUL in the phrase", b"HTTP/1.1 200 O\0K" + END),
        ("HTTP/2", b"HTTP/2.0 200 OK" + END), ("HTTP/1.2", b"HTTP/1.2 200 OK" + END),
        ("HTTP/1.10", b"HTTP/1.10 200 OK" + END), ("lower case", b"http/1.1 200 OK" + END),
        ("ICY", b"ICY 200 OK" + END), ("no HTTP", b"hello\r\n\r\n"), ("SSH", b"SSH-2.0-OpenSSH\r\n"),
        ("TLS", b"\x15\x03\x01\x00\x02\x02\x16"), ("request", b"GET / HTTP/1.1\r\nHost: a" + END),
        ("NUL", b"\0" + LENGTH), ("endless phrase", b"HTTP/1.1 200 " + b"x" * 40000),
        ("101 unasked", b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n\1\2\3"),
        ("one 1xx too many", b"HTTP/1.1 102 X\r\n\r\n" * (INTERIM + 1) + LENGTH + b"hello"),
        ("1xx with a length", b"HTTP/1.1 103 X\r\nContent-Length: 5\r\n\r\nhello" + NEXT),
        ("1xx with a coding", b"HTTP/1.1 100 X\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST + NEXT),
        ("1xx with content", b"HTTP/1.1 100 X\r\n\r\nhello" + NEXT),
        ("chunked in 1.0",
         b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" + LAST)):
    refused("start: " + name, octets, then="end")

# --- content that breaks off ------------------------------------------------------------------------

broken("less content than its length", LENGTH + b"hell", then="end")
broken("no content for its length", LENGTH, then="end")
for name, octets in (
        ("size with a sign", b"+5\r\nhello\r\n"), ("size with 0x", b"0x5\r\nhello\r\n"),
        ("size with a blank", b"5 \r\nhello\r\n"), ("size in letters", b"x\r\nhello\r\n"),
        ("empty size", b"\r\nhello\r\n"), ("size of 2^64 + 5", b"10000000000000005\r\nhello\r\n"),
        ("bare LF after a size", b"5\nhello\r\n"), ("content longer than its size", b"4\r\nhello\r\n"),
        ("content shorter than its size", b"6\r\nhello\r\n0\r\n\r\n"),
        ("bare LF after content", b"5\r\nhello\n0\r\n\r\n"),
        ("bare LF at the end", b"5\r\nhello\r\n0\r\n\n"),
        ("extension too long", b"5;" + b"x" * 300 + b"\r\nhello\r\n"),
        ("trailer with a length", b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n"),
        ("trailer with a coding", b"0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("trailer folded", b"0\r\nX: y\r\n z\r\n\r\n"),
        ("trailers too long", b"0\r\nX: " + b"y" * 9000 + b"\r\n\r\n"),
        ("answer for a chunk", NEXT)):
    broken("chunks: " + name, CHUNKED + octets + NEXT)
for name, octets in (("nothing", b""), ("half a chunk", b"5\r\nhel"), ("one chunk", b"5\r\nhello\r\n"),
                     ("no last line", b"5\r\nhello\r\n0\r\n")):
    broken("chunks: only " + name, CHUNKED + octets, then="end")
broken("until the end, but reset", OK + b"\r\nhello", then="reset")
