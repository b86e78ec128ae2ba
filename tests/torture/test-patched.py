#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hooks go from the code and come back ten thousand times, while eight threads call them, a signal comes every 100 us and
libraries come and go: what the program prints is what it prints alone, and its counts are within their errors."""
import os
import platform

import places  # noqa: F401  pylint: disable=unused-import
from places import ap

TIMES = 10000
CALLS = 200000000
OPTIONS = "overhead=10%:patch=on:awake=10:deadline=60s"


def once(exe, mode, *libraries):
    r = ap.run_twice([exe, mode, str(CALLS), *libraries], options=OPTIONS, library=ap.test_library(), timeout=300)
    report = r.report().assert_sane()
    assert libraries == () or r.err == "alarms many, reloads many\n", r.err
    return report


def times_under(mode, compiler, level):
    if platform.machine() != "x86_64":
        raise ap.Skip("only x86-64")
    exe = ap.build("patched-" + compiler + level, ["patch.c"], [level, "-ldl"], compiler=compiler)
    libraries = [ap.build("libpatched%d.so" % i, ["reload_twin.c"], ["-fPIC", "-shared", "-DNAME=lib%d" % i])
                 for i in (1, 2)] if mode == "torture" else ()
    came_back = runs = 0
    while came_back < TIMES:
        report = once(exe, mode, *libraries)
        came_back += report.quality["patch"]["came_back"]
        runs += 1
        assert came_back >= 50 * runs, (came_back, runs)
    print("# %d times in %d runs" % (came_back, runs), flush=True)


for built in (("gcc", "-O2"), ("clang", "-O0")):
    @ap.case("ten thousand times under eight threads: %s %s" % built)
    def threads(how=built):
        times_under("threads", *how)


@ap.case("the same under signals and with libraries that come and go")
def torture():
    times_under("torture", "gcc", "-O2")


ap.main()
