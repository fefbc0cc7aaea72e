# SPDX-License-Identifier: Apache-2.0
"""What a killed process remembers, and what stops a start."""
import os
import sqlite3
import unittest

from harness import Case, Finished, answer, plain_config, wait_for

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


class Start(Case):
    """Each thing that cannot be right stops the start with 1, names the file, says what to do."""

    def lived(self):
        """A proxy that has kept an event and a database, and was stopped."""
        self.agent = self.upstream()
        self.proxy = self.edgehold(plain_config(self.agent, [DEDUPE]))
        for event in ("a", "b", "c"):
            self.client(self.proxy).ask("POST", "/", body=b"{}", fields=[("X-Event", event)])
        self.proxy.stop()
        self.state = self.proxy.dir / "state"
        return self.state / "edgehold.db"

    def refuses(self, *texts):
        before = len(self.proxy.log)
        with self.assertRaises(Finished) as ended:
            self.proxy.start()
        self.assertIn("ended with 1:", str(ended.exception))
        for text in texts:
            self.assertIn(text, self.proxy.log[before:])

    def journal(self):
        return sorted(self.state.glob("claims-*.journal"))[0]

    def test_second_edgehold_on_the_same_port_does_not_start(self):
        self.lived()
        first = self.edgehold(plain_config(self.agent))
        config = plain_config(self.agent)
        config["listen"][0]["address"] = "127.0.0.1:%d" % first.port
        self.proxy.configure(config)
        self.refuses("127.0.0.1:%d" % first.port, "in use")

    def test_a_database_of_garbage(self):
        database = self.lived()
        database.write_bytes(b"garbage" * 1000)
        self.refuses(str(database), "move it")
        self.assertEqual(database.read_bytes(), b"garbage" * 1000)

    def test_a_database_that_was_cut(self):
        database = self.lived()
        whole = database.read_bytes()
        for size in (0, 10, 4096, len(whole) - 4096):
            database.write_bytes(whole[:size])
            self.refuses(str(database), "restore it from a copy")
            self.assertEqual(database.read_bytes(), whole[:size])

    def test_a_database_with_flipped_bytes(self):
        database = self.lived()
        whole = bytearray(database.read_bytes())
        for at in range(4096, 4096 + 64):
            whole[at] ^= 0x5A
        database.write_bytes(whole)
        self.refuses(str(database), "is damaged")

    def test_a_database_of_a_newer_schema(self):
        database = self.lived()
        with sqlite3.connect(database) as connection:
            connection.execute("PRAGMA user_version=1000")
        connection.close()
        self.refuses(str(database), "newer edgehold")

    def test_a_database_of_another_program(self):
        database = self.lived()
        os.unlink(database)
        with sqlite3.connect(database) as connection:
            connection.execute("CREATE TABLE recipes(name)")
        connection.close()
        self.refuses(str(database), "another program")

    def test_a_database_that_is_gone_while_event_ids_are_not(self):
        database = self.lived()
        os.unlink(database)
        self.refuses(str(self.journal()), "another state database")

    def test_a_damaged_journal(self):
        self.lived()
        journal = self.journal()
        whole = bytearray(journal.read_bytes())
        whole[64 + 5] ^= 1
        journal.write_bytes(whole)
        self.refuses(str(journal), "is damaged", "move all claims-*.journal files away")

    def test_a_journal_of_a_newer_version(self):
        self.lived()
        journal = self.journal()
        whole = bytearray(journal.read_bytes())
        whole[8] = 9
        journal.write_bytes(whole)
        self.refuses(str(journal), "newer edgehold")

    def unused(self, **more):
        self.proxy = self.edgehold(plain_config("http://127.0.0.1:9", **more), start=False)
        return self.proxy.dir

    def test_a_state_directory_that_is_a_file(self):
        place = self.unused()
        (place / "state").write_text("x")
        self.refuses(str(place / "state"))

    def test_a_state_directory_without_a_parent(self):
        self.unused(state={"directory": "@DIR@/no/such/state"})
        self.refuses("/no/such/state", "make it")

    def test_a_state_directory_on_a_file_system_that_takes_nothing(self):
        self.unused(state={"directory": "/proc/edgehold-state"})
        self.refuses("/proc/edgehold-state")

    @unittest.skipIf(os.geteuid() == 0, "root may write anywhere")
    def test_a_state_directory_that_may_not_be_written(self):
        place = self.unused()
        (place / "state").mkdir(mode=0o500)
        self.refuses(str(place / "state"))

    def test_an_audit_log_that_is_a_directory(self):
        place = self.unused()
        (place / "audit.jsonl").mkdir()
        self.refuses("audit.jsonl", "Is a directory")


class Acts(Case):
    def test_what_operators_decide_and_what_time_does_is_recorded(self):
        agent = self.upstream()
        self.proxy = self.edgehold(plain_config(agent, [
            {"action_class": {"catalogue": "actions.yaml"}}, {"approval_hold": {"ttl": "1s"}},
        ], security={"actions": {"require_approval_for": ["mass_send"]}}), files={
            "actions.yaml": "rows:\n  - {action: mass_send, method: POST, path: /broadcast}\n"})
        held = [self.client(self.proxy).ask("POST", "/broadcast", body=b"{}").json()
                for _ in range(3)]
        ids = [ticket["approval_id"] for ticket in held]
        self.proxy.command("approvals", "approve", ids[0], "--reason", "looked at it")
        self.proxy.command("approvals", "deny", ids[1], "--reason", "not today")

        def acts():
            return {r["what"]["target"]: r for r in self.proxy.audit() if "act" in r["what"]}
        wait_for(lambda: len(acts()) == 3, "three acts", 15)
        for hold, act, who in zip(held, ("approve", "deny", "expire"), ("uid:", "uid:", "edgehold")):
            record = acts()[hold["approval_id"]]
            self.assertEqual(record["what"]["act"], "approval." + act)
            self.assertTrue(record["who"]["operator"].startswith(who), record)
            self.assertEqual(record["request_id"], hold["request_id"])
            self.assertEqual(record["outcome"], "taken")
        self.assertEqual(acts()[ids[0]]["why"]["detail"], "looked at it")


if __name__ == "__main__":
    unittest.main()
