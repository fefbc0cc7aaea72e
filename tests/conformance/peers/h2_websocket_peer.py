# SPDX-License-Identifier: Apache-2.0
"""A WebSocket on a stream of HTTP/2 (RFC 8441) by Python's `h2`, with the frames of `websockets`
(Debian's python3-h2 and python3-websockets). Prints what came back in JSON.

  h2_websocket_peer.py HOST PORT CA
"""
import json
import socket
import ssl
import sys

import h2.config
import h2.connection
import h2.events
import h2.settings
from websockets.frames import OP_BINARY, OP_CLOSE, OP_PING, OP_PONG, OP_TEXT, Close, Frame
from websockets.streams import StreamReader

STREAM = 1


class Peer:
    def __init__(self, host, port, authority):
        context = ssl.create_default_context(cafile=authority)
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection((host, int(port)), timeout=20)
        self.sock = context.wrap_socket(plain, server_hostname=host)
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration())
        self.connection.initiate_connection()
        self.content = StreamReader()
        self.seen = {"frames": [], "has_ended": False}
        self.flush()

    def flush(self):
        self.sock.sendall(self.connection.data_to_send())

    def turn(self):
        octets = self.sock.recv(65536)
        if not octets:
            raise EOFError("the connection was closed")
        for event in self.connection.receive_data(octets):
            if isinstance(event, h2.events.RemoteSettingsChanged):
                code = h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL
                if code in event.changed_settings:
                    self.seen["setting"] = event.changed_settings[code].new_value
            elif isinstance(event, h2.events.ResponseReceived):
                self.seen["status"] = dict(event.headers)[b":status"].decode()
            elif isinstance(event, h2.events.DataReceived):
                self.content.feed_data(event.data)
                self.connection.acknowledge_received_data(event.flow_controlled_length, STREAM)
            elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                self.seen["has_ended"] = True
        self.flush()

    def until(self, condition):
        while not condition():
            self.turn()

    def send(self, opcode, payload):
        octets = Frame(opcode, payload).serialize(mask=True)
        while octets:
            window = min(self.connection.local_flow_control_window(STREAM),
                         self.connection.max_outbound_frame_size)
            if window == 0:
                self.turn()
                continue
            self.connection.send_data(STREAM, octets[:window])
            octets = octets[window:]
            self.flush()

    def receive(self):
        parser = Frame.parse(self.content.read_exact, mask=False)
        while True:
            try:
                next(parser)
            except StopIteration as whole:
                return whole.value
            self.turn()

    def open(self):
        self.until(lambda: "setting" in self.seen)
        self.connection.send_headers(STREAM, [
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"),
            (":path", "/"), (":authority", "agent.example"), ("sec-websocket-version", "13")])
        self.flush()
        self.until(lambda: "status" in self.seen)


def main(host, port, authority):
    peer = Peer(host, port, authority)
    peer.open()
    large = b"large " * 50000
    for opcode, payload in ((OP_TEXT, "ё 😀".encode()), (OP_BINARY, bytes([0, 255])),
                            (OP_PING, b"are you there"), (OP_BINARY, large)):
        peer.send(opcode, payload)
        found = peer.receive()
        names = {OP_TEXT: "text", OP_BINARY: "binary", OP_PONG: "pong"}
        content = "large" if found.data == large else found.data.decode("latin-1")
        peer.seen["frames"].append([names.get(found.opcode), content])
    peer.send(OP_CLOSE, Close(4000, "that is all").serialize())
    peer.seen["close"] = Close.parse(peer.receive().data).code
    peer.until(lambda: peer.seen["has_ended"])
    print(json.dumps(peer.seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
