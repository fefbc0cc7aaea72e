#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a request costs in things that can be counted, so that no later change loses quietly what was
won: user-space instructions and allocations (valgrind) and system calls (strace) of the release
binary.

  costs.py [--binary FILE] [--tools DIR] [--counts FILE] [--record] [-j N]

Nothing is timed. A cost is the difference of two runs with different numbers of requests, divided by
that difference: starting, connecting and ending are not in it. There is one connection with one
request under way, so that what is done in one turn of the loop does not depend on the machine.
A figure more than a tenth above that of costs.json fails (allocations: more than a half, so that one
more is seen: they move by 0.2 between repetitions); one as much below passes and asks for a new
costs.json, which --record writes. Ends with `N passed, N failed`.
"""
import argparse
import concurrent.futures
import json
import os
import platform
import re
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.append(str(ROOT / "tests/e2e"))  # behind this folder: both have a run.py

import harness  # noqa: E402
from run import SECRET, descendants  # noqa: E402

SCENARIOS = {  # name: profile of contestants/edgehold, mode of bench_load, status, title
    "http1": ("raw", "get", 200, "TLS HTTP/1.1 GET"),
    "http2": ("raw", None, 200, "TLS HTTP/2 GET"),
    "policy": ("policy", "hook", 200, "signed webhook through the policy"),
    "forged": ("policy", "forged", 401, "webhook with a wrong signature"),
}
METERS = {  # name: requests of the two runs, digits that round() keeps, what is tolerated: share, more
    "instructions": (100, 500, None, (0.10, 0)),
    "allocations": (100, 400, 2, (0, 0.5)),
    "system calls": (100, 1100, 2, (0.10, 0)),
}
RUN_SECONDS_MAX = 60
FIGURES = HERE / "costs.json"

# Libraries choose code by what the processor has. Everyone gets that of 2010 (SSE4.2, AES, CLMUL),
# which valgrind shows on every x86-64: the same instructions on each machine.
PINNED = {
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-BMI1,-BMI2,-ERMS,-FMA,-LZCNT,-MOVBE,-RTM",
    # CPUID leaf 1, ECX and EDX; of leaf 7 nothing.
    "OPENSSL_ia32cap": "0x0298020307888110:0x0",
    "SIMDJSON_FORCE_IMPLEMENTATION": "westmere",
}


# --- one run --------------------------------------------------------------------------------------


class Origin:
    def __init__(self, tools):
        self.child = subprocess.Popen([str(tools / "bench_origin"), "0"], text=True,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.port = int(self.child.stdout.readline())

    def stop(self):
        self.child.terminate()
        self.child.wait(5)
        self.child.stdout.close()


def configured(options, profile):
    """An edgehold, not started, configured as the benchmark's contestant of that profile."""
    folder = HERE / "contestants/edgehold"
    files = json.loads((folder / "contestant.json").read_text())["profiles"][profile]["files"]
    values = {"RUN": "@DIR@", "PORT": "0", "CERT": options.certificate,
              "KEY": options.key, "BACKEND": "127.0.0.1:%d" % options.origin.port,
              "RATE_GROUP": "100000000", "RATE_SENDER": "100000000"}
    texts = {}
    for target, source in files.items():
        # Two listeners may not have one name, whatever port the kernel gives them.
        text = (folder / source).read_text().replace("127.0.0.1:@PORT_PLAIN@", "127.0.0.2:0")
        texts[target] = re.sub(r"@([A-Z_]+)@", lambda m: str(values[m.group(1)]), text)
    return harness.Edgehold(texts.pop("edgehold.yaml"), binary=options.binary, files=texts,
                            environment=dict(PINNED, BENCH_SECRET=SECRET))


def ask(options, scenario, port, count):
    """Sends exactly `count` requests, one after the other; each is answered as expected."""
    _, mode, status, _ = SCENARIOS[scenario]
    if mode is None:
        command = ["h2load", "-t1", "-c1", "-m1", "-n", str(count), "--groups=X25519",
                   "--tls13-ciphers=TLS_AES_128_GCM_SHA256", "https://127.0.0.1:%d/small" % port]
    else:
        command = [str(options.tools / "bench_load"), "--port", str(port), "--mode", mode,
                   "--secret", SECRET, "--connections", "1", "--count", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS_MAX,
                          stdin=subprocess.DEVNULL)
    if mode is None:
        match = re.search(r"status codes: (\d+) 2xx", done.stdout)
        answered = int(match.group(1)) if match else 0
    else:
        answered = json.loads(done.stdout or "{}").get("statuses", {}).get(str(status), 0)
    if done.returncode != 0 or answered != count:
        raise RuntimeError("%d of %d answers were %d\n%s%s" % (
            answered, count, status, done.stdout[-1000:], done.stderr[-1000:]))


def instructions(server, ask_all):
    report = server.dir / "cachegrind.out"
    server.wrapper = ["valgrind", "-q", "--tool=cachegrind", "--cache-sim=no",
                      "--cachegrind-out-file=%s" % report]
    ask_all(server.start().port)
    server.stop()
    return int(re.search(r"^summary:\s*(\d+)", report.read_text(errors="replace"), re.M).group(1))


