# SPDX-License-Identifier: Apache-2.0
"""Starts the real edgehold, an upstream that keeps every byte, and clients that speak in raw bytes.

Every process is stopped by its pid, every wait is bounded, every port is chosen by the kernel.
"""
import contextlib
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("EDGEHOLD_BINARY", ROOT / "build/asan/edgehold")).absolute()
# Without sanitizers: for what is measured in bytes of memory.
PLAIN_BINARY = Path(os.environ.get("EDGEHOLD_PLAIN_BINARY", BINARY)).absolute()
WAIT = float(os.environ.get("EDGEHOLD_TEST_WAIT", "20"))
SECRET = "e2e-secret-7c1d"
READY = re.compile(r"policy [0-9a-f]+ in force")  # the last line of a start
SANITIZER_MARKS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:",
                   "Check failure stack trace")


def wait_for(condition, what, seconds=WAIT):
    """The first true value of condition(); fails the test after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("not within %.0f s: %s" % (seconds, what))
        time.sleep(0.01)


# --- certificates ---------------------------------------------------------------------------------


class Certificates:
    """A small certificate authority, made once per process with openssl."""

    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="edgehold-e2e-ca-"))
        self.ca = self._authority("ca")
        self.other_ca = self._authority("other")
        self._made = {}

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.dir, check=True, timeout=WAIT,
                       stdin=subprocess.DEVNULL, capture_output=True)

    def _authority(self, name):
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", name + ".key")
        self._openssl("req", "-x509", "-new", "-key", name + ".key", "-subj", "/CN=" + name,
                      "-days", "30", "-out", name + ".pem")
        return self.dir / (name + ".pem")

    def leaf(self, *names, authority="ca"):
        """(certificate, key) files of a leaf for these DNS names and addresses."""
        wanted = (authority,) + names
        if wanted not in self._made:
            stem = "leaf%d" % len(self._made)
            alternatives = ",".join(
                ("IP:" if re.fullmatch(r"[\d.]+", n) else "DNS:") + n for n in names)
            (self.dir / (stem + ".ext")).write_text("subjectAltName=" + alternatives)
            self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out",
                          stem + ".key")
            self._openssl("req", "-new", "-key", stem + ".key", "-subj", "/CN=" + names[0], "-out",
                          stem + ".csr")
            self._openssl("x509", "-req", "-in", stem + ".csr", "-CA", authority + ".pem",
                          "-CAkey", authority + ".key", "-CAcreateserial", "-days", "30",
                          "-extfile", stem + ".ext", "-out", stem + ".pem")
            self._made[wanted] = (self.dir / (stem + ".pem"), self.dir / (stem + ".key"))
        return self._made[wanted]

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)


_certificates = None


def certificates():
    global _certificates
    if _certificates is None:
        _certificates = Certificates()
        unittest.addModuleCleanup(_forget_certificates)
    return _certificates


def _forget_certificates():
    global _certificates
    if _certificates is not None:
        _certificates.remove()
        _certificates = None


# --- messages -------------------------------------------------------------------------------------


class Message:
    """A request or response as it came: start line, fields in order, body."""

    def __init__(self, head, body=b""):
        lines = head.decode("latin-1").split("\r\n")
        self.start = lines[0]
        self.fields = [tuple(p.strip() for p in line.split(":", 1)) for line in lines[1:] if line]
        self.body = body
        self.head = head

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def get(self, name, otherwise=None):
        values = self.all(name)
        return values[0] if values else otherwise

    @property
    def status(self):
        return int(self.start.split(" ")[1])

    @property
    def method(self):
        return self.start.split(" ")[0]

    @property
    def target(self):
        return self.start.split(" ")[1]

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "%s %s %r" % (self.start, self.fields, self.body[:200])


class Reader:
    """Reads messages from a socket, keeping what came too much."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""
        self.raw = b""

    def more(self):
        piece = self.sock.recv(65536)
        self.buffer += piece
        self.raw += piece
        return bool(piece)

    def until(self, mark):
        while mark not in self.buffer:
            if not self.more():
                raise EOFError("closed before %r; had %r" % (mark, self.buffer[-200:]))
        taken, self.buffer = self.buffer.split(mark, 1)
        return taken

    def exactly(self, count):
        while len(self.buffer) < count:
            if not self.more():
                raise EOFError("closed %d bytes early" % (count - len(self.buffer)))
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def chunked(self):
        body = b""
        while True:
            size = int(self.until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                while self.until(b"\r\n"):
                    pass
                return body
            body += self.exactly(size)
            if self.exactly(2) != b"\r\n":
                raise AssertionError("chunk without its CRLF")

    def rest(self):
        while self.more():
            pass
        taken, self.buffer = self.buffer, b""
        return taken

    def body(self, message, is_response=False):
        if "chunked" in (message.get("transfer-encoding") or "").lower():
            return self.chunked()
        if message.get("content-length") is not None:
            return self.exactly(int(message.get("content-length")))
        return self.rest() if is_response else b""


# --- the upstream ---------------------------------------------------------------------------------


def answer(status=200, body=b"ok", fields=(), reason="OK"):
    lines = ["HTTP/1.1 %d %s" % (status, reason), "Content-Length: %d" % len(body)]
    lines += ["%s: %s" % f for f in fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class UpstreamConnection:
    def __init__(self, sock):
        self.sock = sock
        self.reader = Reader(sock)

    @property
    def raw(self):
        return self.reader.raw

    def send(self, octets):
        self.sock.sendall(octets)

    def is_closed_by_peer(self, seconds=WAIT):
        self.sock.settimeout(seconds)
        try:
            while self.sock.recv(65536):
                pass
            return True
        except ConnectionError:
            return True
        except (socket.timeout, TimeoutError):
            return False


class CapturingUpstream:
    """Accepts, records every request, and answers with `respond(request, connection)`.

    `respond` returns the bytes to send, or None when it has sent what it wanted and the connection
    may go on, or False to close it. The whole request body has been read, unless `reads_body` is
    false.
    """

    def __init__(self, respond=None, tls=None, reads_body=True):
        self.respond = respond or (lambda request, connection: answer())
        self.reads_body = reads_body
        self.requests = []
        self.connections = []
        self.failures = []
        self._tls = tls
        self._lock = threading.Lock()
        self._stopping = False
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self):
        return "%s://127.0.0.1:%d" % ("https" if self._tls else "http", self.port)

    @property
    def raw(self):
        """All bytes of all connections."""
        with self._lock:
            return b"".join(c.raw for c in self.connections)

    def wait_for_requests(self, count, seconds=WAIT):
        wait_for(lambda: len(self.requests) >= count, "%d requests at the upstream" % count, seconds)
        return self.requests

    def stop(self):
        self._stopping = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)
                connection.sock.close()

    def _accept(self):
        while not self._stopping:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            thread.start()

    def _serve(self, sock):
        sock.settimeout(120)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
        except (OSError, ssl.SSLError) as error:
            self.failures.append(error)
            sock.close()
            return
        connection = UpstreamConnection(sock)
        with self._lock:
            self.connections.append(connection)
        try:
            while self._one(connection):
                pass
        except (EOFError, OSError, ValueError):
            pass
        finally:
            sock.close()

    def _one(self, connection):
        request = Message(connection.reader.until(b"\r\n\r\n"))
        if self.reads_body:
            request.body = connection.reader.body(request)
        with self._lock:
            self.requests.append(request)
        reply = self.respond(request, connection)
        if isinstance(reply, bytes):
            connection.send(reply)
        return reply is not False


