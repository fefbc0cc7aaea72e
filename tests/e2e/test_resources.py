# SPDX-License-Identifier: Apache-2.0
"""What edgehold takes on: memory, connections, time; and who is served when somebody takes too much."""
import collections
import os
import re
import resource
import selectors
import socket
import threading
import time
import unittest
from pathlib import Path

from harness import (PLAIN_BINARY, Case, Message, Reader, answer, client_tls,
                     plain_config, tls_config, wait_for)

MEBI = 1024 * 1024
PATTERN = bytes(range(251)) * 2089  # no power of two divides its period: shifted bytes show


def status_kib(proxy, name):
    text = Path("/proc/%d/status" % proxy.process.pid).read_text()
    return int(re.search(name + r":\s+(\d+) kB", text).group(1))


def cpu_seconds(proxy):
    fields = Path("/proc/%d/stat" % proxy.process.pid).read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Flow:
    """One direction of one stream: how much went in, how much came out, and whether it is the same."""

    def __init__(self):
        self.put = 0
        self.taken = 0
        self.is_right = True

    def next_piece(self):
        at = self.put % 251
        return memoryview(PATTERN)[at:at + 262144]

    def take(self, octets):
        at = self.taken % 251
        self.is_right = self.is_right and octets == memoryview(PATTERN)[at:at + len(octets)]
        self.taken += len(octets)


class Pump(threading.Thread):
    """Feeds the fast ends as much as they take, and lets the slow ends take `rate` bytes a second."""

    def __init__(self, rate):
        super().__init__(daemon=True)
        self.rate = rate
        self.feeding = {}  # socket -> Flow
        self.taking = {}
        self.stopping = False
        self.broken = []
        self._selector = selectors.DefaultSelector()

    def feed(self, sock, flow):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 128 * 1024)
        sock.setblocking(False)
        self._selector.register(sock, selectors.EVENT_WRITE, flow)

    def take(self, sock, flow):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 * 1024)
        sock.setblocking(False)
        self.taking[sock] = flow

    def run(self):
        last = time.monotonic()
        while not self.stopping:
            for key, _ in self._selector.select(0.02):
                self._write(key.fileobj, key.data)
            now = time.monotonic()
            if now - last < 0.05:
                continue
            allowance, last = int((now - last) * self.rate), now
            for sock, flow in list(self.taking.items()):
                self._read(sock, flow, allowance)

    def _write(self, sock, flow):
        try:
            flow.put += sock.send(flow.next_piece())
        except BlockingIOError:
            pass
        except OSError as error:
            self.broken.append(error)
            self._selector.unregister(sock)

    def _read(self, sock, flow, allowance):
        while allowance > 0:
            try:
                octets = sock.recv(min(allowance, 65536))
            except BlockingIOError:
                return
            except OSError as error:
                octets = b""
                self.broken.append(error)
            if not octets:
                self.taking.pop(sock, None)
                return
            flow.take(octets)
            allowance -= len(octets)


