#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A bot endpoint that does nothing and remembers everything: what edgehold stands in front of when
there is no agent of your own yet.

  agent.py [--port N] [--port-file FILE]

  POST anything       recorded; answered with what would have been done
  GET  /stream?n=3    n lines, one every 300 ms (something that is under way for a while)
  GET  /seen          what was recorded, as JSON; asked directly, not through edgehold

Listens on 127.0.0.1 only; port 0 (the default) lets the kernel choose.
"""
import argparse
import json
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

RECORDS_MAX = 10000


class Agent(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive
    server_version = "demo-agent"

    def do_GET(self):
        parts = urlsplit(self.path)
        if parts.path == "/seen":
            with self.server.lock:
                return self.reply(200, self.server.seen)
        if parts.path == "/stream":
            return self.stream(int(parse_qs(parts.query).get("n", ["3"])[0]))
        return self.reply(200, {"agent": "demo", "path": parts.path})

    def do_POST(self):
        body = self.read_body()
        try:
            message = json.loads(body)
        except ValueError:
            message = {}
        text = message.get("text", "") if isinstance(message, dict) else ""
        with self.server.lock:
            number = len(self.server.seen) + 1
            self.server.seen.append({"number": number, "path": self.path, "bytes": len(body),
                                     "text": text, "request_id": self.headers["X-Request-Id"]})
            del self.server.seen[RECORDS_MAX:]
        if self.path.endswith("/broadcast"):
            return self.reply(200, {"agent": "demo", "number": number, "did": "sent to everybody",
                                    "text": text})
        return self.reply(200, {"agent": "demo", "number": number, "did": "answered", "text": text})

    def read_body(self):
        if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def stream(self, lines):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(1, min(lines, 600) + 1):
            line = b"line %d\n" % number
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.flush()
            time.sleep(0.3)
        self.wfile.write(b"0\r\n\r\n")

    def reply(self, status, value):
        body = json.dumps(value).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # a client that left


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file")
    options = parser.parse_args()
    server = Server(("127.0.0.1", options.port), Agent)
    server.seen, server.lock = [], threading.Lock()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if options.port_file:
        partial = Path(options.port_file + ".new")
        partial.write_text(str(server.server_address[1]))
        partial.rename(options.port_file)
    try:
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
