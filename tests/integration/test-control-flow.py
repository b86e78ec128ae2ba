#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Recursion, jumps, exceptions and signal handlers: counts are exact, and callers are right."""
import ap


def both(name, sources, flags=()):
    """One build per compiler and level: [(label, path)]."""
    rows = [(c, level) for c in ap.COMPILERS for level in ("-O0", "-O2")]
    paths = ap.in_parallel([lambda c=c, level=level: ap.build(
        "%s-%s%s" % (name, c, level), sources, [level, *flags], c) for c, level in rows])
    return [("%s %s" % row, path) for row, path in zip(rows, paths)]


def each(name, sources, flags=()):
    """A case for each build."""
    def add(function):
        def check():
            for label, path in both(name, sources, flags):
                try:
                    function(path)
                except AssertionError as error:
                    raise AssertionError("%s: %s" % (label, error)) from None
        ap.case(function.__doc__)(check)
        return function
    return add


def exact(argv, **options):
    r = ap.run(argv, **options)
    assert r.status == 0, (r.status, r.err)
    return r.assert_counts(r.report()).assert_sane(), r


@each("recursion", ["recursion.c"])
def recursion_direct(exe):
    """a function that calls itself 10,000 deep"""
    report, _ = exact([exe, "direct", "10000"])
    f = report.one("direct")
    run = report.one("run_direct")
    assert f["total_ns"] <= run["total_ns"], "a recursive total counts once"
    assert report.quality["unclosed_frames"] == 0 and report.quality["resyncs"] == 0, report.quality


@each("recursion", ["recursion.c"])
def recursion_mutual(exe):
    """two functions that call each other 10,001 deep"""
    report, _ = exact([exe, "mutual", "10001"])
    run = report.one("run_mutual")
    for name in ("ping", "pong"):
        f = report.one(name)
        assert f["total_ns"] <= run["total_ns"], (name, f["total_ns"], run["total_ns"])
    assert report.quality["unclosed_frames"] == 0 and report.quality["resyncs"] == 0, report.quality


@each("recursion", ["recursion.c"])
def recursion_tree(exe):
    """a tree of calls"""
    report, _ = exact([exe, "tree", "16"])
    assert report.one("tree")["calls"] == 2 ** 17 - 1
    assert report.one("tree")["total_ns"] <= report.one("run_tree")["total_ns"]


@each("recursion", ["recursion.c"])
def recursion_stretched(exe):
    """frames whose sizes vary"""
    exact([exe, "stretched", "5000"])


@ap.case("a million levels: all are counted, 65,536 are timed")
def recursion_deepest():
    exe = ap.build("deepest", ["recursion.c"], ["-O0"])
    for kind in ("direct", "mutual"):
        report, _ = exact([exe, kind, "1000000"])
        assert report.quality["beyond"] >= 1000000 - 65536, report.quality
        assert report.quality["unmatched_exits"] == 0, report.quality


@each("jumps", ["jumps.c"])
def jumps(exe):
    """longjmp and siglongjmp across frames"""
    report, _ = exact([exe])
    paths = report.paths()
    assert paths.get(("main", "one_round", "after")) == 2000, {p: n for p, n in paths.items()
                                                               if "after" in p}
    # Each round leaves two times 21 frames without their exits.
    assert report.quality["unclosed_frames"] == 1000 * 42, report.quality
    assert report.quality["unmatched_exits"] == 0, report.quality


@each("altstack", ["altstack.c"])
def altstack(exe):
    """handlers on an alternate stack, wherever it lies"""
    for place in (-80, -17, -15, -2, 0, 2, 6, 15, 17, 40, 64):
        report, _ = exact([exe, str(place % 128)])
        quality = report.quality
        assert quality["resyncs"] == 0 and quality["unmatched_exits"] == 0, (place, quality)
        # The last handler jumps out of three frames: its own, what it interrupted, and who raised the signal.
        assert quality["unclosed_frames"] == 2, (place, quality)
        assert report.paths().get(("main", "inner")) == 1, (place, report.paths())


@each("exceptions", ["exceptions.cc"])
def exceptions(exe):
    """exceptions, thrown through frames, caught and thrown again"""
    report, _ = exact([exe])
    after = {p: n for p, n in report.paths().items() if p[-1].startswith("after")}
    short = {tuple(name.split("(")[0] for name in p): n for p, n in after.items()}
    assert short == {("main", "one_round", "after"): 2000,
                     ("main", "one_round", "again", "after"): 1000}, short
    assert report.quality["unmatched_exits"] == 0, report.quality


@each("interrupts", ["interrupts.c"])
def interrupts(exe):
    """a handler that calls, every 100 us, in the middle of calls"""
    report, r = exact([exe, "0", "300"])
    assert report.calls("handler") > 100
    handler_paths = [p for p in report.paths() if p[-1] == "handler"]
    assert ("main", "middle", "leaf", "handler") in handler_paths or \
        ("main", "middle", "handler") in handler_paths, handler_paths
    assert report.quality["unmatched_exits"] == 0, (report.quality, r.out)


@each("interrupts", ["interrupts.c"])
def interrupts_threads(exe):
    """the same with four threads beside it and rings of 1 KiB"""
    report, _ = exact([exe, "4", "200"], options="chunk=1K")
    assert report.quality["folds"] > 1000, report.quality
    assert report.quality["unmatched_exits"] == 0, report.quality


@each("interrupts", ["interrupts.c"])
def interrupts_jump(exe):
    """a handler that leaves by siglongjmp out of whatever it interrupted"""
    r = ap.run([exe, "0", "300", "jump"])
    assert r.status == 0, r.status
    report = r.assert_counts(r.report()).assert_sane(lossless=False)
    for line in r.out.splitlines():
        word = line.split()
        if word[0] == "least":
            jumped = int(r.out.split("jumped ")[1])
            # Each jump may have cut one round short, whose calls were made in part.
            got, least = report.calls(word[1]), int(word[2])
            assert least <= got <= least + 2 * jumped, (line, got)


ap.main()
