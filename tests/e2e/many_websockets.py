# SPDX-License-Identifier: Apache-2.0
"""Many WebSockets through one edgehold, held by one thread on either side."""
import contextlib
import resource
import selectors
import socket
import threading

import websocket_wire as wire
from harness import WAIT, Message

DESCRIPTORS_BESIDES = 200


def allow_descriptors(count):
    """Raises this process's limit, which edgehold inherits; False when the machine does not allow
    so many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + DESCRIPTORS_BESIDES
    with contextlib.suppress(ValueError, OSError):  # root may raise the hard one as well
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), max(hard, wanted)))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= wanted


class EchoUpstream:
    """Opens every WebSocket and echoes small whole frames; any number of connections."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._socket.setblocking(False)
        self.url = "http://127.0.0.1:%d" % self._socket.getsockname()[1]
        self.accepted = 0
        self.closed = 0
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ, self._accept)
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        self._is_stopping = True
        self._thread.join(WAIT)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()

    def _run(self):
        while not self._is_stopping:
            for key, _ in self._selector.select(0.1):
                key.data(key.fileobj)

    def _accept(self, listener):
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.accepted += 1
        state = {"octets": b"", "is_open": False}
        self._selector.register(sock, selectors.EVENT_READ,
                                lambda peer: self._read(peer, state))

    def _read(self, sock, state):
        try:
            piece = sock.recv(65536)
        except ConnectionError:
            piece = b""
        if not piece:
            self.closed += 1
            self._selector.unregister(sock)
            sock.close()
            return
        octets = state["octets"] + piece
        if not state["is_open"] and b"\r\n\r\n" in octets:
            head, octets = octets.split(b"\r\n\r\n", 1)
            state["is_open"] = True
            sock.sendall(wire.switching(Message(head)))
        while state["is_open"] and len(octets) >= 6 and len(octets) >= 6 + (octets[1] & 0x7F):
            size = octets[1] & 0x7F
            sock.sendall(wire.frame(octets[0] & 15, wire.masked(octets[6:6 + size], octets[2:6])))
            octets = octets[6 + size:]
        state["octets"] = octets


class Crowd:
    """Clients with an open WebSocket each."""

    def __init__(self, port, tls=None):
        self.port, self.tls, self.sockets = port, tls, []

    def open(self, count):
        lines = ["GET / HTTP/1.1", "Host: agent.example"] + ["%s: %s" % f for f in wire.UPGRADE]
        request = "\r\n".join(lines).encode() + b"\r\n\r\n"
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", self.port), timeout=WAIT)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_hostname="agent.example")
            self.sockets.append(sock)
            sock.sendall(request)
            head = b""
            while b"\r\n\r\n" not in head:
                piece = sock.recv(4096)
                if not piece:
                    raise AssertionError("closed after %r" % head)
                head += piece
            if not head.startswith(b"HTTP/1.1 101 "):
                raise AssertionError(head)

    def exchange(self, text):
        """Every client sends a message and gets its echo: those that did not."""
        sent, echo = wire.frame(wire.TEXT, text, wire.MASK), wire.frame(wire.TEXT, text)
        for sock in self.sockets:
            with contextlib.suppress(OSError):
                sock.sendall(sent)
        return [number for number, sock in enumerate(self.sockets)
                if self._read(sock, len(echo)) != echo]

    @staticmethod
    def _read(sock, size):
        octets = b""
        with contextlib.suppress(OSError):
            while len(octets) < size and (piece := sock.recv(size - len(octets))):
                octets += piece
        return octets

    def close(self):
        for sock in self.sockets:
            sock.close()
