#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""overhead=N%: functions that cost too much are counted and sampled; calls stay exact whatever the program does."""
import os
import signal
import statistics

import ap

N = 3000000
FLAT = {"main": 1, "parent": N, "leaf": 2 * N}


def build(compiler="gcc"):
    return ap.build("budget-" + compiler, ["budget.c"], ["-O2"], compiler=compiler)


def run(mode, n=N, options="overhead=5%", compiler="gcc", **more):
    return ap.run([build(compiler), mode, str(n)], options=options, **more)


def sane(r, demoted=True):
    report = r.report().assert_sane()
    r.assert_counts(report)
    assert (report.quality["counted_calls"] > 0) == demoted, report.text_of_quality()
    return report


@ap.case("calls are exact, in one thread and in eight, by either compiler")
def exact():
    for compiler in ap.COMPILERS:
        for mode in ("flat", "threads"):
            report = sane(run(mode, compiler=compiler))
            assert report.events["attempted"] < N, report.events  # of 6 N with everything recorded
            assert report.one("leaf")["timed_calls"] < N


@ap.case("functions whose gates have the same place")
def near():
    for compiler in ap.COMPILERS:
        exe = ap.build("alike-" + compiler, ["alike.c"], ["-O2"], compiler=compiler)
        report = sane(ap.run([exe, str(N)], options="overhead=5%"))
        assert report.events["attempted"] < N, report.events  # of 12 N with everything recorded


@ap.case("without a budget everything is recorded")
def none():
    report = sane(run("flat", 300000, options="overhead=none"), demoted=False)
    assert report.events["attempted"] - report.events["specials"] == 6 * 300000 + 4  # main and say_flat
    assert report.one("leaf")["timed_calls"] == 600000


@ap.case("recursion, jumps, signals: each call is counted once")
def odd():
    for mode, n in (("recursive", 30), ("jumps", N // 4), ("signals", N), ("walk", N)):
        for compiler in ap.COMPILERS:
            sane(run(mode, n, compiler=compiler))


@ap.case("threads that end when all shards are held keep what they have counted")
def crowd():
    for _ in range(3):
        sane(run("crowd", 2 * N))


@ap.case("a program that begins to use fibers, on which threads with and without a budget take turns")
def fibers():
    sane(run("fibers", N // 2))


@ap.case("a killed program has what it had counted")
def killed():
    r = run("kill", options="overhead=5%:monitor=off")
    assert r.status == ap.signal_status(signal.SIGKILL)
    r.assert_counts(r.from_spool().assert_sane())


@ap.case("a period of the program is not the period of the samples")
def periodic():
    exact_report = sane(run("periodic", N // 3, options="overhead=none"), demoted=False)
    report = sane(run("periodic", N // 3, options="overhead=2%"))
    # One call in eight is slow. In windows that kept time with them there would be none, or nothing else.
    for key in ("p50_ns", "p90_ns"):
        truth, seen = (x.one("alternating")[key] for x in (exact_report, report))
        assert truth / 2 < seen < 2 * truth + 20, (key, seen, truth)


def changing_leaf(options):
    report = sane(run("phases", options=options), demoted=options != "overhead=none")
    leaf = report.one("leaf")
    return leaf["self_ns"] / sum(f["self_ns"] for f in report.functions), leaf["p50_ns"], leaf["p90_ns"]


@ap.case("a function that changes when it has been demoted")
def phases():
    pairs = [[changing_leaf(options) for options in ("overhead=none", "overhead=5%")] for _ in range(3)]
    (exact_share, exact_short, exact_long), (share, short, long) = (
        [statistics.median(x) for x in zip(*side)] for side in zip(*pairs)
    )
    assert abs(share - exact_share) < 0.1, pairs
    # Two thirds of the calls are short, the last third is long.
    for truth, seen in ((exact_short, short), (exact_long, long)):
        assert truth / 3 < seen < 3 * truth, pairs
    assert long > 3 * short, pairs


def planted_run(mode, n, options):
    report = sane(run(mode, n, options=options), demoted=options != "overhead=none")
    assert report.one("middle")["counted_calls"] == report.one("grandparent")["counted_calls"] == 0
    return report


def planted_shares(options):
    report = planted_run("planted", 2000, options)
    times = [report.one(name)["self_ns"] for name in ("grandparent", "middle", "child")]
    return [100 * ns / sum(times) for ns in times]


@ap.case("a child that is demoted: its time, its parent's and its grandparent's; in eight threads the calls")
def planted():
    # What hooks cost differs from what was calibrated by half where the processor works at both at once (exact mode is
    # off by it, too): the calls are so few that this is a point, and still so many that they are over the budget.
    # A busy machine disturbs either, now more, now less: the medians of more runs are without that.
    pairs = []
    for enough in (5, 15, 45):
        while len(pairs) < enough:
            pairs.append([planted_shares(options) for options in ("overhead=none", "overhead=1%")])
        exact_mode, budget = ([statistics.median(x) for x in zip(*side)] for side in zip(*pairs))
        if all(abs(a - b) < 3 for a, b in zip(exact_mode, budget)):
            break
    else:
        assert False, (exact_mode, budget, pairs)
    planted_run("planted8", 2000, "overhead=1%")


@ap.case("code that is unloaded while its functions are demoted")
def reload():
    first = ap.build("libfirst.so", ["reload_twin.c"], ["-fPIC", "-shared", "-DNAME=alpha"])
    second = ap.build("libother.so", ["reload_twin.c"], ["-fPIC", "-shared", "-DNAME=bravo"])
    exe = ap.build("reload", ["reload.c"], ["-ldl"])
    for thread in ([], ["thread"]):
        r = ap.run([exe, first, second, "1000", *thread], options="overhead=5%")
        assert "same address: 1 1" in r.out, r.out  # else this case shows nothing
        sane(r)


@ap.case("the program keeps the budget while libraries come and go, whose calls are exact, too")
def plugins():
    libraries = [ap.build("lib%s.so" % name, ["reload_twin.c"], ["-fPIC", "-shared", "-DNAME=" + name]) for name in ("alpha", "bravo")]
    for compiler in ap.COMPILERS:
        report = sane(ap.run([build(compiler), "plugins", str(2 * N), *libraries], options="overhead=5%"))
        events = report.events["attempted"] - 2 * (report.calls("alpha") + report.calls("bravo"))
        assert events < 2 * N, report.events  # of 12 N with everything recorded


@ap.case("values of overhead")
def values():
    for value, why in (("5", None), ("5%", None), ("0%", 1), ("x", 1), ("5%%", 1), ("1001%", 1)):
        ignored = run("flat", 10, options="overhead=" + value).report().quality["options_ignored"]
        assert bool(ignored) == bool(why), (value, ignored)
    for options, percent in (("", 10), ("overhead=0%:", 10), ("overhead=none:", None), ("overhead=3%:", 3)):
        spools = ap.fresh("spools")
        os.chmod(spools, 0o700)
        r = run("flat", 10, env={"AUTOPROF_OPTIONS": options + "output=r.%e.%p.json:dir=" + spools})
        assert r.report().quality["budget_pct"] == percent, (options, percent, r.report().quality)


if __name__ == "__main__":
    ap.main()
