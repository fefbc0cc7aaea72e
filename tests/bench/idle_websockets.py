#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Resident memory of edgehold with many idle WebSockets, after one message each.

  tests/bench/idle_websockets.py [--binary FILE] [--count N]

In clear text and over TLS, inspected and not. Exits 3 when one of them is past 300 MiB per 10,000.
edgehold needs two descriptors for each: where the machine allows fewer, fewer are measured.
"""
import argparse
import multiprocessing
import resource
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from harness import Edgehold, certificates, client_tls, plain_config, tls_config  # noqa: E402
from many_websockets import Crowd, EchoUpstream, allow_descriptors  # noqa: E402

MIB = 1024 * 1024
DESCRIPTORS_BESIDES = 400
MIB_PER_SOCKET_MAX = 300 / 10_000


def echo(pipe):
    """In a process of its own: it has as many descriptors as the clients."""
    upstream = EchoUpstream()
    pipe.send(upstream.url)
    pipe.recv()
    upstream.stop()


def measure(binary, count, make_config, inspect):
    """MiB with `count` idle WebSockets, and without any."""
    pipe, other_end = multiprocessing.Pipe()
    upstream = multiprocessing.Process(target=echo, args=(other_end,), daemon=True)
    upstream.start()
    config = make_config(pipe.recv())
    config["routes"][0]["websocket"] = {"inspect": inspect, "idle_timeout": "1h"}
    config["limits"] = {"connections_per_address": 2 * count}
    proxy = Edgehold(config, binary=binary)
    try:
        proxy.start()
        empty = proxy.resident_bytes() / MIB
        crowd = Crowd(proxy.port, client_tls() if make_config is tls_config else None)
        crowd.open(count)
        if crowd.exchange(b"once" * 25):
            raise SystemExit("a WebSocket did not answer")
        full = proxy.resident_bytes() / MIB
        crowd.close()
        return full, empty
    finally:
        proxy.stop(60)
        proxy.remove()
        pipe.send("stop")
        upstream.join(60)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "build/release/edgehold"))
    parser.add_argument("--count", type=int, default=10_000)
    options = parser.parse_args()
    if not allow_descriptors(2 * options.count + DESCRIPTORS_BESIDES):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        options.count = (hard - DESCRIPTORS_BESIDES) // 2
    certificates()
    is_kept = True
    for name, make_config in (("clear", plain_config), ("TLS", tls_config)):
        for inspect in (False, True):
            full, empty = measure(options.binary, options.count, make_config, inspect)
            is_kept &= full <= MIB_PER_SOCKET_MAX * options.count
            print("%-5s %-9s %6.0f MiB with %d idle WebSockets, %.0f MiB without: %.1f KiB each" % (
                name, "inspected" if inspect else "tunnelled", full, options.count, empty,
                (full - empty) * 1024 / options.count), flush=True)
    return 0 if is_kept else 3


if __name__ == "__main__":
    sys.exit(main())
