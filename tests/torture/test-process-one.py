#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Process 1 and subreapers: orphans would come to them, so there is no attendant."""
import places
from places import ap


@ap.case("process 1 of a namespace: no attendant, a spool that gives the report")
def process_one():
    places.need_root()
    if not places.works("unshare", "--fork", "--pid", "--mount-proc", "true"):
        raise ap.Skip("no pid namespace can be made")
    exe = places.program("places.c")
    for age in ("0", places.OLD_MS):
        argv = ["unshare", "--fork", "--pid", "--mount-proc", "sh", "-c",
                'exec env LD_PRELOAD="$AP" "$@"', "sh", exe, age]
        plain = ap.run(argv, preload=False)
        r = ap.run(argv, env={"AP": ap.LIBRARY, "LD_PRELOAD": ""})
        ap.assert_same(plain, r)
        assert r.status == 7 and r.files() == [], (r.status, r.files())
        report = places.exact(r, r.from_spool())
        assert report.process["pid"] == 1, report.process
        assert any("process 1" in n for n in report.quality["notes"]), report.quality["notes"]


@ap.case("a subreaper gets no orphan of ours")
def subreaper():
    exe = places.program("places.c")
    r = ap.run_twice([exe, "0", "subreaper"])
    report = places.exact(r, r.from_spool())
    assert any("subreaper" in n for n in report.quality["notes"]), report.quality["notes"]
    r = ap.run_twice([exe, places.OLD_MS, "subreaper"])  # it became one after it had its attendant
    places.exact(r, r.report())


ap.main()
