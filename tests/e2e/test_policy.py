# SPDX-License-Identifier: Apache-2.0
"""The filters over the wire, what `check` tells, and reloads under load."""
import json
import threading
import time

from harness import SECRET, Case, answer, hmac_channel, plain_config, signed, wait_for

ENVIRONMENT = {"E2E_SECRET": SECRET}


def event(number=1, kind="message.created", group="g1", sender="s1", **more):
    body = {"event": {"id": "evt-%s" % number, "type": kind}, "group": {"id": group},
            "sender": {"id": sender}, "text": "hello"}
    body.update(more)
    return json.dumps(body).encode()


def bot_filters(*more):
    return [
        hmac_channel(facts={"event_id": "/event/id", "event_type": "/event/type",
                            "group": "/group/id", "sender": "/sender/id"}),
        {"replay_window": {"past": "5m", "future": "1m"}},
        {"event_types": {"known": ["message.created", "message.deleted"]}},
        *more,
    ]


class Webhook(Case):
    def start(self, *more, **config):
        self.agent = self.upstream()
        self.proxy = self.edgehold(plain_config(self.agent, bot_filters(*more), **config),
                                   environment=ENVIRONMENT)
        return self.client(self.proxy)

    def post(self, client, body, **how):
        return client.ask("POST", "/hook", fields=signed(body, **how), body=body)

    def test_signed_event_is_forwarded_unchanged(self):
        client, body = self.start(), event()
        self.assertEqual(self.post(client, body).status, 200)
        self.assertEqual(self.agent.requests[0].body, body)
        record = self.proxy.audit(1)[0]
        self.assertEqual(record["decision"], "allow")
        self.assertEqual(record["who"]["sender"], "s1")
        self.assertEqual(record["who"]["group"], "g1")
        self.assertEqual(record["what"]["event_id"], "evt-1")

    def test_wrong_or_missing_signature_is_refused(self):
        client, body = self.start(), event()
        self.assertProblem(self.post(client, body, secret="wrong"), 401, "signature_invalid")
        self.assertProblem(client.ask("POST", "/hook", body=body), 401, "signature_missing")
        changed = signed(body)
        self.assertProblem(client.ask("POST", "/hook", fields=changed, body=body + b" "), 401,
                           "signature_invalid")
        self.assertEqual(self.agent.requests, [])

    def test_old_and_future_timestamps_are_refused(self):
        client, body, now = self.start(), event(), int(time.time())
        for stamp in (now - 400, now + 120):
            self.assertProblem(self.post(client, body, timestamp=stamp), 401,
                               "timestamp_outside_window")
        self.assertEqual(self.agent.requests, [])

    def test_unknown_event_is_refused(self):
        client = self.start()
        self.assertProblem(self.post(client, event(kind="message.exploded")), 422, "event_unknown")
        self.assertEqual(self.agent.requests, [])

    def test_duplicate_is_a_success_that_is_not_forwarded(self):
        client = self.start({"dedupe": {"window": "10m"}})
        self.assertEqual(self.post(client, event(1)).status, 200)
        self.assertEqual(self.post(client, event(1)).status, 200)
        self.assertEqual(self.post(client, event(2)).status, 200)
        self.assertEqual(len(self.agent.requests), 2)
        self.assertEqual([r["reason"] for r in self.proxy.audit(3)],
                         ["allowed", "duplicate", "allowed"])

    def test_event_may_come_again_when_the_upstream_failed(self):
        client = self.start({"dedupe": {"window": "10m"}})
        self.agent.respond = lambda r, c: answer(500, reason="Oops")
        self.assertEqual(self.post(client, event(1)).status, 500)
        self.agent.respond = lambda r, c: answer(200)
        self.assertEqual(self.post(client, event(1)).status, 200)
        self.assertEqual(len(self.agent.requests), 2)

    def test_group_over_its_rate_is_told_when_to_come_back(self):
        client = self.start({"rate_limit": {"limits": [
            {"key": "group", "rate": "3/1m", "burst": 3}]}})
        got = [self.post(client, event(i)) for i in range(5)]
        self.assertEqual([r.status for r in got], [200, 200, 200, 429, 429])
        self.assertProblem(got[3], 429, "rate_limited")
        self.assertGreater(int(got[3].get("retry-after")), 0)
        self.assertIsNotNone(got[3].get("ratelimit"))
        self.assertEqual(self.post(client, event(9, group="g2")).status, 200)

    def test_refused_signatures_never_spend_the_budget_of_a_group(self):
        client = self.start({"rate_limit": {"limits": [
            {"key": "group", "rate": "2/1m", "burst": 2}]}})
        for i in range(10):
            self.assertEqual(self.post(client, event(i), secret="wrong").status, 401)
        self.assertEqual(self.post(client, event(1)).status, 200)

    def test_body_that_another_reader_takes_for_something_else_is_refused(self):
        """UTF-7, a deflated text in a JSON string, a form in one: each hides what it asks for."""
        upstream = self.upstream()
        proxy = self.edgehold(plain_config(upstream, [
            {"action_class": {"rows": [{"action": "mass_send", "path": "/**", "when": {
                "all": [{"pointer": "/action", "value": "mass_send"}]}}]}},
            {"approval_hold": {"actions": ["mass_send"]}}]))
        for fields, body in (
                ([("Content-Type", "application/json; charset=utf-7")],
                 b'{"action":"+AG0AYQBzAHM-_send"}'),
                ([("Content-Type", "application/x-www-form-urlencoded")],
                 b'{"x":"&action=mass_send&y="}'),
                ([("Content-Encoding", "deflate")], b'"abc"')):
            refused = self.client(proxy).ask("POST", "/", fields=fields, body=body)
            self.assertProblem(refused, 422, "json_invalid")
        self.assertEqual(upstream.requests, [])
        json_type = [("Content-Type", "application/json; charset=utf-8")]
        taken = self.client(proxy).ask("POST", "/", fields=json_type, body=b'{"action":"say"}')
        self.assertEqual(taken.status, 200)

    def test_json_bombs_are_refused_in_bounded_time_and_memory(self):
        client = self.start()
        bombs = [b"[" * 100000, b"[" * 500 + b"]" * 500, b'{"a":' * 100000,
                 b'{"event":{"id":"1","type":"message.created"},"event":{"id":"2"}}',
                 b'{"event":{"id":"\xff\xfe","type":"message.created"}}', b"\x00", b"nul", b"{}x",
                 b'{"n":' + b"9" * 100000 + b"}"]
        started = time.monotonic()
        for bomb in bombs:
            response = self.post(client, bomb)
            self.assertEqual(response.status, 422, (bomb[:40], response))
        self.assertLess(time.monotonic() - started, 10)
        self.assertEqual(self.agent.requests, [])

    def test_oversized_body_is_413_even_when_it_comes_in_chunks(self):
        client = self.start({"payload_cap": {"max": "1KiB"}})
        self.assertProblem(self.post(client, event(text="x" * 5000)), 413, "payload_too_large")
        client = self.client(self.proxy)
        fields = "".join("%s: %s\r\n" % field for field in signed(b"not known yet"))
        client.send(b"POST /hook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" +
                    fields.encode() + b"\r\n")
        client.send(b"800\r\n" + b"x" * 0x800 + b"\r\n")
        self.assertProblem(client.response(), 413, "payload_too_large")
        self.assertEqual(self.agent.requests, [])

    def test_shadow_mode_tells_but_does_not_refuse(self):
        filters = bot_filters()
        filters[2]["event_types"]["mode"] = "shadow"
        agent = self.upstream()
        proxy = self.edgehold(plain_config(agent, filters), environment=ENVIRONMENT)
        body = event(kind="message.exploded")
        self.assertEqual(self.post(self.client(proxy), body).status, 200)
        record = proxy.audit(1)[0]
        self.assertEqual(record["decision"], "allow")
        self.assertEqual(record["why"]["shadows"][0]["reason"], "event_unknown")


