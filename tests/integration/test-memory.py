#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many functions, little memory, many folds, and a fold that loses events on purpose."""
import os
import subprocess

import ap


def exact(argv, **options):
    r = ap.run(argv, **options)
    assert r.status == 0, (r.status, r.err)
    known = {name: n for name, n in r.expected().items() if name != "total"}
    return r.assert_counts(r.report(), known).assert_sane(), r


def many(n):
    return ap.build("many-%d" % n, [ap.generate_functions(n)], ["-O0"])


@ap.case("10,000 functions in 64 MiB: every one is exact")
def roomy():
    exe = many(10000)
    report, _ = exact([exe, "5"], options="memory=64M")
    counts = [f["calls"] for f in report.functions if f["name"].startswith("f")]
    assert len(counts) == 10000 and set(counts) == {5}, (len(counts), set(counts))


@ap.case("10,000 functions in 8 MiB: degraded in order, counted or lost, never wrong")
def tight():
    exe = many(10000)
    r = ap.run_twice([exe, "5"], options="memory=8M")
    report = r.report().assert_sane(lossless=False)
    assert report.quality["memory_used_bytes"] <= 8 << 20, report.text_of_quality()
    assert report.quality["degraded"], report.text_of_quality()
    calls = sum(f["calls"] for f in report.functions)
    lost = sum(report.events["dropped"].values())
    made = r.expected()["main"] + r.expected()["total"]
    assert calls <= made and (calls == made or lost > 0), (calls, made, lost)
    for f in report.functions:
        assert not f["name"].startswith("f") or f["calls"] <= 5, f


@ap.case("1 MiB: the same")
def tightest():
    exe = many(10000)
    r = ap.run_twice([exe, "5"], options="memory=1M")
    report = r.report().assert_sane(lossless=False)
    assert report.quality["memory_used_bytes"] <= 1 << 20, report.text_of_quality()
    assert report.quality["degraded"], report.text_of_quality()
    small = ap.build("simple", ["simple.c"], ["-O1"])
    r = ap.run([small], options="memory=1M")
    r.assert_counts(r.report()).assert_sane()


@ap.case("chunks of 1 KiB: a fold every 64 events, everything is exact")
def small_chunks():
    exe = ap.build("tiny", ["tiny.c"], ["-O1"])
    report, _ = exact([exe, "1000000"], options="chunk=1K")
    assert report.quality["folds"] > 1000000 * 2 / 64 - 10, report.quality["folds"]
    report, _ = exact([exe, "1000000"], options="chunk=64K")
    assert report.quality["folds"] < 2000, report.quality["folds"]


def shards_of(spool):
    """In the header of a spool: from the library's own build of the format."""
    done = subprocess.run([os.path.join(ap.TOOLS, "spool-shards"), spool], capture_output=True,
                          text=True, check=True)
    made, used = map(int, done.stdout.split())
    return made, used


@ap.case("64 shards, 10,000 functions: every one is exact, and all shards have a part of it")
def many_shards():
    exe = many(10000)
    # What rows of histograms cost grows with the shards that have seen a function.
    r = ap.run([exe, "20"], options="memory=1G:chunk=1K:shards=64:report=none", library=ap.test_library())
    report = r.from_spool().assert_sane()
    counts = [f["calls"] for f in report.functions if f["name"].startswith("f")]
    assert len(counts) == 10000 and set(counts) == {20}, (len(counts), set(counts))
    assert shards_of(r.spools()[0]) == (64, 64), shards_of(r.spools()[0])


@ap.case("64 shards, 10,000 functions in 16 MiB: counted or lost, never wrong")
def many_shards_tight():
    exe = many(10000)
    r = ap.run([exe, "20"], options="memory=16M:chunk=1K:shards=64", library=ap.test_library())
    report = r.report().assert_sane(lossless=False)
    assert report.quality["degraded"], report.text_of_quality()
    calls = sum(f["calls"] for f in report.functions)
    lost = sum(report.events["dropped"].values())
    made = r.expected()["main"] + r.expected()["total"]
    assert calls <= made and (calls == made or lost > 0), (calls, made, lost)


@ap.case("64 shards, 16 threads: every call is counted once")
def many_shards_threads():
    exe = ap.build("threads-shards", ["threads.c"], ["-O1"])
    r = ap.run([exe, "together", "16"], options="chunk=1K:memory=256M:shards=64", library=ap.test_library())
    r.assert_counts(r.report()).assert_sane()


@ap.case("a fold that loses every 1,000th event is found out")
def lossy():
    library = ap.test_library()
    exe = ap.build("tiny", ["tiny.c"], ["-O1"])
    r = ap.run([exe, "100000"], options="lose=1000", library=library)
    report = r.report()
    assert report.quality["identity_holds"] is False, report.text_of_quality()
    events = report.events
    assert events["attempted"] > events["folded"] + events["pending"], events
    r = ap.run([exe, "100000"], output="r.txt", options="lose=1000", library=library)
    with open(os.path.join(r.work, "r.txt"), encoding="utf-8") as file:
        text = file.read()
    assert "100 events are missing" in text, text
    r = ap.run([exe, "100000"], library=library)
    r.assert_counts(r.report()).assert_sane()


ap.main()