def allocations(server, ask_all):
    """Whoever makes them: libraries in C as well."""
    server.wrapper = ["valgrind", "--tool=memcheck", "--undef-value-errors=no", "--leak-check=no"]
    ask_all(server.start().port)
    server.stop()
    found = re.search(r"total heap usage: ([\d,]+) allocs", server.log)
    return int(found.group(1).replace(",", ""))


def system_calls(server, ask_all):
    report = server.dir / "strace.out"
    server.wrapper = ["strace", "-f", "-c", "-o", str(report)]
    ask_all(server.start().port)
    for pid in descendants(server.process.pid)[1:]:  # strace itself ends with what it runs
        os.kill(pid, signal.SIGTERM)
    server.process.wait(harness.WAIT)
    rows = [line.split() for line in report.read_text().splitlines()]
    return sum(int(row[3]) for row in rows if len(row) >= 5 and row[3].isdigit()
               and row[-1] != "total")


COUNTERS = {"instructions": instructions, "allocations": allocations, "system calls": system_calls}


def run_once(options, scenario, meter, count):
    server = configured(options, SCENARIOS[scenario][0])
    try:
        return COUNTERS[meter](server, lambda port: ask(options, scenario, port, count))
    finally:
        if server.process is not None and server.process.poll() is None:
            for pid in descendants(server.process.pid):
                os.kill(pid, signal.SIGKILL)
            server.process.wait()
        server.remove()


def cost(options, scenario, meter):
    """Of one request."""
    few, many, places, _ = METERS[meter]
    totals = [run_once(options, scenario, meter, count) for count in (few, many)]
    return round((totals[1] - totals[0]) / (many - few), places)


# --- judgement ------------------------------------------------------------------------------------


def unusable(meter, figures):
    """Why this machine cannot tell; empty when it can."""
    if meter != "system calls" and platform.machine() != figures.get("machine"):
        return "recorded on %s" % figures.get("machine")
    if meter == "system calls":
        tried = subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], timeout=20,
                               stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return tried.stderr.strip() if tried.returncode != 0 else ""
    return ""


def verdict(meter, recorded, now):
    """(whether it passes, a word)"""
    if recorded is None:
        return False, "FAIL: not recorded; --record"
    share, more = METERS[meter][3]
    tolerated = recorded * share + more
    if now > recorded + tolerated:
        return False, "FAIL: dearer"
    if now < recorded - tolerated:
        return True, "cheaper: record it (costs.py --record)"
    return True, "ok"


def measure(options, wanted):
    """(scenario, meter) -> cost, or the reason why there is none."""
    found = {}
    with concurrent.futures.ThreadPoolExecutor(options.j) as pool:
        jobs = {pool.submit(cost, options, *one): one for one in wanted}
        for job in concurrent.futures.as_completed(jobs):
            try:
                found[jobs[job]] = job.result()
            except Exception as error:  # one that fails is one failure
                found[jobs[job]] = "%s: %s" % (type(error).__name__, error)
    return found


def judge(found, figures):
    """Prints the table; (passed, failed)."""
    passed = failed = 0
    reasons = []
    print("| %-34s | %-12s | %10s | %10s | %7s | |" % ("one request", "counted", "recorded", "now",
                                                      "change"))
    print("|---|---|---|---|---|---|")
    for (scenario, meter), now in found.items():
        recorded = figures.get("costs", {}).get(scenario, {}).get(meter)
        if isinstance(now, str):
            reasons.append("FAIL: %s, %s: %s" % (scenario, meter, now))
            is_good, word, change, now = False, "FAIL: see below", "", ""
        else:
            is_good, word = verdict(meter, recorded, now)
            change = "%+.1f %%" % (100 * (now / recorded - 1)) if recorded else ""
        passed, failed = passed + is_good, failed + (not is_good)
        print("| %-34s | %-12s | %10s | %10s | %7s | %s |" % (
            SCENARIOS[scenario][3], meter, recorded, now, change, word))
    print("\n".join(reasons), end="\n" if reasons else "")
    return passed, failed


def record(found):
    costs = {}
    for (scenario, meter), now in found.items():
        if isinstance(now, str):
            raise SystemExit("costs: nothing is recorded: %s" % now)
        costs.setdefault(scenario, {})[meter] = now
    FIGURES.write_text(json.dumps({"machine": platform.machine(), "costs": costs}, indent=1) + "\n")
    print("recorded in %s" % FIGURES)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "build/release/edgehold")
    parser.add_argument("--tools", type=Path, default=ROOT / "build/release/tests/bench")
    parser.add_argument("--counts", type=Path)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("-j", type=int, default=os.cpu_count())
    options = parser.parse_args()
    options.binary, options.tools = options.binary.absolute(), options.tools.absolute()
    figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    wanted = []
    for meter in METERS:
        why = "" if options.record else unusable(meter, figures)
        if why:
            print("%s are left out: %s" % (meter, why))
        else:
            wanted += [(scenario, meter) for scenario in SCENARIOS]
    authority = harness.Certificates()
    options.certificate, options.key = authority.leaf("bench.local", "127.0.0.1")
    options.origin = Origin(options.tools)
    try:
        found = measure(options, wanted)
    finally:
        options.origin.stop()
        authority.remove()
    found = {one: found[one] for one in wanted}
    passed, failed = judge(found, figures)
    if options.record:
        record(found)
    if options.counts:
        options.counts.write_text("%d %d\n" % (passed, failed))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed and not options.record else 0


if __name__ == "__main__":
    sys.exit(main())
