# SPDX-License-Identifier: Apache-2.0
"""Load that remembers what it was told, for tests that kill edgehold under it.

`Book` is the memory of all clients, `Agent` the upstream that counts what reached it, `World` runs
both against one edgehold and kills it at chosen moments. The laws are checked against the book.
"""
import collections
import contextlib
import json
import random
import signal
import socket
import threading
import time
import urllib.parse
from pathlib import Path

from harness import (CapturingUpstream, Client, Edgehold, Message, PLAIN_BINARY, Reader, answer,
                     client_tls, tls_config)

CATALOGUE = """\
rows:
  - action: mass_send
    method: POST
    path: /broadcast
"""
CLIENTS = 6
CLAIMS_SURVIVE = True
SECONDS = 20  # one answer; what takes longer hangs
BROKEN = (OSError, EOFError)  # the process was killed under the client


def crash_config(upstream):
    filters = {
        "events": [{"dedupe": {"id": "header:X-Event-Id", "window": "1h"}}],
        "broadcast": [{"action_class": {"catalogue": "actions.yaml"}},
                      {"approval_hold": {"ttl": "1h"}}],
        "stream": [],
    }
    paths = {"events": "/event", "broadcast": "/broadcast", "stream": "/"}
    return tls_config(
        upstream,
        routes=[{"name": name, "match": {"path": paths[name]}, "upstream": "agent",
                 "filters": filters[name]} for name in filters],
        security={"actions": {"require_approval_for": ["mass_send"]}},
        audit={"path": "@DIR@/audit.jsonl", "rotate": {"size": "64KiB"}})


class Hold:
    def __init__(self, key, ticket):
        self.key = key
        self.id = ticket["approval_id"]
        target = urllib.parse.urlsplit(ticket["status_url"])
        self.status_target = target.path + "?" + target.query
        self.tried = None       # the ruling that was asked for
        self.is_ruled = False   # and acknowledged

    def lawful_states(self):
        if self.tried is None:
            return {"pending"}
        after = ({"approved", "executing", "done", "unknown"} if self.tried == "approve"
                 else {"denied"})
        return after if self.is_ruled else after | {"pending"}


class Book:
    """What clients were told and the upstream saw. Any thread."""

    def __init__(self):
        self.lock = threading.RLock()
        self.counts = collections.Counter()
        self.violations = []
        self.holds = []
        self.acknowledged = []                            # event ids
        self.acknowledged_at = {}                         # event id -> the attempt that succeeded
        self.arrivals = collections.defaultdict(list)     # event id -> attempts at the upstream
        self.executions = collections.Counter()           # hold key -> times at the upstream
        self.cut = set()                                  # hold keys killed before their answer
        self.request_ids = {}                             # of whole answers -> what they were

    def complain(self, text):
        with self.lock:
            self.violations.append(text)

    def saw_answer(self, message, what):
        with self.lock:
            self.counts["answers"] += 1
            number = message.get("x-request-id")
            if not number:
                return self.complain("an answer without request id: %r" % message)
            if number in self.request_ids:
                self.complain("request id %s was given twice" % number)
            self.request_ids[number] = what

    def event_arrived(self, event, attempt):
        with self.lock:
            self.arrivals[event].append(attempt)
            if CLAIMS_SURVIVE and attempt > self.acknowledged_at.get(event, attempt):
                self.complain("event %s was acknowledged at attempt %d and forwarded at %d"
                              % (event, self.acknowledged_at[event], attempt))

    def event_acknowledged(self, event, attempt):
        with self.lock:
            self.counts["events"] += 1
            self.acknowledged.append(event)
            self.acknowledged_at[event] = attempt

    def hold_arrived(self, key):
        with self.lock:
            self.executions[key] += 1
            if self.executions[key] > 1:
                self.complain("hold %s was executed %d times" % (key, self.executions[key]))

    def check_state(self, hold, state, sent_before):
        """One hold as the ledger had it, and whether it had been sent before that was asked."""
        with self.lock:
            self.counts["states"] += 1
            times = self.executions[hold.key]
            if state not in hold.lawful_states():
                self.complain("hold %s is `%s`; asked: %s, acknowledged: %s"
                              % (hold.id, state, hold.tried, hold.is_ruled))
            if state == "done" and times != 1:
                self.complain("hold %s is `done` and was sent %d times" % (hold.id, times))
            if state in ("pending", "denied") and sent_before:
                self.complain("hold %s is `%s` and was sent" % (hold.id, state))
            if hold.key in self.cut and state not in ("executing", "unknown"):
                self.complain("hold %s was cut before its answer and is `%s`" % (hold.id, state))