class BackPressure(Case):
    EACH = 100
    LENGTH = 2 * 1024 * MEBI
    # Of each slow end; a machine that is busy with other tests must be able to push faster.
    RATE = int(os.environ.get("EDGEHOLD_SOAK_RATE", 32 * 1024))
    SECONDS = float(os.environ.get("EDGEHOLD_SOAK_SECONDS", "3"))
    # What may be under way between the two ends: the kernel's buffers of four sockets, and ours.
    RUNAHEAD_MAX = 24 * MEBI

    def test_a_hundred_slow_downloads_and_uploads_stay_under_64_mib(self):
        """Goal: memory does not follow what is offered. Method: 100 downloads of 2 GiB to clients
        and 100 uploads of 2 GiB to upstreams that take little, all at once; when every sender has
        run ahead, the peak of the resident memory, how far it ran, and each byte's place are
        checked."""
        pump = Pump(self.RATE)
        self.addCleanup(lambda: (setattr(pump, "stopping", True), pump.join(10)))
        downloads, uploads = {}, {}
        lock = threading.Lock()

        def respond(request, connection):
            flow_name = request.target
            if flow_name.startswith("/down"):
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.LENGTH)
                pump.feed(connection.sock, downloads[flow_name])
            else:
                with lock:
                    flow = uploads[flow_name]
                    flow.take(connection.reader.buffer)
                    pump.take(connection.sock, flow)
            done.wait(600)
            return False
        done = threading.Event()
        self.addCleanup(done.set)
        upstream = self.upstream(respond, reads_body=False)
        config = plain_config(upstream, timeouts={"drain": "1s"})
        config["routes"][0]["limits"] = {"body": "4GiB"}
        proxy = self.edgehold(config, binary=PLAIN_BINARY)
        before = status_kib(proxy, "VmHWM")
        for i in range(self.EACH):
            downloads["/down%d" % i] = Flow()
            uploads["/up%d" % i] = Flow()
        for name, flow in downloads.items():
            client = self.client(proxy, receive_buffer=256 * 1024)
            client.request(target=name)
            client.head()
            flow.take(client.reader.buffer)
            pump.take(client.sock, flow)
        for name, flow in uploads.items():
            client = self.client(proxy)
            client.send(b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
                        % (name.encode(), self.LENGTH))
            pump.feed(client.sock, flow)
        pump.start()
        flows = list(downloads.values()) + list(uploads.values())
        wait_for(lambda: self._is_steady(flows), "the senders are pushed back", 90)
        started = time.monotonic()
        while time.monotonic() - started < self.SECONDS:
            time.sleep(0.2)
            self.assertEqual(pump.broken, [])
        wait_for(lambda: all(flow.taken > 64 * 1024 for flow in flows), "every stream moves")
        peak = status_kib(proxy, "VmHWM")
        runahead = max(flow.put - flow.taken for flow in flows)
        print("    resident at start %.1f MiB, peak %.1f MiB; %d MiB through; most run ahead %.1f MiB"
              % (before / 1024, peak / 1024, sum(f.taken for f in flows) // MEBI, runahead / MEBI))
        self.assertLess(peak, 64 * 1024, "resident memory in KiB")
        self.assertLess(runahead, self.RUNAHEAD_MAX)
        self.assertTrue(all(flow.is_right for flow in flows), "every byte is in its place")
        buffered = [v for k, v in proxy.metrics().items() if k.startswith("edgehold_buffered_bytes")]
        self.assertEqual(len(buffered), 2)
        self.assertLess(sum(buffered), 64 * MEBI)
        self.assertGreater(sum(buffered), 0)
        pump.stopping = True


    @staticmethod
    def _is_steady(flows):
        """Every buffer on the way is full: what is under way grows no more."""
        before = sum(flow.put - flow.taken for flow in flows)
        time.sleep(1)
        after = sum(flow.put - flow.taken for flow in flows)
        return after - before < 0.01 * after and min(f.put - f.taken for f in flows) > 256 * 1024


class IdleConnections(Case):
    COUNT = 2000
    BYTES_MAX = 20 * 1024

    def test_an_idle_tls_connection_costs_at_most_20_kib(self):
        """Goal: a kept connection is cheap. Method: the growth of resident memory over connections
        that have each done one request, after as many to warm up."""
        config = tls_config(self.upstream(), timeouts={"idle": "10m"})
        proxy = self.edgehold(config, binary=PLAIN_BINARY)
        context = client_tls(verify=False)
        warm = [self._asked(proxy, context) for _ in range(200)]
        before = proxy.resident_bytes()
        idle = [self._asked(proxy, context) for _ in range(self.COUNT)]
        each = (proxy.resident_bytes() - before) / self.COUNT
        print("    %.1f KiB for each of %d idle TLS connections" % (each / 1024, self.COUNT))
        self.assertLess(each, self.BYTES_MAX)
        for client in (idle[0], idle[-1], warm[0]):
            self.assertEqual(client.ask().status, 200, "they are alive")

    def _asked(self, proxy, context):
        client = self.client(proxy, tls=context)
        self.assertEqual(client.ask().status, 200)
        return client


class Caps(Case):
    def test_over_the_cap_of_connections_the_newest_gets_503(self):
        proxy = self.edgehold(plain_config(self.upstream(), limits={"connections": 5}))
        first = [self.client(proxy) for _ in range(5)]
        for client in first:
            self.assertEqual(client.ask().status, 200)
        newest = self.client(proxy)
        response = newest.ask()
        self.assertProblem(response, 503, "overloaded")
        self.assertEqual(response.get("retry-after"), "1")
        self.assertEqual(response.get("connection"), "close")
        self.assertTrue(newest.is_closed())
        for client in first:
            self.assertEqual(client.ask().status, 200, "who is in stays")
        metrics = proxy.metrics()
        self.assertEqual(metrics['edgehold_overload_refusals_total{limit="connections"}'], 1)
        self.assertGreaterEqual(metrics["edgehold_connections_open"], 5)
        first.pop().close()

        def is_served():
            with_room = self.client(proxy)
            return with_room.ask().status == 200
        wait_for(is_served, "a place is free again")

    def test_over_the_cap_of_connections_tls_clients_get_503_too(self):
        proxy = self.edgehold(tls_config(self.upstream(), limits={"connections": 2}))
        kept = [self.tls_client(proxy) for _ in range(2)]
        for client in kept:
            self.assertEqual(client.ask().status, 200)
        self.assertProblem(self.tls_client(proxy).ask(), 503, "overloaded")

    def test_far_over_the_cap_everybody_is_refused_and_nobody_waits(self):
        proxy = self.edgehold(plain_config(self.upstream(), limits={"connections": 3}))
        kept = [self.client(proxy) for _ in range(3)]
        for client in kept:
            self.assertEqual(client.ask().status, 200)
        crowd = [self.client(proxy) for _ in range(200)]
        statuses = collections.Counter()
        for client in crowd:
            try:
                client.request()
            except ConnectionError:
                pass  # the refusal is there already
            statuses[client.response().status] += 1
        self.assertEqual(statuses, {503: 200})
        self.assertEqual(kept[0].ask().status, 200)

    def test_one_address_cannot_take_all_and_a_trusted_proxy_can(self):
        limits = {"connections_per_address": 3}
        proxy = self.edgehold(plain_config(self.upstream(), limits=limits))
        kept = [self.client(proxy) for _ in range(3)]
        self.assertEqual([c.ask().status for c in kept], [200] * 3)
        self.assertEqual(self.client(proxy).ask().status, 503)
        with socket.create_connection(("127.0.0.1", proxy.port), 20, ("127.0.0.2", 0)) as other:
            other.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertTrue(other.recv(100).startswith(b"HTTP/1.1 200 "))
        trusting = self.edgehold(plain_config(self.upstream(), limits=limits,
                                              trusted_proxies=["127.0.0.1"]))
        many = [self.client(trusting) for _ in range(10)]
        self.assertEqual([c.ask().status for c in many], [200] * 10)

    def test_over_the_cap_of_exchanges_the_newest_gets_503_and_keeps_its_connection(self):
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def respond(request, _):
            if request.target == "/wait":
                go_on.wait(30)
            return answer()
        upstream = self.upstream(respond)
        proxy = self.edgehold(plain_config(upstream, limits={"exchanges": 2}))
        waiting = [self.client(proxy) for _ in range(2)]
        for client in waiting:
            client.request(target="/wait")
        upstream.wait_for_requests(2)
        newest = self.client(proxy)
        response = newest.ask()
        self.assertProblem(response, 503, "overloaded")
        self.assertEqual(response.get("retry-after"), "1")
        go_on.set()
        self.assertEqual([c.response().status for c in waiting], [200, 200])
        self.assertEqual(newest.ask().status, 200)
        self.assertEqual([r["reason"] for r in proxy.audit(4)].count("overloaded"), 1)

    def test_bodies_that_do_not_fit_are_refused_and_small_ones_served(self):
        upstream = self.upstream()
        config = plain_config(upstream, filters=[{"event_types": {"pointer": "/type",
                                                                  "known": ["message"]}}],
                              limits={"buffered": "4MiB"}, workers=1)
        config["routes"][0]["limits"] = {"body": "4MiB"}
        proxy = self.edgehold(config)
        holders = [self.client(proxy) for _ in range(3)]
        for client in holders:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
                        + b" " * 900000)
        wait_for(lambda: proxy.metrics()['edgehold_buffered_bytes{worker="0"}'] >= 2_700_000,
                 "what they hold is counted")
        large = self.client(proxy)
        large.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n"
                   + b" " * 2000000)
        response = large.response()
        self.assertProblem(response, 503, "overloaded")
        self.assertEqual(response.get("retry-after"), "1")
        self.assertEqual(proxy.metrics()['edgehold_overload_refusals_total{limit="buffered"}'], 1)
        self.assertEqual(self.client(proxy).ask("POST", body=b'{"type":"message"}').status, 200)
        self.assertEqual(upstream.requests[0].body, b'{"type":"message"}')


