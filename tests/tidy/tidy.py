#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the laws of the tree that compilers do not: who may include whom, file headers, sizes,
words, leftovers. Prints `file:line: message` for each breach; one law is one test.

  tidy.py [--counts FILE]
"""
import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# --- the laws as data -----------------------------------------------------------------------------

_EXCHANGE = {"base", "crypto", "http", "exchange"}
# room: the rooms it may include besides itself. An upper room may include all below it; what is
# named here is exactly what DESIGN allows, and every exception says why.
ROOMS = {
    "base": set(),
    "crypto": {"base"},
    "net": {"base", "crypto"},
    "http": {"base"},
    "exchange": {"base", "crypto", "http"},
    "state": _EXCHANGE,
    "upstream": _EXCHANGE | {"net"},
    "observe": _EXCHANGE | {"net"},
    "lua": _EXCHANGE | {"state"},  # rules remember through Counters
    "delivery": _EXCHANGE | {"net", "state", "upstream", "observe", "policy"},
    "filters": _EXCHANGE | {"state", "observe", "lua"},  # never server, net or upstream
    # net, observe, upstream: only for their *_spec.h, the configured shapes a snapshot carries
    "policy": _EXCHANGE | {"state", "observe", "lua", "net", "upstream"},  # never filters
    "server": _EXCHANGE | {"net", "state", "upstream", "observe", "lua", "delivery", "policy"},
    "main": _EXCHANGE | {"net", "state", "upstream", "observe", "lua", "delivery", "policy",
                         "filters", "server"},
}

# third-party header: where it may be included (prefixes of paths)
THIRD_PARTY = {
    r"event2?/.*|event\.h": ["proxy/net/"],
    r"openssl/.*": ["proxy/crypto/", "proxy/net/tls"],
    r"nghttp2/.*": ["proxy/http/http2_", "tests/support/http2_peer"],
    r"json/.*|jsoncpp/.*": ["proxy/base/json"],
    r"simdjson\.h": ["proxy/base/json", "proxy/base/utf8"],
    r"yaml-cpp/.*": ["proxy/policy/"],
    r"lua\.h|lualib\.h|lauxlib\.h|lua\.hpp|lua5\.4/.*": ["lua/runtime/"],
    r"sqlite3\.h|hiredis/.*": ["proxy/state/"],
    r"glog/.*": ["proxy/base/log"],
    r"CLI/.*": ["proxy/server/options"],
    r"re2/.*": ["lua/runtime/regex.cc"],
    r"tl/expected\.hpp": ["proxy/base/result.h"],
}

BANNED_WORDS = {"downstream", "frontend", "backend", "manager", "helper", "util", "utils", "misc"}
BANNED_NAMES = {"data", "info", "do", "handle"}  # as a whole identifier only
PROTOCOL_WORDS = ("proxy/http/sse", "tests/http/sse")  # `data` is the name of a field there
THREAD_LINES = re.compile(r"\b(one loop|any|main only)\b")  # per class, where a file has two
LEFTOVERS = [
    (r"TODO\(now\)", "TODO(now) blocks the merge"),
    (r"\bTODO\b(?!\((now|soon|someday|perf)\))", "a TODO names its time: soon, someday, perf"),
    (r"\b(FIXME|XXX|HACK)\b", "leftover mark"),
    (r"^(<{7}|={7}|>{7})( |$)", "conflict mark"),
]
FORBIDDEN_CODE = [
    (r"\bstd::regex\b", "std::regex crashes on long subjects: use RE2 or a grammar of our own"),
    (r"\bstd::async\b|\bco_(await|yield|return)\b", "no std::async, no coroutines"),
    (r"\bvolatile\b(?! std::sig_atomic_t)", "volatile is no synchronisation"),
    (r"\[=[\],]", "capture lists are explicit"),
    (r"\busing namespace\b(?! std::(chrono_)?literals| std::chrono_literals)", "no using namespace"),
    (r"\b(localtime|gmtime|strerror)\(", "not thread-safe"),
    (r"\bdelete this\b", "no delete this"),
    (r"\bstd::cout\b|\bprintf\(", "say it through base/log.h or the command line's writer"),
]
PRINTERS = ("proxy/main.cc", "proxy/server/cli", "proxy/server/command", "proxy/server/options",
            "tests/", "fuzz/")
FILE_LINES_MAX = 600
LINE_COLUMNS_MAX = 100
SOURCE = re.compile(r"^(proxy|filters|lua|tests|fuzz)/.*\.(h|cc)$")
TEXT = re.compile(r"\.(h|cc|md|py|lua|yaml|yml|sh|cmake|txt|json|service|conf)$|^dev$|Dockerfile$")

# --- reading the tree -----------------------------------------------------------------------------


def tracked(root):
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root, check=True,
                           capture_output=True, text=True).stdout.split("\n")
    return [n for n in names if n and (root / n).is_file()]


def room_of(path):
    parts = path.split("/")
    if parts[0] == "proxy":
        return parts[1] if len(parts) > 2 else "main"
    if parts[0] in ("filters", "lua"):
        return parts[0]
    return None  # tests and fuzz targets may include what they test


def without_strings(line):
    """The line without string literals and without its `//` comment."""
    line = re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)
    line = re.sub(r"'(?:[^'\\]|\\.)'", "''", line)
    return line.split("//", 1)[0]


def raw_strings_removed(text):
    """Raw string literals emptied, line numbers kept."""
    return re.sub(r'R"(\w*)\((.*?)\)\1"', lambda m: '""' + "\n" * m.group(2).count("\n"), text,
                  flags=re.S)


# --- the laws as functions: (path, text) -> [(line number, message)] -----------------------------


def rooms_include_only_rooms_below_them(path, text):
    room, found = room_of(path), []
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if not match:
            continue
        kind, name = match.groups()
        if kind == '"':
            other = room_of(name)
            if "/" not in name:
                found.append((number, "include from the root: `%s`" % name))
            elif room and other is None and not name.startswith("build/"):
                found.append((number, "`%s` is not a header of a room" % name))
            elif room and other != room and other not in ROOMS.get(room, set()):
                found.append((number, "room `%s` may not include `%s` of room `%s`"
                              % (room, name, other)))
    return found


def each_library_has_one_room(path, text):
    found = []
    if not room_of(path):
        return found
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s+[<"]([^">]+)[">]', line)
        for pattern, places in THIRD_PARTY.items():
            if match and re.fullmatch(pattern, match.group(1)) and not path.startswith(
                    tuple(places)):
                found.append((number, "`%s` belongs to %s" % (match.group(1), " and ".join(places))))
    return found


def files_open_with_licence_purpose_and_thread(path, text):
    lines = text.split("\n")
    head = []
    for line in lines:
        if not line.startswith("//"):
            break
        head.append(line[2:].strip())
    found = []
    if not head or head[0] != "SPDX-License-Identifier: Apache-2.0":
        found.append((1, "the first line is `// SPDX-License-Identifier: Apache-2.0`"))
    elif len(head) < 2:
        found.append((2, "the header says what the file is for"))
    elif not path.startswith(("tests/", "fuzz/")):
        match = re.search(r"Thread: (.*)", " ".join(head))
        if not match:
            found.append((len(head), "the header has a `// Thread:` line"))
        elif not THREAD_LINES.search(match.group(1)):
            found.append((len(head), "`Thread: %s` names none of: one loop, any, main only" % match.group(1)))
    if path.endswith(".h") and "#pragma once" not in lines:
        found.append((1, "a header has `#pragma once`"))
    return found


def files_stay_small(path, text):
    count = text.count("\n")
    if path.startswith(("tests/", "fuzz/")) or count <= FILE_LINES_MAX:
        return []
    return [(count, "%d lines: never more than %d" % (count, FILE_LINES_MAX))]


def names_use_the_glossary(path, text):
    found = []
    for part in re.split(r"[/._]", path):
        if part in BANNED_WORDS:
            found.append((1, "banned word in the file name: `%s`" % part))
    for number, line in enumerate(raw_strings_removed(text).split("\n"), 1):
        if line.lstrip().startswith("#include"):
            continue
        for name in re.findall(r"(?<!std::)(?<!\.)(?<!->)\b[A-Za-z_]\w*", without_strings(line)):
            words = {w.lower() for w in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}
            for word in words & BANNED_WORDS:
                found.append((number, "banned word `%s` in `%s`" % (word, name)))
            if path.startswith(PROTOCOL_WORDS):
                continue
            if name.rstrip("_") in BANNED_NAMES - {"do"} and not re.search(
                    r"(\.|->|::)\s*%s\b|\bstd::%s\b|\bdata\(\)|\bvoid\* data\b|uint8_t\* data\b"
                    % (name, name), line):
                found.append((number, "`%s` says nothing" % name))
    return found


def code_keeps_off_what_is_forbidden(path, text):
    found = []
    for number, line in enumerate(raw_strings_removed(text).split("\n"), 1):
        code = without_strings(line)
        for pattern, why in FORBIDDEN_CODE:
            if not re.search(pattern, code):
                continue
            if why.startswith("no using") and "literals" in code:
                continue
            if why.startswith("say it") and path.startswith(PRINTERS):
                continue
            if why.startswith("say it") and re.search(r"\b(sn|f|v)?nprintf\(", code):
                continue
            found.append((number, why))
    return found


def nothing_is_left_over(path, text):
    found = []
    if path.startswith("tests/tidy/"):
        return found
    for number, line in enumerate(text.split("\n"), 1):
        for pattern, why in LEFTOVERS:
            if re.search(pattern, line):
                found.append((number, why))
        if line != line.rstrip() and not path.endswith(".md"):
            found.append((number, "blanks at the end of the line"))
    if text and not text.endswith("\n"):
        found.append((text.count("\n") + 1, "no newline at the end of the file"))
    return found


def lines_fit_the_page(path, text):
    return [(number, "%d columns: at most %d" % (len(line), LINE_COLUMNS_MAX))
            for number, line in enumerate(raw_strings_removed(text).split("\n"), 1)
            if len(line) > LINE_COLUMNS_MAX and "http" not in line]


SOURCE_LAWS = [rooms_include_only_rooms_below_them, each_library_has_one_room,
               files_open_with_licence_purpose_and_thread, files_stay_small,
               names_use_the_glossary, code_keeps_off_what_is_forbidden, lines_fit_the_page]
TEXT_LAWS = [nothing_is_left_over]


def every_room_has_a_readme(names):
    rooms = {str(Path(n).parent) for n in names
             if re.match(r"^(proxy/\w+|filters|filters/channels|lua/runtime)/\w+\.cc$", n)}
    return [(room + "/README.md", 1, "every room has a README.md")
            for room in sorted(rooms) if room + "/README.md" not in names]


def every_test_is_listed(names, root):
    found = []
    for name in names:
        if re.match(r"^tests/\w+/\w+_test\.cc$", name):
            listed = root / Path(name).parent / "CMakeLists.txt"
            if not listed.is_file() or Path(name).name not in listed.read_text():
                found.append((name, 1, "not listed in the CMakeLists.txt beside it"))
    return found


def every_fuzz_target_has_a_corpus(names):
    return [(name, 1, "no fuzz/corpus/%s" % Path(name).stem[:-5])
            for name in names if re.match(r"^fuzz/\w+_fuzz\.cc$", name)
            and not any(n.startswith("fuzz/corpus/%s/" % Path(name).stem[:-5]) for n in names)]


def promises_name_tests_that_exist(readme, names, root):
    """Every name in the right column of README's table is a file, or is found in one."""
    table = readme.partition("\n## Promises\n")[2].partition("\n## ")[0]
    tests = [n for n in names if re.match(r"^(tests|fuzz)/.*\.(cc|py)$", n)]
    found = []
    for row in re.findall(r"^\|[^|]*\|([^|]*)\|$", table, re.M)[2:]:
        for promised in re.findall(r"`([^`]+)`", row):
            is_there = any(Path(n).name == promised for n in tests) or any(
                re.search(r"\b%s\b" % re.escape(promised), (root / n).read_text()) for n in tests)
            if not is_there:
                found.append(("README.md", 1, "no test is called `%s`" % promised))
    return found