class Agent(CapturingUpstream):
    """Counts what reached it; sometimes slow; sometimes the killer."""

    def __init__(self, world, seed):
        self.world = world
        self.random = random.Random(seed)
        super().__init__(self.reply)

    def reply(self, request, connection):
        world = self.world
        hold = request.get("x-hold")
        event = request.get("x-event-id")
        if event:
            world.book.event_arrived(event, int(request.get("x-attempt")))
        elif hold:
            world.book.hold_arrived(hold)
        elif request.target == "/stream":
            return self.stream(connection)
        if world.is_moment("upstream got it", hold=hold):
            if hold:
                with world.book.lock:
                    world.book.cut.add(hold)
            world.kill()
        elif world.is_busy() and self.random.random() < 0.15:
            time.sleep(self.random.uniform(0.01, 0.08))
        reply = answer(200, json.dumps({"did": hold or event}).encode())
        if world.is_busy() and self.random.random() < 0.15:  # the head, and later the body
            connection.send(reply[:-5])
            time.sleep(self.random.uniform(0.01, 0.05))
            reply = reply[-5:]
        connection.send(reply)
        if world.is_moment("upstream answered", hold=hold):
            world.kill()
        self.requests.clear()  # only the book remembers
        connection.reader.raw = b""

    def stream(self, connection):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\n")
        for number in range(5):
            event = b"data: %d\n\n" % number
            connection.send(b"%x\r\n%s\r\n" % (len(event), event))
            time.sleep(0.01)
        connection.send(b"0\r\n\r\n")