class Descriptors(Case):
    def test_without_descriptors_nothing_spins_and_service_comes_back(self):
        """Goal: EMFILE is a pause. Method: a process with few descriptors and more clients than
        that; its processor time over a second, then service when the clients leave."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        config = plain_config(self.upstream(), workers=1, limits={"connections": 1000})
        proxy = self.edgehold(config, binary=PLAIN_BINARY)
        used = len(os.listdir("/proc/%d/fd" % proxy.process.pid))
        resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (used + 6, hard))
        clients = [self.client(proxy) for _ in range(12)]
        wait_for(lambda: len(os.listdir("/proc/%d/fd" % proxy.process.pid)) >= used + 6,
                 "all descriptors are taken")
        before = cpu_seconds(proxy)
        time.sleep(1)
        self.assertLess(cpu_seconds(proxy) - before, 0.2)
        for client in clients:
            client.close()
        # One descriptor for the client and one for the upstream.
        wait_for(lambda: self.client(proxy).ask().status == 200, "service is back")


class SlowPeers(Case):
    def test_two_hundred_slow_clients_are_cut_and_an_honest_one_does_not_notice(self):
        """Slow heads, slow bodies and slow readers, a byte at a time, against short deadlines."""
        big = b"d" * (8 * MEBI)

        def respond(request, connection):
            if request.target == "/big":
                return answer(body=big)
            return answer()
        config = plain_config(
            self.upstream(respond),
            timeouts={"head": "2s", "write": "2s", "idle": "60s"})
        config["routes"][0]["limits"] = {"body": "4MiB", "body_timeout": "2s"}
        proxy = self.edgehold(config)
        slow = []
        for i in range(200):
            client = self.client(proxy, receive_buffer=4096)
            if i % 3 == 0:
                client.send(b"GET / HTTP/1.1\r\nX: ")
            elif i % 3 == 1:
                client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n")
            else:
                client.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
            slow.append((i % 3, client))
        stop = threading.Event()
        trickle = threading.Thread(target=self._trickle, args=(slow, stop), daemon=True)
        trickle.start()
        honest = self.client(proxy)
        times, started = [], time.monotonic()
        while time.monotonic() - started < 5:
            asked = time.monotonic()
            self.assertEqual(honest.ask().status, 200)
            times.append(time.monotonic() - asked)
            time.sleep(0.01)
        stop.set()
        trickle.join(20)

        def reasons():
            return collections.Counter(r["reason"] for r in proxy.audit())
        wait_for(lambda: sum(reasons()[r] for r in (
            "head_timeout", "body_timeout", "client_too_slow")) == 200, "all of them are cut: %s"
            % reasons())
        self.assertEqual(reasons()["head_timeout"], 67)
        self.assertEqual(reasons()["body_timeout"], 67)
        self.assertEqual(reasons()["client_too_slow"], 66)
        print("    %d honest requests, the slowest took %.0f ms" % (len(times), max(times) * 1000))
        # The half of them: a single one may have waited for a busy machine.
        self.assertLess(sorted(times)[len(times) // 2], 2, "none waits for a slow one's deadline")

    @staticmethod
    def _trickle(slow, stop):
        while not stop.wait(0.25):
            for kind, client in slow:
                try:
                    client.sock.setblocking(False)
                    if kind == 2:
                        client.sock.recv(1)
                    else:
                        client.sock.send(b"x")
                except OSError:
                    pass


class Restarts(Case):
    def test_a_post_reaches_a_restarting_upstream_at_most_once(self):
        """Goal: what may not be repeated is never repeated. Method: clients post unique ids while
        the upstream is stopped and started again and again on its port; every id is there at most
        once, and every id that was answered with 200 exactly once."""
        upstream = RestartingUpstream()
        self.addCleanup(upstream.stop)
        proxy = self.edgehold(plain_config("http://127.0.0.1:%d" % upstream.port))
        answered, failed, lock = [], collections.Counter(), threading.Lock()
        ends = time.monotonic() + 5

        def post(worker):
            client, number = proxy.client(), 0
            while time.monotonic() < ends:
                number += 1
                name = "%d-%d" % (worker, number)
                try:
                    response = client.ask("POST", "/" + name, body=name.encode())
                    with lock:
                        if response.status == 200:
                            answered.append(name)
                        else:
                            failed[response.status] += 1
                except (EOFError, OSError):
                    with lock:
                        failed["cut"] += 1
                    client.close()
                    client = proxy.client()
            client.close()
        workers = [threading.Thread(target=post, args=(i,), daemon=True) for i in range(8)]
        for worker in workers:
            worker.start()
        while time.monotonic() < ends - 0.5:
            time.sleep(0.25)
            upstream.restart()
        for worker in workers:
            worker.join(30)
        seen = collections.Counter(upstream.seen)
        print("    %d posts answered, %s failed, over %d restarts"
              % (len(answered), dict(failed), upstream.restarts))
        self.assertGreater(len(answered), 100)
        self.assertGreater(upstream.restarts, 5)
        self.assertEqual([n for n, count in seen.items() if count > 1], [], "sent twice")
        self.assertEqual([n for n in answered if seen[n] != 1], [], "answered but never there")
        self.assertEqual(len(set(answered)), len(answered))


class RestartingUpstream:
    """Counts request heads as soon as they are there; restart() resets everything it has open."""

    def __init__(self):
        self.seen, self.restarts = [], 0
        self._lock = threading.Lock()
        self._connections = []
        self._socket = self._listen(0)
        self.port = self._socket.getsockname()[1]

    def _listen(self, port):
        sock = socket.create_server(("127.0.0.1", port), backlog=128)
        threading.Thread(target=self._accept, args=(sock,), daemon=True).start()
        return sock

    def _accept(self, listening):
        while True:
            try:
                sock, _ = listening.accept()
            except OSError:
                return
            with self._lock:
                self._connections.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        reader = Reader(sock)
        try:
            while True:
                request = Message(reader.until(b"\r\n\r\n"))
                with self._lock:
                    self.seen.append(request.target[1:])
                request.body = reader.body(request)
                sock.sendall(answer(body=request.body))
        except (EOFError, OSError, ValueError):
            sock.close()

    def restart(self):
        self.stop()
        self.restarts += 1
        self._socket = self._listen(self.port)

    def stop(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()
        with self._lock:
            connections, self._connections = self._connections, []
        for index, sock in enumerate(connections):
            try:
                if index % 2 == 0:  # half of them by a reset, the others by an end
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


if __name__ == "__main__":
    unittest.main()
