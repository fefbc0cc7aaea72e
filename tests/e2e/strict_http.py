# SPDX-License-Identifier: Apache-2.0
"""A tiny strict reader of what edgehold wrote, for the tests to judge by: anything but the one
canonical form is an error. Shares no code with edgehold or the harness."""
import re

REQUEST_LINE = re.compile(rb"([A-Z][A-Z-]*) (\*|/[!$-;=?-Z_a-z~]*) HTTP/1\.1")
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([2-5]\d\d) [\t -~\x80-\xff]*")
FIELD = re.compile(rb"([A-Za-z0-9][A-Za-z0-9._-]*): ([!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
NEVER_UPSTREAM = ("connection", "keep-alive", "te", "trailer", "upgrade", "proxy-connection",
                  "proxy-authorization", "expect", "http2-settings")


class NotCanonical(Exception):
    pass


class Message:
    def __init__(self, groups, fields):
        self.start = [group.decode("ascii") for group in groups]
        self.fields = fields
        self.body = b""

    def all(self, name):
        return [value for key, value in self.fields if key == name]

    def one(self, name):
        values = self.all(name)
        if len(values) != 1:
            raise NotCanonical("%d fields `%s`" % (len(values), name))
        return values[0]


def _head(octets, start_line):
    """(message, length), or None while there is no whole head."""
    end = octets.find(b"\r\n\r\n")
    if end < 0:
        return None
    lines = octets[:end].split(b"\r\n")
    start = start_line.fullmatch(lines[0])
    if not start:
        raise NotCanonical("start line %r" % lines[0])
    fields = []
    for line in lines[1:]:
        field = FIELD.fullmatch(line)
        if not field:
            raise NotCanonical("field line %r" % line)
        fields.append((field[1].decode().lower(), (field[2] or b"").decode("latin-1")))
    return Message(start.groups(), fields), end + 4


def _chunked(octets):
    """(content, length), or None while it is not whole."""
    content, at = b"", 0
    while True:
        end = octets.find(b"\r\n", at)
        if end < 0:
            return None
        size = octets[at:end]
        if not re.fullmatch(rb"[1-9a-f][0-9a-f]{0,7}|0", size):
            raise NotCanonical("chunk size %r" % size)
        at = end + 2
        count = int(size, 16)
        if len(octets) < at + count + 2:
            return None
        if octets[at + count:at + count + 2] != b"\r\n":
            raise NotCanonical("chunk without its line end")
        content += octets[at:at + count]
        at += count + 2
        if count == 0:
            return content, at


def _body(message, octets, is_endless):
    """(body, length), or None while it is not whole."""
    lengths, codings = message.all("content-length"), message.all("transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise NotCanonical("two framings")
    if codings:
        if codings != ["chunked"]:
            raise NotCanonical("coding %r" % codings)
        return _chunked(octets)
    if lengths:
        if not re.fullmatch(r"0|[1-9]\d*", lengths[0]):
            raise NotCanonical("length %r" % lengths)
        count = int(lengths[0])
        return (octets[:count], count) if len(octets) >= count else None
    return (octets, len(octets)) if is_endless else (b"", 0)


def requests_of(octets):
    """(whole requests, the rest: an unfinished one)."""
    requests = []
    while octets:
        found = _head(octets, REQUEST_LINE)
        if found is None:
            break
        message, at = found
        message.one("host")
        for name in NEVER_UPSTREAM:
            if message.all(name):
                raise NotCanonical("`%s` of the client" % name)
        body = _body(message, octets[at:], is_endless=False)
        if body is None:
            break
        message.body = body[0]
        octets = octets[at + body[1]:]
        requests.append(message)
    return requests, octets


def response_of(octets, for_head=False, has_ended=False):
    """(response, length), or None while it is not whole. Interim responses are skipped."""
    skipped = 0
    while octets.startswith(b"HTTP/1.1 100 Continue\r\n\r\n"):
        skipped += 25
        octets = octets[25:]
    found = _head(octets, STATUS_LINE)
    if found is None:
        return None
    message, at = found
    message.status = int(message.start[0])
    if for_head or message.status in (204, 304):
        return message, skipped + at
    is_endless = not message.all("content-length") and not message.all("transfer-encoding")
    if is_endless and not has_ended:
        return None
    body = _body(message, octets[at:], is_endless)
    if body is None:
        return None
    message.body = body[0]
    return message, skipped + at + body[1]