class World:
    """One edgehold, its agent, its clients and approver, and whoever kills."""

    def __init__(self, seed):
        self.seed = seed
        self.book = Book()
        self.agent = Agent(self, seed)
        self.proxy = Edgehold(crash_config(self.agent), binary=PLAIN_BINARY,
                              files={"actions.yaml": CATALOGUE})
        self.tls = client_tls()
        self.serial = 0
        self.killed = threading.Event()
        self._moment = None
        self._is_alive = False
        self._lock = threading.Lock()
        self._open = threading.Event()  # clients may work
        self._stopping = False
        self._threads = [threading.Thread(target=self._client, args=(i,), daemon=True)
                         for i in range(CLIENTS)]
        self._threads.append(threading.Thread(target=self._approver, daemon=True))

    # Life and death.

    def launch(self):
        """Starts and waits until it serves; clients wait for open_doors()."""
        self.proxy.start()
        with self._lock:
            self._is_alive = True
            self.killed.clear()

    def open_doors(self, moment=None):
        self._moment = moment
        self._open.set()
        if not self._threads[0].is_alive() and not self._stopping:
            for thread in self._threads:
                thread.start()

    def is_busy(self):
        return self._open.is_set()

    def is_moment(self, name, hold=None):
        """True once, for whoever comes first to the armed moment."""
        with self._lock:
            wanted = self._moment
            if wanted != name and (hold is None or wanted != name + " for a hold"):
                return False
            self._moment = None
            self.book.counts[wanted] += 1
            return True

    def kill(self):
        """Any thread; the process dies at once or is dead already."""
        with self._lock:
            self._open.clear()
            if self._is_alive:
                self._is_alive = False
                self.proxy.process.send_signal(signal.SIGKILL)
            self.killed.set()

    def bury(self):
        self.kill()
        self.proxy.process.wait(SECONDS)
        self._moment = None

    def stop(self):
        self._stopping = True
        self._open.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(2 * SECONDS)
        self.agent.stop()
        with contextlib.suppress(AttributeError):
            self.proxy.kill()
        self.proxy.remove()

    # What operators do.

    def admin(self, target, body=None):
        """(status, tree) of an admin answer, seen whole."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(SECONDS)
            sock.connect(str(self.proxy.dir / "admin.sock"))
            octets = b"" if body is None else json.dumps(body).encode()
            sock.sendall(b"%s %s HTTP/1.1\r\nHost: admin\r\nContent-Length: %d\r\n\r\n%s" % (
                b"GET" if body is None else b"POST", target.encode(), len(octets), octets))
            reader = Reader(sock)
            message = Message(reader.until(b"\r\n\r\n"))
            message.body = reader.body(message, is_response=True)
            return message.status, message.json()

    def check_hold(self, hold):
        """It is there, in a lawful state. The state."""
        sent_before = self.book.executions[hold.key]
        status, tree = self.admin("/approvals/" + hold.id)
        if status != 200:
            return self.book.complain("hold %s was acknowledged and is lost: %d %s"
                                      % (hold.id, status, tree))
        self.book.check_state(hold, tree["state"], sent_before)
        return tree["state"]

    def listed_states(self):
        """approval id -> state, of all holds, page by page."""
        states, after = {}, ""
        while True:
            rows = self.admin("/approvals?limit=1000" + after)[1]["approvals"]
            states.update((row["approval_id"], row["state"]) for row in rows)
            if len(rows) < 1000:
                return states
            after = "&after=" + rows[-1]["approval_id"]

    def rule(self, hold, ruling):
        hold.tried = ruling
        if self.is_moment("approval sent"):
            threading.Timer(random.Random(self.serial).uniform(0, 0.004), self.kill).start()
        status, tree = self.admin("/approvals/%s/%s" % (hold.id, ruling), {"reason": "crash test"})
        if status != 200:
            return self.book.complain("%s of %s: %d %s" % (ruling, hold.id, status, tree))
        hold.is_ruled = True
        with self.book.lock:
            self.book.counts[ruling] += 1
        if self.is_moment("approval seen"):
            self.kill()

    def _approver(self):
        chance = random.Random(self.seed + 100)
        looked_at = 0
        while not self._stopping:
            self._open.wait(1)
            if not self._open.is_set():  # nothing changes while the laws are checked
                continue
            if looked_at >= len(self.book.holds):
                time.sleep(0.005)
                continue
            hold = self.book.holds[looked_at]
            looked_at += 1
            # The others stay pending over every crash that follows.
            ruling = chance.choices(["approve", "deny", None], [5, 1, 3])[0]
            if ruling:
                try:
                    self.rule(hold, ruling)
                except BROKEN:
                    time.sleep(0.005)

    # What clients do.

    def connect(self):
        return Client(self.proxy.port, tls=self.tls, seconds=SECONDS)

    def _client(self, number):
        chance = random.Random(self.seed * 1000 + number)
        self_made = {"unsure": []}
        while not self._stopping:
            self._open.wait(1)
            if not self._open.is_set():
                continue
            client = None
            try:
                client = self.connect()
                for _ in range(20):
                    self._one(client, chance, self_made["unsure"])
                    if self._stopping or not self._open.is_set():
                        break
            except BROKEN as error:
                if isinstance(error, TimeoutError):
                    self.book.complain("no answer within %d s" % SECONDS)
                time.sleep(0.002)
            except Exception as error:  # a thread that dies would check nothing any more
                self.book.complain("client %d: %r" % (number, error))
            finally:
                if client:
                    client.close()

    def _next(self):
        with self.book.lock:
            self.serial += 1
            return self.serial

    def _one(self, client, chance, unsure):
        what = chance.choices(["event", "repeat", "hold", "status", "stream"],
                              [40, 20, 20, 15, 3])[0]
        if what == "event":
            again = unsure.pop() if unsure and chance.random() < 0.7 else None
            self.send_event(client, again or "e%d" % self._next(), unsure)
        elif what == "repeat" and self.book.acknowledged:
            recent = self.book.acknowledged[-200:]
            self.repeat_event(client, chance.choice(
                recent if chance.random() < 0.7 else self.book.acknowledged))
        elif what == "hold":
            self.hold(client, "h%d" % self._next())
        elif what == "status" and self.book.holds:
            self.poll(client, chance.choice(self.book.holds))
        elif what == "stream":
            response = client.ask(target="/stream")
            self.book.saw_answer(response, "stream")
            if response.body.count(b"data: ") != 5:
                self.book.complain("a stream ended early as if it were whole")

    def _answered(self, response, what):
        self.book.saw_answer(response, what)
        if self.is_moment("answer seen"):
            self.kill()

    def ask_event(self, client, event, on_head=None):
        attempt = self._next()
        client.request("POST", "/event", body=b'{"a":1}', fields=[
            ("Content-Type", "application/json"), ("X-Event-Id", event),
            ("X-Attempt", str(attempt))])
        response = client.head()
        if on_head:
            on_head(attempt, response)
        response.body = client.reader.body(response, is_response=True)
        return response

    def send_event(self, client, event, unsure):
        unsure.append(event)  # until its fate is known

        def on_head(attempt, response):
            # The head says it all: a client need not wait for the body.
            if response.status == 200:
                self.book.event_acknowledged(event, attempt)
                unsure.remove(event)
                if self.is_moment("event acknowledged"):
                    self.kill()
            elif response.status != 409:  # its twin is in flight
                self.book.complain("event %s: %r" % (event, response))
        self._answered(self.ask_event(client, event, on_head), "event")

    def repeat_event(self, client, event):
        response = self.ask_event(client, event)
        with self.book.lock:
            self.book.counts["repeats"] += 1
        if CLAIMS_SURVIVE and (response.status != 200 or b"duplicate" not in response.body):
            self.book.complain("event %s is acknowledged, its repetition got %r" % (event, response))
        self._answered(response, "repeat")

    def hold(self, client, key):
        response = client.ask("POST", "/broadcast", body=b'{"to":"all"}', fields=[
            ("Content-Type", "application/json"), ("X-Hold", key)])
        if response.status != 202:
            return self.book.complain("hold %s: %r" % (key, response))
        hold = Hold(key, response.json())
        with self.book.lock:
            self.book.holds.append(hold)
            self.book.counts["holds"] += 1
        self._answered(response, "hold")
        if self.is_moment("hold seen"):
            self.kill()
        return None

    def poll(self, client, hold):
        response = client.ask(target=hold.status_target)
        self._answered(response, "status")
        self.check_page(hold, response)

    def check_page(self, hold, response):
        """The status page tells what became of a hold. Its state, or None."""
        if response.status == 200:
            if response.json() != {"did": hold.key}:
                self.book.complain("hold %s: another's answer %r" % (hold.id, response))
            return "done"
        reason = response.json().get("reason")
        states = {"hold_pending": "pending", "hold_denied": "denied",
                  "hold_outcome_unknown": "unknown"}
        if reason not in states:
            self.book.complain("status page of %s: %r" % (hold.id, response))
        return states.get(reason)

    # The audit.

    def audit_records(self):
        """Every whole record of all files, whatever they were renamed to."""
        records, torn = [], 0
        for path in sorted(Path(self.proxy.dir).glob("audit.jsonl*")):
            for line in path.read_bytes().split(b"\n"):
                try:
                    if line:
                        records.append(json.loads(line))
                except ValueError:
                    torn += 1
        return records, torn

    def check_audit(self):
        records, torn = self.audit_records()
        by_id = collections.defaultdict(list)
        for record in records:
            if record["decision"] != "operator":
                by_id[record["request_id"]].append(record)
        with self.book.lock:
            self.book.counts["records"] = len(records)
            self.book.counts["torn lines"] = torn
            for number, what in self.book.request_ids.items():
                if not by_id[number]:
                    self.book.complain("the answer to a %s has no record: %s" % (what, number))
        for number, found in by_id.items():
            # A hold has one for its 202 and one for its release.
            parts = collections.Counter(record["reason"] == "held" for record in found)
            if max(parts.values()) > 1 or (len(found) > 1 and "approval_id" not in found[0]):
                self.book.complain("request id %s has %d records: %s" % (
                    number, len(found), [r["reason"] for r in found]))
