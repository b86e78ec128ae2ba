#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Filters: what they leave out is counted where it was, the rest is as exact as ever."""
import os

import ap

N = 3000


def build(compiler="gcc"):
    return ap.build("filters-" + compiler, ["filters.cc"], ["-O1"], compiler=compiler)


def run(options, *how, **more):
    return ap.run([build(), str(N), *how], options=options, **more)


def counts(report):
    """Calls by name without parameters and template arguments."""
    result = {}
    for f in report.functions:
        name = f["name"].split("(")[0] if f["kind"] != "synthetic" else f["name"]
        name = name.split("<")[0].split(" ")[-1] if f["kind"] != "synthetic" else name
        if f["calls"]:
            result[name] = result.get(name, 0) + f["calls"]
    return result


EVERYTHING = {"main": 1, "work": 1, "root": N, "other": N, "middle": 2 * N, "leaf": 3 * N, "geo::twice": 2 * N,
              "geo::Point::Point": N, "geo::Point::norm": N}
ALL = sum(EVERYTHING.values())


def expect(options, expected, *how, **more):
    report = run(options, *how, **more).report().assert_sane()
    assert counts(report) == expected, (options, counts(report), expected)
    assert report.quality["filters"] == options
    return report


def left(kept, kind):
    """@kept, and everything else as calls of @kind."""
    return dict(kept, **{kind: ALL - sum(kept.values())})


@ap.case("without filters nothing is said of them")
def none():
    report = run("").report().assert_sane()
    assert counts(report) == EVERYTHING, counts(report)
    assert report.quality["filters"] is None


@ap.case("filter: a function and what it calls")
def roots():
    inside = {"root": N, "middle": N, "leaf": N, "geo::twice": N, "geo::Point::Point": N, "geo::Point::norm": N}
    report = expect("filter=root", left(inside, "(outside)"))
    paths = report.paths()
    assert paths[("(outside)",)] == ALL - sum(inside.values()), paths
    assert report.one("root")["total_ns"] <= report.process["duration_ns"]
    expect("filter=roo?", left(inside, "(outside)"))
    expect("filter=ma*", EVERYTHING)


@ap.case("filter: names of C++, with and without their scope's templates")
def names():
    expect("filter=geo::*", left({"geo::twice": 2 * N, "geo::Point::Point": N, "geo::Point::norm": N}, "(outside)"))
    expect("filter=geo::Point::norm,geo::twice", left({"geo::twice": 2 * N, "geo::Point::norm": N}, "(outside)"))
    expect("filter=geo::Point::Point", left({"geo::Point::Point": N}, "(outside)"))
    expect("filter=_ZN3geo5twice*", left({"geo::twice": 2 * N}, "(outside)"))


@ap.case("notrace: a function and what it calls are left out")
def notrace():
    kept = {name: n for name, n in EVERYTHING.items() if name not in ("middle", "geo::twice")}
    kept["leaf"] = N
    report = expect("notrace=middle", left(kept, "(left out)"))
    paths = {tuple(name.split("(")[0] or name for name in path): n for path, n in report.paths().items()}
    assert paths[("main", "work", "root", "(left out)")] == 3 * N, paths
    middle_ns = run("").report().one("middle")["total_ns"]
    left_ns = [f for f in report.functions if f["name"] == "(left out)"][0]["self_ns"]
    assert left_ns > 0 and middle_ns > 0
    expect("filter=root:notrace=middle",
           {"root": N, "geo::Point::Point": N, "geo::Point::norm": N, "(left out)": 6 * N, "(outside)": ALL - 9 * N})


@ap.case("depth: from the root, or from what a filter names; direct recursion is one level")
def depth():
    expect("depth=3", left({"main": 1, "work": 1, "root": N, "other": N}, "(left out)"))
    expect("filter=root:depth=1", {"root": N, "(outside)": ALL - 6 * N, "(left out)": 5 * N})
    report = run("depth=2", "jump").report().assert_sane()
    assert report.calls("down") == 101, counts(report)


@ap.case("modules: objects that are wanted, by name or path")
def modules():
    expect("modules=filters-*", EVERYTHING)
    expect("modules=" + build(), EVERYTHING)
    expect("modules=lib*.so", {"(outside)": ALL})


@ap.case("what is left out may jump, fork and run in threads")
def whatever():
    report = run("notrace=jump", "jump").report().assert_sane()
    assert counts(report)["(left out)"] == 2 * N and report.calls("jumps") == 1, counts(report)
    report = run("filter=leaf", "jump").report().assert_sane()
    assert counts(report)["leaf"] == N + 1, counts(report)
    report = run("filter=middle", "threads").report().assert_sane()
    assert counts(report)["middle"] == counts(report)["geo::twice"] == 8 * N, counts(report)
    reports = run("filter=root", "fork").wait_reports(2)
    found = sorted(counts(r.assert_sane()).get("root", 0) for r in reports)
    assert found == [0, N], found


@ap.case("what a killed program had not folded is filtered by the reader alike")
def killed():
    for options in ("filter=root", "notrace=middle,geo::Point::Point", "depth=3", "modules=nothing",
                    "filter=geo::*:depth=1"):
        whole = counts(run(options).report())
        report = run(options + ":monitor=off", "kill").from_spool()
        assert report.events["pending"] > 0, report.events
        assert counts(report) == whole, (options, counts(report), whole)


@ap.case("names that are nothing's are told, and what cannot be used is ignored")
def missed():
    report = run("filter=root,nowhere:notrace=*none*:modules=filters-*,lib?.so").report().assert_sane()
    notes = " ".join(report.quality["notes"])
    for said in ("filter: there was no function 'nowhere'", "notrace: there was no function '*none*'",
                 "modules: there was no file 'lib?.so'"):
        assert said in notes, notes
    assert "'root'" not in notes and "'filters-*'" not in notes, notes
    report = run("filter=:depth=0:notrace=" + ",".join("f%d" % i for i in range(65))).report().assert_sane()
    assert report.quality["filters"] is None
    ignored = " ".join(report.quality["options_ignored"])
    for key in ("filter: expected names", "depth: expected a depth", "notrace: more than 64"):
        assert key in ignored, ignored


@ap.case("a stripped program has no names: said so")
def stripped():
    exe = build()
    bare = exe + "-stripped"
    os.system("strip -o %s %s" % (bare, exe))
    r = ap.run([bare, str(N)], options="notrace=middle")
    report = r.report().assert_sane()
    assert sum(counts(report).values()) == ALL
    assert "there was no function 'middle'" in " ".join(report.quality["notes"]), report.quality["notes"]


@ap.case("clang's programs too")
def clang():
    r = ap.run([build("clang"), str(N)], options="filter=root:depth=1")
    assert r.report().assert_sane().calls("root") == N


ap.main()
