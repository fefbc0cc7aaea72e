# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at any moment loses nothing that a client or an operator was told."""
import os
import random
import signal
import time
import unittest

from crash_load import World
from harness import wait_for

KILLS = int(os.environ.get("EDGEHOLD_CRASH_KILLS", "300"))
SECONDS = 170
KILLS_LEAST = min(KILLS, 100)  # on a machine that is busy with other things
LIFE_SECONDS = 0.3
MOMENTS = ["random", "upstream got it", "upstream got it for a hold", "upstream answered",
           "upstream answered for a hold", "answer seen", "event acknowledged", "hold seen",
           "approval sent", "approval seen", "start", "reload", "rotation"]


class Crash(unittest.TestCase):
    """Goal: what was acknowledged survives. Method: real load, 300 kills, everybody remembers."""

    def world(self):
        seed = int(os.environ.get("EDGEHOLD_SEED", random.randrange(1 << 30)))
        print("seed %d (EDGEHOLD_SEED=%d replays its choices)" % (seed, seed))
        world = World(seed)
        self.addCleanup(world.stop)
        return world

    def test_what_was_acknowledged_survives_every_kill(self):
        world = self.world()
        chance = random.Random(world.seed)
        started, kills, checked, moments = time.monotonic(), 0, 0, []
        while kills < KILLS and time.monotonic() - started < SECONDS:
            moments = moments or chance.sample(MOMENTS, len(MOMENTS))  # each, in any order
            moment = moments.pop()
            if moment == "start":
                kills += self.kill_while_starting(world, chance)
            world.launch()
            checked = self.check_after_restart(world, chance, checked, kills)
            self.live(world, moment, chance)
            kills += 1
            self.assertEqual(world.book.violations, [], "after %d kills" % kills)
        seconds = time.monotonic() - started
        world.launch()
        self.check_all(world)
        self.check_enough(world.book, kills, seconds)

    def kill_while_starting(self, world, chance):
        """Dies somewhere between exec and its first request."""
        process = world.proxy.spawn()
        time.sleep(chance.uniform(0, 0.03))
        process.kill()
        process.wait(10)
        return 1

    def live(self, world, moment, chance):
        """One life under load, until its moment comes or its time is over."""
        world.open_doors(moment)
        if moment in ("reload", "rotation", "random", "start"):
            time.sleep(chance.uniform(0.02, LIFE_SECONDS))
            if moment == "reload":
                world.proxy.signal(signal.SIGHUP)
            elif moment == "rotation":
                live = world.proxy.dir / "audit.jsonl"
                live.rename("%s.moved-%d" % (live, world.book.counts["rotations"]))
                world.book.counts["rotations"] += 1
                world.proxy.signal(signal.SIGUSR1)
            world.book.counts[moment] += 1
            time.sleep(chance.uniform(0, 0.015))
        else:
            world.killed.wait(LIFE_SECONDS)
        world.bury()

    def check_after_restart(self, world, chance, checked, kills):
        """The last life's holds and some older ones; two repeated events; the audit reader."""
        book = world.book
        newest = len(book.holds)
        recent = book.holds[checked:newest]
        some = chance.sample(recent, min(6, len(recent)))
        older = chance.sample(book.holds[:checked], min(4, checked))
        for hold in some + older:
            world.check_hold(hold)
        events = book.acknowledged[-2:]
        if events:
            client = world.connect()
            for event in events:
                world.repeat_event(client, event)
            client.close()
        if kills % 15 == 1 and book.counts["answers"]:  # a life may end before anybody asked
            self.assertIn("request_id", world.proxy.command(
                "--json", "audit", "query", "--limit", "5").stdout)
        return newest

    def check_all(self, world):
        book = world.book
        for hold in book.holds:
            world.check_hold(hold)
        listed = wait_for(lambda: self.settled(world), "every approved hold is settled")
        self.assertEqual([hold.id for hold in book.holds if hold.id not in listed], [],
                         "every acknowledged hold is listed")
        client = world.connect()
        for hold in book.holds:
            state = listed[hold.id]
            book.check_state(hold, state, book.executions[hold.key])
            book.counts["state " + state] += 1
            response = client.ask(target=hold.status_target)
            book.saw_answer(response, "status")
            self.assertEqual(world.check_page(hold, response), state, hold.id)
        for event in book.acknowledged:
            world.repeat_event(client, event)
        client.close()
        world.check_audit()
        self.assertEqual(book.violations, [])
        world.proxy.command("audit", "query", "--limit", "1")

    def settled(self, world):
        states = world.listed_states()
        moving = [state for state in states.values() if state in ("approved", "executing")]
        return None if moving else states

    def check_enough(self, book, kills, seconds):
        """A run in which little happened has proved little."""
        print("%d kills in %.0f s: %s" % (kills, seconds, dict(sorted(book.counts.items()))))
        self.assertGreaterEqual(kills, KILLS_LEAST)
        for name, least in (("holds", kills), ("events", 3 * kills), ("repeats", kills),
                            ("records", 5 * kills), ("state done", kills // 6),
                            ("state unknown", kills // 30), ("state denied", kills // 30),
                            ("state pending", kills // 6)):
            self.assertGreaterEqual(book.counts[name], least, name)
        for moment in MOMENTS:
            self.assertGreaterEqual(book.counts[moment], kills // 60, moment)


if __name__ == "__main__":
    unittest.main()
