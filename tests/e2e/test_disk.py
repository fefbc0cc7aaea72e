# SPDX-License-Identifier: Apache-2.0
"""A disk that is full or broken: what must be kept is refused, said, and taken again afterwards."""
import contextlib
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import BINARY, PLAIN_BINARY, Case, answer, plain_config, wait_for

FAULTY_DISK = BINARY.parent / "tests/support/libfaulty_disk.so"
CATALOGUE = "rows:\n  - {action: mass_send, method: POST, path: /broadcast}\n"


def config(agent, directory="@DIR@", **more):
    return dict(plain_config(agent, **{
        "admin": {"socket": "@DIR@/admin.sock"},
        "state": {"directory": directory + "/state", "durability": "disk"},
        "audit": {"path": directory + "/audit.jsonl", "durability": "disk"},
        "security": {"actions": {"require_approval_for": ["mass_send"]}},
        "routes": [
            {"name": "hold", "match": {"path": "/broadcast"}, "upstream": "agent",
             "filters": [{"action_class": {"catalogue": "actions.yaml"}}, {"approval_hold": {}}]},
            {"name": "events", "match": {"path": "/"}, "upstream": "agent",
             "filters": [{"dedupe": {"id": "header:X-Event", "window": "10m"}}]}],
    }), **more)


