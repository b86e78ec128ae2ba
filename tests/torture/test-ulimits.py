#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Resource limits: the program does not notice, what is recorded is whole or less."""
import resource

import places
from places import ap


def limit(which, value, hard=False):
    def apply():
        resource.setrlimit(which, (value, value if hard else resource.getrlimit(which)[1]))
    return apply


def whole_or_less(r):
    if r.files():
        places.exact(r, r.report())
    elif r.spools():
        places.exact(r, r.from_spool())


@ap.case("ulimit -f, -n, -v, -s, -i, -l, -d: as alone, no signal")
def ulimits():
    exe = places.program("places.c")
    for which, values in ((resource.RLIMIT_FSIZE, (0, 4096, 1 << 20)),
                          (resource.RLIMIT_NOFILE, (4, 8)),  # the loader needs the fourth
                          (resource.RLIMIT_AS, (16 << 20, 128 << 20)),
                          (resource.RLIMIT_STACK, (64 << 10, 256 << 10)),
                          (resource.RLIMIT_SIGPENDING, (0, 64)),
                          (resource.RLIMIT_MEMLOCK, (0,)), (resource.RLIMIT_DATA, (4 << 20,)),
                          (resource.RLIMIT_CORE, (0,))):
        for value in values:
            # Hard ones are the reporter's too, which may then find no memory for names.
            ap.run_twice([exe, "0"], limits=limit(which, value, True))
            r = ap.run_twice([exe, "0"], limits=limit(which, value))
            if r.status == 7:  # the program's own output may be beyond its limit
                whole_or_less(r)
            else:
                assert which == resource.RLIMIT_FSIZE, (which, value, r.status, r.err)


@ap.case("ulimit -u 1: an ordinary user who may have no other process")
def no_processes():
    places.need_root()
    exe = places.program("places.c")
    r = ap.run([exe, "0"], user=64998, limits=limit(resource.RLIMIT_NPROC, 1, True))
    assert r.status == 7, (r.status, r.err)
    report = places.exact(r, r.report() if r.files() else r.from_spool())
    if not r.files():
        assert any("attendant" in note for note in report.quality["notes"]), report.quality


@ap.case("ulimit -n 3 after the start")
def three_descriptors():
    exe = ap.build("ends", ["ends.c"], ["-O1"])
    r = ap.run_twice([exe, "few-descriptors", "0"])
    places.exact(r, r.report())


ap.main()
