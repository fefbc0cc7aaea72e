#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts edgehold in front of a demo agent, or of an endpoint of yours, and shows a tour of it.

  ./dev run                  on https://127.0.0.1:8443, until Ctrl-C
  ./dev run --upstream URL   in front of URL instead of the demo agent
  ./dev run --tour           walks the tour by itself on free ports; exit 0 or 1
"""
import argparse
import ctypes
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True
import tour  # noqa: E402

PORT = 8443
START_SECONDS = 30
STOP_SECONDS = 15
COMMAND_SECONDS = 60


class Trouble(Exception):
    """Something a user can act on: told without a traceback."""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def preferred_port():
    try:
        with socket.create_server(("127.0.0.1", PORT)):
            return PORT
    except OSError:
        print("port %d is taken: using another" % PORT)
        return free_port()


def interrupt(*_):
    raise KeyboardInterrupt


def die_with_parent():
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class Process:
    """A child with a log, stopped by its pid; never outlives us."""

    def __init__(self, name, command, folder):
        self.name = name
        self.log = folder / (name + ".log")
        with open(self.log, "wb") as log:
            # Its own session: Ctrl-C reaches us alone, and we stop things in order.
            self.child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log, start_new_session=True,
                                          preexec_fn=die_with_parent)

    def wait_until(self, condition, what):
        end = time.monotonic() + START_SECONDS
        while not condition():
            if self.child.poll() is not None or time.monotonic() > end:
                raise Trouble("%s: no %s\n%s" % (self.name, what, self.text()[-3000:]))
            time.sleep(0.02)

    def text(self):
        return self.log.read_text(errors="replace")

    def stop(self):
        """The exit code of an orderly end."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            return None


