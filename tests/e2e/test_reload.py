# SPDX-License-Identifier: Apache-2.0
"""Policies that come and go while requests are under way: reloads, refusals, the history."""
import json
import os
import signal
import shutil
import socket
import threading
import time
import urllib.request
from pathlib import Path

from harness import (PLAIN_BINARY, Case, Reader, Message, answer, certificates, plain_config,
                     tls_config, wait_for)


class AdminLine:
    """One connection to the admin socket that is kept."""

    def __init__(self, proxy):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(str(proxy.dir / "admin.sock"))
        self.reader = Reader(self.sock)

    def ask(self, method, target, body=None):
        octets = b"" if body is None else json.dumps(body).encode()
        self.sock.sendall(b"%s %s HTTP/1.1\r\nHost: admin\r\nContent-Length: %d\r\n\r\n%s" % (
            method.encode(), target.encode(), len(octets), octets))
        message = Message(self.reader.until(b"\r\n\r\n"))
        message.body = self.reader.body(message)
        return message

    def reload(self, **body):
        return self.ask("POST", "/reload", body or None)

    def status(self):
        return self.ask("GET", "/status").json()

    def close(self):
        self.sock.close()


class ReloadCase(Case):
    def line(self, proxy):
        line = AdminLine(proxy)
        self.addCleanup(line.close)
        return line

    def acts(self, proxy):
        return [r for r in proxy.audit() if r["decision"] == "operator"]

    def replace(self, path, text):
        """As an operator's tool does it: nobody reads a half."""
        fresh = path.with_name(path.name + ".tmp")
        fresh.write_text(text)
        os.rename(fresh, path)


def guarded(upstream, **more):
    """Holds mass sends, and knows what they are."""
    security = {"actions": {"require_approval_for": ["mass_send", "bulk_delete"]}}
    rows = [{"action": "mass_send", "path": "/send"}, {"action": "bulk_delete", "path": "/drop"}]
    return plain_config(upstream, [{"action_class": {"rows": rows}}, {
        "method_path": {"methods": ["GET", "POST"]}}], **dict({"security": security}, **more))


