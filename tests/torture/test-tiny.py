#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A file system for spools that is nearly nothing: no signal, and every call is counted or dropped
with a reason."""
import os

import places
from places import ap


@ap.case("a tmpfs of 1 MiB: no SIGBUS, and every call is counted or dropped with a reason")
def tiny_tmpfs():
    place = ap.small_filesystem("1m")
    spools = os.path.join(place, "spools")
    os.mkdir(spools, 0o700)
    exe = ap.build("many", [ap.generate_functions(10000)], ["-O0"])
    r = ap.run_twice([exe, "3"], spool_dir=spools)
    assert r.status == 0, r.status
    report = r.report().assert_sane(lossless=False)
    made = r.expected()["main"] + r.expected()["total"]
    events = report.events
    dropped = sum(events["dropped"].values())
    assert events["attempted"] - events["specials"] == 2 * made, (events, made)
    assert events["folded"] + events["pending"] + dropped == events["attempted"], events
    # Nothing is both counted and dropped: two events a call, and an enter without its exit is one.
    counted = sum(f["calls"] for f in report.functions)
    assert 0 <= 2 * (made - counted) <= dropped and (dropped or counted == made), (counted, events)
    assert dropped or report.quality["degraded"], report.text_of_quality()
    small = places.program("places.c")
    r = ap.run_twice([small, "0"], spool_dir=spools)
    places.exact(r, r.report())


ap.main()
