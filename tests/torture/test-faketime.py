#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A preloaded library shows the program one moment of 2020 for ever; the profile goes by the kernel's clocks."""
import glob
import time

import places
from places import ap

THEN = 1577923200  # 2020-01-02
SLEPT_NS = 20000000  # in ten steps, by each of its threads


def fake_time():
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not found:
        raise ap.Skip("there is no libfaketime (scripts/setup torture)")
    return found[0]


def check(libraries):
    exe = places.program("stacked.c")
    r = ap.run([exe], library=":".join(libraries),
               env={"FAKETIME": str(THEN), "FAKETIME_FMT": "%s"})
    assert r.status == 0 and "year 2020" in r.out, (r.status, r.out, r.err)
    found = [x for x in r.wait_reports(2) if x.calls("waits")]
    assert len(found) == 1 and found[0].calls("waits") == 4, found
    report = found[0].assert_sane()
    assert abs(report.process["start_unix_ns"] / 1e9 - time.time()) < 3600, report.process
    assert SLEPT_NS <= report.process["duration_ns"] < 100 * 10 ** 9, report.process
    assert report.one("waits")["total_ns"] >= 4 * SLEPT_NS, report.one("waits")


@ap.case("the library before the one that stops the time")
def before():
    check([ap.LIBRARY, fake_time()])


@ap.case("the library behind it")
def behind():
    check([fake_time(), ap.LIBRARY])


ap.main()
