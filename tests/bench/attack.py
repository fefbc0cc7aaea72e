#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an honest client notices of a flood on other connections: its p99 during each, beside the
quiet one.

  attack.py [--binary FILE] [--seconds S] [--rounds N] [--rate R] [--attackers N] [--realtime]
            [--json FILE] [--gate] [NAME...]

N times in turn nobody attacks for S seconds, then somebody does: what else the machine does is in
both. The honest client asks R times a second over kept HTTP/2 and HTTP/1.1 connections, at moments
fixed beforehand: a latency counts from when its request was due. The proxy has core 0, everybody else
core 1, where attackers run at the lowest priority, so that they slow the proxy and not the clock. An
attacker that is cut off connects again at once. --realtime (root) puts the proxy, the client and the
upstream before whatever else the machine does, attackers not. --gate exits 3 if a p99 is more than twice the quiet
one of the same run.
"""
import argparse
import contextlib
import json
import multiprocessing
import os
import socket
import ssl
import statistics
import struct
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import harness  # noqa: E402
from http2_wire import (CONTINUATION, END_HEADERS, END_STREAM, HEADERS, PREFACE, Http2Client,  # noqa: E402
                        block, frame, headers, ping, request, reset, settings, window_update)

PROXY_CORE, LOAD_CORE = 0, 1
RATIO_MAX = 2.0
WARM_UP = 0.5  # seconds
GET = block(request(authority="agent.example"))


# --- the upstream ---------------------------------------------------------------------------------


def serve(listener):
    """A process: answers whatever comes, one thread for all."""
    import selectors
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(sock, selectors.EVENT_READ)
                continue
            try:
                octets = key.fileobj.recv(65536)
                if octets:
                    key.fileobj.sendall(reply * octets.count(b"\r\n\r\n"))
                    continue
            except OSError:
                pass
            selector.unregister(key.fileobj)
            key.fileobj.close()


# --- attackers ------------------------------------------------------------------------------------


def tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


def pour(port, octets_of):
    """Connects and writes until it is cut off, for ever. `octets_of(turn)`: what to say."""
    context = tls_context()
    while True:
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
                with context.wrap_socket(plain, server_hostname="a") as sock:
                    sock.sendall(PREFACE + settings())
                    sock.settimeout(0.0)
                    turn = 0
                    while True:
                        with contextlib.suppress(ssl.SSLWantReadError, BlockingIOError):
                            while sock.recv(65536):
                                pass
                            break
                        octets, turn = octets_of(turn), turn + 1
                        while octets:
                            try:
                                octets = octets[sock.send(octets):]
                            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                                time.sleep(0.001)


def rapid_reset(turn):
    first = 1 + 200 * turn
    return b"".join(frame(HEADERS, END_HEADERS | END_STREAM, s, GET) + reset(s)
                    for s in range(first, first + 200, 2))


def made_resets(turn):
    """Frames that make the server reset (CVE-2025-8671)."""
    first = 1 + 100 * turn
    return b"".join(frame(HEADERS, END_HEADERS | END_STREAM, s, GET) +
                    window_update(s, 0x7fffffff) for s in range(first, first + 100, 2))


def continuations(turn):
    return (frame(HEADERS, END_STREAM, 1, GET) if turn == 0 else b"") + \
        frame(CONTINUATION, 0, 1, b"") * 1000


def bombs(turn):
    """One large entry of the table, named again and again (HPACK)."""
    large = b"\x40\x01x\x7f\xbd\x1e" + b"a" * 4028
    return frame(HEADERS, END_HEADERS | END_STREAM, 1 + 2 * turn, GET + large + b"\xbe" * 8000)


FLOODS = {
    "rapid_reset": rapid_reset,
    "made_resets": made_resets,
    "continuation": continuations,
    "ping": lambda turn: ping() * 1000,
    "settings": lambda turn: settings() * 1000,
    "priority": lambda turn: frame(2, 0, 5, b"\0\0\0\0\1") * 1000,
    "hpack": bombs,
    "unknown": lambda turn: frame(0xee, 0, 0, b"") * 1000,
}


def handshakes(port):
    """Whole handshakes and nothing after them."""
    context = tls_context()
    while True:
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                context.wrap_socket(plain, server_hostname="a").close()


def go_first(pid, is_wanted):
    if is_wanted:
        for task in Path("/proc/%d/task" % pid).iterdir():
            os.sched_setscheduler(int(task.name), os.SCHED_FIFO, os.sched_param(1))


def attack(name, port, is_behind):
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.nice(0 if is_behind else 19)
    if name == "handshake":
        return handshakes(port)
    return pour(port, FLOODS[name])


# --- the honest client ----------------------------------------------------------------------------


class Http1:
    def __init__(self, port):
        self.client = harness.Client(port, tls=harness.client_tls())

    def ask(self):
        assert self.client.ask().status == 200


class Http2:
    def __init__(self, port):
        self.client = Http2Client(port, tls=harness.client_tls())
        self.stream = -1

    def ask(self):
        self.stream += 2
        self.client.send(headers(self.stream, request(authority="agent.example")))
        assert self.client.ended(self.stream).status == 200
        del self.client.answers[self.stream]


def latencies(clients, rate, seconds):
    """Seconds from when each request was due to its answer."""
    found, start = [], time.monotonic()
    for turn in range(int(rate * seconds)):
        due = start + turn / rate
        if (left := due - time.monotonic()) > 0:
            time.sleep(left)
        clients[turn % len(clients)].ask()
        found.append(time.monotonic() - due)
    return found


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def processor_seconds(pid):
    fields = Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def show(name, values, quiet=None):
    p50, p99 = quantile(values, 0.5), quantile(values, 0.99)
    ratio = "" if quiet is None else "%6.2f" % (p99 / quiet)
    print("%-14s %8.0f %8.0f %8.0f %s" % (name, 1e6 * p50, 1e6 * p99, 1e6 * max(values), ratio),
          flush=True)
    return p99


def measure(options, proxy, name):
    """The latencies of one slice; no name: nobody attacks."""
    clients = [Http1(proxy.port), Http2(proxy.port)]
    attackers = [multiprocessing.Process(target=attack, args=(name, proxy.port, options.realtime),
                                         daemon=True)
                 for _ in range(options.attackers if name else 0)]
    for process in attackers:
        process.start()
    latencies(clients, options.rate, WARM_UP)
    found = latencies(clients, options.rate, options.seconds)
    for process in attackers:
        process.terminate()
        process.join()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", default=str(ROOT / "build/release/edgehold"))
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--attackers", type=int, default=2)
    parser.add_argument("--realtime", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--gate", action="store_true")
    parser.add_argument("names", nargs="*", default=[*FLOODS, "handshake"])
    options = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    go_first(os.getpid(), options.realtime)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    multiprocessing.Process(target=serve, args=(listener,), daemon=True).start()
    config = harness.tls_config("http://127.0.0.1:%d" % listener.getsockname()[1], workers=1)
    proxy = harness.Edgehold(config, binary=options.binary)
    rows, worst = {}, 0.0
    try:
        proxy.start()
        os.sched_setaffinity(proxy.process.pid, {PROXY_CORE})
        for task in Path("/proc/%d/task" % proxy.process.pid).iterdir():
            os.sched_setaffinity(int(task.name), {PROXY_CORE})
        go_first(proxy.process.pid, options.realtime)
        print("%-14s %8s %8s %8s %s" % ("us", "p50", "p99", "max", "p99 to quiet"))
        for name in options.names:
            before = proxy.metrics()
            calm, flooded, used = [], [], 0.0
            for _ in range(options.rounds):
                calm += measure(options, proxy, None)
                used -= processor_seconds(proxy.process.pid)
                flooded += measure(options, proxy, name)
                used += processor_seconds(proxy.process.pid)
            used /= options.rounds * (options.seconds + WARM_UP)
            quiet = show("quiet", calm)
            noisy = show(name, flooded, quiet)
            after = proxy.metrics()
            cut = {k: after[k] - before[k] for k in after
                   if "abuse" in k and after[k] > before.get(k, 0)}
            print("%14s the proxy used %.2f of its core; %s" % (
                "", used, cut or "nobody was cut off"))
            rows[name] = {"quiet_p99": quiet, "p99": noisy, "core": used, "cut": cut}
            worst = max(worst, noisy / quiet)
    finally:
        proxy.stop()
        proxy.remove()
        if harness._certificates is not None:
            harness._certificates.remove()
    print("median ratio %.2f, worst %.2f" % (statistics.median(
        row["p99"] / row["quiet_p99"] for row in rows.values()), worst))
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1))
    return 3 if options.gate and worst > RATIO_MAX else 0


if __name__ == "__main__":
    sys.exit(main())
