# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 in raw bytes (RFC 9113, RFC 7541): frames and header blocks as no library would write them,
and a client that reads strictly what comes back. Standard library only."""
import socket
import struct

from harness import WAIT

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, HAS_PRIORITY = 1, 1, 4, 8, 0x20

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, \
    FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, \
    ENHANCE_YOUR_CALM = range(12)

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, \
    MAX_HEADER_LIST_SIZE = range(1, 7)


# --- writing --------------------------------------------------------------------------------------


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


def number(value, prefix=7, first=0):
    """An integer of RFC 7541 5.1 under the bits of `first`."""
    most = (1 << prefix) - 1
    if value < most:
        return bytes([first | value])
    octets, value = bytearray([first | most]), value - most
    while value >= 128:
        octets.append(value % 128 + 128)
        value //= 128
    octets.append(value)
    return bytes(octets)


def text(octets):
    return number(len(octets)) + octets


def literal(name, value, first=0):
    """A field without indexing (or what `first` says), the name in full, no Huffman code."""
    return bytes([first]) + text(name) + text(value)


def octets_of(value):
    return value if isinstance(value, bytes) else value.encode()


def block(fields):
    return b"".join(literal(octets_of(n), octets_of(v)) for n, v in fields)


def headers(stream, fields, ends=True, flags=END_HEADERS):
    return frame(HEADERS, flags | (END_STREAM if ends else 0), stream, block(fields))


def content(stream, octets, ends=True):
    return frame(DATA, END_STREAM if ends else 0, stream, octets)


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", k, v) for k, v in pairs))


def window_update(stream, octets):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", octets))


def reset(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def ping(octets=b"12345678", flags=0):
    return frame(PING, flags, 0, octets)


def goaway(last=0, code=NO_ERROR, words=b""):
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code) + words)


def request(method="GET", path="/", authority="a", scheme="https", more=()):
    return [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path),
            *more]


# --- reading header blocks ------------------------------------------------------------------------

STATIC = [line.split("=", 1) if "=" in line else (line, "") for line in (
    ":authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|"
    ":status=200|:status=204|:status=206|:status=304|:status=400|:status=404|:status=500|"
    "accept-charset|accept-encoding=gzip, deflate|accept-language|accept-ranges|accept|"
    "access-control-allow-origin|age|allow|authorization|cache-control|content-disposition|"
    "content-encoding|content-language|content-length|content-location|content-range|content-type|"
    "cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|"
    "if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate|"
    "proxy-authorization|range|referer|refresh|retry-after|server|set-cookie|"
    "strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate").split("|")]

# The lengths of RFC 7541 B ('A': five bits) by symbol; the code is canonical, so they tell it all.
CODE_LENGTHS = (
    "ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXXBFFHIBDGFFDGDBBBAAABBBBBBBCDKBHFIBCCCCCCCCCCCCCCCCCCCCCCDCDIOIJB"
    "KABABABBBACCBBBABCBAABCCCCCKGJIXPRPPRRRSRSSSSSTSTTRSTSSSSQRSRSSTRQPRRSSQSRRTQRSSQQRQSRSSPRRRSRRS"
    "VVPORSRUVVVWWVTUOQVWWVWTQQVVXWWWPTPQRQQSRRUUTTVSVWVVWWWWWXWWWWWVZ")


def _codes():
    lengths = [ord(c) - ord("A") + 5 for c in CODE_LENGTHS]
    codes, code, previous = {}, 0, 0
    for symbol in sorted(range(257), key=lambda s: (lengths[s], s)):
        code <<= lengths[symbol] - previous
        previous = lengths[symbol]
        codes[(previous, code)] = symbol
        code += 1
    return codes


CODES = _codes()


def huffman(octets):
    """Decodes; ValueError for what RFC 7541 5.2 forbids."""
    out, code, bits = bytearray(), 0, 0
    for octet in octets:
        for shift in range(7, -1, -1):
            code, bits = code << 1 | octet >> shift & 1, bits + 1
            symbol = CODES.get((bits, code))
            if symbol is None:
                continue
            if symbol == 256:
                raise ValueError("EOS in a string")
            out.append(symbol)
            code = bits = 0
    if bits > 7 or code != (1 << bits) - 1:
        raise ValueError("malformed padding")
    return bytes(out)


class Decoder:
    """Header blocks of one connection, in order."""

    def __init__(self):
        self.table, self.table_size = [], 4096

    def _number(self, octets, at, prefix):
        most = (1 << prefix) - 1
        value, at = octets[at] & most, at + 1
        if value < most:
            return value, at
        shift = 0
        while True:
            value += (octets[at] & 127) << shift
            at, shift = at + 1, shift + 7
            if octets[at - 1] < 128:
                return value, at

    def _text(self, octets, at):
        is_coded = octets[at] & 0x80
        length, at = self._number(octets, at, 7)
        taken = octets[at:at + length]
        return (huffman(taken) if is_coded else taken).decode("latin-1"), at + length

    def _entry(self, index):
        if index <= len(STATIC):
            return tuple(STATIC[index - 1])
        return self.table[index - len(STATIC) - 1]

    def _keep(self, field):
        self.table.insert(0, field)
        self._evict()

    def _evict(self):
        while sum(len(n) + len(v) + 32 for n, v in self.table) > self.table_size:
            self.table.pop()

    def fields(self, octets):
        found, at = [], 0
        while at < len(octets):
            first = octets[at]
            if first & 0x80:
                index, at = self._number(octets, at, 7)
                found.append(self._entry(index))
            elif first & 0xe0 == 0x20:
                self.table_size, at = self._number(octets, at, 5)
                self._evict()
            else:
                index, at = self._number(octets, at, 6 if first & 0x40 else 4)
                name, at = (self._entry(index)[0], at) if index else self._text(octets, at)
                value, at = self._text(octets, at)
                found.append((name, value))
                if first & 0x40:
                    self._keep((name, value))
        return found


# --- the client -----------------------------------------------------------------------------------


class Answer:
    """What came on one stream."""

    def __init__(self):
        self.statuses = []  # interim ones first
        self.fields = []
        self.body = b""
        self.has_ended = False
        self.reset = None

    @property
    def status(self):
        return self.statuses[-1] if self.statuses else None

    def all(self, name):
        return [v for n, v in self.fields if n == name]

    def get(self, name, otherwise=None):
        return (self.all(name) or [otherwise])[0]

    @property
    def is_over(self):
        return self.has_ended or self.reset is not None

    def __repr__(self):
        return "%s ended=%s reset=%s %r" % (self.statuses, self.has_ended, self.reset,
                                            self.body[:300])


class Http2Client:
    """One connection. `tls`: a context of harness.client_tls(); None: prior knowledge."""

    def __init__(self, port, tls=None, start=True, seconds=WAIT, own_settings=()):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            tls.set_alpn_protocols(["h2"])
            self.sock = tls.wrap_socket(self.sock, server_hostname="127.0.0.1")
        self.answers, self.settings, self.goaways, self.pings = {}, {}, [], []
        self.windows = {}  # opened by WINDOW_UPDATE
        self.acknowledged = []
        self.settings_acknowledged = 0
        self.frames = []  # (type, flags, stream, length) in order
        self.is_closed = False
        self._decoder = Decoder()
        self._pending, self._block, self._block_ends = b"", None, False
        if start:
            self.send(PREFACE + settings(*own_settings))

    def send(self, octets):
        try:
            self.sock.sendall(octets)
        except OSError:  # closed before it had everything
            self._read_rest()

    def send_in_pieces(self, octets, piece):
        for at in range(0, len(octets), piece):
            self.send(octets[at:at + piece])

    def _read_rest(self):
        while self._more():
            pass

    def close(self):
        self.sock.close()

    def answer(self, stream):
        return self.answers.setdefault(stream, Answer())

    def _more(self):
        """Reads once; False when the connection is closed."""
        if self.is_closed:
            return False
        try:
            piece = self.sock.recv(65536)
        except socket.timeout:
            raise AssertionError("nothing came; had %r %r" % (self.answers, self.goaways)) from None
        except OSError:
            piece = b""
        if not piece:
            self.is_closed = True
            return False
        self._pending += piece
        while len(self._pending) >= 9:
            length = int.from_bytes(self._pending[:3], "big")
            if len(self._pending) < 9 + length:
                break
            kind, flags = self._pending[3], self._pending[4]
            stream = int.from_bytes(self._pending[5:9], "big")
            payload = self._pending[9:9 + length]
            self._pending = self._pending[9 + length:]
            self.frames.append((kind, flags, stream, length))
            self._take(kind, flags, stream, payload)
        return True

    def _take(self, kind, flags, stream, payload):
        if self._block is not None and kind != CONTINUATION:
            raise AssertionError("a frame of type %d within a header block" % kind)
        if kind == HEADERS:
            self._block, self._block_ends = payload, bool(flags & END_STREAM)
        if kind == CONTINUATION:
            self._block += payload
        if kind in (HEADERS, CONTINUATION) and flags & END_HEADERS:
            fields, self._block = self._decoder.fields(self._block), None
            answer = self.answer(stream)
            answer.statuses.append(int(dict(fields)[":status"]))
            answer.fields, answer.has_ended = fields, self._block_ends
        elif kind == DATA:
            self.answer(stream).body += payload
            self.answer(stream).has_ended = bool(flags & END_STREAM)
        elif kind == RST_STREAM:
            self.answer(stream).reset = struct.unpack(">I", payload)[0]
        elif kind == SETTINGS and flags & ACK:
            self.settings_acknowledged += 1
        elif kind == SETTINGS:
            for at in range(0, len(payload), 6):
                key, value = struct.unpack(">HI", payload[at:at + 6])
                self.settings[key] = value
            self.send(frame(SETTINGS, ACK))
        elif kind == PING:
            (self.acknowledged if flags & ACK else self.pings).append(payload)
        elif kind == GOAWAY:
            self.goaways.append(struct.unpack(">II", payload[:8]))
        elif kind == WINDOW_UPDATE:
            self.windows[stream] = self.windows.get(stream, 0) + struct.unpack(">I", payload)[0]

    def wait(self, condition):
        """Reads until condition(); False if the connection closed before."""
        while not condition():
            if not self._more():
                return bool(condition())
        return True

    def ended(self, stream):
        """The answer on `stream` when it is over, by its end, a reset or the connection's end."""
        self.wait(lambda: self.answer(stream).is_over)
        return self.answer(stream)

    def synchronise(self):
        """All that was sent has been read by the peer; False if it closed instead."""
        mark = b"%08d" % len(self.acknowledged)
        self.send(ping(mark))
        return self.wait(lambda: mark in self.acknowledged)

    def error(self):
        """The code of the GOAWAY with which the connection ended; None if it said none."""
        self.wait(lambda: any(code != NO_ERROR for _, code in self.goaways))
        self._read_rest()
        return next((code for _, code in self.goaways if code != NO_ERROR), None)