class Access(Case):
    def test_address_outside_the_list_is_refused(self):
        upstream = self.upstream()
        config = plain_config(upstream, [{"ip_access": {"allow": ["10.0.0.0/8"]}}])
        self.assertProblem(self.client(self.edgehold(config)).ask(), 403, "ip_denied")
        self.assertEqual(upstream.requests, [])

    def test_forwarded_address_counts_only_behind_a_trusted_proxy(self):
        fields = [("X-Forwarded-For", "10.1.2.3")]
        filters = [{"ip_access": {"allow": ["10.0.0.0/8"]}}]
        stranger = self.edgehold(plain_config(self.upstream(), filters))
        self.assertEqual(self.client(stranger).ask(fields=fields).status, 403)
        trusted = self.edgehold(plain_config(self.upstream(), filters,
                                             trusted_proxies=["127.0.0.0/8"]))
        self.assertEqual(self.client(trusted).ask(fields=fields).status, 200)

    def test_a_trusted_proxy_that_names_no_address_does_not_pass_for_its_client(self):
        config = plain_config(self.upstream(), [{"ip_access": {"allow": ["127.0.0.0/8"]}}],
                              trusted_proxies=["127.0.0.0/8"])
        client = self.client(self.edgehold(config))
        for words in ("unknown", "_hidden", '"6.6.6.6"', "6.6.6.6, unknown", "fe80::1%eth0"):
            self.assertProblem(client.ask(fields=[("X-Forwarded-For", words)]), 400,
                               "malformed_request")
        for nobody in ([], [("X-Forwarded-For", "")]):  # the proxy asks for itself
            self.assertEqual(client.ask(fields=nobody).status, 200)

    def test_host_outside_the_list_is_refused(self):
        config = plain_config(self.upstream(), [{"host_guard": {"hosts": ["bot.example"]}}])
        client = self.client(self.edgehold(config))
        self.assertEqual(client.ask(host="bot.example").status, 200)
        self.assertProblem(client.ask(host="evil.example"), 421, "host_rejected")

    def test_unknown_path_is_404(self):
        config = plain_config(self.upstream())
        config["routes"][0]["match"]["path"] = "/hook"
        client = self.client(self.edgehold(config))
        self.assertEqual(client.ask(target="/hook/x").status, 200)
        self.assertProblem(client.ask(target="/hooks"), 404, "route_not_found")

    def test_security_allowlist_acts_without_any_filter(self):
        config = plain_config(self.upstream(), security={
            "network": {"allowlist_ips": ["203.0.113.0/24"]}})
        self.assertProblem(self.client(self.edgehold(config)).ask(), 403, "ip_denied")

    def test_security_rate_acts_without_any_filter(self):
        config = plain_config(self.upstream(), security={"actions": {"rate_limit_per_minute": 5}})
        client = self.client(self.edgehold(config))
        statuses = [client.ask().status for _ in range(20)]
        self.assertEqual(statuses[0], 200)
        self.assertIn(429, statuses)


