#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times, against what was measured of each call by CLOCK_MONOTONIC in the same run.

The program measures from inside the function and from around the call: the truth lies between the two, and so must what
is reported, whatever the scheduler does. Folds are the only thing that may be missing from it: their time is in the
program's figures and not in ours, and what it was in all is in the spool.
"""
import collections
import os
import statistics
import subprocess

import ap

Compared = collections.namedtuple("Compared", "bare whole off error")  # ns

RATE = 0.001  # of difference between the two clocks: adjusting one may change its rate by half as much


def tool(name, *args):
    done = subprocess.run([os.path.join(ap.TOOLS, name), *args], capture_output=True, text=True,
                          check=True)
    return [int(word) for word in done.stdout.split()]


def between(name, least, reported, most, gaps):
    assert least * (1 - RATE) - gaps <= reported <= most * (1 + RATE), \
        "%s: %.3f ms reported, %.3f to %.3f ms measured, of them %.3f ms in folds at most" % (
            name, reported / 1e6, least / 1e6, most / 1e6, gaps / 1e6)


def compare(kind):
    """With folds that are few and long, then with many short ones."""
    compare_once(kind, "chunk=64K")
    return compare_once(kind, "chunk=1K")


def compare_once(kind, options):
    exe = ap.build("busy", ["busy.c"], ["-O1"])
    # Without an attendant: starting it is a long gap.
    r = ap.run([exe, kind], options="monitor=off:" + options)
    report = r.from_spool().assert_sane()
    gaps, = tool("spool-gaps", r.spools()[0])
    lines = [line.split() for line in r.out.splitlines() if line.startswith("time ")]
    assert lines, r.out
    for _, name, calls, *bounds in lines:
        f = report.one(name)
        assert f["calls"] == int(calls), (name, f["calls"], calls)
        total_least, total_most, self_least, self_most = map(int, bounds)
        between(name + ", total", total_least, f["raw_total_ns"], total_most, gaps)
        between(name + ", self", self_least, f["raw_self_ns"], self_most, gaps)
        assert f["total_ns"] <= f["raw_total_ns"] and f["self_ns"] <= f["raw_self_ns"], f
        assert f["min_ns"] <= f["p50_ns"] <= f["p99_ns"] <= f["max_ns"], f
        assert f["min_ns"] <= f["avg_ns"] <= f["max_ns"], f
    return report


@ap.case("nested calls")
def nested():
    report = compare("nested")
    assert sum(f["self_ns"] for f in report.functions) <= report.process["duration_ns"]


@ap.case("recursive calls: the total counts once")
def recursive():
    report = compare("recursive")
    assert report.one("down")["total_ns"] <= report.process["duration_ns"]
    down = report.one("down")
    assert down["avg_ns"] * down["calls"] > 5 * down["total_ns"], down


@ap.case("calls in four threads")
def threads():
    report = compare("threads")
    for thread in report.json["threads"]:
        assert thread["duration_ns"] <= report.process["duration_ns"], thread
        assert thread["start_ns"] >= 0, thread
    self_ns = sum(f["self_ns"] for f in report.functions)
    assert self_ns <= sum(t["duration_ns"] for t in report.json["threads"]), self_ns


@ap.case("a fold is in no function's time")
def no_folds():
    exe = ap.build("tiny", ["tiny.c"], ["-O1"])
    for _ in range(5):
        r = ap.run([exe, "10000000"], options="report=none")
        said = tool("spool-above", r.spools()[0], "20000")
        calls, above, folds = said
        assert calls == 10000000 and folds > 4000, said
        # One a fold would be 4,900, in each run. Others take the processor a few hundred times a second, more often on a busy
        # machine; that only adds, so one run without tells.
        if above < folds / 4:
            return
    assert False, said


def report_of(exe):
    return ap.run([exe, "20"], options="monitor=off").from_spool()


@ap.case("a parent has the time that it has where its children have no hooks")
def compensated():
    """Within 5 %, what the report says of how well the cost of hooks is known, and what a machine that others use adds: half of
    the runs of the same program differ by that much. What hooks cost is calibrated by the best of some rounds, others that use
    the processor make them take longer: told by all runs, or by the quietest."""
    whole = ap.build("leafy", ["leafy.c"], ["-O2"])
    bare = ap.build("leafy-bare", ["leafy.c"], ["-O2", "-DBARE"])
    runs = []
    for run in range(150):  # of 2 ms each, one after the other: a machine that slows down slows both
        truth = report_of(bare).one("parent")["raw_total_ns"]
        report = report_of(whole)
        ours = report.one("parent")
        assert ours["raw_total_ns"] - ours["total_ns"] > 20000 * 5, ours
        runs.append(Compared(truth, ours["raw_total_ns"], ours["total_ns"] - truth, 20000 * report.quality["hook_error_ns"]))
        if run >= 20 and (are_near(runs) or are_near(quietest(runs))):
            return
    assert False, quietest(runs)


def are_near(runs):
    least, _, most = statistics.quantiles([r.bare for r in runs], n=4)
    return abs(statistics.median(r.off / (0.05 * r.bare + r.error + (most - least) / 2) for r in runs)) <= 1


def quietest(runs, n=10):
    """The @n in which neither program was slowed down."""
    fast_bare, fast_whole = min(r.bare for r in runs), min(r.whole for r in runs)
    return sorted(runs, key=lambda r: max(r.bare / fast_bare, r.whole / fast_whole))[:n]


@ap.case("no time is negative or longer than the run, whatever interrupts")
def sane():
    exe = ap.build("interrupts", ["interrupts.c"], ["-O1"])
    r = ap.run([exe, "2", "300"])
    report = r.report().assert_sane()
    for f in report.functions:
        for key in ("total_ns", "self_ns", "min_ns", "max_ns", "avg_ns", "stddev_ns"):
            assert f.get(key, 0) >= 0, f
        assert f.get("max_ns", 0) <= report.process["duration_ns"], f


ap.main()
