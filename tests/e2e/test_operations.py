# SPDX-License-Identifier: Apache-2.0
"""What operators do: signals, drain, logs, the admin listener, audit and metrics."""
import json
import os
import re
import signal
import socket
import threading
import time
import urllib.request

from harness import Case, answer, certificates, plain_config, tls_config, wait_for


class Gate:
    """An upstream's behaviour: answers only once it is opened."""

    def __init__(self):
        self.open = threading.Event()
        self.seen = threading.Event()

    def __call__(self, request, connection):
        if request.target == "/slow":
            self.seen.set()
            self.open.wait(30)
        return answer(body=b"late" if request.target == "/slow" else b"ok")


class Drain(Case):
    def start(self):
        gate = Gate()
        self.addCleanup(gate.open.set)
        return gate, self.edgehold(plain_config(self.upstream(gate)))

    def test_term_lets_what_is_under_way_finish_and_exits_0(self):
        gate, proxy = self.start()
        client = self.client(proxy)
        client.request(target="/slow")
        self.assertTrue(gate.seen.wait(20))
        proxy.signal(signal.SIGTERM)
        wait_for(lambda: proxy.admin("/readyz").status == 503, "readiness is false first")
        self.assertEqual(proxy.admin("/livez").status, 200)
        gate.open.set()
        response = client.response()
        self.assertEqual((response.status, response.body), (200, b"late"))
        self.assertEqual((response.get("connection") or "").lower(), "close")
        self.assertEqual(proxy.process.wait(20), 0)

    def test_idle_connections_do_not_keep_it_alive(self):
        _, proxy = self.start()
        client = self.client(proxy)
        self.assertEqual(client.ask().status, 200)
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.process.wait(20), 0)

    def test_interrupt_drains_as_well(self):
        _, proxy = self.start()
        proxy.signal(signal.SIGINT)
        self.assertEqual(proxy.process.wait(20), 0)

    def test_second_term_ends_it_now(self):
        gate, proxy = self.start()
        client = self.client(proxy)
        client.request(target="/slow")
        self.assertTrue(gate.seen.wait(20))
        proxy.signal(signal.SIGTERM)
        wait_for(lambda: proxy.admin("/readyz").status == 503, "it drains")
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.process.wait(10), 0)

    def test_hup_and_reload_are_refused_while_it_drains(self):
        gate, proxy = self.start()
        client = self.client(proxy)
        client.request(target="/slow")
        self.assertTrue(gate.seen.wait(20))
        proxy.signal(signal.SIGTERM)
        wait_for(lambda: proxy.admin("/readyz").status == 503, "it drains")
        refused = proxy.admin("/reload", "POST")
        self.assertEqual((refused.status, refused.json()["reason"]), (503, "draining"))
        proxy.signal(signal.SIGHUP)
        wait_for(lambda: "reload (signal)" in proxy.log, "the log tells of HUP")
        gate.open.set()
        self.assertEqual(client.response().status, 200)
        self.assertEqual(proxy.process.wait(20), 0)

    def test_drain_delay_serves_on_while_it_is_not_ready(self):
        config = plain_config(self.upstream(), timeouts={"drain_delay": "1s"})
        proxy = self.edgehold(config)
        kept = self.client(proxy)
        self.assertEqual(kept.ask().status, 200)
        proxy.signal(signal.SIGTERM)
        wait_for(lambda: proxy.admin("/readyz").status == 503, "readiness is false first")
        self.assertEqual(kept.ask().status, 200)
        self.assertEqual(self.client(proxy).ask().status, 200)
        self.assertEqual(proxy.process.wait(20), 0)
        self.assertTrue(kept.is_closed())

    def test_second_term_within_the_delay_ends_it_now(self):
        proxy = self.edgehold(plain_config(self.upstream(), timeouts={"drain_delay": "1h"}))
        proxy.signal(signal.SIGTERM)
        wait_for(lambda: proxy.admin("/readyz").status == 503, "it drains")
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.process.wait(20), 0)

    def test_new_connections_are_refused_and_waiting_ones_served(self):
        gate, proxy = self.start()
        busy = self.client(proxy)
        busy.request(target="/slow")
        self.assertTrue(gate.seen.wait(20))
        proxy.process.send_signal(signal.SIGSTOP)
        waiting = [self.client(proxy) for _ in range(20)]  # in the listeners' queues
        for client in waiting:
            client.request()
        proxy.signal(signal.SIGTERM)
        proxy.process.send_signal(signal.SIGCONT)
        for client in waiting:  # some are answered before the signal is, and closed as idle ones
            self.assertEqual(client.response().status, 200)
            self.assertTrue(client.is_closed())

        def is_refused():
            try:
                socket.create_connection(("127.0.0.1", proxy.port), 5).close()
            except ConnectionRefusedError:
                return True
        wait_for(is_refused, "the doors are closed")
        gate.open.set()
        self.assertEqual(busy.response().status, 200)
        self.assertEqual(proxy.process.wait(20), 0)

    def test_what_is_cut_at_the_deadline_has_its_record(self):
        def respond(request, connection):
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            try:
                while True:
                    connection.send(b"data: x\n\n")
                    time.sleep(0.02)
            except OSError:
                return False
        proxy = self.edgehold(plain_config(self.upstream(respond), timeouts={"drain": "500ms"}))
        client = self.client(proxy)
        client.request()
        self.assertEqual(client.head().status, 200)
        proxy.signal(signal.SIGTERM)
        started = time.monotonic()
        client.reader.until(b"data: x")
        self.assertEqual(proxy.process.wait(20), 0)
        self.assertGreater(time.monotonic() - started, 0.3)  # it had its time
        self.assertEqual(len(proxy.audit(1)), 1)

    def leave_behind(self, **more):
        """A proxy whose upstream is at work on an event that nobody waits for any more."""
        gate = Gate()
        self.addCleanup(gate.open.set)
        dedupe = {"dedupe": {"id": "header:X-Event", "window": "10m"}}
        proxy = self.edgehold(plain_config(self.upstream(gate), [dedupe], **more))
        client = self.client(proxy)
        client.request("POST", "/slow", [("X-Event", "e1")])
        self.assertTrue(gate.seen.wait(20))
        client.reset()
        wait_for(lambda: proxy.metrics()["edgehold_connections_open"] == 0, "its client is gone")
        return gate, proxy

    def test_an_event_whose_client_left_is_waited_for_too(self):
        gate, proxy = self.leave_behind()
        proxy.signal(signal.SIGTERM)
        wait_for(lambda: proxy.admin("/readyz").status == 503, "it drains")
        gate.open.set()
        self.assertEqual(proxy.process.wait(20), 0)
        record, = proxy.audit(1)
        self.assertEqual((record["reason"], record["upstream_status"]), ("client_closed", 200))

    def test_an_event_whose_client_left_is_cut_at_the_deadline_with_its_record(self):
        _, proxy = self.leave_behind(timeouts={"drain": "500ms"})
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.process.wait(20), 0)
        record, = proxy.audit(1)
        self.assertEqual((record["reason"], record["upstream"]), ("client_closed", "sent"))

    def test_drain_has_a_deadline(self):
        gate = Gate()
        self.addCleanup(gate.open.set)
        config = plain_config(self.upstream(gate), timeouts={"drain": "500ms"})
        proxy = self.edgehold(config)
        client = self.client(proxy)
        client.request(target="/slow")
        self.assertTrue(gate.seen.wait(20))
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.process.wait(20), 0)


