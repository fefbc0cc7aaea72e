# SPDX-License-Identifier: Apache-2.0
"""Raw HTTP/1 requests, and what edgehold makes of each: see test_smuggling.py.

`refused(name, octets, status)`: that status, nothing upstream, and the connection closes.
`cut(name, octets, status)`: the body goes wrong after a good head. The status (0: none), the
connection closes, and upstream no request ever becomes whole.
`taken(name, octets, *requests)`: exactly these requests arrive upstream, each answered with 200,
and the connection goes on (`closes=True`: it closes).
`mixed(name, octets, statuses, *requests)`: the same with other statuses; the connection closes.
`ends=True`: the client ends its side after the last byte.
"""
from typing import NamedTuple

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"\r\n\r\n"
SECOND = b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"0\r\n\r\n"

# Limits of proxy/base/limits.h.
HEAD_BYTES = 32 * 1024
TARGET_BYTES = 8 * 1024
METHOD_BYTES = 32
FIELDS = 100
NAME_BYTES = 256
CONNECTION_OPTIONS = 32
CHUNK_LINE_BYTES = 256
EXTENSION_BYTES = 16 * 1024
BODY_BYTES = 1024 * 1024


class Request(NamedTuple):
    """What may arrive upstream. `fields`: these and no other value; None: none of that name."""
    method: str = "GET"
    target: str = "/"
    body: bytes = b""
    host: str = "a"
    fields: dict = {}


class Case(NamedTuple):
    name: str
    octets: bytes
    statuses: tuple
    requests: tuple = ()
    closes: bool = True
    ends: bool = False
    may_begin: bool = False  # a part of the request may arrive, never the whole


CASES = []


def refused(name, octets, status=400, ends=False):
    CASES.append(Case(name, octets, (status,), ends=ends))


def cut(name, octets, status=400, ends=False):
    CASES.append(Case(name, octets, (status,) if status else (), ends=ends, may_begin=True))


def taken(name, octets, *requests, closes=False, ends=False):
    CASES.append(Case(name, octets, (200,) * len(requests), requests, closes, ends))


def mixed(name, octets, statuses, *requests, ends=False):
    CASES.append(Case(name, octets, statuses, requests, ends=ends))


def with_field(octets):
    return GET + octets + END


def post(field, body=b""):
    return POST + field + END + body


def target(octets):
    return b"GET " + octets + b" HTTP/1.1\r\nHost: a\r\n\r\n"


def chunks(octets):
    return CHUNKED + octets


# --- line ends ------------------------------------------------------------------------------------

