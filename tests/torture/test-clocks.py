#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stopped for two seconds, moved between processors, with the processor's counter and without: no
time is negative without being counted, and the stop is time like any other."""
import os

import places
from places import ap

SOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"


def check(r, clock):
    assert r.status == 0, (r.status, r.err)
    report = r.wait_reports(1)[0]
    r.assert_counts(report).assert_sane()
    assert report.quality["clock"] == clock, report.quality["clock"]
    assert report.quality["clamps"] == 0, report.text_of_quality()
    stopped = report.one("stopped")
    assert 2.0e9 <= stopped["total_ns"] < 4e9, stopped
    assert report.one("main")["total_ns"] >= stopped["total_ns"]
    assert report.process["duration_ns"] >= stopped["total_ns"]


@ap.case("with the clock that is chosen here")
def chosen():
    exe = places.program("clock_moves.c")
    r = ap.run([exe])
    check(r, r.wait_reports(1)[0].quality["clock"])


@ap.case("with CLOCK_MONOTONIC, because the kernel distrusts the counter")
def monotonic():
    places.need_root()
    if not os.path.exists(SOURCE) or not places.works("unshare", "-m", "true"):
        raise ap.Skip("the kernel's clock cannot be hidden here")
    file = ap.fresh("clock") + "/hpet"
    with open(file, "w", encoding="ascii") as text:
        text.write("hpet\n")
    exe = places.program("clock_moves.c")
    script = 'mount --bind %s %s && exec env LD_PRELOAD="$AP" "$@"' % (file, SOURCE)
    check(ap.run(["unshare", "-m", "sh", "-c", script, "sh", exe],
                 env={"AP": ap.LIBRARY, "LD_PRELOAD": ""}), "monotonic")


ap.main()
