# SPDX-License-Identifier: Apache-2.0
"""WebSocket frames by hand (RFC 6455 5.2), for tests that must be able to break every rule: composed,
read, and the opening handshake of both sides over the harness's sockets. Shares no code with
edgehold."""
import base64
import hashlib
import os
import socket
import ssl
import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
MASK = b"\x37\xfa\x21\x3d"
UPGRADE = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", KEY),
           ("Sec-WebSocket-Version", "13"))


def accept_of(key):
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


def masked(payload, mask):
    stream = (mask * (len(payload) // 4 + 1))[:len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(
        len(payload), "big")


def frame(opcode, payload=b"", mask=None, final=True, reserved=0, length=None):
    """`length`: the octets of the length, without the mask bit, where they are to be wrong."""
    if length is None:
        size = len(payload)
        length = (bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size)
                  if size < 65536 else b"\x7f" + struct.pack(">Q", size))
    first = bytes([(0x80 if final else 0) | reserved << 4 | opcode])
    if mask is None:
        return first + length + payload
    return first + bytes([length[0] | 0x80]) + length[1:] + mask + masked(payload, mask)


def close(code=None, reason=b"", mask=None):
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason, mask)


class Frame:
    def __init__(self, first, payload, is_masked):
        self.opcode, self.final, self.reserved = first & 15, bool(first & 0x80), first >> 4 & 7
        self.payload, self.is_masked = payload, is_masked

    @property
    def code(self):
        """Of a close frame; None if it has none."""
        return struct.unpack(">H", self.payload[:2])[0] if self.payload else None

    def __repr__(self):
        return "<%s%d %r>" % ("" if self.final else "part ", self.opcode, self.payload[:80])


def read_frame(reader):
    """The next frame of a harness.Reader, unmasked; EOFError at the end."""
    first, second = reader.exactly(2)
    size = second & 0x7F
    if size == 126:
        size = struct.unpack(">H", reader.exactly(2))[0]
    elif size == 127:
        size = struct.unpack(">Q", reader.exactly(8))[0]
    mask = reader.exactly(4) if second & 0x80 else None
    payload = reader.exactly(size)
    return Frame(first, masked(payload, mask) if mask else payload, mask is not None)


class Peer:
    """One side of an open WebSocket, over a harness.Reader and its socket."""

    def __init__(self, reader, is_client):
        self.reader, self.sock = reader, reader.sock
        self.mask = MASK if is_client else None
        self.has_ended = False

    def send(self, octets):
        self.sock.sendall(octets)

    def frame(self, opcode, payload=b"", **more):
        self.send(frame(opcode, payload, self.mask, **more))

    def text(self, text):
        self.frame(TEXT, text.encode() if isinstance(text, str) else text)

    def close(self, code=None, reason=b""):
        self.send(close(code, reason, self.mask))

    def receive(self):
        """The next frame, or None at the end of the connection."""
        try:
            return read_frame(self.reader)
        except (EOFError, ConnectionError, ssl.SSLError):
            self.has_ended = True
            return None

    def rest(self):
        """All frames up to the end of the connection."""
        frames = []
        while (found := self.receive()) is not None:
            frames.append(found)
        return frames


def open_client(client, target="/", fields=(), host="agent.example"):
    """Opens a WebSocket on a harness.Client: (response, Peer, or None when it was not opened)."""
    client.request("GET", target, fields=(*UPGRADE, *fields), host=host)
    response = client.head()
    if response.status != 101:
        response.body = client.reader.body(response, is_response=True)
        return response, None
    return response, Peer(client.reader, is_client=True)


def switching(request, fields=()):
    """The 101 that answers `request`."""
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Accept: " + accept_of(request.get("sec-websocket-key", ""))]
    return "\r\n".join([*lines, *("%s: %s" % field for field in fields)]).encode() + b"\r\n\r\n"


class WebSocketUpstream:
    """What a CapturingUpstream answers with: opens every WebSocket, keeps every frame that came, and
    calls `speak(peer, frame)` for each (default: messages, their fragments and pings are echoed, a
    close is answered). `greet(peer)` is called first."""

    def __init__(self, speak=None, greet=None, fields=()):
        self.speak = speak or self.echo
        self.greet, self.fields = greet, fields
        self.peers = []   # in the order of their opening
        self.frames = []  # of all of them
        self.ends = 0     # how many connections are over

    def __call__(self, request, connection):
        connection.send(switching(request, self.fields))
        peer = Peer(connection.reader, is_client=False)
        peer.request = request
        self.peers.append(peer)
        try:
            if self.greet:
                self.greet(peer)
            while (found := peer.receive()) is not None:
                self.frames.append(found)
                if self.speak(peer, found) is False:
                    break
        except (OSError, socket.timeout):
            pass
        self.ends += 1
        return False

    @staticmethod
    def echo(peer, found):
        if found.opcode == CLOSE:
            peer.frame(CLOSE, found.payload)
            return False
        if found.opcode == PING:
            peer.frame(PONG, found.payload)
        elif found.opcode != PONG:
            peer.frame(found.opcode, found.payload, final=found.final)
        return None

    def messages(self):
        """The payloads of whole data frames that came."""
        return [found.payload for found in self.frames if found.opcode in (TEXT, BINARY)]


def random_key():
    return base64.b64encode(os.urandom(16)).decode()