def upstream_tls(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


# --- the client -----------------------------------------------------------------------------------


def client_tls(version=None, verify=True):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if verify:
        context.load_verify_locations(certificates().ca)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if version:
        context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["http/1.1"])
    return context


class Client:
    """One connection to edgehold, in raw bytes."""

    def __init__(self, port=None, tls=None, name="127.0.0.1", seconds=WAIT, receive_buffer=None,
                 source=None, over=None):
        """`source`: the address to come from. `over`: a socket that is connected already."""
        self.sock = over or socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(seconds)
        if source:
            self.sock.bind((source, 0))
        if not over:
            self.sock.connect(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=name)
        self.reader = Reader(self.sock)

    def send(self, octets):
        self.sock.sendall(octets if isinstance(octets, bytes) else octets.encode())

    def request(self, method="GET", target="/", fields=(), body=b"", host="agent.example"):
        lines = ["%s %s HTTP/1.1" % (method, target)]
        if host is not None:
            lines.append("Host: " + host)
        lines += ["%s: %s" % f for f in fields]
        if body or method in ("POST", "PUT", "PATCH"):
            lines.append("Content-Length: %d" % len(body))
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def head(self):
        return Message(self.reader.until(b"\r\n\r\n"))

    def response(self, method="GET"):
        """The next final response."""
        message = self.head()
        while 100 <= message.status < 200:
            message = self.head()
        if method != "HEAD" and message.status not in (204, 304):
            message.body = self.reader.body(message, is_response=True)
        return message

    def ask(self, method="GET", target="/", **more):
        self.request(method, target, **more)
        return self.response(method)

    def is_closed(self, seconds=WAIT):
        """True when edgehold closes within `seconds` and sends nothing more."""
        self.sock.settimeout(seconds)
        try:
            return not self.reader.buffer and self.sock.recv(1) == b""
        except (ConnectionError, ssl.SSLError):
            return True
        except (socket.timeout, TimeoutError):
            return False

    def close(self):
        self.sock.close()

    def reset(self):
        """Leaves without a goodbye: the peer gets a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()


# --- edgehold -------------------------------------------------------------------------------------


class Finished(Exception):
    pass


class Edgehold:
    """The real binary with a configuration of its own in a folder of its own."""

    def __init__(self, config, binary=None, files=None, environment=None):
        self.binary = str(binary or BINARY)
        self.dir = Path(tempfile.mkdtemp(prefix="edgehold-e2e-"))
        self.environment = dict(os.environ, **(environment or {}))
        self.config_path = self.dir / "edgehold.yaml"
        self.process = None
        self.wrapper = ()  # a command that runs the binary, such as strace
        self.ports = []
        self._log = self.dir / "stderr.log"
        for name, text in (files or {}).items():
            self.write(name, text)
        self.configure(config)

    # Files.

    def write(self, name, text):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def configure(self, config):
        """JSON is YAML, so a dict will do; a str is taken as it stands."""
        text = config if isinstance(config, str) else json.dumps(config, indent=1)
        self.config_path.write_text(text.replace("@DIR@", str(self.dir)))

    @property
    def log(self):
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    # Life.

    def spawn(self):
        """Starts the process and waits for nothing."""
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, self.binary, "run", "-c", str(self.config_path)], cwd=self.dir,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment)
        return self.process

    def start(self):
        offset = len(self.log)
        self.spawn()

        def listening():
            text = self.log[offset:]
            if self.process.poll() is not None:
                raise Finished("edgehold ended with %d:\n%s" % (self.process.returncode, text))
            return READY.search(text) and text

        text = wait_for(listening, "edgehold is ready:\n" + self.log[-2000:])
        self.ports = [int(p) for p in re.findall(r"listening on \S*?:(\d+)", text)]
        return self

    def stop(self, seconds=WAIT):
        """SIGTERM, then SIGKILL; the exit code. The log must be free of sanitizer reports."""
        code = None
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
            try:
                code = self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("edgehold did not stop within %d s:\n%s"
                                     % (seconds, self.log[-3000:])) from None
        self.check_log()
        return code

    def kill(self):
        self.process.kill()
        return self.process.wait(WAIT)

    def check_log(self):
        for mark in SANITIZER_MARKS:
            at = self.log.find(mark)
            if at >= 0:
                raise AssertionError("the log has `%s`:\n%s" % (
                    mark, self.log[max(0, at - 200):at + 8000]))

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    def signal(self, number):
        self.process.send_signal(number)

    def resident_bytes(self):
        status = Path("/proc/%d/status" % self.process.pid).read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    # Talking to it.

    @property
    def port(self):
        return self.ports[0]

    def client(self, **more):
        return Client(self.port, **more)

    def command(self, *arguments, check=True, seconds=WAIT, admin=True):
        """Runs `edgehold ARGUMENTS` against this instance's admin socket."""
        socket_option = ["--admin", str(self.dir / "admin.sock")] if admin else []
        done = subprocess.run([self.binary, *socket_option, *arguments], cwd=self.dir,
                              timeout=seconds, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, env=self.environment)
        for mark in SANITIZER_MARKS:
            if mark in done.stderr:
                raise AssertionError(done.stderr)
        if check and done.returncode != 0:
            raise AssertionError("edgehold %s: exit %d\n%s%s" % (
                " ".join(arguments), done.returncode, done.stdout, done.stderr))
        return done

    def command_json(self, *arguments, **more):
        return json.loads(self.command("--json", *arguments, **more).stdout)

    def admin(self, target, method="GET"):
        """A request to the admin socket."""
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(WAIT)
        sock.connect(str(self.dir / "admin.sock"))
        with sock:
            sock.sendall(b"%s %s HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n"
                         % (method.encode(), target.encode()))
            reader = Reader(sock)
            message = Message(reader.until(b"\r\n\r\n"))
            message.body = reader.body(message, is_response=True)
            return message

    def metrics(self):
        """Name with labels -> value."""
        values = {}
        for line in self.admin("/metrics").body.decode().split("\n"):
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values

    def audit(self, count=0):
        """The audit records; waits until there are `count` of them."""
        path = self.dir / "audit.jsonl"

        def read():
            lines = path.read_text().split("\n")[:-1] if path.exists() else []
            return len(lines) >= count and [json.loads(line) for line in lines] or None
        return wait_for(read, "%d audit records" % count) if count else (read() or [])


