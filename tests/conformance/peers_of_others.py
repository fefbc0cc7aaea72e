# SPDX-License-Identifier: Apache-2.0
"""Starts the programs of `peers/`, each around a library that others wrote."""
import json
import os
import subprocess
from pathlib import Path

from harness import WAIT

PEERS = Path(__file__).resolve().parent / "peers"
PYTHON = "/usr/bin/python3"  # Debian's, which knows Debian's packages
NODE_LIBRARIES = "/usr/share/nodejs"
# Without these a test has nothing to prove: it fails and says what to install.
PACKAGES = {
    "ws_peer.js": ("nodejs", "node-ws"),
    "undici_peer.js": ("nodejs", "node-undici"),
    "websockets_peer.py": ("python3-websockets",),
    "h2_websocket_peer.py": ("python3-h2", "python3-websockets"),
}


def command(peer, *arguments):
    interpreter = "node" if peer.endswith(".js") else PYTHON
    return [interpreter, str(PEERS / peer), *arguments]


def environment():
    return dict(os.environ, NODE_PATH=NODE_LIBRARIES, NODE_NO_WARNINGS="1")


def explain(peer, output):
    return AssertionError("%s (it needs the packages %s):\n%s" % (
        peer, " and ".join(PACKAGES[peer]), output[-3000:]))


def run(peer, *arguments, seconds=3 * WAIT):
    """What a peer that ends by itself printed."""
    try:
        done = subprocess.run(command(peer, *arguments), env=environment(), timeout=seconds,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError as missing:
        raise explain(peer, str(missing)) from None
    if done.returncode != 0:
        raise explain(peer, done.stdout + done.stderr)
    return json.loads(done.stdout)


class Server:
    """A peer that serves until it is stopped."""

    def __init__(self, peer):
        try:
            self.process = subprocess.Popen(command(peer, "server"), env=environment(), text=True,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT)
        except FileNotFoundError as missing:
            raise explain(peer, str(missing)) from None
        line = self.process.stdout.readline()
        try:
            self.port = json.loads(line)["port"]
        except (ValueError, KeyError):
            rest = self.process.communicate(timeout=WAIT)[0]
            raise explain(peer, line + rest) from None

    def stop(self):
        self.process.kill()
        self.process.communicate(timeout=WAIT)
