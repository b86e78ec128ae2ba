#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The first calls of a process come from many threads at one moment, before main: one of them starts the
library, maybe while the constructor runs."""
import os
import re

import places
from places import ap

RUNS = 10 if os.environ.get("AP_TORTURE") == "quick" else 100


def once(exe):
    r = ap.run_twice([exe])
    report = r.report().assert_sane(lossless=False)  # at its exit, which the constructor prepares
    assert report.process["end"] == "exit", report.process
    made = int(re.search("made ([0-9]+)", r.out)[1]) + sum(r.expected().values())
    events = report.events
    made += int(re.search("^([0-9]+) before main", r.out, re.M)[1])  # dropped anyway
    dropped = events["dropped"]
    assert events["attempted"] - events["specials"] == 2 * made, (events, made)
    assert sum(dropped.values()) == dropped["early"], dropped
    counted = sum(f["calls"] for f in report.functions)
    assert made - counted <= dropped["early"] <= 2 * (made - counted), (made, counted, dropped)


@ap.case("every call is recorded, or dropped because it came early; the report comes at the exit")
def crowd():
    base = ap.fresh("crowd")
    programs = [os.path.join(places.HERE, "programs", name) for name in ("early.c", "early_library.c")]
    ap.build(base + "/libearly.so", programs[1:], ["-shared", "-fPIC", "-O1", "-DCROWD"])
    exe = ap.build(base + "/early", programs[:1], ["-O1", "-L" + base, "-learly",
                                                   "-Wl,-rpath," + base])
    for _ in range(RUNS):
        once(exe)


ap.main()