class Demo:
    """A folder `run` with all that is needed, and the processes."""

    def __init__(self, place, binary, upstream, port):
        self.place = place            # where commands are pasted: the parent of `run`
        self.run = place / "run"
        self.binary = Path(binary).resolve()
        self.upstream = upstream
        self.port = port
        self.has_channel = upstream is None
        self.agent = self.edgehold = None
        self.agent_port = 0
        path = urlsplit(upstream).path.rstrip("/") if upstream else "/webhook"
        self.hook = path
        self.base = "https://127.0.0.1:%d" % port
        self.url = self.base + (path or "/")

    # Files.

    def prepare(self):
        if not self.binary.exists():
            raise Trouble("%s is not built" % self.binary)
        shutil.rmtree(self.run, ignore_errors=True)
        self.run.mkdir(parents=True)
        self._make_certificate()
        key = self.run / "secret"
        key.touch(mode=0o600)
        key.write_text(secrets.token_hex(32))
        (self.run / "base").write_text(self.base)
        (self.run / "url").write_text(self.base + self.hook)
        shutil.copytree(HERE / "rules", self.run / "rules")
        for name in ("send", "held"):
            shutil.copy(HERE / name, self.run / name)
        self._fill("actions.yaml", "actions.yaml")
        wrapper = self.run / "edgehold"
        wrapper.write_text("#!/bin/sh\nexec '%s' --admin '%s' \"$@\"\n"
                           % (self.binary, self.run / "admin.sock"))
        wrapper.chmod(0o755)

    def _fill(self, template, name, **more):
        text = (HERE / template).read_text()
        values = dict({"ADDRESS": "127.0.0.1:%d" % self.port, "RUN": str(self.run),
                       "HOOK": self.hook}, **more)
        for key, value in values.items():
            text = text.replace("@%s@" % key, value)
        (self.run / name).write_text(text)

    def _make_certificate(self):
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], cwd=self.run, check=True, capture_output=True,
                           stdin=subprocess.DEVNULL, timeout=COMMAND_SECONDS)
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem")
        (self.run / "key.pem").chmod(0o600)
        openssl("req", "-x509", "-new", "-key", "key.pem", "-subj", "/CN=localhost", "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "365", "-out", "cert.pem")

    # Processes.

    def start(self):
        upstream = self.upstream
        if upstream is None:
            self._start_agent()
            upstream = "http://127.0.0.1:%d" % self.agent_port
        else:
            parts = urlsplit(upstream)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise Trouble("--upstream wants a URL such as http://127.0.0.1:18789/hook")
            upstream = "%s://%s" % (parts.scheme, parts.netloc)
        self._fill("edgehold.yaml.in" if self.has_channel else "upstream.yaml.in", "edgehold.yaml",
                   UPSTREAM=upstream)
        self.edgehold = Process(
            "edgehold", [str(self.binary), "run", "-c", str(self.run / "edgehold.yaml")], self.run)
        self.edgehold.wait_until(lambda: re.search(r"policy \w+ in force", self.edgehold.text()), "start")

    def _start_agent(self):
        port_file = self.run / "agent.port"
        self.agent = Process("agent", [sys.executable, str(HERE / "agent.py"), "--port-file",
                                       str(port_file)], self.run)
        self.agent.wait_until(port_file.exists, "port")
        self.agent_port = int(port_file.read_text())

    def stop(self):
        """Messages about what did not end well."""
        trouble = []
        if self.edgehold is not None:
            code = self.edgehold.stop()
            if code != 0:
                trouble.append("edgehold ended with %s:\n%s" % (code, self.edgehold.text()[-3000:]))
        if self.agent is not None:
            self.agent.stop()
        return trouble

    def seen(self):
        with urllib.request.urlopen("http://127.0.0.1:%d/seen" % self.agent_port,
                                    timeout=10) as got:
            return json.load(got)


class Walk:
    """Pastes every step and checks what comes."""

    def __init__(self, demo):
        self.demo = demo
        self.passed = self.failed = 0
        self.expected_audit = []
        self.stream = None

    def all(self):
        for number, step in enumerate(tour.steps(self.demo.has_channel), 1):
            self._report("%2d. %s" % (number, step.title), self._step(step))
        self._report("    The audit log has exactly these records.", self._audit())
        return self.failed == 0

    def _report(self, title, trouble):
        print("%-6s %s" % ("FAILED" if trouble else "ok", title), flush=True)
        for line in trouble:
            print("         " + line.replace("\n", "\n         "), flush=True)
        if trouble:
            self.failed += 1
        else:
            self.passed += 1

    def _step(self, step):
        before = len(self.demo.seen())
        stream = Stream(self.demo) if step.keeps_streams else None
        output, code = self._paste(step)
        end = time.monotonic() + 10
        while step.is_eventual and self._answer(step, output) and time.monotonic() < end:
            time.sleep(0.1)
            output, code = self._paste(step)
        trouble = self._answer(step, output)
        if code != step.exit_status:
            trouble.append("exit %d, not %d" % (code, step.exit_status))
        trouble += self._reached(step, before)
        if stream is not None:
            self.expected_audit.append("allowed")
            trouble += stream.finish()
        self.expected_audit += step.audit
        if trouble:
            trouble.append("output: " + output[-1500:])
        return trouble

    def _paste(self, step):
        done = subprocess.run(["bash", "-c", step.command.replace("@URL@", self.demo.url)],
                              cwd=self.demo.place, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=COMMAND_SECONDS)
        return done.stdout, done.returncode

    def _answer(self, step, output):
        trouble = []
        statuses = [int(s) for s in re.findall(r"^HTTP (\d+)$", output, re.M)]
        if statuses != step.statuses:
            trouble.append("answers %s, not %s" % (statuses, step.statuses))
        if step.reason and '"%s"' % step.reason not in output:
            trouble.append("no reason %s" % step.reason)
        if step.says and step.says not in output:
            trouble.append("does not say `%s`" % step.says)
        return trouble

    def _reached(self, step, before):
        """A release happens a moment after its approval: wait for what should come."""
        end = time.monotonic() + 10
        while True:
            got = len(self.demo.seen()) - before
            if got == step.reached:
                return []
            if got > step.reached or time.monotonic() > end:
                return ["the agent got %d messages by it, not %d" % (got, step.reached)]
            time.sleep(0.05)

    def _audit(self):
        # Asking for a status is a request as well; it has its record, which no step counts.
        path = self.demo.run / "audit.jsonl"
        records = [json.loads(line) for line in path.read_text().splitlines()]
        ours = [r for r in records if not r["what"].get("path", "").startswith("/.edgehold")]
        trouble = []
        said = sorted(r["what"].get("act", r["reason"]) for r in ours)
        if said != sorted(self.expected_audit):
            trouble.append("records %s, not %s" % (said, sorted(self.expected_audit)))
        for record in records:
            missing = [k for k in ("who", "what", "when", "why", "request_id") if k not in record]
            if missing:
                trouble.append("record without %s: %s" % (missing, record))
        return trouble


class Stream:
    """A response that is under way while something happens."""

    LINES = 8

    def __init__(self, demo):
        self.child = subprocess.Popen(
            ["curl", "--silent", "--show-error", "--no-buffer", "--max-time", "30", "--cacert",
             str(demo.run / "cert.pem"), "%s/stream?n=%d" % (demo.base, self.LINES)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.first = self.child.stdout.readline()

    def finish(self):
        rest, _ = self.child.communicate(timeout=COMMAND_SECONDS)
        lines = (self.first + rest).splitlines()
        expected = ["line %d" % n for n in range(1, self.LINES + 1)]
        if self.child.returncode != 0 or lines != expected:
            return ["the response under way was cut: %s" % lines[-3:]]
        return []


def walk(options):
    place = Path(tempfile.mkdtemp(prefix="edgehold-tour-"))
    demo = Demo(place, options.binary, None, free_port())
    passed, failed = 0, 1
    try:
        demo.prepare()
        demo.start()
        steps = Walk(demo)
        steps.all()
        passed, failed = steps.passed, steps.failed
        if failed:
            print(demo.edgehold.text()[-4000:])
    finally:
        trouble = demo.stop()
        shutil.rmtree(place, ignore_errors=True)
    for line in trouble:
        print("FAILED " + line)
    failed += len(trouble)
    if options.counts:
        Path(options.counts).write_text("%d %d\n" % (passed, failed))
    print("tour: %d passed, %d failed" % (passed, failed))
    return 0 if failed == 0 else 1


def show(options):
    demo = Demo(ROOT, options.binary, options.upstream, preferred_port())
    trouble = []
    try:
        demo.prepare()
        demo.start()
        print(INTRODUCTION % {
            "url": demo.url,
            "upstream": options.upstream or "a demo agent on http://127.0.0.1:%d (what it got: "
                                            "curl -s http://127.0.0.1:%d/seen)"
                                            % (demo.agent_port, demo.agent_port)})
        print(tour.as_text(demo.has_channel, demo.url))
        print("Ctrl-C stops everything.", flush=True)
        while demo.edgehold.child.poll() is None:
            time.sleep(0.2)
    except KeyboardInterrupt:
        print("\nstopping")
    finally:
        trouble += demo.stop()
    for line in trouble:
        print(line)
    return 1 if trouble else 0


INTRODUCTION = """
edgehold listens on %(url)s
and stands in front of %(upstream)s

  run/edgehold.yaml   its policy       run/rules/       its Lua rules
  run/audit.jsonl     its audit log    run/edgehold     the command line, for this instance
  (the folder is made anew by each ./dev run)

The tour: paste these into another terminal, in this folder.
"""


def main():
    parser = argparse.ArgumentParser(prog="./dev run", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "build/release/edgehold"),
                        help=argparse.SUPPRESS)
    parser.add_argument("--counts", help=argparse.SUPPRESS)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--upstream", metavar="URL", help="an endpoint of yours")
    choice.add_argument("--tour", action="store_true", help="walk the tour and check it")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupt)
    try:
        return walk(options) if options.tour else show(options)
    except Trouble as trouble:
        print("dev run: %s" % trouble, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