class Downgrade(ReloadCase):
    def test_weaker_policy_is_refused_whole_named_and_recorded(self):
        config = guarded(self.upstream())
        proxy = self.edgehold(config)
        line = self.line(proxy)
        before = line.status()["policy_version"]
        config["security"]["actions"]["require_approval_for"] = ["bulk_delete"]
        config["security"]["network"] = {"deny_public_admin": False}
        proxy.configure(config)
        refused = line.reload()
        self.assertEqual(refused.status, 409)
        told = "\n".join(refused.json()["errors"])
        self.assertIn("--allow-downgrade", told)
        self.assertIn("security.actions.require_approval_for: no longer holds `mass_send`", told)
        self.assertIn("security.network.deny_public_admin", told)
        status = line.status()
        self.assertEqual(status["policy_version"], before)
        self.assertFalse(status["is_disk_in_force"])
        self.assertEqual(len(status["last_reload"]["weaker"]), 2)
        # Held as before.
        self.assertEqual(self.client(proxy).ask("POST", "/send", body=b"x").status, 202)
        record = self.acts(proxy)[-1]
        self.assertEqual((record["what"]["act"], record["outcome"], record["reason"]),
                         ("policy.reload", "refused", "policy_refused"))
        self.assertIn("deny_public_admin", record["why"]["detail"])
        self.assertRegex(record["who"]["operator"], r"^uid:%d" % os.getuid())
        self.assertEqual(record["policy"], before)
        self.assertNotEqual(record["what"]["target"], before)

    def test_signal_never_takes_a_weaker_policy(self):
        config = guarded(self.upstream())
        proxy = self.edgehold(config)
        before = proxy.command_json("status")["policy_version"]
        del config["security"]
        proxy.configure(config)
        proxy.signal(signal.SIGHUP)
        wait_for(lambda: self.acts(proxy), "a record")
        record = self.acts(proxy)[0]
        self.assertEqual((record["who"]["operator"], record["outcome"]), ("signal", "refused"))
        self.assertEqual(proxy.command_json("status")["policy_version"], before)

    def test_operator_may_allow_it_and_that_is_recorded(self):
        config = guarded(self.upstream())
        proxy = self.edgehold(config)
        del config["security"]
        proxy.configure(config)
        refused = proxy.command("reload", check=False)
        self.assertEqual(refused.returncode, 1, refused)
        self.assertIn("no longer holds `mass_send`", refused.stderr)
        taken = proxy.command("reload", "--allow-downgrade")
        self.assertIn("weaker than before: ", taken.stdout)
        self.assertEqual(self.client(proxy).ask("POST", "/send", body=b"x").status, 200)
        record = self.acts(proxy)[-1]
        self.assertEqual(record["outcome"], "taken")
        self.assertIn("no longer holds `mass_send`", record["why"]["detail"])
        self.assertTrue(proxy.command_json("status")["is_disk_in_force"])

    def test_start_only_fields_are_all_named_and_no_flag_helps(self):
        config = guarded(self.upstream())
        proxy = self.edgehold(config)
        config["workers"] = 1
        config["state"]["directory"] = "@DIR@/elsewhere"
        config["admin"]["socket"] = "@DIR@/other.sock"
        proxy.configure(config)
        for body in ({}, {"allow_downgrade": True}):
            refused = self.line(proxy).reload(**body)
            self.assertEqual(refused.status, 409)
            told = refused.json()["errors"][0]
            for field in ("`workers`", "`state.directory`", "`admin.socket`"):
                self.assertIn(field, told)

    def test_wider_admin_address_needs_the_flag_and_then_listens(self):
        config = guarded(self.upstream())
        proxy = self.edgehold(config)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            config["admin"]["address"] = "127.0.0.1:%d" % port
            proxy.configure(config)
            refused = self.line(proxy).reload()
            self.assertEqual(refused.status, 409)
            self.assertIn("weaker: admin.address: opens", "\n".join(refused.json()["errors"]))
            refused = self.line(proxy).reload(allow_downgrade=True)
            self.assertEqual(refused.status, 409)
            self.assertIn("admin.address", refused.json()["errors"][0])
        self.assertEqual(self.line(proxy).reload(allow_downgrade=True).status, 200)
        with urllib.request.urlopen("http://127.0.0.1:%d/livez" % port, timeout=5) as answer:
            self.assertEqual(answer.status, 200)
        del config["admin"]["address"]
        proxy.configure(config)
        self.assertEqual(self.line(proxy).reload().status, 200)
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()

    def test_restart_with_a_weaker_file_starts_and_says_so(self):
        config = guarded(self.upstream())
        proxy = self.edgehold(config)
        self.assertEqual(proxy.stop(), 0)
        del config["security"]
        proxy.configure(config)
        proxy.start()
        self.assertIn("weaker than the policy that was last in force", proxy.log)
        self.assertEqual(self.acts(proxy)[-1]["what"]["act"], "policy.start")

    def test_bodies_that_are_no_wish_are_refused(self):
        proxy = self.edgehold(plain_config(self.upstream()))
        line = self.line(proxy)
        for body in ([], {"allow": True}, {"allow_downgrade": "yes"}, "x"):
            self.assertEqual(line.ask("POST", "/reload", body).status, 400, body)
        for body in ({}, {"version": 1}, {"version": ""}, {"version": "abcd", "x": 1}):
            self.assertEqual(line.ask("POST", "/policy/rollback", body).status, 400, body)