class Admin(Case):
    def test_health_is_told(self):
        proxy = self.edgehold(plain_config(self.upstream()))
        for path in ("/livez", "/readyz", "/startupz"):
            self.assertEqual(proxy.admin(path).status, 200, path)
        self.assertEqual(proxy.admin("/nothing").status, 404)

    def test_health_and_metrics_on_a_loopback_address(self):
        with socket.create_server(("127.0.0.1", 0)) as chosen:
            port = chosen.getsockname()[1]
        config = plain_config(self.upstream())
        config["admin"]["address"] = "127.0.0.1:%d" % port
        proxy = self.edgehold(config)
        for path in ("/livez", "/metrics"):
            with urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path), timeout=10) as got:
                self.assertEqual(got.status, 200)
        self.assertEqual(proxy.admin("/livez").status, 200)

    def test_public_admin_address_is_refused_while_it_is_denied(self):
        config = plain_config("http://127.0.0.1:9", security={"network": {
            "deny_public_admin": True}})
        config["admin"]["address"] = "0.0.0.0:9901"
        proxy = self.edgehold(config, start=False)
        done = proxy.command("check", "-c", str(proxy.config_path), check=False, admin=False)
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("deny_public_admin", done.stdout + done.stderr)

    def test_socket_is_for_its_owner_only(self):
        proxy = self.edgehold(plain_config(self.upstream()))
        mode = os.stat(proxy.dir / "admin.sock").st_mode & 0o777
        self.assertEqual(mode & 0o007, 0, oct(mode))

    def test_metrics_count_what_happened(self):
        config = plain_config(self.upstream())
        config["routes"][0]["match"]["path"] = "/a"
        proxy = self.edgehold(config)
        client = self.client(proxy)
        for target in ("/a", "/a", "/b"):
            client.ask(target=target)
        proxy.audit(3)
        metrics = proxy.metrics()
        exchanges = {k: v for k, v in metrics.items() if k.startswith("edgehold_exchanges_total")}
        self.assertEqual(sum(exchanges.values()), 3, exchanges)
        self.assertEqual(sum(v for k, v in exchanges.items() if "route_not_found" in k), 1)
        self.assertEqual(metrics['edgehold_upstream_requests_total{upstream="agent"}'], 2)
        self.assertGreater(metrics["edgehold_loop_turn_duration_seconds_count"], 0)
        self.assertIn("# TYPE", proxy.admin("/metrics").body.decode())

    def test_status_says_what_runs(self):
        proxy = self.edgehold(plain_config(self.upstream()))
        status = proxy.command_json("status")
        self.assertRegex(status["policy_version"], r"^[0-9a-f]{8,}$")
        self.assertTrue(status["is_ready"])
        self.assertIn(str(proxy.port), json.dumps(status["listeners"]))

    def test_verbs_without_a_server_are_an_operational_failure(self):
        proxy = self.edgehold(plain_config("http://127.0.0.1:9"), start=False)
        for verb in ("status", "reload"):
            done = proxy.command(verb, check=False)
            self.assertEqual(done.returncode, 1, done)
            self.assertIn("admin.sock", done.stdout + done.stderr)

    def test_usage_errors_are_2_and_version_is_0(self):
        proxy = self.edgehold(plain_config("http://127.0.0.1:9"), start=False)
        self.assertEqual(proxy.command("fly", check=False, admin=False).returncode, 2)
        self.assertEqual(proxy.command("run", check=False, admin=False).returncode, 2)
        self.assertIn("0.", proxy.command("version", admin=False).stdout)


