# SPDX-License-Identifier: Apache-2.0
"""What a killed process remembers, and what stops a start."""
import json

from harness import Case, answer, plain_config

DEDUPE = {"dedupe": {"id": "header:X-Event", "window": "10m"}}


class Claims(Case):
    def start(self, filters=(DEDUPE,), respond=None, **more):
        self.agent = self.upstream(respond)
        self.proxy = self.edgehold(plain_config(self.agent, filters, **more))
        return self.proxy

    def deliver(self, event, **more):
        return self.client(self.proxy).ask("POST", "/", body=b"{}", fields=[("X-Event", event)],
                                           **more)

    def restart(self):
        self.proxy.kill()
        self.proxy.start()

    def test_an_acknowledged_event_is_not_forwarded_again_after_a_kill(self):
        self.start()
        for number in range(20):
            self.assertEqual(self.deliver("e%d" % number).body, b"ok")
        self.restart()
        for number in range(20):
            self.assertEqual(self.deliver("e%d" % number).json(), {"reason": "duplicate"})
        self.assertEqual(len(self.agent.requests), 20)
        self.assertEqual(self.deliver("other").body, b"ok")

    def test_an_answer_that_began_is_an_acknowledgement(self):
        def stream(request, connection):
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")

        self.start(respond=stream)
        client = self.client(self.proxy)
        client.request("POST", "/", body=b"{}", fields=[("X-Event", "long")])
        self.assertEqual(client.head().status, 200)
        self.restart()
        self.assertEqual(self.deliver("long").json(), {"reason": "duplicate"})
        self.assertEqual(len(self.agent.requests), 1)

    def test_a_refused_event_may_come_again(self):
        self.start(respond=lambda r, c: answer(500, b"no", reason="No"))
        self.assertEqual(self.deliver("e").status, 500)
        self.restart()
        self.assertEqual(self.deliver("e").status, 500)
        self.assertEqual(len(self.agent.requests), 2)

    def test_durability_disk_remembers_as_well(self):
        self.start(state={"directory": "@DIR@/state", "durability": "disk"})
        self.assertEqual(self.deliver("e").body, b"ok")
        self.restart()
        self.assertEqual(self.deliver("e").json(), {"reason": "duplicate"})
