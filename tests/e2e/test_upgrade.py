# SPDX-License-Identifier: Apache-2.0
"""SIGUSR2: another process takes over the listening sockets and the state, and nobody is refused."""
import os
import re
import shutil
import signal
import threading
import time

from harness import (PLAIN_BINARY, WAIT, Case, Client, client_tls, hmac_channel, plain_config,
                     signed, tls_config, wait_for)
from websocket_wire import CLOSE, WebSocketUpstream, open_client


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return open("/proc/%d/stat" % pid, encoding="ascii").read().split(") ")[1][0] != "Z"
    except (FileNotFoundError, IndexError):
        return False


class Upgrading(Case):
    def edgehold(self, config, **more):
        proxy = super().edgehold(config, **more)
        proxy.now = proxy.process.pid if proxy.process else 0
        self.addCleanup(self.end, proxy)
        return proxy

    def end(self, proxy):
        """Stops whoever serves now; the first one is the harness's."""
        if proxy.now and proxy.now != proxy.process.pid and is_alive(proxy.now):
            os.kill(proxy.now, signal.SIGTERM)
            try:
                wait_for(lambda: not is_alive(proxy.now), "the successor ends")
            finally:
                if is_alive(proxy.now):
                    os.kill(proxy.now, signal.SIGKILL)
        proxy.check_log()

    def upgrade(self, proxy, seconds=WAIT):
        """Replaces the process that serves; the new one's pid."""
        pattern = re.compile(r"process (\d+) has taken over")
        before = len(pattern.findall(proxy.log))
        os.kill(proxy.now, signal.SIGUSR2)
        pids = wait_for(lambda: (lambda all: len(all) > before and all)(pattern.findall(proxy.log)),
                        "somebody takes over", seconds)
        proxy.now = int(pids[-1])
        return proxy.now


class Takeover(Upgrading):
    def test_another_process_serves_the_same_port(self):
        upstream = self.upstream()
        proxy = self.edgehold(plain_config(upstream))
        self.assertEqual(self.client(proxy).ask().status, 200)
        first = proxy.now
        self.upgrade(proxy)
        self.assertEqual(proxy.process.wait(WAIT), 0)
        self.assertNotEqual(proxy.now, first)
        self.assertEqual(self.client(proxy).ask().status, 200)
        self.assertEqual(proxy.admin("/readyz").status, 200)
        acts = [r for r in proxy.audit() if r["decision"] == "operator"
                and r["what"]["act"] == "process.upgrade"]
        self.assertEqual([r["outcome"] for r in acts], ["taken"])

    def test_file_of_the_program_may_have_been_replaced(self):
        upstream = self.upstream()
        proxy = self.edgehold(plain_config(upstream), start=False)
        program = proxy.dir / "edgehold"
        shutil.copy2(proxy.binary, program)
        proxy.binary = str(program)
        proxy.start()
        proxy.now = proxy.process.pid
        other = proxy.dir / "edgehold.new"
        shutil.copy2(program, other)
        os.rename(other, program)
        self.upgrade(proxy)
        self.assertEqual(os.readlink("/proc/%d/exe" % proxy.now), str(program))

    def test_one_that_does_not_start_changes_nothing(self):
        proxy = self.edgehold(plain_config(self.upstream()))
        good = proxy.config_path.read_text()
        proxy.config_path.write_text(good.replace('"listen"', '"lisen"'))
        kept = self.client(proxy)
        self.assertEqual(kept.ask().status, 200)
        os.kill(proxy.now, signal.SIGUSR2)
        wait_for(lambda: "serving on" in proxy.log, "the old one says why")
        self.assertIn("the new process ended with exit code 2; serving on", proxy.log)
        self.assertIn("did you mean `listen`", proxy.log)
        self.assertEqual(kept.ask().status, 200)
        self.assertEqual(self.client(proxy).ask().get("connection"), None)
        proxy.config_path.write_text(good)
        self.upgrade(proxy)
        self.assertEqual(self.client(proxy).ask().status, 200)

    def test_one_that_fails_with_the_state_is_replaced_by_what_ran(self):
        """Goal: from the hand-over on somebody serves. Method: the new program is a shell script
        that says it is fine, waits for its turn and ends."""
        upstream = self.upstream()
        proxy = self.edgehold(plain_config(upstream), start=False)
        program = proxy.dir / "edgehold"
        shutil.copy2(proxy.binary, program)
        proxy.binary = str(program)
        proxy.start()
        proxy.now = proxy.process.pid
        broken = proxy.dir / "broken"
        broken.write_text("#!/usr/bin/env python3\nimport os, socket\n"
                          "fd = int(os.environ['EDGEHOLD_INHERITANCE'].split(';')[0])\n"
                          "s = socket.socket(fileno=fd)\ns.send(b'C')\ns.recv(1)\nos._exit(7)\n")
        broken.chmod(0o755)
        os.rename(broken, program)
        self.upgrade(proxy)
        self.assertIn("the new process ended with exit code 7", proxy.log)
        self.assertEqual(self.client(proxy).ask().status, 200)

    def test_term_during_an_upgrade_ends_all(self):
        def slow(request, connection):
            time.sleep(2)
            return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        proxy = self.edgehold(plain_config(self.upstream(slow)))
        client = self.client(proxy)
        client.request()
        os.kill(proxy.now, signal.SIGUSR2)
        wait_for(lambda: "accepting nobody" in proxy.log, "the doors are left")
        proxy.signal(signal.SIGTERM)
        self.assertEqual(client.response().status, 200)
        self.assertEqual(proxy.process.wait(WAIT), 0)
        self.assertNotIn("has taken over", proxy.log)