class Disk(Case):
    def start(self, directory="@DIR@", **more):
        self.forwarded = []

        def respond(request, connection):
            self.forwarded.append(request.get("x-event"))
            return answer()

        self.agent = self.upstream(respond)
        self.proxy = self.edgehold(config(self.agent, directory), binary=PLAIN_BINARY,
                                   files={"actions.yaml": CATALOGUE}, start=False, **more)
        if "environment" in more:
            self.faults = Path(more["environment"]["EDGEHOLD_FAULTS"])
        self.proxy.start()

    def start_faulty(self):
        self.assertTrue(FAULTY_DISK.exists(), FAULTY_DISK)
        place = tempfile.mkdtemp(prefix="edgehold-faults-")
        self.addCleanup(subprocess.run, ["rm", "-r", place], check=False)
        self.start(environment={"LD_PRELOAD": str(FAULTY_DISK), "EDGEHOLD_FAULTS": place + "/now"})

    def fault(self, *lines):
        """What fails from now on; nothing without lines."""
        fresh = self.faults.with_suffix(".new")
        fresh.write_text("".join(line + "\n" for line in lines))
        os.replace(fresh, self.faults)

    def ask(self, target="/", event=None):
        """The answer, or None when the connection was cut."""
        client = self.client(self.proxy)
        fields = [("X-Event", event)] if event else []
        try:
            return client.ask("POST", target, body=b"{}", fields=fields)
        except (EOFError, ConnectionError):
            return None
        finally:
            client.close()

    def refused(self, response):
        self.assertIsNotNone(response)
        self.assertProblem(response, 503, "store_unavailable")
        self.assertTrue(response.get("retry-after"), response)

    def ready(self):
        return self.proxy.admin("/readyz").status == 200

    def assertTold(self, what):
        """Not ready with the reason, in the status, in the log."""
        response = self.proxy.admin("/readyz")
        self.assertEqual(response.status, 503)
        self.assertIn(what, response.body.decode())
        self.assertIn(what, self.proxy.command("status").stdout)
        self.assertRegex(self.proxy.log, r"(?m)^E\d.*" + what)

    def kill_and_start(self):
        self.proxy.kill()
        self.proxy.start()

    def events_under(self, what, *faults):
        """Deliveries before, under and after a fault; none is lost, none is forwarded twice."""
        self.start_faulty()
        self.assertEqual(self.ask(event="before").body, b"ok")
        self.fault(*faults)
        first = self.ask(event="first")  # under way when it is noticed: cut, or refused
        if first is not None:
            self.refused(first)
        wait_for(lambda: not self.ready(), "not ready")
        for _ in range(3):
            self.refused(self.ask(event="under"))
        self.assertNotIn("under", self.forwarded)
        self.assertTold(what)
        self.fault()
        wait_for(self.ready, "ready again", 10)
        self.assertEqual(self.ask(event="under").body, b"ok")
        self.assertIn(self.ask(event="first").body, (b"ok", b'{"reason":"duplicate"}'))
        self.kill_and_start()
        for event in ("before", "first", "under"):
            self.assertEqual(self.ask(event=event).json(), {"reason": "duplicate"})
            self.assertEqual(self.forwarded.count(event), 1)

    def test_events_while_the_audit_log_is_full(self):
        self.events_under("No space left", "write ENOSPC audit.jsonl")

    def test_events_while_the_audit_log_cannot_be_written(self):
        self.events_under("audit", "write EIO audit.jsonl")

    def test_events_while_the_audit_log_cannot_be_synced(self):
        self.events_under("cannot sync", "fdatasync EIO audit.jsonl")

    def test_events_while_the_claim_journal_is_full(self):
        self.events_under("claim journal", "write ENOSPC claims-", "fallocate ENOSPC claims-")
        self.assertEqual(self.proxy.metrics()['edgehold_store_healthy{store="claims"}'], 1)

    def test_events_while_the_claim_journal_cannot_be_written(self):
        self.events_under("claim journal", "write EIO claims-")

    def test_events_while_the_claim_journal_cannot_be_synced(self):
        self.events_under("claim journal", "fdatasync EIO claims-")

    def test_events_while_no_segment_can_be_made(self):
        self.events_under("claim journal", "write EIO claims-", "open EROFS claims-")

    def holds_under(self, *faults):
        """Holds before, under and after a fault: those acknowledged, and no others, are there."""
        self.start_faulty()
        kept = [self.ask("/broadcast").json()["approval_id"]]
        self.fault(*faults)
        for _ in range(3):
            self.refused(self.ask("/broadcast"))
        self.assertTold("state database")
        self.assertEqual(self.proxy.metrics()['edgehold_store_healthy{store="ledger"}'], 0)
        self.assertEqual(self.decide(kept[0]).returncode, 1)
        self.fault()
        wait_for(self.ready, "ready again", 10)
        kept.append(self.ask("/broadcast").json()["approval_id"])
        self.assertEqual(self.listed(), sorted(kept))
        self.kill_and_start()
        self.assertEqual(self.listed(), sorted(kept))
        # An approval that could not be told of may have been taken: then it counts, once.
        for hold in kept:
            self.decide(hold)
        wait_for(lambda: len(self.forwarded) == 2, "both are sent")

    def decide(self, hold):
        return self.proxy.command("approvals", "approve", hold, "--reason", "yes", check=False)

    def listed(self):
        listed = self.proxy.command_json("approvals", "list")
        return sorted(entry["approval_id"] for entry in listed["approvals"])

    def test_holds_while_the_ledger_is_full(self):
        self.holds_under("write ENOSPC edgehold.db")

    def test_holds_while_the_ledger_cannot_be_written(self):
        self.holds_under("write EIO edgehold.db")

    def test_holds_while_the_ledger_cannot_be_synced(self):
        self.holds_under("fdatasync EIO edgehold.db")

    def test_a_release_whose_ledger_fails_is_resolved_without_a_restart(self):
        self.start_faulty()
        hold = self.ask("/broadcast").json()["approval_id"]
        # The approval is written; the step to `executing` is not.
        self.fault("fdatasync EIO edgehold.db 1")
        self.assertEqual(self.decide(hold).returncode, 0)
        wait_for(lambda: not self.ready(), "not ready")
        self.assertEqual(self.forwarded, [])
        self.fault()
        wait_for(lambda: len(self.forwarded) == 1, "it is sent", 10)
        wait_for(lambda: self.proxy.command_json("approvals", "show", hold)["state"] == "done",
                 "its end is written")
        self.assertEqual(len(self.forwarded), 1)

    def test_a_full_file_system(self):
        place = Path(tempfile.mkdtemp(prefix="edgehold-tmpfs-"))
        self.addCleanup(os.rmdir, place)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "edgehold", str(place)],
                                 capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest("no file system may be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", str(place)], check=False)
        self.start(str(place))
        self.assertEqual(self.ask(event="before").body, b"ok")
        kept = self.ask("/broadcast").json()["approval_id"]
        with open(place / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(b"x" * 4096)
        for number in range(200):  # until what was set aside is used up
            if not self.ready():
                break
            self.ask("/broadcast" if number % 2 else "/", event="full-%d" % number)
        self.assertFalse(self.ready())
        self.refused(self.ask("/broadcast"))
        os.unlink(place / "filler")
        wait_for(self.ready, "ready again", 10)
        self.assertEqual(self.ask(event="after").body, b"ok")
        self.kill_and_start()
        for event in ("before", "after"):
            self.assertEqual(self.ask(event=event).json(), {"reason": "duplicate"})
        self.assertIn(kept, self.listed())
        for event in set(self.forwarded):
            self.assertEqual(self.forwarded.count(event), 1)
        self.proxy.stop()


if __name__ == "__main__":
    unittest.main()