def check_promises(names):
    readme = (ROOT / "README.md").read_text()
    found = promises_name_tests_that_exist(readme, names, ROOT)
    return found if "\n## Promises\n" in readme else [("README.md", 1, "no table of promises")]


TREE_LAWS = [("promises_name_tests_that_exist", check_promises),
             ("every_room_has_a_readme", lambda names: every_room_has_a_readme(names)),
             ("every_test_is_listed", lambda names: every_test_is_listed(names, ROOT)),
             ("every_fuzz_target_has_a_corpus", lambda names: every_fuzz_target_has_a_corpus(names))]

# --- the laws are tested themselves: a breach of each is seen -------------------------------------

GOOD_HEAD = "// SPDX-License-Identifier: Apache-2.0\n// What.\n// Thread: one loop.\n"
BREACHES = [
    (rooms_include_only_rooms_below_them, "proxy/http/a.cc", '#include "proxy/net/loop.h"\n'),
    (rooms_include_only_rooms_below_them, "filters/a.cc", '#include "proxy/server/server.h"\n'),
    (rooms_include_only_rooms_below_them, "proxy/policy/a.cc", '#include "filters/registry.h"\n'),
    (each_library_has_one_room, "proxy/http/a.cc", "#include <openssl/evp.h>\n"),
    (each_library_has_one_room, "filters/a.cc", "#include <sqlite3.h>\n"),
    (files_open_with_licence_purpose_and_thread, "proxy/http/a.cc", "// What.\nint a;\n"),
    (files_open_with_licence_purpose_and_thread, "proxy/http/a.cc",
     GOOD_HEAD.replace("one loop", "some")),
    (files_open_with_licence_purpose_and_thread, "proxy/http/a.h", GOOD_HEAD),
    (files_stay_small, "proxy/http/a.cc", "\n" * (FILE_LINES_MAX + 1)),
    (names_use_the_glossary, "proxy/http/a_util.cc", ""),
    (names_use_the_glossary, "proxy/http/a.cc", "class PoolManager {};\n"),
    (names_use_the_glossary, "proxy/http/a.cc", "int data = 0;\n"),
    (code_keeps_off_what_is_forbidden, "proxy/http/a.cc", "auto f = [=] { return 1; };\n"),
    (code_keeps_off_what_is_forbidden, "proxy/http/a.cc", "std::regex r;\n"),
    (nothing_is_left_over, "proxy/http/a.cc", "int a;  // TODO" + "(now)\n"),
    (nothing_is_left_over, "proxy/http/a.cc", "int a;"),
    (lines_fit_the_page, "proxy/http/a.cc", "x" * (LINE_COLUMNS_MAX + 1) + "\n"),
]
CLEAN = [
    (rooms_include_only_rooms_below_them, "proxy/server/a.cc", '#include "proxy/net/loop.h"\n'),
    (each_library_has_one_room, "proxy/crypto/a.cc", "#include <openssl/evp.h>\n"),
    (files_open_with_licence_purpose_and_thread, "proxy/http/a.cc", GOOD_HEAD),
    (files_stay_small, "proxy/http/a.cc", "\n" * FILE_LINES_MAX),
    (names_use_the_glossary, "proxy/http/a.cc", 'const char* a = "helper";  // a manager\n'),
    (code_keeps_off_what_is_forbidden, "proxy/http/a.cc", "auto f = [&a] { return a; };\n"),
    (nothing_is_left_over, "proxy/http/a.cc", "int a;  // TODO(perf): pool it\n"),
    (lines_fit_the_page, "proxy/http/a.cc", "x" * LINE_COLUMNS_MAX + "\n"),
]


