#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run `meson test` in a build directory and print one TAP line for every test case.

usage: meson_tap.py BUILD [MESON-TEST-ARGUMENT...]
       meson_tap.py --self-test

Meson counts programs; the cases are in the TAP that each program printed, which meson keeps in its log.
A program that failed without naming a failed case (crash, timeout, missing cases) counts as one failure.
Progress goes to standard error. Exit status 1 when anything failed or nothing ran.
"""
import json
import os
import re
import subprocess
import sys

LINE = re.compile(r"^(ok|not ok)\b[ \t]*\d*[ \t]*-?[ \t]*(.*)$")
GOOD = ("OK", "EXPECTEDFAIL")


def cases_in(stdout):
    """[passed, name, details] of every case, skipped ones too; details are the comments around its line."""
    cases, comments = [], [[]]
    for line in stdout.splitlines():
        match = LINE.match(line)
        if match:
            cases.append([match.group(1) == "ok", match.group(2), ""])
            comments.append([])
        elif line.startswith("#"):
            comments[-1].append(line[1:].strip())
    for number, case in enumerate(cases):
        if not case[0]:
            case[2] = "\n".join(comments[number] + comments[number + 1])
    return cases


def cases_of(test):
    """[passed, name, details] of every case of one test program; skipped cases are left out."""
    if test["result"] == "SKIP":
        return []
    stdout = test.get("stdout") or ""
    cases = [case for case in cases_in(stdout) if "# SKIP" not in case[1].upper()]
    good = test["result"] in GOOD
    if not cases or (not good and all(case[0] for case in cases)):
        details = "" if good else "\n".join(
            ["%s, exit status %s" % (test["result"], test.get("returncode"))]
            + (stdout + (test.get("stderr") or "")).splitlines()[-40:])
        cases.append([good, "whole program", details])
    return cases


# What a program said, how meson judged it, and the cases that must come of it.
EXAMPLES = (
    ("all cases passed", "ok 1 - a\nok 2 - b\n1..2\n", "OK", [True, True]),
    ("a failed case is the only failure", "ok 1 - a\nnot ok 2 - b\n1..2\n", "FAIL", [True, False]),
    ("a crash behind good cases is a failure", "ok 1 - a\n", "ERROR", [True, False]),
    ("a timeout without output is a failure", "", "TIMEOUT", [False]),
    ("a program without TAP is one case", "hello\n", "OK", [True]),
    ("a skipped case counts for nothing", "ok 1 - a # SKIP no\nok 2 - b\n1..2\n", "OK", [True]),
    ("a skipped program counts for nothing", "1..0 # SKIP no\n", "SKIP", []),
)


def self_test():
    failed = 0
    told = cases_in("# why a\nok 1 - a\n# why b\nnot ok 2 - b\n# and this\nok 3 - c\n# why c\n")
    assert [case[2] for case in told] == ["", "why b\nand this", ""], told
    for number, (name, stdout, result, expected) in enumerate(EXAMPLES, 1):
        got = [passed for passed, _, _ in cases_of({"stdout": stdout, "result": result})]
        failed += got != expected
        print("%s %d - counting: %s" % ("ok" if got == expected else "not ok", number, name))
    print("1..%d" % len(EXAMPLES))
    return 1 if failed else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    build, arguments = sys.argv[1], sys.argv[2:]
    log = os.path.join(build, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.remove(log)
    subprocess.run(["meson", "test", "-C", build, "--print-errorlogs"] + arguments,
                   stdin=subprocess.DEVNULL, stdout=sys.stderr)
    tests = []
    if os.path.exists(log):
        with open(log, encoding="utf-8", errors="replace") as lines:
            tests = [json.loads(line) for line in lines if line.strip()]

    number, failed, skipped = 0, 0, 0
    for test in tests:
        name = test["name"].split(" / ")[-1]
        cases = cases_of(test)
        skipped += not cases
        for passed, case, details in cases:
            number += 1
            failed += not passed
            print("%s %d - %s: %s" % ("ok" if passed else "not ok", number, name, case))
            for detail in details.splitlines():
                print("# " + detail)
    print("1..%d" % number)
    if skipped:
        print("# skipped programs: %d" % skipped)
    return 1 if failed or number == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
