#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stacks that the program changes between by itself: one call tree a stack, whoever runs it, whatever it does."""
import os
import signal

import ap

FIBERS = 200
BUILDS = [(c, level) for c in ap.COMPILERS for level in ("-O0", "-O2")]


def build(compiler, level):
    return ap.build("fibers-%s%s" % (compiler, level), ["fibers.c"],
                    [level, "-I" + os.path.join(ap.SOURCE, "include")], compiler)


def roots(report):
    return {path[0]: n for path, n in report.paths().items() if len(path) == 1}


def same_as_alone(mode, compiler, level, options=""):
    """Counts exact, no frame taken for another stack's, and each fiber at the root of its own tree."""
    exe = build(compiler, level)
    r = ap.run_twice([exe, mode, str(FIBERS)], options=options)
    assert r.status == 0, r.status
    report = r.assert_counts(r.report()).assert_sane()
    quality = report.quality
    assert (quality["resyncs"], quality["unmatched_exits"], quality["clamps"], quality["beyond"]) == \
        (0, 0, 0, 0), quality
    assert sum(f["self_ns"] for f in report.functions) <= \
        sum(t["duration_ns"] for t in report.json["threads"]) * 1.02, "more time than there was"
    return report


def each(sentence):
    """The case for every compiler and level."""
    def add(function):
        for compiler, level in BUILDS:
            ap.case("%s, %s %s" % (sentence, compiler, level))(
                lambda c=compiler, l=level: function(c, l))
        return function
    return add


def assert_steps(report, first, n):
    """`step` is called by even and odd in turn, below `first`, and nowhere else."""
    found = 0
    for path, calls in report.paths().items():
        if path[-1] == "step":
            assert path[0] == first, path
            assert path[1:-1] == tuple(("even", "odd")[i % 2] for i in range(len(path) - 2)), path
            found += calls
    assert found == n, (found, n)


@each("fibers that go to each other at random and end through uc_link")
def at_random(compiler, level):
    report = same_as_alone("random", compiler, level, "chunk=1K")
    assert roots(report) == {"main": 1, "life": FIBERS}, roots(report)
    assert_steps(report, "life", 40 * FIBERS)
    assert report.quality["unclosed_frames"] == 0, report.quality


@each("fibers that go on on other threads than they began on")
def on_threads(compiler, level):
    report = same_as_alone("threads", compiler, level)
    assert roots(report) == {"main": 1, "worker": 4, "threads_life": FIBERS}, roots(report)
    assert report.paths()[("threads_life", "step")] == 40 * FIBERS, report.paths()


@each("setcontext from fiber to fiber, and back to where getcontext was")
def by_setcontext(compiler, level):
    report = same_as_alone("set", compiler, level)
    paths = report.paths()
    assert paths[("set_life", "step")] == FIBERS, paths
    assert paths[("main", "by_setcontext", "step")] == 1, paths


@each("a stack that is used again: what was open on it is over")
def again(compiler, level):
    report = same_as_alone("again", compiler, level)
    assert report.paths()[("again_life", "step")] == FIBERS, report.paths()
    assert report.quality["unclosed_frames"] == FIBERS - 1, report.quality


@each("coroutines that change by siglongjmp")
def by_jumps(compiler, level):
    report = same_as_alone("jump", compiler, level)
    assert_steps(report, "jump_life", 40 * FIBERS)


@each("fibers of the program's own, named through the public header")
def named(compiler, level):
    report = same_as_alone("named", compiler, level, "chunk=1K")
    assert_steps(report, "named_life", 40 * FIBERS)


@each("killed while fibers are in the middle: their calls are open")
def asleep(compiler, level):
    r = ap.run([build(compiler, level), "asleep", str(FIBERS)], options="monitor=off")
    assert r.status == ap.signal_status(signal.SIGKILL), r.status
    report = r.assert_counts(r.from_spool(), {"asleep_life": FIBERS, "step": FIBERS})
    assert report.one("asleep_life")["open_calls"] == FIBERS, report.one("asleep_life")
    assert report.quality["identity_holds"] and report.quality["resyncs"] == 0, report.quality


@ap.case("a thousand fibers in one megabyte: what finds no memory is said")
def little_memory():
    exe = build(ap.COMPILERS[0], "-O2")
    r = ap.run_twice([exe, "random", "1000"], options="memory=1M")
    report = r.report().assert_sane(lossless=False)
    assert report.quality["degraded"], report.quality


ap.main()