def self_test():
    failures = []
    for law, path, text in BREACHES:
        if not law(path, text):
            failures.append("%s does not see %r in %s" % (law.__name__, text[:60], path))
    for law, path, text in CLEAN:
        if law(path, text):
            failures.append("%s refuses %r: %s" % (law.__name__, text[:60], law(path, text)[0][1]))
    table = "\n## Promises\n| promise | by |\n|---|---|\n| one | `%s` |\n\n## Next\n"
    if not promises_name_tests_that_exist(table % "test_" "nothing", ["tests/tidy/tidy.py"], ROOT):
        failures.append("promises_name_tests_that_exist believes anything")
    if promises_name_tests_that_exist(table % "self_test", ["tests/tidy/tidy.py"], ROOT):
        failures.append("promises_name_tests_that_exist believes nothing")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts")
    options = parser.parse_args()
    names = tracked(ROOT)
    breaches = {law.__name__: [] for law in SOURCE_LAWS + TEXT_LAWS}
    for name in names:
        laws = (SOURCE_LAWS if SOURCE.match(name) else []) + (TEXT_LAWS if TEXT.search(name) else [])
        if not laws or name.startswith("fuzz/corpus/"):
            continue
        text = (ROOT / name).read_text(errors="replace")
        for law in laws:
            breaches[law.__name__] += [(name, n, message) for n, message in law(name, text)]
    for name, law in TREE_LAWS:
        breaches[name] = law(names)
    breaches["tidy_sees_breaches"] = [("tests/tidy/tidy.py", 1, m) for m in self_test()]
    bad = 0
    for law, found in breaches.items():
        bad += bool(found)
        for name, number, message in found:
            print("%s:%d: error: %s [%s]" % (name, number, message, law))
    print("tidy: %d laws hold, %d broken" % (len(breaches) - bad, bad))
    if options.counts:
        Path(options.counts).write_text("%d %d\n" % (len(breaches) - bad, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