class Audit(Case):
    def test_every_request_has_exactly_one_record(self):
        config = plain_config(self.upstream(), [{"method_path": {"methods": ["GET", "POST"]}}])
        config["routes"][0]["match"]["path"] = "/a"
        proxy = self.edgehold(config)
        client = self.client(proxy)
        answers = [client.ask(target="/a"), client.ask(target="/nowhere"),
                   client.ask("DELETE", "/a"), client.ask("POST", "/a", body=b"x")]
        bad = self.client(proxy)
        bad.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        answers.append(bad.response())
        records = proxy.audit(5)
        self.assertEqual(len(records), 5)
        by_id = {r["request_id"]: r for r in records}
        for response in answers:
            record = by_id[response.get("x-request-id")]
            self.assertEqual(record["status"], response.status)
            for key in ("who", "what", "when", "why", "policy"):
                self.assertIn(key, record)
        self.assertEqual(sorted(r["reason"] for r in records), sorted(
            ["allowed", "route_not_found", "method_not_allowed", "allowed", "malformed_request"]))

    def test_record_is_there_before_the_answer(self):
        proxy = self.edgehold(plain_config(self.upstream()))
        client = self.client(proxy)
        for number in range(1, 30):
            client.ask()
            self.assertEqual(len(proxy.audit()), number)

    def test_nothing_secret_and_no_body_is_in_it(self):
        proxy = self.edgehold(plain_config(self.upstream()))
        client = self.client(proxy)
        client.ask("POST", "/a?token=QUERYSECRET", body=b"BODYSECRET", fields=[
            ("Authorization", "Bearer HEADSECRET"), ("Cookie", "a=COOKIESECRET"),
            ("X-Signature", "SIGSECRET")])
        proxy.audit(1)
        text = (proxy.dir / "audit.jsonl").read_text() + proxy.log
        for word in ("QUERYSECRET", "BODYSECRET", "HEADSECRET", "COOKIESECRET", "SIGSECRET"):
            self.assertNotIn(word, text)

    def test_usr1_reopens_the_file(self):
        proxy = self.edgehold(plain_config(self.upstream()))
        client = self.client(proxy)
        client.ask()
        proxy.audit(1)
        live, moved = proxy.dir / "audit.jsonl", proxy.dir / "moved.jsonl"
        live.rename(moved)
        proxy.signal(signal.SIGUSR1)
        wait_for(live.exists, "a new file")
        client.ask()
        self.assertEqual(len(proxy.audit(1)), 1)
        self.assertEqual(len(moved.read_text().splitlines()), 1)

    def test_rotation_under_load_loses_no_record(self):
        proxy = self.edgehold(plain_config(self.upstream()))
        stopping = threading.Event()
        asked, failures = [0] * 3, []

        def ask(index):
            try:
                client = proxy.client()
                while not stopping.is_set():
                    assert client.ask().status == 200
                    asked[index] += 1
            except Exception as error:
                failures.append(repr(error))
        threads = [threading.Thread(target=ask, args=(i,)) for i in range(3)]
        for thread in threads:
            thread.start()
        live = proxy.dir / "audit.jsonl"
        wait_for(lambda: all(asked), "everybody was answered once")
        for number in range(30):
            live.rename(proxy.dir / ("moved-%d.jsonl" % number))
            proxy.signal(signal.SIGUSR1)
            wait_for(live.exists, "a new file")
        stopping.set()
        for thread in threads:
            thread.join(20)
        self.assertEqual(failures, [])
        lines = [json.loads(line) for path in proxy.dir.glob("*.jsonl")
                 for line in path.read_text().splitlines()]
        self.assertEqual(len(lines), sum(asked))
        self.assertEqual(len({line["request_id"] for line in lines}), len(lines))

    def test_query_finds_records(self):
        config = plain_config(self.upstream())
        config["routes"][0]["match"]["path"] = "/a"
        proxy = self.edgehold(config)
        client = self.client(proxy)
        for target in ("/a", "/b", "/a"):
            client.ask(target=target)
        proxy.audit(3)
        done = proxy.command("--json", "audit", "query", "-c", str(proxy.config_path), "--reason",
                             "route_not_found")
        records = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([r["what"]["path"] for r in records], ["/b"])


