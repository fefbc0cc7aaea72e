# SPDX-License-Identifier: Apache-2.0
"""A hold from 202 to its result: approved, denied, expired, and over a restart."""
import json
import signal

from harness import Case, answer, plain_config, wait_for

CATALOGUE = """\
rows:
  - action: mass_send
    method: POST
    path: /broadcast
"""


def holding_config(upstream, ttl="1h", **more):
    return plain_config(upstream, [
        {"action_class": {"catalogue": "actions.yaml"}},
        {"approval_hold": {"ttl": ttl}},
    ], security={"actions": {"require_approval_for": ["mass_send"]}}, **more)


class Hold(Case):
    def start(self, **more):
        self.agent = self.upstream(lambda r, c: answer(201, b'{"sent":3}', reason="Created",
                                                       fields=[("X-Agent", "yes")]))
        self.proxy = self.edgehold(holding_config(self.agent, **more),
                                   files={"actions.yaml": CATALOGUE})
        return self.client(self.proxy)

    def held(self, client, body=b'{"to":"all"}'):
        response = client.ask("POST", "/broadcast", body=body,
                              fields=[("Content-Type", "application/json"), ("X-Mine", "1")])
        self.assertEqual(response.status, 202, response)
        ticket = response.json()
        self.assertTrue(ticket["approval_id"])
        self.assertEqual(self.agent.requests, [])
        return ticket

    def status(self, client, ticket):
        url = ticket["status_url"]
        target = "/" + url.split("/", 3)[3] if "://" in url else url
        return client.ask(target=target)

    def approve(self, ticket, verb="approve", check=True):
        return self.proxy.command("approvals", verb, ticket["approval_id"], "--reason",
                                  "e2e says so", check=check)

    def test_approved_request_is_sent_as_it_was_and_its_answer_is_given(self):
        client = self.start()
        ticket = self.held(client)
        self.assertProblem(self.status(client, ticket), 202, "hold_pending")
        listed = self.proxy.command_json("approvals", "list")
        self.assertIn(ticket["approval_id"], json.dumps(listed))
        self.approve(ticket)
        self.agent.wait_for_requests(1)
        request = self.agent.requests[0]
        self.assertEqual((request.method, request.target, request.body),
                         ("POST", "/broadcast", b'{"to":"all"}'))
        self.assertEqual(request.get("x-mine"), "1")
        response = wait_for(lambda: (lambda r: r.status == 201 and r)(self.status(client, ticket)),
                            "the upstream's answer")
        self.assertEqual(response.body, b'{"sent":3}')
        reasons = [r["reason"] for r in self.proxy.audit(2)]
        self.assertIn("held", reasons)
        wait_for(lambda: "released" in [r["reason"] for r in self.proxy.audit()], "its record")

    def test_other_requests_are_not_held(self):
        client = self.start()
        self.assertEqual(client.ask("POST", "/chat", body=b"{}").status, 201)

    def test_denied_request_is_never_sent(self):
        client = self.start()
        ticket = self.held(client)
        self.approve(ticket, "deny")
        self.assertProblem(self.status(client, ticket), 403, "hold_denied")
        self.assertEqual(self.approve(ticket, check=False).returncode, 1)
        self.assertEqual(self.agent.requests, [])

    def test_silence_is_no(self):
        client = self.start(ttl="1s")
        ticket = self.held(client)
        response = wait_for(
            lambda: (lambda r: r.status != 202 and r)(self.status(client, ticket)), "it expires")
        self.assertProblem(response, 410, "hold_expired")
        self.assertEqual(self.approve(ticket, check=False).returncode, 1)
        self.assertEqual(self.agent.requests, [])

    def test_second_approval_sends_nothing_more(self):
        client = self.start()
        ticket = self.held(client)
        self.approve(ticket)
        self.agent.wait_for_requests(1)
        self.assertEqual(self.approve(ticket, check=False).returncode, 1)
        self.assertEqual(len(self.agent.requests), 1)

    def test_status_of_a_guessed_hold_is_404(self):
        client = self.start()
        ticket = self.held(client)
        wrong = dict(ticket, status_url=ticket["status_url"][:-4] + "0000")
        self.assertProblem(self.status(client, wrong), 404, "hold_not_found")

    def test_approval_of_an_unknown_id_is_a_failure(self):
        self.start()
        self.assertEqual(self.approve({"approval_id": "apr_none"}, check=False).returncode, 1)

    def test_reason_is_required(self):
        client = self.start()
        ticket = self.held(client)
        done = self.proxy.command("approvals", "approve", ticket["approval_id"], check=False)
        self.assertEqual(done.returncode, 2, done)
        self.assertEqual(self.agent.requests, [])

    def test_hold_survives_a_kill_and_a_restart(self):
        client = self.start()
        ticket = self.held(client)
        self.proxy.signal(signal.SIGKILL)
        self.proxy.process.wait(20)
        self.proxy.start()
        client = self.client(self.proxy)
        self.assertProblem(self.status(client, ticket), 202, "hold_pending")
        self.approve(ticket)
        self.agent.wait_for_requests(1)
        wait_for(lambda: self.status(client, ticket).status == 201, "the upstream's answer")

    def test_policy_that_now_refuses_stops_the_release(self):
        client = self.start()
        ticket = self.held(client)
        config = holding_config(self.agent)
        config["routes"][0]["filters"].insert(0, {"method_path": {"methods": ["GET"]}})
        self.proxy.configure(config)
        self.proxy.command("reload")
        self.approve(ticket, check=False)
        wait_for(lambda: self.status(client, ticket).status == 409, "it is refused")
        self.assertProblem(self.status(client, ticket), 409, "policy_changed")
        self.assertEqual(self.agent.requests, [])
