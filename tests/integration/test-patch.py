#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""patch=on: hooks of demoted functions go and come back; the program does not notice, and counts become estimates."""
import json
import os
import platform

import ap

N = 100000000
PATCH = "overhead=10%:patch=on"


def build(compiler="gcc", *flags):
    return ap.build("patch-" + compiler + "".join(flags), ["patch.c"], [*(flags or ["-O2"]), "-ldl"], compiler=compiler)


def run(mode, n=N, *rest, options=PATCH, compiler="gcc", flags=(), **more):
    if platform.machine() != "x86_64":
        raise ap.Skip("only x86-64")
    r = ap.run_twice([build(compiler, *flags), mode, str(n), *rest], options=options, **more)
    return r


def near(report, name, truth):
    """Within four standard errors, and a thousandth for what they do not know."""
    f = report.one(name)
    error = f["calls_error_pct"] / 100 * f["calls"]
    assert abs(f["calls"] - truth) < 4 * error + truth / 1000, (name, truth, f["calls"], error)
    assert f["calls_error_pct"] < 30, f


@ap.case("calls are estimates with an error, by either compiler and level of optimisation")
def paced():
    for compiler in ap.COMPILERS:
        for level in ("-O0", "-O3"):
            report = run("paced", compiler=compiler, flags=[level]).report().assert_sane()
            patch = report.quality["patch"]
            assert patch["patched_functions"] == 2 and patch["functions"] >= 5, patch
            assert report.one("beat")["calls"] == N // 100, report.one("beat")
            assert report.one("beat")["calls_known"] == "exact"
            for name in ("hot", "leaf"):
                near(report, name, N)
                assert report.one(name)["calls_known"] == "estimated"
                assert report.one(name)["missed_calls"] > N // 4, report.one(name)
            assert report.quality["missed_calls"] == sum(f["missed_calls"] for f in report.functions)


@ap.case("a function of which one call lasts and the others are short")
def deep():
    for compiler in ap.COMPILERS:
        report = run("deep", compiler=compiler).report().assert_sane()
        for name, truth in (("hot", N), ("leaf", N), ("again", N // 10 + 1)):
            near(report, name, truth)
        assert report.one("again")["total_ns"] > 0.8 * report.one("main")["total_ns"], report.functions


@ap.case("where nothing else is called, it is known that there were more calls, and no number is made up")
def alone():
    report = run("alone").report().assert_sane()
    for name in ("hot", "leaf"):
        f = report.one(name)
        assert f["calls_known"] == "more" and f["missed_calls"] == 0 and f["calls"] < N, f


@ap.case("where what else there was is not called any more, or not for long, there were more calls, too")
def fades():
    for mode in ("fades", "returns"):
        report = run(mode).report().assert_sane()
        for name in ("hot", "leaf"):
            f = report.one(name)
            assert f["calls_known"] == "more" and f["missed_calls"] == 0 and f["calls"] < N, (mode, f)


@ap.case("eight threads")
def threads():
    report = run("threads", 3 * N).report().assert_sane()
    for name in ("hot", "leaf"):
        near(report, name, 3 * N + 28 * 100)


@ap.case("eight threads, signals, and libraries that come and go")
def torture():
    libraries = [ap.build("libpatch%d.so" % i, ["reload_twin.c"], ["-fPIC", "-shared", "-DNAME=lib%d" % i]) for i in (1, 2)]
    for compiler in ap.COMPILERS:
        r = run("torture", N, *libraries, compiler=compiler)
        assert r.err == "alarms many, reloads many\n", r.err
        report = r.report().assert_sane()
        assert report.quality["patch"]["came_back"] > 0, report.quality["patch"]
        near(report, "hot", N + 28 * 100)


@ap.case("hooks go and come back hundreds of times under eight threads")
def often():
    options = PATCH + ":awake=10"
    r = run("threads", 5 * N, options=options, library=ap.test_library())
    report = r.report().assert_sane()
    assert report.quality["patch"]["came_back"] >= 100, report.quality["patch"]
    for name in ("hot", "leaf"):
        near(report, name, 5 * N + 28 * 100)


@ap.case("threads that come when functions are patched")
def late():
    report = run("late", 3 * N).report().assert_sane()
    for name in ("hot", "leaf"):
        near(report, name, 3 * N)


@ap.case("a thread that keeps the budget by itself tells nothing of one that does not")
def mild():
    report = run("mild").report().assert_sane()
    for name in ("hot", "leaf"):
        near(report, name, N)


@ap.case("a child of fork has its hooks, one of _Fork, too, and one that could not open its memory at first")
def fork():
    for mode in ("fork", "bare", "closed"):
        r = run(mode, output="r.%p.json")
        reports = {report.process["pid"]: report for report in r.reports()}
        assert len(reports) == 2, list(reports)
        child = next(report for pid, report in reports.items() if pid != r.pid)
        # Nobody tells of _Fork: the child's first calls come before the first of its hooks that was left.
        lost = mode != "fork" and 100 - child.one("hot")["calls"]
        assert child.one("hot")["calls"] == child.one("leaf")["calls"] == 100 - lost, child.functions
        assert lost in (0, 1) and bool(lost) == any("patch" in n for n in child.quality["notes"]), child.quality["notes"]
        if mode != "closed":
            near(reports[r.pid], "hot", N)


@ap.case("who may not write its memory any more is known to have called more")
def drop():
    if os.getuid() != 0:
        raise ap.Skip("only root can become another user")
    report = run("drop").report().assert_sane()
    assert any("could not be put back" in note for note in report.quality["notes"]), report.quality["notes"]
    for name in ("hot", "leaf"):
        f = report.one(name)
        assert f["calls_known"] == "more" and f["calls"] < N, f


@ap.case("a filter on system calls of which nobody told is no death")
def filtered():
    r = run("filter")
    assert r.status == 0, r.status
    report = r.report().assert_sane()
    assert any("system calls are filtered" in note for note in report.quality["notes"]), report.quality["notes"]
    for name in ("hot", "leaf"):
        f = report.one(name)
        assert f["calls_known"] == "more" and f["calls"] < N or abs(f["calls"] - N) < N / 10, f


@ap.case("a process whose first thread has ended")
def leader():
    report = run("leader").report().assert_sane()
    assert report.quality["patch"]["came_back"] > 0, report.quality
    near(report, "hot", N)


@ap.case("where fibers come hooks come back, for good")
def fibers():
    report = run("fibers").report().assert_sane()
    for name in ("hot", "leaf"):
        near(report, name, N + 28 * 100 + 100)
        assert report.one(name)["missed_calls"] < N // 2, report.one(name)


@ap.case("without an attendant, and where it is not wanted, hooks stay")
def stays():
    report = run("paced", N // 10, options=PATCH + ":monitor=off").from_spool()
    assert report.one("hot")["calls"] == N // 10 and report.quality["missed_calls"] == 0
    assert any("patch" in note for note in report.quality["notes"]), report.quality["notes"]
    report = run("paced", N // 10, options="overhead=10%").report()
    assert report.one("hot")["calls"] == N // 10 and report.quality["patch"] is None


if __name__ == "__main__":
    ap.main()