class Certificate(Case):
    def test_reload_replaces_it_without_dropping_connections(self):
        first = certificates().leaf("agent.example", "127.0.0.1")
        second = certificates().leaf("127.0.0.1", "second.example")
        proxy = self.edgehold(tls_config(self.upstream()), start=False)
        config = json.loads(proxy.config_path.read_text())
        for index, name in enumerate(("certificate", "key")):
            (proxy.dir / name).write_text(first[index].read_text())
            config["listen"][0]["tls"]["certificates"][0][name] = str(proxy.dir / name)
        proxy.configure(config)
        proxy.start()
        old = self.tls_client(proxy)
        self.assertEqual(old.ask().status, 200)
        for index, name in enumerate(("certificate", "key")):
            (proxy.dir / name).write_text(second[index].read_text())
        proxy.command("reload")
        new = self.tls_client(proxy)
        names = [v for _, v in new.sock.getpeercert()["subjectAltName"]]
        self.assertIn("second.example", names)
        self.assertEqual(old.ask().status, 200)


class Reload(Case):
    def test_start_only_field_is_refused_by_name_and_nothing_changes(self):
        config = plain_config(self.upstream())
        proxy = self.edgehold(config)
        before = proxy.command_json("status")["policy_version"]
        config["workers"] = 1
        proxy.configure(config)
        done = proxy.command("reload", check=False)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("workers", done.stdout + done.stderr)
        self.assertEqual(proxy.command_json("status")["policy_version"], before)

    def test_new_upstream_is_used_by_the_next_request(self):
        first = self.upstream(lambda r, c: answer(body=b"first"))
        second = self.upstream(lambda r, c: answer(body=b"second"))
        config = plain_config(first)
        proxy = self.edgehold(config)
        client = self.client(proxy)
        self.assertEqual(client.ask().body, b"first")
        config["upstreams"]["agent"]["url"] = second.url
        proxy.configure(config)
        proxy.command("reload")
        self.assertEqual(client.ask().body, b"second")
        self.assertRegex(proxy.log, re.compile("reload|policy", re.I))

    def test_broken_file_changes_nothing(self):
        proxy = self.edgehold(plain_config(self.upstream()))
        client = self.client(proxy)
        proxy.configure("routes: [")
        self.assertEqual(proxy.command("reload", check=False).returncode, 1)
        self.assertEqual(client.ask().status, 200)
        time.sleep(0.05)
        self.assertEqual(client.ask().status, 200)
