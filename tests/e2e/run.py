#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the end-to-end tests against a built edgehold, one process per file, some files at once.

  run.py [--binary FILE] [--plain-binary FILE] [--counts FILE] [--folder DIR] [-j N] [NAME...]

NAME is a file (`test_http1`) or a part of a test's name. DIR is another folder of such files, which
find this one's harness. Ends with `N passed, N failed`.
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FILE_SECONDS = 400


class Record(unittest.TextTestResult):
    """Counts, and says how long the slow ones took."""

    def startTest(self, test):
        super().startTest(test)
        self._started = time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        seconds = time.monotonic() - self._started
        if seconds > 5:
            self.stream.writeln("    (%s took %.1f s)" % (test.id(), seconds))


def run_file(folder, name, patterns):
    """In the child: run one file, leave the counts as the last line."""
    sys.path[:0] = [str(folder), str(HERE)]
    loader = unittest.TestLoader()
    loader.testNamePatterns = ["*%s*" % p for p in patterns] or None
    suite = loader.loadTestsFromName(name)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Record).run(suite)
    # A test may fail in several of its parts and in its clean-up: it is one test all the same.
    broken = {re.sub(r" [\[(].*", "", test.id()) for test, _ in result.failures + result.errors}
    bad = len(broken) + len(result.unexpectedSuccesses)
    good = result.testsRun - bad - len(result.skipped)
    print(json.dumps({"passed": good, "failed": bad, "skipped": len(result.skipped)}), flush=True)
    os._exit(1 if bad else 0)  # threads of an upstream may still be in a read


def start_file(folder, name, patterns, environment):
    command = [sys.executable, str(HERE / "run.py"), "--folder", str(folder), "--file", name,
               *patterns]
    started = time.monotonic()
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=FILE_SECONDS)
        output = done.stdout
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode(errors="replace") + "\nFAIL: file took too long\n"
    try:
        counts = json.loads(output.rstrip().rsplit("\n", 1)[-1])
    except ValueError:
        counts = {"passed": 0, "failed": 1, "skipped": 0}
    return name, counts, output, time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=str(ROOT / "build/asan/edgehold"))
    parser.add_argument("--plain-binary")
    parser.add_argument("--counts")
    parser.add_argument("--folder", type=Path, default=HERE)
    parser.add_argument("--file")
    parser.add_argument("-j", type=int, default=(os.cpu_count() or 1) + 1)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    folder = options.folder.resolve()
    if options.file:
        run_file(folder, options.file, options.names)
    environment = dict(os.environ, EDGEHOLD_BINARY=str(Path(options.binary).absolute()))
    plain = options.plain_binary or options.binary
    environment["EDGEHOLD_PLAIN_BINARY"] = str(Path(plain).absolute())
    environment.setdefault("ASAN_OPTIONS", "detect_stack_use_after_return=1:abort_on_error=0")
    environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    files = sorted(path.stem for path in folder.glob("test_*.py"))
    chosen = [n for n in options.names if n in files]
    patterns = [n for n in options.names if n not in files]
    passed = failed = skipped = 0
    with concurrent.futures.ThreadPoolExecutor(options.j) as pool:
        jobs = [pool.submit(start_file, folder, f, patterns, environment) for f in chosen or files]
        for job in concurrent.futures.as_completed(jobs):
            name, counts, output, seconds = job.result()
            passed, failed = passed + counts["passed"], failed + counts["failed"]
            skipped += counts["skipped"]
            if counts["failed"] or options.names:
                print(output)
            print("%-20s %3d passed, %d failed, %d skipped in %.1f s" % (
                name, counts["passed"], counts["failed"], counts["skipped"], seconds), flush=True)
    if options.counts:
        Path(options.counts).write_text("%d %d\n" % (passed, failed))
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