# --- configurations -------------------------------------------------------------------------------


def plain_config(upstream, filters=(), **more):
    """One clear-text listener, one route for all paths."""
    config = {
        "listen": [{"address": "127.0.0.1:0", "clear_text": True}],
        "admin": {"socket": "@DIR@/admin.sock"},
        "workers": 2,
        "state": {"directory": "@DIR@/state"},
        "upstreams": {"agent": {"url": upstream if isinstance(upstream, str) else upstream.url}},
        "routes": [{"name": "all", "match": {"path": "/"}, "upstream": "agent",
                    "filters": list(filters)}],
        "audit": {"path": "@DIR@/audit.jsonl"},
    }
    config.update(more)
    return config


def tls_config(upstream, *leaves, filters=(), **more):
    leaves = leaves or (certificates().leaf("agent.example", "127.0.0.1"),)
    listen = [{"address": "127.0.0.1:0", "tls": {"certificates": [
        {"certificate": str(c), "key": str(k)} for c, k in leaves]}}]
    return plain_config(upstream, filters, **dict({"listen": listen}, **more))


def hmac_channel(**more):
    """The `hmac` dialect as the e2e clients sign: hex of HMAC-SHA256 over `timestamp.body`."""
    settings = {
        "dialect": "hmac",
        "secrets": ["${env:E2E_SECRET}"],
        "signature": {"header": "X-Signature"},
        "timestamp": {"header": "X-Timestamp"},
    }
    settings.update(more)
    return {"channel": settings}


