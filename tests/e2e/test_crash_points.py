# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at the Nth system call that leaves a mark, for one thread after the other.

Goal: no point between two writes at which a crash loses what was told. Method: strace kills the
process instead of its Nth write, fdatasync and so on, while one client follows a script; then
edgehold starts again and is asked about all that the client saw. Which thread comes first to its
Nth call differs from run to run; every N up to the last is tried, in any order, as time allows.
"""
import collections
import os
import random
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

from crash_load import BROKEN, World, crash_config
from harness import wait_for

# By what leaves a mark on the disk or on a wire, and how often a thread does it in the script.
POINTS = {"pwrite64": 60, "openat": 52, "write": 22, "sendto": 14, "fdatasync": 9, "fsync": 1,
          "unlink": 1, "ftruncate": 1, "rename": 1, "renameat2": 1}
SECONDS = float(os.environ.get("EDGEHOLD_CRASH_POINT_SECONDS", "90"))  # then a sample must do


def strace(*arguments):
    return ["strace", "-f", "-qq", "-o", "/dev/null", *arguments]


def why_not():
    """Why these tests cannot run here; empty when they can."""
    if not shutil.which("strace"):
        return "strace is not installed"
    tried = subprocess.run(strace("-e", "inject=write:signal=KILL:when=1", "echo"), timeout=20,
                           stdin=subprocess.DEVNULL, capture_output=True)
    return "" if tried.returncode == -signal.SIGKILL else "ptrace is not permitted here"


class Traced(World):
    """A world whose edgehold dies at one of its system calls."""

    def __init__(self, seed, call, number):
        super().__init__(seed)
        config = crash_config(self.agent)
        config["listen"] = [{"address": "127.0.0.1:0", "clear_text": True}]
        self.tls = None
        self.proxy.configure(config)
        # Without --seccomp-bpf: with it, strace 6.1 acts on the first call only.
        self.injection = strace("-e", "trace=" + call, "-e",
                                "inject=%s:signal=KILL:when=%d" % (call, number))

    def start_traced(self):
        """False when the point is within the start."""
        self.proxy.wrapper = self.injection
        try:
            self.launch()
            return True
        except Exception:  # it may end at any point of its start, with any complaint
            return False
        finally:
            self.proxy.wrapper = ()

    def end_traced(self, seconds):
        """Whether the point was reached. Nothing of that life is left afterwards."""
        process = self.proxy.process
        try:
            process.wait(seconds)
            reached = process.returncode == -signal.SIGKILL
        except subprocess.TimeoutExpired:
            reached = False
            children = Path("/proc/%d/task/%d/children" % (process.pid, process.pid)).read_text()
            for child in children.split():
                os.kill(int(child), signal.SIGKILL)
            process.wait(10)
        self._is_alive = False
        return reached

    def script(self):
        """What the client and the operator do, until the process is gone."""
        client = self.connect()
        try:
            unsure = []
            self.send_event(client, "e1", unsure)
            self.repeat_event(client, "e1")
            self.hold(client, "h1")
            self.rule(self.book.holds[0], "approve")
            self.send_event(client, "e2", unsure)
            self.hold(client, "h2")
            self.rule(self.book.holds[1], "deny")
            wait_for(lambda: self.check_hold(self.book.holds[0]) == "done", "it is done")
            self.poll(client, self.book.holds[0])
            (self.proxy.dir / "audit.jsonl").rename(self.proxy.dir / "audit.jsonl.moved")
            self.admin("/reload", {})
            self.hold(client, "h3")
            self.poll(client, self.book.holds[2])
            self.repeat_event(client, "e2")
        finally:
            client.close()


class CrashPoints(unittest.TestCase):
    def setUp(self):
        missing = why_not()
        if missing:
            self.skipTest(missing)

    def test_no_system_call_is_a_bad_moment_to_die(self):
        seed = int(os.environ.get("EDGEHOLD_SEED", random.randrange(1 << 30)))
        points = [(call, number) for call, most in POINTS.items() for number in range(1, most + 1)]
        random.Random(seed).shuffle(points)
        started, reached = time.monotonic(), {}
        for call, number in points:
            if time.monotonic() - started > SECONDS:
                break
            with self.subTest(call=call, number=number):
                reached[call, number] = self.kill_at(seed, call, number)
        hits = collections.Counter(call for (call, _), hit in reached.items() if hit)
        print("seed %d: %d of %d points tried, %d reached: %s" % (
            seed, len(reached), len(points), sum(hits.values()), dict(hits)))
        self.assertGreaterEqual(len(reached), 20)
        self.assertGreaterEqual(sum(hits.values()), len(reached) // 2)

    def kill_at(self, seed, call, number):
        world = Traced(seed, call, number)
        try:
            is_serving = world.start_traced()
            if is_serving:
                try:
                    world.script()
                except BROKEN:
                    pass
            reached = world.end_traced(10 if not is_serving else 0.3)
            self.check(world)
            return reached
        finally:
            world.stop()

    def check(self, world):
        """A plain edgehold on what the dead one left."""
        book = world.book
        world.launch()

        def settled():
            states = world.listed_states().values()
            return not any(state in ("approved", "executing") for state in states)
        wait_for(settled, "every approved hold is settled")
        client = world.connect()
        for hold in book.holds:
            state = world.check_hold(hold)
            response = client.ask(target=hold.status_target)
            book.saw_answer(response, "status")
            self.assertEqual(world.check_page(hold, response), state)
        for event in book.acknowledged:
            world.repeat_event(client, event)
        world.send_event(client, "fresh", [])
        client.close()
        world.check_audit()
        self.assertEqual(book.violations, [])
        world.proxy.command("audit", "query", "--limit", "1")


if __name__ == "__main__":
    unittest.main()
