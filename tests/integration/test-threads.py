#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Threads: many, short, ended in all ways, alive at the end."""
import ap


def build(*flags):
    return ap.build("threads" + "".join(flags), ["threads.c"], ["-O1", *flags])


def exact(kind, n, status=0, flags=(), **options):
    r = ap.run([build(*flags), kind, str(n)], **options)
    assert r.status == status, (r.status, r.err)
    return r.assert_counts(r.report()).assert_sane(), r


@ap.case("32 threads at once")
def at_once():
    report, _ = exact("together", 32)
    assert report.process["threads_created"] == 32, report.process
    assert len(report.json["threads"]) == 33
    assert [t["tid"] for t in report.json["threads"]
            if t["live"]] == [report.process["pid"]], report.json["threads"]


@ap.case("100 threads at once, with rings of 1 KiB")
def small_rings():
    report, _ = exact("together", 100, options="chunk=1K")
    # 4 million events in chunks of 64: folded over all shards, and often.
    assert report.quality["folds"] > 10000, report.quality


@ap.case("10,000 short threads in bounded memory")
def short_lives():
    report, _ = exact("short", 10000)
    assert report.process["threads_created"] == 10000
    assert report.quality["memory_used_bytes"] < 16 << 20, report.quality["memory_used_bytes"]


@ap.case("pthread_exit in nested calls, unwinding or not")
def by_exit():
    for flags in ((), ("-fexceptions",)):
        report, _ = exact("exit", 50, flags=flags)
        assert report.one("leave")["open_calls"] == 0, report.one("leave")
        assert report.quality["unmatched_exits"] == 0, report.quality


@ap.case("8,000 threads alive at one time: all of them have rings, as small as they need be")
def alive():
    r = ap.run_twice([ap.build("alive", ["alive.c"], ["-O1"]), "8000"])
    if r.status == 77:
        raise ap.Skip("this machine does not allow so many threads")
    report = r.assert_counts(r.report()).assert_sane()
    assert report.process["threads_peak"] >= 8000, report.process
    cap = report.quality["memory_cap_bytes"]
    assert cap == (64 << 20) + (8000 - 1024 + 1) * 1024, cap  # main has a ring too
    assert report.quality["memory_used_bytes"] < 16 << 20, report.quality["memory_used_bytes"]


@ap.case("20,000 short threads while 1,100 wait: records are used again")
def beside_waiting():
    r = ap.run_twice([ap.build("alive", ["alive.c"], ["-O1"]), "1100", "20000"])
    if r.status == 77:
        raise ap.Skip("this machine does not allow so many threads")
    report = r.assert_counts(r.report()).assert_sane()
    assert report.process["threads_created"] == 21100, report.process
    # 3 MiB; more where threads that have ended are not gone yet. Each with memory of its own would be above 40.
    assert report.quality["memory_used_bytes"] < 12 << 20, report.quality["memory_used_bytes"]


@ap.case("self times of a thread are no more than its life")
def within_life():
    report, _ = exact("together", 8)
    self_ns = sum(f["self_ns"] for f in report.functions)
    life_ns = sum(t["duration_ns"] for t in report.json["threads"])
    assert 0 < self_ns <= life_ns, (self_ns, life_ns)


@ap.case("the process ends while 32 threads call")
def at_end():
    for _ in range(5):
        r = ap.run([build(), "forever", "32"])
        assert r.status == 9, r.status
        report = r.assert_counts(r.report()).assert_sane(lossless=False)
        assert sum(t["live"] for t in report.json["threads"]) >= 32, report.json["threads"]
        assert report.one("start_forever")["open_calls"] == 32
        assert report.one("leaf")["calls"] >= 32000


@ap.case("main ends by pthread_exit, another thread the process")
def late():
    exact("late", 1, status=6)


ap.main()