def signed(body, timestamp=None, secret=SECRET):
    """The fields that sign `body`."""
    stamp = str(int(time.time()) if timestamp is None else timestamp)
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return [("Content-Type", "application/json"), ("X-Timestamp", stamp), ("X-Signature", digest)]


class Case(unittest.TestCase):
    """A test with processes: what it starts is stopped whatever happens."""

    def upstream(self, respond=None, **more):
        upstream = CapturingUpstream(respond, **more)
        self.addCleanup(upstream.stop)
        return upstream

    def edgehold(self, config, start=True, **more):
        proxy = Edgehold(config, **more)
        self.addCleanup(proxy.remove)
        self.addCleanup(proxy.stop)
        if start:
            try:
                proxy.start()
            except (Finished, AssertionError) as error:
                self.fail(str(error))
        return proxy

    def client(self, proxy, **more):
        client = proxy.client(**more)
        self.addCleanup(client.close)
        return client

    def tls_client(self, proxy, version=None, verify=True, **more):
        return self.client(proxy, tls=client_tls(version, verify), **more)

    def assertProblem(self, response, status, reason):
        self.assertEqual(response.status, status, response)
        self.assertEqual(response.get("content-type"), "application/problem+json", response)
        problem = response.json()
        self.assertEqual(problem["reason"], reason, response)
        self.assertTrue(problem["request_id"])
        return problem
