#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the raw cases of the end-to-end tests and the vectors of chat platforms into seeds, so that
a case is written once.

Writes FOLDER/<target>/<number> for the HTTP and channel targets."""
import argparse
import base64
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from cases import http2_smuggling, smuggling, upstream  # noqa: E402
import http2_wire  # noqa: E402

SEED_BYTES_MAX = 4096  # longer ones test limits, which the unit tests do faster
BY_BYTE = b"\1"        # of fuzz/pieces.h: the input is cut into pieces of one byte


def frames_of(octets):
    """(type, flags, stream, payload) of each whole frame."""
    while len(octets) >= 9:
        length = int.from_bytes(octets[:3], "big")
        yield octets[3], octets[4], int.from_bytes(octets[5:9], "big"), octets[9:9 + length]
        octets = octets[9 + length:]


def words_of(octets):
    """As fuzz/http2_frames.h reads them; a payload that is too long for its word is cut."""
    return b"".join(bytes([kind, flags, stream & 0xff, min(len(payload), 255)]) + payload[:255]
                    for kind, flags, stream, payload in frames_of(octets))


def list_of(octets):
    """The fields of a case's first block, as http2_to_http1_fuzz.cc reads them; None if none."""
    kind, flags, _, payload = next(frames_of(octets), (None, 0, 0, b""))
    if kind != http2_wire.HEADERS or flags & ~http2_wire.END_STREAM != http2_wire.END_HEADERS:
        return None
    try:
        fields = http2_wire.Decoder().fields(payload)
    except (IndexError, ValueError):
        return None
    has_content = not flags & http2_wire.END_STREAM
    return bytes([8 | 2 * has_content]) + b"\2".join(
        ("%s\1%s" % field).encode("latin-1") for field in fields)


# Which target reads a scheme's requests.
CHANNELS = {
    "qq_ed25519": "qq", "dingtalk_robot_hmac": "dingtalk_robot",
    "dingtalk_event_aes": "dingtalk_event", "wecom_aes_xml": "wecom",
    "wecom_aes_json": "wecom_bot", "wechat_plain": "wechat", "wechat_safe": "wechat",
    "feishu_sha256_aes": "feishu", "slack_v0": "slack", "telegram_secret_token": "telegram",
    "discord_ed25519": "discord", "line_hmac": "line", "meta_hmac": "whatsapp",
    "github_hmac": "github", "stripe_v1": "stripe", "standard_webhooks_v1": "standard_webhooks",
    "standard_webhooks_v1a": "standard_webhooks", "teams_outgoing_hmac": "teams_outgoing",
    "botframework_jwt": "teams",
}


def channel_seeds():
    """Each vector as fuzz/channel_input.h reads it: raw, as if verified, and to be signed."""
    vectors = ROOT / "tests/filters/data/channel_vectors.json"
    for vector in json.loads(vectors.read_text())["vectors"]:
        if vector["scheme"] not in CHANNELS:
            continue
        target = "channel_" + CHANNELS[vector["scheme"]]
        body = vector.get("body", "").encode()
        if "body_b64" in vector:
            body = base64.b64decode(vector["body_b64"])
        head = "%s %s\n" % (vector["method"], vector["path_query"])
        head += "".join("%s: %s\n" % (name, value) for name, value in vector["headers"])
        said = vector["decrypted"].encode() if "decrypted" in vector else body
        yield target, b"R" + head.encode() + b"\n" + body
        yield target, b"V" + head.encode() + b"\n" + said
        yield target, b"S" + said


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
    for case in http2_smuggling.CASES:
        yield "http2_session", BY_BYTE + words_of(case.octets)
        if (fields := list_of(case.octets)) is not None:
            yield "http2_to_http1", fields
    for case in upstream.CASES:
        yield "http1_response", BY_BYTE + case.octets
    yield from channel_seeds()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    kept = {(target, octets) for target, octets in seeds() if len(octets) <= SEED_BYTES_MAX}
    for number, (target, octets) in enumerate(sorted(kept)):
        path = folder / target / ("case%04d" % number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(octets)


if __name__ == "__main__":
    main()
