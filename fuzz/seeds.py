#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the raw cases of the end-to-end tests into seeds, so that a case is written once.

  seeds.py FOLDER      writes FOLDER/<target>/<number> for the HTTP/1 targets
"""
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from cases import smuggling, upstream  # noqa: E402

SEED_BYTES_MAX = 2048  # longer ones test limits, which the unit tests do faster
BY_BYTE = b"\1"        # of fuzz/pieces.h: the input is cut into pieces of one byte


def seeds():
    """(target, octets) of every case that is small enough."""
    for case in smuggling.CASES:
        yield "http1_request", BY_BYTE + case.octets
        yield "http1_differential", case.octets
        head, _, rest = case.octets.partition(b"\r\n\r\n")
        line, _, fields = head.partition(b"\r\n")
        yield "headers", fields + b"\r\n\r\n"
        if b"chunked" in head:
            yield "chunked", BY_BYTE + rest
        if line.count(b" ") == 2:
            yield "target", line.split(b" ")[1]
    for case in upstream.CASES:
        yield "http1_response", BY_BYTE + case.octets


def main():
    folder = Path(sys.argv[1])
    kept = {(target, octets) for target, octets in seeds() if len(octets) <= SEED_BYTES_MAX}
    for number, (target, octets) in enumerate(sorted(kept)):
        path = folder / target / ("case%04d" % number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(octets)


if __name__ == "__main__":
    main()