class UnderLoad(Upgrading):
    UPGRADES = 20

    def load(self, ask, stop, failures, counts):
        while not stop.is_set():
            try:
                counts.append(ask())
            except Exception as error:  # pylint: disable=broad-except
                failures.append(repr(error))
                return

    def test_no_request_fails_through_twenty_upgrades(self):
        """Goal: clients notice nothing. Method: new connections without a pause, in clear text and
        in TLS, while one process replaces another twenty times."""
        upstream = self.upstream()
        config = tls_config(upstream)
        config["listen"].append({"name": "clear", "address": "127.0.0.1:0", "clear_text": True})
        config["timeouts"] = {"drain": "20s"}
        proxy = self.edgehold(config, binary=PLAIN_BINARY)
        tls_port, plain_port = proxy.ports
        context = client_tls()

        def over_tls():
            client = Client(tls_port, tls=context)
            assert client.ask().status == 200
            client.close()
            return 1

        def in_clear_text():
            client = Client(plain_port)
            for count in range(1, 4):  # as long as the connection is kept
                response = client.ask()
                assert response.status == 200, response
                if response.get("connection") == "close":
                    break
            client.close()
            return count

        stop, failures, counts = threading.Event(), [], []
        threads = [threading.Thread(target=self.load, args=(ask, stop, failures, counts))
                   for ask in (over_tls, over_tls, in_clear_text, in_clear_text)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(self.UPGRADES):
                self.upgrade(proxy, 60)
        finally:
            stop.set()
            for thread in threads:
                thread.join(WAIT)
        self.assertEqual(failures, [])
        print("    %d requests through %d upgrades" % (sum(counts), self.UPGRADES))
        self.assertGreater(sum(counts), 10 * self.UPGRADES)
        self.assertEqual(len(upstream.requests), sum(counts), "each was sent once")
        answered = [r for r in proxy.audit() if r["decision"] != "operator"]
        self.assertEqual(len(answered), sum(counts), "each has its record")


class State(Upgrading):
    def test_what_was_accepted_is_remembered_and_what_was_held_is_there(self):
        filters = [hmac_channel(facts={"event_id": "/id"}), {"dedupe": {"window": "10m"}},
                   {"action_class": {"otherwise": {"PUT": "deploy", "*": "write"}}},
                   {"approval_hold": {"actions": ["deploy"], "ttl": "1h"}}]
        upstream = self.upstream()
        proxy = self.edgehold(plain_config(upstream, filters),
                              environment={"E2E_SECRET": "e2e-secret-7c1d"})
        held = b'{"id": "held"}'
        self.assertEqual(self.client(proxy).ask("PUT", body=held, fields=signed(held)).status, 202)
        ids = []
        for turn in range(3):
            body = b'{"id": "event-%d"}' % turn
            self.assertEqual(
                self.client(proxy).ask("POST", body=body, fields=signed(body)).status, 200)
            ids.append(body)
            self.upgrade(proxy)
        for body in ids:  # a platform's own retry
            self.client(proxy).ask("POST", body=body, fields=signed(body))
        self.assertEqual(len(upstream.requests), 3, "none twice")
        approval = proxy.command_json("approvals", "list")["approvals"][0]["approval_id"]
        proxy.command("approvals", "approve", approval, "--reason", "it waited")
        upstream.wait_for_requests(4)
        self.assertEqual(upstream.requests[3].body, held)

    def test_stream_goes_on_in_the_old_process_while_the_new_one_serves(self):
        begun = threading.Event()
        rest = threading.Event()

        def respond(request, connection):
            if request.target != "/stream":
                return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
            begun.set()
            rest.wait(WAIT)
            return b"def"
        proxy = self.edgehold(plain_config(self.upstream(respond)))
        streaming = self.client(proxy)
        streaming.request(target="/stream")
        self.assertEqual(streaming.head().status, 200)
        self.assertTrue(begun.wait(WAIT))
        self.upgrade(proxy)
        self.assertEqual(self.client(proxy).ask().status, 200)
        self.assertTrue(is_alive(proxy.process.pid))
        rest.set()
        self.assertEqual(streaming.reader.exactly(6), b"abcdef")
        self.assertEqual(proxy.process.wait(WAIT), 0)
        self.assertEqual(len([r for r in proxy.audit(3) if r["decision"] == "allow"]), 2)

    def test_websocket_is_told_1012_and_finds_the_new_process(self):
        spoken = WebSocketUpstream()
        config = plain_config(self.upstream(spoken))
        config["routes"][0]["websocket"] = {"inspect": True}
        proxy = self.edgehold(config)
        response, peer = open_client(self.client(proxy))
        self.assertEqual(response.status, 101)
        peer.text("before")
        self.assertEqual(peer.receive().payload, b"before")
        os.kill(proxy.now, signal.SIGUSR2)
        told = peer.receive()
        self.assertEqual((told.opcode, told.code), (CLOSE, 1012))
        peer.close(1012)
        pid = wait_for(lambda: re.search(r"process (\d+) has taken over", proxy.log), "a successor")
        proxy.now = int(pid.group(1))
        response, peer = open_client(self.client(proxy))
        self.assertEqual(response.status, 101)
        peer.text("after")
        self.assertEqual(peer.receive().payload, b"after")
