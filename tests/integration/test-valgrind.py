#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs under valgrind with the library in them: no error, not one allocation more, the report right."""
import glob
import os
import re
import shutil

import ap

# Attendants are started by a clone that valgrind makes a fork of: its clean-up of libc there would write what the
# program has in its buffers a second time.
VALGRIND = ["valgrind", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=all",
            "--errors-for-leak-kinds=definite,indirect", "--run-libc-freeres=no", "--run-cxx-freeres=no",
            "--child-silent-after-fork=yes"]


def under_valgrind(argv, log, **options):
    if not shutil.which("valgrind"):
        raise ap.Skip("there is no valgrind")
    place = ap.fresh("valgrind")
    r = ap.run([*VALGRIND, "--log-file=%s/%s.%%p" % (place, log), *argv], **options)
    texts = []
    for path in glob.glob(os.path.join(place, "*")):
        with open(path, encoding="utf-8") as file:
            texts.append(file.read())
    text = [t for t in texts if "ERROR SUMMARY" in t]
    assert len(text) == 1, texts
    assert "ERROR SUMMARY: 0 errors" in text[0], text[0]
    return r, text[0]


def heap(text):
    """What is in use at the end, and all that was ever allocated."""
    found = re.findall(r"in use at exit: (.*)|total heap usage: (.*)", text)
    assert len(found) == 2, text
    return found


def clean(exe, *arguments, same_heap=True):
    """The program alone and with the library: the same to itself and to valgrind. Returns the report."""
    plain, plain_log = under_valgrind([exe, *arguments], "alone", preload=False)
    r, log = under_valgrind([exe, *arguments], "profiled")
    assert r.status != 99, log
    ap.assert_same(plain, r)
    assert not same_heap or heap(log) == heap(plain_log), (heap(log), heap(plain_log))
    report = r.wait_reports(1)[0]
    return r.assert_counts(report).assert_sane()


@ap.case("a C program")
def simple():
    report = clean(ap.build("vg-simple", ["simple.c"], ["-O1"]))
    assert report.calls("leaf") == 1000
    assert report.process["end"] == "exit", report.process


@ap.case("jumps")
def jumps():
    report = clean(ap.build("vg-jumps", ["jumps.c"], ["-O2"]))
    assert report.paths().get(("main", "one_round", "after")) == 2000, report.paths()


@ap.case("exceptions, gcc and clang")
def exceptions():
    for compiler in ap.COMPILERS:
        clean(ap.build("vg-exceptions-" + compiler, ["exceptions.cc"], ["-O1"], compiler))


@ap.case("threads that come and go")
def threads():
    # How many stacks libc makes for them depends on their order.
    clean(ap.build("vg-threads", ["threads.c"], ["-O1"]), "short", "50", same_heap=False)


ap.main()
