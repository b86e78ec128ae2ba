#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small file systems and resource limits: less is recorded, or nothing; programs do not notice."""
import os
import resource

import ap


def simple():
    return ap.build("simple", ["simple.c"], ["-O1"])


def whole(r):
    return r.assert_counts(r.report()).assert_sane()


def limit(which, soft, hard=None):
    def apply():
        resource.setrlimit(which, (soft, resource.getrlimit(which)[1] if hard is None else hard))
    return apply


def whole_or_less(r):
    """A whole report, or the spool for it, or nothing at all."""
    if r.files():
        whole(r)
    elif r.spools():
        r.assert_counts(r.from_spool()).assert_sane()


@ap.case("a tmpfs with no room: nothing is recorded")
def no_room():
    place = ap.small_filesystem("512k")
    spools = os.path.join(place, "spools")
    os.mkdir(spools, 0o700)
    r = ap.run_twice([simple()], spool_dir=spools)
    assert r.files() == [] and r.spools() == [], (r.files(), r.spools())
    said = ap.autoprof("info", "--dir=" + spools).stdout
    assert "profiling is off" in said or "free" in said, said
    place = ap.small_filesystem("64m")
    spools = os.path.join(place, "spools")
    os.mkdir(spools, 0o700)
    report = whole(ap.run_twice([simple()], spool_dir=spools))
    assert report.quality["memory_cap_bytes"] <= 16 << 20, "a quarter of what is free"


@ap.case("a tmpfs that fills up while the program runs: no signal, and what is lost is counted")
def fills_up():
    place = ap.small_filesystem("4m")
    spools = os.path.join(place, "spools")
    os.mkdir(spools, 0o700)
    filler = os.path.join(place, "filler")
    exe = ap.build("many", [ap.generate_functions(2000)], ["-O0"])
    argv = ["sh", "-c", 'head -c 3200000 /dev/zero >%s; exec env LD_PRELOAD="$AP" "$@"' % filler,
            "sh", exe, "3"]
    for size in (2800000, 3000000):
        argv[2] = argv[2].replace("3200000", str(size))
        plain = ap.run(argv, preload=False)
        r = ap.run(argv, env={"AP": ap.LIBRARY, "LD_PRELOAD": ""}, spool_dir=spools)
        ap.assert_same(plain, r)
        if r.files():
            report = r.report().assert_sane(lossless=False)
            assert report.events["attempted"] > 0
        os.unlink(filler)


@ap.case("RLIMIT_FSIZE")
def file_size():
    for size in (0, 4096, 65536, 1 << 20, 8 << 20):
        r = ap.run_twice([simple()], limits=limit(resource.RLIMIT_FSIZE, size))
        if size >= 1 << 20:
            report = whole(r)
            assert report.quality["memory_cap_bytes"] <= size
        else:
            assert r.files() == [] and r.spools() == [], r.files()


@ap.case("RLIMIT_FSIZE, hard: the report is as short of room, and the program does not notice")
def file_size_hard():
    for size in (0, 65536, 1 << 20):
        ap.run_twice([simple()], limits=limit(resource.RLIMIT_FSIZE, size, size))


@ap.case("RLIMIT_AS")
def address_space():
    for megabytes in (8, 16, 32, 64, 256):
        r = ap.run_twice([simple()], limits=limit(resource.RLIMIT_AS, megabytes << 20))
        if megabytes >= 64:
            report = whole(r)
            assert report.quality["memory_cap_bytes"] <= (megabytes << 20) // 20
    r = ap.run_twice([simple()])
    assert whole(r).quality["memory_cap_bytes"] > 1 << 20


@ap.case("RLIMIT_NOFILE")
def descriptors():
    # The loader itself needs the fourth; a program that has lowered the limit to 3 is in test-ends.
    for n in (4, 5, 6):
        whole_or_less(ap.run_twice([simple()], limits=limit(resource.RLIMIT_NOFILE, n)))
        whole_or_less(ap.run_twice([simple()], limits=limit(resource.RLIMIT_NOFILE, n, n)))
    whole(ap.run_twice([simple()], limits=limit(resource.RLIMIT_NOFILE, 16)))


@ap.case("RLIMIT_NPROC: no attendant, a spool")
def processes():
    if not ap.ROOT:
        raise ap.Skip("only root can be somebody else")
    # An ordinary user whose processes are all that he may have.
    nobody = 64999
    exe = simple()
    r = ap.run([exe], user=nobody, limits=limit(resource.RLIMIT_NPROC, 1, 1))
    plain = ap.run([exe], user=nobody, limits=limit(resource.RLIMIT_NPROC, 1, 1), preload=False)
    ap.assert_same(plain, r)
    if r.files():
        whole(r)
    else:
        r.assert_counts(r.from_spool()).assert_sane()
        assert "attendant" in r.log(), r.log()
    whole(ap.run([exe], user=nobody))


@ap.case("RLIMIT_STACK and RLIMIT_CPU are the program's own")
def own_limits():
    whole(ap.run_twice([simple()], limits=limit(resource.RLIMIT_STACK, 256 << 10)))
    whole(ap.run_twice([simple()], limits=limit(resource.RLIMIT_CPU, 1)))


ap.main()
