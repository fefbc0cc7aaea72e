# SPDX-License-Identifier: Apache-2.0
"""Python's `websockets` (Debian's python3-websockets) as a client or a server; what it saw in JSON.

  websockets_peer.py server           prints {"port": N}, echoes every message, until it is killed
  websockets_peer.py client URL [CA]  one WebSocket, every kind of message; prints what came back
"""
import asyncio
import json
import ssl
import sys

import websockets


async def serve():
    async def echo(socket):
        async for message in socket:
            await socket.send(message)
    async with websockets.serve(echo, "127.0.0.1", 0, subprotocols=["echo"]) as server:
        print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
        await asyncio.Future()


async def call(url, authority=None):
    options = {"ssl": ssl.create_default_context(cafile=authority)} if authority else {}
    seen = {}
    async with websockets.connect(url, subprotocols=["other", "echo"], **options) as socket:
        seen["protocol"] = socket.subprotocol
        seen["extensions"] = [extension.name for extension in socket.extensions]
        await asyncio.wait_for(await socket.ping(b"are you there"), 20)
        sent = ["plain", "кириллица 😀", bytes([0, 255]), ["in ", "three ", "parts"],
                b"large " * 50000]
        seen["same"] = []
        for message in sent:
            await socket.send(message)
            whole = "".join(message) if isinstance(message, list) else message
            seen["same"].append(await asyncio.wait_for(socket.recv(), 20) == whole)
        await socket.close(4000, "that is all")
    seen["close"] = [socket.close_code, socket.close_reason]
    print(json.dumps(seen))


if __name__ == "__main__":
    asyncio.run(serve() if sys.argv[1] == "server" else call(*sys.argv[2:]))