refused("bare LF after the request line", b"GET / HTTP/1.1\nHost: a\r\n\r\n")
refused("bare LF after a field", b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n")
refused("bare LF as the empty line", GET + b"\n" + SECOND)
refused("bare LF everywhere", b"GET / HTTP/1.1\nHost: a\n\n")
refused("bare CR after the request line", b"GET / HTTP/1.1\rHost: a\r\n\r\n")
refused("bare CR after a field", b"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n")
refused("bare CR within a value", with_field(b"X: y\rTransfer-Encoding: chunked"))
refused("bare CR as the empty line", GET + b"\r\r\n\r\n")
refused("CR CR LF after a field", with_field(b"X: y\r"))
refused("LF CR", b"GET / HTTP/1.1\n\rHost: a\n\r\n\r")
refused("CR LF LF", GET + b"X: y\r\n\n\r\n")
refused("LF within a value", with_field(b"X: y\nHost: b"))
refused("vertical tab as a line end", b"GET / HTTP/1.1\x0bHost: a\x0b\r\n\r\n")
refused("NEL as a line end", b"GET / HTTP/1.1\xc2\x85Host: a\r\n\r\n")
refused("unfinished line, then the end", b"GET / HTTP/1.1\r\nHost: a", ends=True)
refused("head without its empty line, then the end", b"GET / HTTP/1.1\r\nHost: a\r\n", ends=True)
refused("empty line without its LF, then the end", GET + b"\r", ends=True)
refused("request line alone, then the end", b"GET / HTTP/1.1\r\n", ends=True)
refused("half a method, then the end", b"GE", ends=True)

# --- before and in the request line ---------------------------------------------------------------

taken("one empty line before a request", b"\r\n" + GET + b"\r\n", Request())
taken("one empty line between two requests", GET + b"\r\n\r\n" + SECOND, Request(),
      Request(target="/second"))
refused("two empty lines before a request", b"\r\n\r\n" + GET + b"\r\n")
refused("LF before a request", b"\n" + GET + b"\r\n")
refused("CR before a request", b"\r" + GET + b"\r\n")
refused("space before the method", b" " + GET + b"\r\n")
refused("tab before the method", b"\t" + GET + b"\r\n")
refused("NUL before the method", b"\0" + GET + b"\r\n")
refused("byte order mark before the method", b"\xef\xbb\xbf" + GET + b"\r\n")
refused("space at the start of the second line", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n")
refused("empty line, then a blank one", b"\r\n \r\n" + GET + b"\r\n")
refused("two spaces after the method", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n")
refused("tab after the method", b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n")
refused("two spaces before the version", b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n")
refused("tab before the version", b"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n")
refused("space after the version", b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n")
refused("tab after the version", b"GET / HTTP/1.1\t\r\nHost: a\r\n\r\n")
refused("word after the version", b"GET / HTTP/1.1 HTTP/1.0\r\nHost: a\r\n\r\n")
refused("form feed for a space", b"GET\x0c/ HTTP/1.1\r\nHost: a\r\n\r\n")
refused("no-break space for a space", b"GET\xa0/ HTTP/1.1\r\nHost: a\r\n\r\n")
refused("NUL in the request line", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n")
refused("no target", b"GET HTTP/1.1\r\nHost: a\r\n\r\n")
refused("empty target", b"GET  HTTP/1.1\r\nHost: a\r\n\r\n")
refused("nothing but a method", b"GET\r\n\r\n")
refused("response for a request", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
refused("TLS on the plain port", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00" + b"\r\n\r\n")
refused("SOCKS on the plain port", b"\x05\x01\x00" + b"\r\n\r\n")
refused("PROXY protocol nobody asked for", b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n" + GET + b"\r\n")

# --- methods --------------------------------------------------------------------------------------

refused("lower-case method", b"get / HTTP/1.1\r\nHost: a\r\n\r\n")
refused("mixed-case method", b"Get / HTTP/1.1\r\nHost: a\r\n\r\n")
refused("method with a control byte", b"GE\x01T / HTTP/1.1\r\nHost: a\r\n\r\n")
refused("method with a bracket", b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n")
refused("method with a digit", b"GET2 / HTTP/1.1\r\nHost: a\r\n\r\n")
refused("method with an underscore", b"GET_ / HTTP/1.1\r\nHost: a\r\n\r\n")
refused("method with a token byte nobody uses", b"GET! / HTTP/1.1\r\nHost: a\r\n\r\n")
refused("method that starts with a hyphen", b"-GET / HTTP/1.1\r\nHost: a\r\n\r\n")
refused("non-ASCII method", b"G\xc3\x8bT / HTTP/1.1\r\nHost: a\r\n\r\n")
refused("method one past the limit", b"A" * (METHOD_BYTES + 1) + b" / HTTP/1.1\r\nHost: a\r\n\r\n")
taken("method at the limit", b"A" * METHOD_BYTES + b" / HTTP/1.1\r\nHost: a\r\n\r\n",
      Request("A" * METHOD_BYTES))
taken("method nobody knows", b"M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n", Request("M-SEARCH"))
refused("CONNECT with an authority", b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405)
refused("CONNECT with a path", b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 405)
refused("CONNECT with bytes for the tunnel",
        b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n" + SECOND, 405)
refused("TRACE", b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405)
refused("TRACE with content", b"TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 405)
taken("names that override the method are dropped",
      post(b"X-HTTP-Method-Override: DELETE\r\nX-HTTP-Method: PUT\r\nX_Method_Override: PUT\r\n"
           b"Content-Length: 0"),
      Request("POST", fields={"x-http-method-override": None, "x-http-method": None,
                              "x_method_override": None}))

# --- versions -------------------------------------------------------------------------------------

refused("HTTP/0.9", b"GET /\r\n")
refused("HTTP/0.9 with a version", b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505)
refused("HTTP/1.2", b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505)
refused("HTTP/2.0", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505)
refused("HTTP/3.0", b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505)
refused("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)
refused("HTTP/1.10", b"GET / HTTP/1.10\r\nHost: a\r\n\r\n")
refused("HTTP/1.01", b"GET / HTTP/1.01\r\nHost: a\r\n\r\n")
refused("HTTP/01.1", b"GET / HTTP/01.1\r\nHost: a\r\n\r\n")
refused("HTTP/1", b"GET / HTTP/1\r\nHost: a\r\n\r\n")
refused("HTTP/1.", b"GET / HTTP/1.\r\nHost: a\r\n\r\n")
refused("HTTP/1.1.1", b"GET / HTTP/1.1.1\r\nHost: a\r\n\r\n")
refused("HTTP/+1.1", b"GET / HTTP/+1.1\r\nHost: a\r\n\r\n")
refused("comma in the version", b"GET / HTTP/1,1\r\nHost: a\r\n\r\n")
refused("space in the version", b"GET / HTTP/ 1.1\r\nHost: a\r\n\r\n")
refused("lower-case version", b"GET / http/1.1\r\nHost: a\r\n\r\n")
refused("HTTPS as a version", b"GET / HTTPS/1.1\r\nHost: a\r\n\r\n")
refused("RTSP", b"GET / RTSP/1.0\r\nHost: a\r\n\r\n")
taken("HTTP/1.0", b"GET / HTTP/1.0\r\nHost: a\r\n\r\n", Request(), closes=True)
taken("HTTP/1.0 kept when asked", b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
      Request())
taken("HTTP/1.0 with a second request behind it", b"GET / HTTP/1.0\r\nHost: a\r\n\r\n" + SECOND,
      Request(), closes=True)
taken("HTTP/1.0 with close and keep-alive",
      b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n" + SECOND, Request(),
      closes=True)
refused("HTTP/1.0 without Host", b"GET / HTTP/1.0\r\n\r\n")
refused("HTTP/1.0 with chunked",
        b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST)
refused("HTTP/1.0 with chunked and keep-alive",
        b"POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
        + LAST + SECOND)
refused("HTTP/1.0 with chunked and a length",
        b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
        + LAST)
taken("HTTP/1.0 with an expectation",
      b"POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
      Request("POST", body=b"x", fields={"expect": None}), closes=True)

# --- targets --------------------------------------------------------------------------------------

for name, octets in (
        ("dot segment", b"/a/./b"), ("dot segment at the end", b"/a/."),
        ("two dots", b"/a/../b"), ("two dots at the end", b"/a/.."),
        ("two dots at the start", b"/../etc/passwd"), ("two dots before the query", b"/a/..?b"),
        ("two dots with a parameter", b"/a/..;x=1/b"), ("dot with a parameter", b"/a/.;/b"),
        ("parameter of a segment", b"/admin;a=b"), ("parameter before a slash", b"/admin;a/x"),
        ("empty parameter", b"/admin;"), ("parameter of an empty segment", b"/;a/admin"),
        ("escaped semicolon", b"/admin%3Ba"), ("semicolon escaped in lower case", b"/admin%3ba"),
        ("doubly escaped semicolon", b"/admin%253Ba"),
        ("parameter in the absolute form", b"http://a/admin;a"),
        ("escaped dot", b"/%2e"), ("escaped dots", b"/%2e%2e/b"), ("half-escaped dots", b"/.%2e/b"),
        ("escaped dots in upper case", b"/%2E%2E/b"), ("escaped slash", b"/a%2fb"),
        ("escaped slash in upper case", b"/a%2Fb"), ("escaped backslash", b"/a%5cb"),
        ("backslash", b"/a\\b"), ("backslash with dots", b"/a\\..\\b"),
        ("doubly escaped dots", b"/%252e%252e/b"), ("doubly escaped slash", b"/a%252Fb"),
        ("escaped NUL", b"/a%00b"), ("escaped NUL in the query", b"/a?b=%00"),
        ("escaped line feed", b"/a%0ab"), ("escaped CR LF", b"/a%0D%0AHost:%20b"),
        ("escaped tab", b"/a%09b"), ("escaped DEL", b"/a%7Fb"),
        ("over-long slash", b"/a%c0%afb"), ("over-long slash in upper case", b"/a%C0%AFb"),
        ("over-long dot", b"/%C0%AE%C0%AE/b"), ("over-long in three bytes", b"/%E0%80%AFb"),
        ("over-long in four bytes", b"/%F0%80%80%AFb"), ("surrogate", b"/%ED%A0%80"),
        ("above the last character", b"/%F4%90%80%80"), ("truncated UTF-8", b"/%C3"),
        ("lonely continuation", b"/%80"), ("invalid UTF-8 in the query", b"/?a=%FF"),
        ("escaped letter", b"/%61dmin"), ("escaped digit in a path", b"/v%31"),
        ("escape with one digit", b"/%4"), ("escape with no digits", b"/%"),
        ("escape that is none", b"/%zz"), ("escape in the IIS manner", b"/%u002e"),
        ("escape broken in the query", b"/?a=%2"), ("fragment", b"/a#b"),
        ("fragment after the query", b"/a?b#c"), ("empty segment", b"/a//b"),
        ("two slashes at the start", b"//evil/a"), ("two slashes at the end", b"/a//"),
        ("raw UTF-8", b"/caf\xc3\xa9"), ("raw Latin-1", b"/caf\xe9"), ("control byte", b"/a\x01b"),
        ("DEL", b"/a\x7fb"), ("quotation mark", b"/a\"b"), ("angle bracket", b"/a<b"),
        ("bar", b"/a|b"), ("caret", b"/a^b"), ("brace", b"/{a}"), ("backtick", b"/`"),
        ("bracket in the path", b"/[a]"), ("no slash", b"a"), ("question mark only", b"?a"),
        ("asterisk", b"*"), ("asterisk with more", b"*a"), ("authority form", b"a:80"),
        ("two targets", b"/a /b"), ("absolute form without a path", b"http://a"),
        ("absolute form with only a query", b"http://a?b"), ("absolute form with a user",
                                                             b"http://u:p@a/"),
        ("absolute form with an empty host", b"http:///a"), ("absolute form of another scheme",
                                                             b"ftp://a/"),
        ("absolute form without slashes", b"http:a/b"), ("absolute form with a bad port",
                                                         b"http://a:99999/"),
        ("absolute form with two dots", b"http://a/../b"), ("absolute form in disguise",
                                                           b"/http://a/"),
        ("absolute form with a backslash", b"http://a\\@b/"), ("absolute form with a fragment",
                                                              b"http://a/#b"),
        ("scheme alone", b"http://"), ("javascript", b"javascript:alert(1)")):
    refused("target: " + name, target(octets))

refused("target one past the limit", target(b"/" + b"a" * TARGET_BYTES), 414)
refused("target far past the limit", target(b"/" + b"a" * 40000), 414)
taken("target at the limit", target(b"/" + b"a" * (TARGET_BYTES - 1)),
      Request(target="/" + "a" * (TARGET_BYTES - 1)))
taken("semicolons in a query", target(b"/a?b;c=d%3B"), Request(target="/a?b;c=d%3B"))
taken("target with a query", target(b"/a/b?c=d&e=%2F..%2e"), Request(target="/a/b?c=d&e=%2F..%2e"))
taken("target with escapes in their one form", target(b"/caf%C3%A9%20x"),
      Request(target="/caf%C3%A9%20x"))
taken("absolute form becomes origin form", target(b"http://a/b?c"), Request(target="/b?c"))
taken("absolute form in other case", b"GET HTTP://A/b HTTP/1.1\r\nHost: a\r\n\r\n",
      Request(target="/b"))
CASES.append(Case("asterisk of OPTIONS, which has no route",
                  b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", (404,), closes=False))
taken("names that override the target are dropped",
      with_field(b"X-Original-URL: /admin\r\nX-Rewrite-URL: /admin\r\nX_Original_URL: /admin"),
      Request(fields={"x-original-url": None, "x-rewrite-url": None, "x_original_url": None}))

# --- Host -----------------------------------------------------------------------------------------

refused("no Host", b"GET / HTTP/1.1\r\n\r\n")
refused("two Hosts", with_field(b"Host: b"))
refused("two equal Hosts", with_field(b"Host: a"))
refused("two Hosts, one in disguise", with_field(b"HoSt: b"))
for name, octets in (
        ("empty", b""), ("blank", b" "), ("with a user", b"u@a"), ("with a path", b"a/b"),
        ("with a query", b"a?b"), ("with a fragment", b"a#b"), ("list", b"a, b"),
        ("with a space", b"a b"), ("with a tab", b"a\tb"), ("with a scheme", b"http://a"),
        ("with an escape", b"a%2eb"), ("with a backslash", b"a\\b"), ("port zero", b"a:0"),
        ("port too large", b"a:65536"), ("empty port", b"a:"), ("port not a number", b"a:b"),
        ("two ports", b"a:1:2"), ("port with a sign", b"a:+80"), ("port with zeros", b"a:080"),
        ("dot at the end", b"a."), ("dot at the start", b".a"), ("two dots", b"a..b"),
        ("non-ASCII", b"\xc3\xa9"), ("bare IPv6", b"::1"), ("open bracket", b"[::1"),
        ("bracket with a name", b"[a]"), ("IPv6 with a zone", b"[fe80::1%25eth0]"),
        ("bracket with a tail", b"[::1]x"), ("NUL", b"a\0b"), ("quoted", b"\"a\""),
        ("too long", b"a" * 254)):
    refused("Host: " + name, b"GET / HTTP/1.1\r\nHost: " + octets + END)
refused("absolute form against Host", target(b"http://b/"))
refused("absolute form with a port against Host", target(b"http://a:80/"))
refused("absolute form without Host", b"GET http://a/ HTTP/1.1\r\n\r\n")
refused("absolute form with two Hosts",
        b"GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n")
taken("Host with a port", b"GET / HTTP/1.1\r\nHost: a.b:8443\r\n\r\n", Request(host="a.b:8443"))
taken("Host that is an IPv6 address", b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
      Request(host="[::1]:80"))
taken("names that override Host are rebuilt",
      with_field(b"X-Forwarded-Host: evil\r\nX-Host: evil\r\nForwarded: host=evil\r\n"
                 b"X-Original-Host: evil"),
      Request(fields={"x-forwarded-host": "a", "x-host": None, "forwarded": None,
                      "x-original-host": None}))

# --- fields ---------------------------------------------------------------------------------------

for name, octets in (
        ("space before the colon", b"X : y"), ("tab before the colon", b"X\t: y"),
        ("space before the colon of a length", b"Content-Length : 5"),
        ("space before the colon of a coding", b"Transfer-Encoding : chunked"),
        ("folded", b"X: y\r\n z"), ("folded with a tab", b"X: y\r\n\tz"),
        ("folded coding", b"Transfer-Encoding:\r\n chunked"),
        ("folded length", b"Content-Length:\r\n 5"), ("folded before the end", b"X: y\r\n "),
        ("no colon", b"X"), ("empty name", b": y"), ("colon only", b":"), ("two colons", b":: y"),
        ("space in the name", b"X Y: z"), ("name with a bracket", b"X(: y"),
        ("name with a slash", b"X/: y"), ("name with a quotation mark", b"\"X\": y"),
        ("name with a plus", b"X+: y"), ("name with an exclamation mark", b"!X: y"),
        ("name with a NUL", b"X\0: y"), ("name with a control byte", b"X\x01: y"),
        ("name with a DEL", b"X\x7f: y"), ("name with a CR", b"X\r: y"),
        ("non-ASCII name", b"X\xc3\xa9: y"), ("name with a no-break space", b"Content-Length\xa0: 5"),
        ("name that starts with a dot", b".X: y"), ("name that starts with a hyphen", b"-X: y"),
        ("name that starts with an underscore", b"_X: y"),
        ("value with a NUL", b"X: a\0b"), ("value with a control byte", b"X: a\x01b"),
        ("value with an escape character", b"X: a\x1bb"), ("value with a backspace", b"X: a\x08"),
        ("value with a form feed", b"X: a\x0cb"), ("value with a vertical tab", b"X: a\x0bb"),
        ("value with a DEL", b"X: a\x7fb"),
        ("Content_Length", b"Content_Length: 5"), ("Transfer_Encoding", b"Transfer_Encoding: chunked"),
        ("X_Forwarded_For", b"X_Forwarded_For: 6.6.6.6"), ("content_length", b"content_length: 5"),
        ("two Authorizations", b"Authorization: a\r\nAuthorization: b"),
        ("two Content-Types", b"Content-Type: a/b\r\nContent-Type: c/d"),
        ("two Origins", b"Origin: http://a\r\nOrigin: http://b"),
        ("two Expects", b"Expect: 100-continue\r\nExpect: 100-continue")):
    refused("field: " + name, with_field(octets))

refused("name one past the limit", with_field(b"X" * (NAME_BYTES + 1) + b": y"), 431)
taken("name at the limit", with_field(b"X" * NAME_BYTES + b": y"),
      Request(fields={"x" * NAME_BYTES: "y"}))
refused("fields one past the limit", GET + b"X: y\r\n" * FIELDS + b"\r\n", 431)
taken("fields at the limit", GET + b"X: y\r\n" * (FIELDS - 1) + b"\r\n", Request())
refused("head one past the limit",
        GET + b"X: " + b"y" * (HEAD_BYTES - len(GET) - 3 - 4 + 1) + END, 431)
taken("head at the limit", GET + b"X: " + b"y" * (HEAD_BYTES - len(GET) - 3 - 4) + END, Request())
refused("head far past the limit", GET + b"X: " + b"y" * 200000 + END, 431)
refused("head without an end", GET + b"X: y\r\n" * 20000, 431)
taken("blanks around a value", with_field(b"X:\t y \t"), Request(fields={"x": "y"}))
taken("empty value", with_field(b"X:"), Request(fields={"x": ""}))
taken("no blank after the colon", b"GET / HTTP/1.1\r\nHost:a\r\n\r\n", Request())
taken("colon within a value", with_field(b"X: y: z"), Request(fields={"x": "y: z"}))
taken("underscore in a name nobody reads", with_field(b"api_key: 1"),
      Request(fields={"api_key": "1"}))
taken("identity is dropped in every spelling",
      with_field(b"X_Real_IP: 6.6.6.6\r\nX-OpenClaw-Scopes: admin\r\nX_OpenClaw_Scopes: admin\r\n"
                 b"X_Edgehold_Principal: root\r\nX-Edgehold-Principal: root\r\n"
                 b"X-Forwarded-User: root\r\nTrue-Client-IP: 6.6.6.6"),
      Request(fields={"x_real_ip": None, "x-openclaw-scopes": None, "x_openclaw_scopes": None,
                      "x_edgehold_principal": None, "x-edgehold-principal": None,
                      "x-forwarded-user": None, "true-client-ip": None}))
taken("Proxy is dropped", with_field(b"Proxy: http://evil\r\nProxy-Foo: x"),
      Request(fields={"proxy": None, "proxy-foo": None}))

# --- Connection and what it names ------------------------------------------------------------------

taken("close", with_field(b"Connection: close"), Request(fields={"connection": None}), closes=True)
taken("close hides what follows", with_field(b"Connection: close") + SECOND, Request(), closes=True)
taken("close hides garbage", with_field(b"Connection: close") + b"\0\0\0garbage", Request(),
      closes=True)
taken("close among others", with_field(b"Connection: x, CLOSE ,y") + SECOND, Request(), closes=True)
taken("close in a second field", with_field(b"Connection: keep-alive\r\nConnection: close") + SECOND,
      Request(), closes=True)
taken("Connection names Host", with_field(b"Connection: Host"), Request())
taken("Connection names the length", post(b"Connection: Content-Length\r\nContent-Length: 1", b"x"),
      Request("POST", body=b"x"))
taken("Connection names the coding",
      post(b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked", b"1\r\nx\r\n" + LAST),
      Request("POST", body=b"x"))
taken("Connection names what edgehold adds",
      with_field(b"Connection: X-Forwarded-For, X-Request-Id, X-Forwarded-Host, traceparent"),
      Request(fields={"x-forwarded-host": "a", "x-forwarded-for": "127.0.0.1"}))
taken("Connection names credentials",
      with_field(b"Authorization: Bearer x\r\nCookie: c=1\r\nConnection: Authorization, Cookie"),
      Request(fields={"authorization": "Bearer x", "cookie": "c=1"}))
taken("Connection names a field of the client's own", with_field(b"Connection: X-Mine\r\nX-Mine: 1"),
      Request(fields={"x-mine": None}))
taken("Connection with empty members", with_field(b"Connection: ,,keep-alive,,"), Request())
refused("Connection with a blank in a member", with_field(b"Connection: a b"))
refused("Connection with a quoted member", with_field(b"Connection: \"close\""))
refused("Connection names one too many",
        with_field(b"Connection: " + b",".join(b"x%d" % i for i in range(CONNECTION_OPTIONS + 1))),
        431)
taken("Connection names as many as it may",
      with_field(b"Connection: " + b",".join(b"x%d" % i for i in range(CONNECTION_OPTIONS))),
      Request())
taken("hop-by-hop fields stay here",
      with_field(b"Keep-Alive: 300\r\nProxy-Connection: keep-alive\r\nTE: trailers, chunked\r\n"
                 b"Trailer: X\r\nProxy-Authorization: Basic eA=="),
      Request(fields={"keep-alive": None, "proxy-connection": None, "te": None, "trailer": None,
                      "proxy-authorization": None}))

# --- upgrades and expectations ----------------------------------------------------------------------

for name, octets in (("WebSocket", b"websocket"), ("h2c", b"h2c"), ("TLS", b"TLS/1.2"),
                     ("a list", b"websocket, h2c"), ("anything", b"x")):
    refused("upgrade to " + name, with_field(b"Connection: Upgrade\r\nUpgrade: " + octets) + SECOND)
refused("upgrade to h2c with settings",
        with_field(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                   b"HTTP2-Settings: AAMAAABkAAQAAP__") + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
refused("upgrade with content",
        post(b"Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 3", b"abc") + SECOND)
taken("Upgrade that Connection does not name", with_field(b"Upgrade: h2c"),
      Request(fields={"upgrade": None}))
taken("Connection that names no Upgrade", with_field(b"Connection: upgrade"), Request())
taken("upgrade in HTTP/1.0",
      b"GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
      Request(fields={"upgrade": None}), closes=True)
for name, octets in (("tea", b"tea"), ("nothing", b""), ("a list", b"100-continue, x"),
                     ("a parameter", b"100-continue;x=1"), ("quoted", b"\"100-continue\"")):
    refused("expectation of " + name, post(b"Content-Length: 1\r\nExpect: " + octets, b"x"), 417)
taken("expectation without content", with_field(b"Expect: 100-continue"),
      Request(fields={"expect": None}))
taken("expectation that did not wait", post(b"Content-Length: 1\r\nExpect: 100-Continue", b"x"),
      Request("POST", body=b"x", fields={"expect": None}))

# --- lengths --------------------------------------------------------------------------------------

taken("length", post(b"Content-Length: 5", b"hello"), Request("POST", body=b"hello"))
taken("length zero", post(b"Content-Length: 0"), Request("POST"))
taken("no length", POST + b"\r\n", Request("POST"))
taken("GET with content", with_field(b"Content-Length: 5") + b"hello", Request(body=b"hello"))
taken("content that looks like a request", post(b"Content-Length: %d" % len(SECOND), SECOND),
      Request("POST", body=SECOND))
taken("no length, so the next bytes are the next request", POST + b"\r\n" + SECOND, Request("POST"),
      Request(target="/second"))
refused("length twice, different", post(b"Content-Length: 5\r\nContent-Length: 6", b"hello!"))
refused("length twice, equal", post(b"Content-Length: 5\r\nContent-Length: 5", b"hello"))
refused("length twice in other case", post(b"Content-Length: 0\r\ncontent-length: 5", b"hello"))
refused("length and coding", post(b"Content-Length: 5\r\nTransfer-Encoding: chunked", LAST + SECOND))
refused("coding and length", post(b"Transfer-Encoding: chunked\r\nContent-Length: 5", LAST + SECOND))
refused("length zero and coding",
        post(b"Content-Length: 0\r\nTransfer-Encoding: chunked", LAST + SECOND))
for name, octets in (
        ("list of equals", b"5, 5"), ("list", b"5,6"), ("with a plus", b"+5"),
        ("with a minus", b"-5"), ("minus zero", b"-0"), ("with a space", b"5 5"),
        ("with a tab within", b"5\t5"), ("with a tab before", b"\t5"), ("with a tab behind", b"5\t"),
        ("hexadecimal", b"0x5"), ("in letters", b"five"), ("hexadecimal digit", b"a"),
        ("with an exponent", b"5e0"), ("with a point", b"5.0"), ("with an underscore", b"1_0"),
        ("with a comma", b"5,"), ("with a semicolon", b"5;"), ("quoted", b"\"5\""), ("empty", b""),
        ("zeros before", b"05"), ("many zeros before", b"0" * 40 + b"5"), ("two zeros", b"00"),
        ("2^63", b"9223372036854775808"), ("2^64", b"18446744073709551616"),
        ("2^64 + 5", b"18446744073709551621"), ("40 digits", b"9" * 40),
        ("of 400 digits", b"1" * 400), ("2^32 + 5 and a letter", b"4294967301x"),
        ("with a NUL", b"5\0"), ("full-width digit", b"\xef\xbc\x95"),
        ("Arabic digit", b"\xd9\xa5")):
    refused("length: " + name, post(b"Content-Length: " + octets, b"hello") + SECOND)
refused("length past the limit", post(b"Content-Length: %d" % (BODY_BYTES + 1), b"x" * 100), 413)
refused("length of 18 digits", post(b"Content-Length: 999999999999999999", b"x" * 100), 413)
cut("content cut short", post(b"Content-Length: 10", b"hello"), 499, ends=True)
cut("content that never begins", post(b"Content-Length: 10"), 499, ends=True)

# --- transfer codings -------------------------------------------------------------------------------

taken("chunked", chunks(b"5\r\nhello\r\n" + LAST), Request("POST", body=b"hello"))
taken("chunked in other case", post(b"TRANSFER-ENCODING: ChUnKeD", b"5\r\nhello\r\n" + LAST),
      Request("POST", body=b"hello"))
taken("chunked and empty", chunks(LAST), Request("POST"))
taken("chunked GET", with_field(b"Transfer-Encoding: chunked") + b"1\r\nx\r\n" + LAST,
      Request(body=b"x"))
taken("chunked, then a request", chunks(b"1\r\nx\r\n" + LAST + SECOND), Request("POST", body=b"x"),
      Request(target="/second"))
for name, octets in (
        ("twice in one field", b"chunked, chunked"), ("before gzip", b"chunked, gzip"),
        ("after gzip", b"gzip, chunked"), ("after identity", b"identity, chunked"),
        ("before identity", b"chunked, identity"), ("with an x before", b"xchunked"),
        ("with an x behind", b"chunkedx"), ("with a tab before", b"\tchunked"),
        ("with a tab behind", b"chunked\t"), ("with a vertical tab", b"\x0bchunked"),
        ("with a form feed", b"chunked\x0c"), ("with a NUL", b"chunked\0"), ("quoted", b"\"chunked\""),
        ("in apostrophes", b"'chunked'"), ("with an empty member before", b", chunked"),
        ("with an empty member behind", b"chunked,"), ("with a parameter", b"chunked;q=1"),
        ("with an empty parameter", b"chunked;"), ("with a space within", b"chun ked"),
        ("with a dot", b"chunked."), ("with a Kelvin sign", b"chun\xe2\x84\xaaed"),
        ("with a no-break space", b"\xa0chunked"), ("doubled", b"chunkedchunked"),
        ("as a list with blanks", b"chunked , "), ("empty", b""), ("folded", b"\r\n chunked")):
    refused("chunked " + name, post(b"Transfer-Encoding: " + octets, LAST + SECOND))
refused("chunked in two fields",
        post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", LAST + SECOND))
refused("chunked and gzip in two fields",
        post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip", LAST + SECOND), 400)
refused("identity and chunked in two fields",
        post(b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", LAST + SECOND), 501)
for octets in (b"identity", b"gzip", b"deflate", b"cow", b"br"):
    refused("coding " + octets.decode(), post(b"Transfer-Encoding: " + octets, LAST + SECOND), 501)
refused("identity and a length", post(b"Transfer-Encoding: identity\r\nContent-Length: 5", b"hello"),
        501)

# --- chunks ---------------------------------------------------------------------------------------

taken("sizes in both cases", chunks(b"a\r\n0123456789\r\nA\r\n0123456789\r\n" + LAST),
      Request("POST", body=b"0123456789" * 2))
taken("sizes with zeros before", chunks(b"005\r\nhello\r\n000\r\n\r\n"),
      Request("POST", body=b"hello"))
taken("content that looks like chunks", chunks(b"5\r\n0\r\n\r\n\r\n" + LAST),
      Request("POST", body=LAST))
taken("extension", chunks(b"5;a=b\r\nhello\r\n0;c\r\n\r\n"), Request("POST", body=b"hello"))
taken("extension with a quoted string", chunks(b"5;a=\"b;c\"\r\nhello\r\n" + LAST),
      Request("POST", body=b"hello"))
taken("size line at the limit",
      chunks(b"5;" + b"x" * (CHUNK_LINE_BYTES - 4) + b"\r\nhello\r\n" + LAST),
      Request("POST", body=b"hello"))
for name, octets in (
        ("size line one past the limit",
         b"5;" + b"x" * (CHUNK_LINE_BYTES - 3) + b"\r\nhello\r\n" + LAST),
        ("extensions one past the limit of the body",
         (b"1;" + b"x" * 202 + b"\r\ny\r\n") * (EXTENSION_BYTES // 202 + 1) + LAST),
        ("size with a plus", b"+5\r\nhello\r\n" + LAST), ("size with a minus", b"-5\r\nhello\r\n"),
        ("size minus zero", b"-0\r\n\r\n"), ("size with 0x", b"0x5\r\nhello\r\n" + LAST),
        ("size with an underscore", b"0_5\r\nhello\r\n"), ("size with a letter", b"5g\r\nhello\r\n"),
        ("size with an h", b"5h\r\nhello\r\n"), ("size with a space before", b" 5\r\nhello\r\n"),
        ("size with a space behind", b"5 \r\nhello\r\n" + LAST),
        ("size with a tab behind", b"5\t\r\nhello\r\n" + LAST),
        ("size with a NUL", b"5\0\r\nhello\r\n"), ("size with a quotation mark", b"\"5\"\r\nhello\r\n"),
        ("size with a comma", b"5,5\r\nhello\r\n"), ("size with a point", b"5.0\r\nhello\r\n"),
        ("empty size", b"\r\nhello\r\n" + LAST), ("size of 2^60", b"1000000000000000\r\nhello\r\n"),
        ("size of 2^64 - 1", b"ffffffffffffffff\r\nhello\r\n"),
        ("size of 2^64 + 5", b"10000000000000005\r\nhello\r\n" + LAST),
        ("size of 2^32 + 5 in too many digits", b"00000000100000005\r\nhello\r\n" + LAST),
        ("size of 40 digits", b"f" * 40 + b"\r\nhello\r\n"),
        ("size with 17 zeros", b"0" * 17 + b"5\r\nhello\r\n" + LAST),
        ("size in full-width digits", b"\xef\xbc\x95\r\nhello\r\n"),
        ("bare LF after the size", b"5\nhello\r\n" + LAST),
        ("bare CR after the size", b"5\rhello\r\n" + LAST),
        ("CR CR LF after the size", b"5\r\r\nhello\r\n" + LAST),
        ("bare LF after the content", b"5\r\nhello\n" + LAST),
        ("bare CR after the content", b"5\r\nhello\r" + LAST),
        ("no line end after the content", b"5\r\nhello" + LAST),
        ("content longer than its size", b"5\r\nhello!\r\n" + LAST),
        ("content shorter than its size", b"5\r\nhell\r\n" + LAST),
        ("two bytes for the line end of the content", b"5\r\nhelloXX" + LAST),
        ("bare LF after the last size", b"0\n\r\n" + SECOND),
        ("bare LF as the end", b"0\r\n\n" + SECOND), ("bare LFs as the end", b"0\n\n" + SECOND),
        ("CR without LF as the end", b"0\r\n\rX" + SECOND),
        ("extension with a bare LF", b"5;a\nhello\r\n" + LAST),
        ("extension with a bare LF before more", b"5;a\nx\r\nhello\r\n" + LAST),
        ("extension with a bare CR", b"5;a\rb\r\nhello\r\n" + LAST),
        ("extension with a LF in a quoted string", b"5;a=\"\n\"\r\nhello\r\n" + LAST),
        ("extension with a NUL", b"5;a\0\r\nhello\r\n" + LAST),
        ("extension that is not ASCII", b"5;\xff\r\nhello\r\n" + LAST),
        ("extension without a name", b"5;\r\nhello\r\n" + LAST),
        ("extension with a space before", b"5 ;a\r\nhello\r\n" + LAST),
        ("extension after a space", b"5; a\r\nhello\r\n" + LAST),
        ("last chunk with a bad extension", b"0;\r\n\r\n" + SECOND),
        ("trailer", b"0\r\nX: y\r\n\r\n" + SECOND),
        ("trailer with a length", b"0\r\nContent-Length: 50\r\n\r\n" + SECOND),
        ("trailer with a coding", b"0\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST),
        ("trailer with a Host", b"0\r\nHost: b\r\n\r\n" + SECOND),
        ("trailer with credentials", b"0\r\nAuthorization: x\r\n\r\n" + SECOND),
        ("trailer past the limit", b"0\r\nX: " + b"y" * 9000 + b"\r\n\r\n"),
        ("trailer that is a request", b"0\r\n" + SECOND),
        ("trailer folded", b"0\r\nX: y\r\n z\r\n\r\n"), ("trailer with a blank", b"0\r\n \r\n\r\n"),
        ("trailer without a colon", b"0\r\nX\r\n\r\n"),
        ("request line for the next size", b"5\r\nhello\r\n" + SECOND)):
    cut("chunks: " + name, chunks(octets))
cut("chunks past the limit of the body",
    chunks((b"10000\r\n" + b"x" * 65536 + b"\r\n") * 17 + LAST), 413)
for name, octets in (
        ("after the head", b""), ("within a size", b"5"), ("within a line end", b"5\r"),
        ("before the content", b"5\r\n"), ("within the content", b"5\r\nhel"),
        ("after the content", b"5\r\nhello"), ("before the last chunk", b"5\r\nhello\r\n"),
        ("within the last size", b"5\r\nhello\r\n0"), ("before the last line", b"5\r\nhello\r\n0\r\n"),
        ("within the last line", b"5\r\nhello\r\n0\r\n\r")):
    cut("chunks that end " + name, chunks(octets), 499, ends=True)

# --- pipelines ------------------------------------------------------------------------------------

taken("three requests", GET + b"\r\n" + post(b"Content-Length: 2", b"hi") + SECOND, Request(),
      Request("POST", body=b"hi"), Request(target="/second"))
mixed("good, then bad", GET + b"\r\n" + b"GET / HTTP/1.1\r\nBad Name: x\r\n\r\n", (200, 400),
      Request())
mixed("good, bad, good", GET + b"\r\n" + b"GET / HTTP/1.1\r\n\r\n" + SECOND, (200, 400), Request())
mixed("good, then garbage", GET + b"\r\n" + b"\0\1\2\3garbage\r\n\r\n" + SECOND, (200, 400),
      Request())
mixed("good, then half of one", GET + b"\r\n" + b"GET /second HTT", (200, 400), Request(), ends=True)
mixed("good with content, then what did not fit it", post(b"Content-Length: 5", b"hello!!!") + SECOND,
      (200, 400), Request("POST", body=b"hello"))
mixed("chunked, then rubbish", chunks(LAST) + b"x" + SECOND, (200, 400), Request("POST"))
mixed("a zero too many after the last chunk", chunks(LAST) + LAST + SECOND, (200, 400),
      Request("POST"))
refused("bad, then good", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n" + SECOND)
refused("bad, then many good", b"GET /%2e HTTP/1.1\r\nHost: a\r\n\r\n" + SECOND * 50)
refused("refused coding, then a request in the content",
        post(b"Transfer-Encoding: gzip\r\nX: y", SECOND), 501)
refused("too large, then a request in the content",
        post(b"Content-Length: 2000000", SECOND * 100), 413)
taken("whole, then the client ends its side", GET + b"\r\n", Request(), closes=True, ends=True)
taken("with content, then the client ends its side", post(b"Content-Length: 5", b"hello"),
      Request("POST", body=b"hello"), closes=True, ends=True)
taken("two, then the client ends its side", GET + b"\r\n" + SECOND, Request(),
      Request(target="/second"), closes=True, ends=True)