TEN_ERRORS = """\
lisen: []
listen:
  - address: 127.0.0.1:99999
workers: many
upstreams:
  agent: {url: "gopher://x"}
routes:
  - name: one
    match: {path: relative}
    upstream: nobody
    limits: {body: 10 parsecs, body_timeout: 30mins}
    filters:
      - rate_limitt: {}
      - payload_cap: {max: -1}
      - ip_access: {allow: [300.0.0.1]}
audit: {path: audit.jsonl, colour: red}
"""


class Configuration(Case):
    RULE = 'return { id = "seen", on_message = function(message) end }'

    def checked(self, websocket, filters):
        config = plain_config(self.upstream(), filters)
        if websocket is not None:
            config["routes"][0]["websocket"] = websocket
        proxy = self.edgehold(config, start=False, files={"rules/seen.lua": self.RULE})
        done = proxy.command("check", "-c", str(proxy.config_path), check=False, admin=False)
        warnings = [line for line in done.stdout.split("\n") if line.startswith("warning: ")]
        return done.returncode, warnings, done.stderr

    def test_check_warns_of_filters_that_refuse_every_websocket(self):
        for filters, told in (
                ([{"event_types": {"known": ["a"]}}], "`event_types` wants an event"),
                ([{"event_types": {"pointer": "/type", "known": ["a"]}}], "`event_types` wants an event"),
                (["dedupe"], "`dedupe` wants an event"),
                ([{"dedupe": {"id": "json:/id"}}], "`dedupe` wants an event"),
                ([{"dedupe": {"required": False}}], None),
                ([{"dedupe": {"id": "header:Idempotency-Key"}}], None)):
            code, warnings, _ = self.checked({"inspect": True}, filters)
            self.assertEqual(code, 0)
            warnings = [line for line in warnings if "WebSocket" in line]
            self.assertEqual(len(warnings), 1 if told else 0, warnings)
            self.assertIn(told or "", "".join(warnings))
            code, warnings, _ = self.checked(None, filters)
            self.assertEqual(code, 0)
            self.assertNotIn("WebSocket", "".join(warnings))

    def test_check_warns_of_message_rules_that_see_no_message(self):
        rules = [{"lua_rules": {"directory": "rules"}}]
        code, warnings, _ = self.checked({}, rules)
        self.assertEqual((code, len(warnings)), (0, 1), warnings)
        self.assertIn("`inspect: true`", warnings[0])
        self.assertEqual(self.checked({"inspect": True}, rules)[:2], (0, []))

    def test_check_refuses_a_certificate_that_nobody_asks_for(self):
        code, _, errors = self.checked(None, ["mtls_identity"])
        self.assertEqual(code, 2)
        self.assertIn("no listener verifies client certificates", errors)

    def test_check_reports_every_error_at_once_with_its_place(self):
        proxy = self.edgehold(TEN_ERRORS, start=False)
        done = proxy.command("check", "-c", str(proxy.config_path), check=False, admin=False)
        self.assertEqual(done.returncode, 2, done)
        lines = (done.stdout + done.stderr).split("\n")
        places = [line for line in lines if "edgehold.yaml:" in line]
        self.assertGreaterEqual(len(places), 10, done.stdout + done.stderr)
        for line in places:
            self.assertRegex(line, r"edgehold\.yaml:\d+:\d+: ")
        text = "\n".join(lines)
        self.assertIn("edgehold.yaml:1:1: ", text)
        self.assertIn("`listen`", text)  # the nearest valid key to `lisen`
        self.assertIn("rate_limit", text)

    def test_check_tells_the_place_of_mistakes_that_have_no_value_of_their_own(self):
        for what, wrong, says in (
                ("a filter that is only a name", "rate_limit", "needs at least one limit"),
                ("a catalogue that is not there", {"action_class": {"catalogue": "absent.yaml"}},
                 "No such file"),
                ("a method that never comes", {"action_class": {"rows": [
                    {"action": "mass_send", "method": "post", "path": "/send"}]}}, "`post`")):
            with self.subTest(what):
                proxy = self.edgehold(plain_config("http://127.0.0.1:9", [wrong]), start=False)
                done = proxy.command("check", "-c", str(proxy.config_path), check=False,
                                     admin=False)
                self.assertEqual(done.returncode, 2, done)
                self.assertRegex(done.stderr, r"^\S*edgehold\.yaml:\d+:\d+: routes\[0\]\.filters\[0\]")
                self.assertIn(says, done.stderr)

    def test_run_refuses_the_same_configuration(self):
        proxy = self.edgehold(TEN_ERRORS, start=False)
        done = proxy.command("run", "-c", str(proxy.config_path), check=False, admin=False)
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("edgehold.yaml:", done.stdout + done.stderr)

    def test_good_configuration_is_0_and_a_missing_file_is_2(self):
        proxy = self.edgehold(plain_config("http://127.0.0.1:9"), start=False)
        arguments = ("check", "-c", str(proxy.config_path))
        self.assertEqual(proxy.command(*arguments, admin=False).returncode, 0)
        done = proxy.command("check", "-c", "/nonexistent.yaml", check=False, admin=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("/nonexistent.yaml", done.stdout + done.stderr)

    def test_binary_junk_as_configuration_is_an_error_not_a_crash(self):
        for junk in ("\x00\x01\x02", "a: [", "- - - -", "&a [*a]", "{" * 5000, "a: &x [1]\nb: *x"):
            proxy = self.edgehold(junk, start=False)
            done = proxy.command("check", "-c", str(proxy.config_path), check=False, admin=False)
            self.assertEqual(done.returncode, 2, (junk[:20], done))

    def test_unresolved_secret_closes_its_route_only(self):
        upstream = self.upstream()
        config = plain_config(upstream, bot_filters())
        config["routes"][0]["match"]["path"] = "/hook"
        config["routes"].append({"name": "open", "match": {"path": "/open"}, "upstream": "agent"})
        client = self.client(self.edgehold(config))  # without E2E_SECRET
        body = event()
        response = client.ask("POST", "/hook", fields=signed(body), body=body)
        self.assertProblem(response, 503, "secret_unavailable")
        self.assertEqual(client.ask(target="/open").status, 200)


RULE = """\
return {
  id = "words",
  phase = "request",
  check = function(request)
    if request.path == "%s" then
      return deny("this path is closed")
    end
    return allow()
  end,
}
"""


class Rules(Case):
    def start(self, **more):
        upstream = self.upstream(**more)
        config = plain_config(upstream, [{"lua_rules": {"directory": "rules"}}])
        return upstream, self.edgehold(config, files={"rules/words.lua": RULE % "/one"})

    def test_edited_rule_acts_on_the_next_request_of_an_open_connection(self):
        _, proxy = self.start()
        client = self.client(proxy)
        self.assertProblem(client.ask(target="/one"), 403, "rule_denied")
        self.assertEqual(client.ask(target="/two").status, 200)
        proxy.write("rules/words.lua", RULE % "/two")
        proxy.command("reload")
        self.assertProblem(client.ask(target="/two"), 403, "rule_denied")
        self.assertEqual(client.ask(target="/one").status, 200)

    def test_hangup_reloads_too(self):
        import signal
        _, proxy = self.start()
        client = self.client(proxy)
        proxy.write("rules/words.lua", RULE % "/two")
        proxy.signal(signal.SIGHUP)
        wait_for(lambda: client.ask(target="/two").status == 403, "the rule acts")

    def test_syntax_error_keeps_the_old_rules_and_is_told_with_file_and_line(self):
        _, proxy = self.start()
        client = self.client(proxy)
        before = proxy.command_json("status")
        proxy.write("rules/words.lua", "return {\n  id = 'words'\n  phase = 'request',\n}\n")
        done = proxy.command("reload", check=False)
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stdout + done.stderr, r"words\.lua:3:")
        self.assertProblem(client.ask(target="/one"), 403, "rule_denied")
        self.assertEqual(client.ask(target="/two").status, 200)
        after = proxy.command_json("status")
        self.assertEqual(after["policy_version"], before["policy_version"])
        self.assertIn("words.lua:3:", json.dumps(after))
        self.assertRegex(proxy.log, r"words\.lua:3:")
        self.assertEqual(proxy.metrics()["edgehold_policy_last_reload_successful"], 0)

    def test_rule_that_fails_denies(self):
        _, proxy = self.start()
        client = self.client(proxy)
        proxy.write("rules/words.lua", RULE.replace("allow()", "nothing.here") % "/x")
        proxy.command("reload")
        response = client.ask()
        self.assertProblem(response, 500, "rule_failed")
        self.assertNotIn(b"words", response.body)  # no rule name leaks
        self.assertEqual(proxy.audit(1)[-1]["why"]["rule"], "words")

    def test_endless_rule_is_cut(self):
        _, proxy = self.start()
        client = self.client(proxy)
        proxy.write("rules/words.lua", RULE.replace("return allow()", "while true do end") % "/x")
        proxy.command("reload")
        started = time.monotonic()
        self.assertProblem(client.ask(), 500, "rule_budget_exceeded")
        self.assertLess(time.monotonic() - started, 15)

    def test_reload_under_load_loses_no_request(self):
        upstream = self.upstream()
        config = plain_config(upstream, [{"lua_rules": {"directory": "rules"}}])
        proxy = self.edgehold(config, files={"rules/words.lua": RULE % "/x"})
        stop, failures, counts = threading.Event(), [], []

        def load():
            client = proxy.client()
            count = 0
            try:
                while not stop.is_set():
                    status = client.ask(target="/y").status
                    count += 1
                    if status != 200:
                        failures.append(status)
            except (EOFError, OSError) as error:
                failures.append(error)
            counts.append(count)
            client.close()
        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(20):
            proxy.write("rules/words.lua", RULE % ("/x%d" % number))
            proxy.command("reload")
        stop.set()
        for thread in threads:
            thread.join(20)
        self.assertEqual(failures, [])
        self.assertGreater(min(counts), 10, "every connection lived through it and worked")

    def test_exchange_in_flight_keeps_its_policy(self):
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def respond(request, connection):
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            go_on.wait(20)
            connection.send(b"6\r\nsecond\r\n0\r\n\r\n")
        _, proxy = self.start(respond=respond)
        old = proxy.command_json("status")["policy_version"]
        client = self.client(proxy)
        client.request(target="/two")
        client.reader.until(b"first")
        proxy.write("rules/words.lua", RULE % "/two")
        proxy.command("reload")
        go_on.set()
        client.reader.until(b"second\r\n0\r\n\r\n")
        self.assertEqual(proxy.audit(1)[0]["policy"], old)
        self.assertProblem(client.ask(target="/two"), 403, "rule_denied")