class History(ReloadCase):
    def start(self):
        config = plain_config(self.upstream(), [{"method_path": {"methods": ["GET"]}}])
        proxy = self.edgehold(config)
        first = proxy.command_json("status")["policy_version"]
        config["routes"][0]["filters"] = [{"method_path": {"methods": ["POST"]}}]
        proxy.configure(config)
        proxy.command("reload")
        return proxy, first, proxy.command_json("status")["policy_version"]

    def test_lists_what_was_in_force_and_shows_the_difference(self):
        proxy, first, second = self.start()
        told = proxy.command_json("policy", "history")
        self.assertEqual([p["version"] for p in told["policies"]], [first, second])
        self.assertEqual([p["cause"] for p in told["policies"]], ["start", "admin"])
        self.assertIn(second, proxy.command("policy", "history").stdout.split("\n")[1])
        diff = proxy.command("policy", "diff").stdout
        self.assertRegex(diff, r'(?m)^- +"GET"')
        self.assertRegex(diff, r'(?m)^\+ +"POST"')
        self.assertIn("edgehold.yaml", diff)
        self.assertRegex(proxy.command("policy", "diff", second[:6], first).stdout,
                         r'(?m)^\+ +"GET"')
        self.assertEqual(proxy.command("policy", "diff", first, first).stdout, "")

    def test_rollback_serves_the_kept_policy_until_the_next_reload(self):
        proxy, first, second = self.start()
        client = self.client(proxy)
        self.assertEqual(client.ask().status, 405)
        disk = proxy.config_path.read_text()
        proxy.command("policy", "rollback", first[:8])
        self.assertEqual(client.ask().status, 200)
        self.assertEqual(proxy.config_path.read_text(), disk)
        status = proxy.command_json("status")
        self.assertEqual((status["policy_version"], status["policy_source"]), (first, "rollback"))
        self.assertFalse(status["is_disk_in_force"])
        self.assertIn("rolled back", proxy.command("status").stdout)
        self.assertEqual(self.acts(proxy)[-1]["what"], {"act": "policy.rollback", "target": first})
        proxy.command("reload")
        self.assertEqual(client.ask().status, 405)
        status = proxy.command_json("status")
        self.assertEqual((status["policy_version"], status["policy_source"]), (second, "disk"))
        self.assertTrue(status["is_disk_in_force"])

    def test_history_survives_a_restart_and_the_disk_is_in_force(self):
        proxy, first, second = self.start()
        proxy.command("policy", "rollback", first)
        self.assertEqual(proxy.stop(), 0)
        proxy.start()
        self.assertEqual(proxy.command_json("status")["policy_version"], second)
        told = proxy.command_json("policy", "history")["policies"]
        self.assertEqual([p["version"] for p in told], [first, second, first, second])
        proxy.command("policy", "rollback", first)

    def test_rollback_to_a_weaker_policy_needs_the_flag(self):
        config = plain_config(self.upstream())
        proxy = self.edgehold(config)
        first = proxy.command_json("status")["policy_version"]
        config["routes"][0]["filters"] = [{"method_path": {"methods": ["GET"]}}]
        proxy.configure(config)
        proxy.command("reload")
        refused = proxy.command("policy", "rollback", first, check=False)
        self.assertEqual(refused.returncode, 1, refused)
        self.assertIn("policy rollback %s --allow-downgrade" % first, refused.stderr)
        self.assertIn("no longer checked by `method_path`", refused.stderr)
        proxy.command("policy", "rollback", first, "--allow-downgrade")

    def test_rules_of_a_kept_policy_come_back_with_it(self):
        rule = 'return {id = "r", phase = "request", check = function() return %s end}'
        config = plain_config(self.upstream(), [{"lua_rules": {"directory": "rules"}}])
        proxy = self.edgehold(config, start=False, files={
            "rules/r.lua": rule % 'deny("no")'})
        proxy.start()
        first = proxy.command_json("status")["policy_version"]
        client = self.client(proxy)
        self.assertEqual(client.ask().status, 403)
        proxy.write("rules/r.lua", rule % "allow()")
        proxy.command("reload")
        self.assertEqual(client.ask().status, 200)
        self.assertIn("-" + rule % 'deny("no")', proxy.command("policy", "diff").stdout)
        proxy.command("policy", "rollback", first)
        self.assertEqual(client.ask().status, 403)

    def test_unknown_versions_are_refused(self):
        proxy, first, _ = self.start()
        for version in ("0123456789abcdef", first[:3], "zzzz"):
            self.assertEqual(proxy.command("policy", "rollback", version, check=False).returncode,
                             1, version)
        self.assertEqual(proxy.admin("/policy/files/..%2findex.json").status // 100, 4)
        self.assertEqual(proxy.command("policy", "diff", "zzzz", check=False).returncode, 2)


class Watch(ReloadCase):
    def test_changed_rule_half_written_file_and_certificate_are_noticed(self):
        first = certificates().leaf("agent.example", "127.0.0.1")
        second = certificates().leaf("127.0.0.1", "watched.example")
        upstream = self.upstream()
        proxy = self.edgehold(plain_config(upstream), start=False)
        for index, name in enumerate(("certificate", "key")):
            (proxy.dir / name).write_text(first[index].read_text())
        config = tls_config(upstream, (proxy.dir / "certificate", proxy.dir / "key"),
                            reload={"watch": True})
        proxy.configure(config)
        proxy.start()
        line = self.line(proxy)
        old = self.tls_client(proxy)
        self.assertEqual(old.ask().status, 200)
        # Truncated: refused, and what is in force stays.
        whole = proxy.config_path.read_text()
        proxy.config_path.write_text(whole[:len(whole) // 2])
        wait_for(lambda: not line.status()["last_reload"]["is_ok"], "it is refused")
        self.assertEqual(line.status()["last_reload"]["cause"], "watch")
        self.assertEqual(old.ask().status, 200)
        # Whole again, with another limit.
        config["routes"][0]["filters"] = [{"method_path": {"methods": ["POST"]}}]
        proxy.configure(config)
        wait_for(lambda: line.status()["last_reload"]["is_ok"], "it is taken")
        self.assertEqual(old.ask().status, 405)
        for index, name in enumerate(("certificate", "key")):
            self.replace(proxy.dir / name, second[index].read_text())

        def names():
            sock = self.tls_client(proxy).sock
            return [v for _, v in sock.getpeercert()["subjectAltName"]]
        wait_for(lambda: "watched.example" in names(), "the new certificate is served")
        self.assertEqual(old.ask().status, 405)


class CertificateReload(ReloadCase):
    def test_one_that_cannot_serve_refuses_the_reload_whole(self):
        good = certificates().leaf("agent.example", "127.0.0.1")
        other = certificates().leaf("other.example")
        upstream = self.upstream()
        proxy = self.edgehold(plain_config(upstream), start=False)
        for index, name in enumerate(("certificate", "key")):
            (proxy.dir / name).write_text(good[index].read_text())
        config = tls_config(upstream, (proxy.dir / "certificate", proxy.dir / "key"))
        proxy.configure(config)
        proxy.start()
        line = self.line(proxy)
        before = line.status()["policy_version"]
        config["routes"][0]["filters"] = [{"method_path": {"methods": ["POST"]}}]
        proxy.configure(config)
        breakages = {
            "a key of another one": ("key", other[1].read_text()),
            "half a certificate": ("certificate", good[0].read_text()[:300]),
            "an empty key": ("key", ""),
        }
        for what, (name, text) in breakages.items():
            whole = (proxy.dir / name).read_text()
            (proxy.dir / name).write_text(text)
            refused = line.reload()
            self.assertEqual(refused.status, 409, what)
            self.assertIn(name, refused.json()["errors"][0], what)
            self.assertEqual(line.status()["policy_version"], before, what)
            self.assertEqual(self.tls_client(proxy).ask().status, 200, what)
            (proxy.dir / name).write_text(whole)
        (proxy.dir / "key").rename(proxy.dir / "away")
        self.assertEqual(line.reload().status, 409)
        (proxy.dir / "away").rename(proxy.dir / "key")
        self.assertEqual(line.reload().status, 200)
        self.assertEqual(self.tls_client(proxy).ask().status, 405)


class Load:
    """Clients on connections that are kept, each noting every answer it got."""

    def __init__(self, proxy, count):
        self.proxy = proxy
        self.answers = set()
        self.total = 0
        self.failures = []
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        try:
            client = self.proxy.client()
            while not self._stopping.is_set():
                response = client.ask()
                self.answers.add((response.status, response.body))
                self.total += 1
                time.sleep(0.002)
            client.close()
        except Exception as error:  # whatever it is, the test must hear of it
            self.failures.append(repr(error))

    def stop(self):
        self._stopping.set()
        for thread in self._threads:
            thread.join(30)


def upstream_of_streams(request, connection):
    """`/events` streams until its connection ends; the others tell what they were sent."""
    if request.target != "/events":
        return answer(body=b"%d" % len(request.body))
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n")
    number = 0
    while True:
        event = b"data: %d\n\n" % number
        connection.send(b"%x\r\n%s\r\n" % (len(event), event))
        number += 1
        time.sleep(0.02)


class Thousand(ReloadCase):
    """1,000 reloads by all three ways, valid and not, under load."""

    RELOADS = 1000
    GROWTH_MAX = 6 * 1024 * 1024

    def configurations(self, upstream, state):
        def one(name, tokens):
            rule = {"lua_rules": {"directory": "rules"}}
            limit = {"rate_limit": {"limits": [{"key": "address", "rate": tokens}]}}
            filters = [rule, limit, {"method_path": {"methods": ["GET", "POST"]}}]
            config = plain_config(upstream, filters, state={"directory": state})
            config["routes"].insert(0, {"name": name, "match": {"path": "/" + name},
                                        "upstream": "agent", "filters": filters})
            for route in config["routes"]:  # the upload lasts as long as the test
                route["limits"] = {"body_timeout": "10m"}
            return config
        return one("red", "1000000/1s"), one("blue", "2000000/1s")

    def broken(self, whole, number):
        """A file that must not be taken."""
        texts = [whole[:number * 37 % (len(whole) - 2)], "", "routes: [", "\0" * 100,
                 whole.replace('"rules"', '"no-such-folder"'), whole.replace('"GET"', '"get"'),
                 whole.replace('"upstream": "agent"', '"upstream": "nobody"'),
                 whole.replace('"workers": 2', '"workers": 1')]
        return texts[number % len(texts)]

    def start_all(self, state):
        upstream = self.upstream(upstream_of_streams)
        red, blue = self.configurations(upstream, state)
        proxy = self.edgehold(red, start=False, binary=PLAIN_BINARY, files={
            "rules/r.lua": 'return {id = "r", phase = "request", '
                           'check = function() return allow() end}'})
        texts = []
        for config in (red, blue):
            proxy.configure(config)
            texts.append(proxy.config_path.read_text())
        proxy.start()
        return proxy, texts

    def slow_things(self, proxy):
        """A stream that is read, and an upload that takes as long as the whole test."""
        events = self.client(proxy)
        events.request(target="/events")
        self.assertEqual(events.head().status, 200)
        upload = self.client(proxy)
        upload.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n")
        return events, upload

    def reload_once(self, proxy, line, texts, number):
        is_valid = number % 5 < 3
        whole = texts[number % 2]
        proxy.config_path.write_text(whole if is_valid else self.broken(whole, number))
        if number % 10 != 9:
            status = line.reload().status
            self.assertEqual(status, 200 if is_valid else 409, (number, is_valid))
            return
        proxy.signal(signal.SIGHUP)  # the one before was by the socket
        wait_for(lambda: line.status()["last_reload"]["cause"] == "signal", "HUP is obeyed")
        self.assertEqual(line.status()["last_reload"]["is_ok"], is_valid)

    def test_nothing_is_dropped_and_nothing_grows(self):
        # What is measured is edgehold, not how fast this machine's disk syncs a thousand times.
        memory = Path("/dev/shm/edgehold-e2e-%d" % os.getpid())
        state = str(memory) if memory.parent.is_dir() else "@DIR@/state"
        self.addCleanup(shutil.rmtree, memory, ignore_errors=True)
        proxy, texts = self.start_all(state)
        line = self.line(proxy)
        load = Load(proxy, 4)
        self.addCleanup(load.stop)
        events, upload = self.slow_things(proxy)
        warm = None
        for number in range(self.RELOADS):
            self.reload_once(proxy, line, texts, number)
            if number % 100 == 0:
                upload.send(b"x" * 400)
                events.reader.until(b"data: ")
            if number == self.RELOADS // 5:
                warm = proxy.resident_bytes()
        load.stop()
        upload.send(b"")
        response = upload.response()
        self.assertEqual((response.status, response.body), (200, b"4000"))
        events.reader.until(b"data: ")
        self.assertEqual(load.failures, [])
        self.assertEqual(load.answers, {(200, b"0")})
        self.assertGreater(load.total, 200)
        self.assertLess(proxy.resident_bytes() - warm, self.GROWTH_MAX)
        self.assertIn(line.status()["policy_version"],
                      {p["version"] for p in proxy.command_json("policy", "history")["policies"]})
        self.assertEqual(len(self.acts(proxy)), self.RELOADS)
