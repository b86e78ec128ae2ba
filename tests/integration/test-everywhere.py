#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Exact counts of functions wherever they are: both compilers, C and C++, PIE and not, -O0, -O2."""
import os

import ap


def build_everywhere(compiler, language, pie, level):
    base = os.path.join(ap.BASE, "-".join(["everywhere", compiler, language, pie, level]))
    flags = [level] + ([language] if language == "c++" else [])
    shared, plugin = base + "-shared.so", base + "-plugin.so"
    ap.build(shared, ["everywhere_shared.c"], flags + ["-fPIC", "-shared"], compiler)
    ap.build(plugin, ["everywhere_plugin.c"], flags + ["-fPIC", "-shared"], compiler)
    place = ["-fPIE", "-pie"] if pie == "pie" else ["-fno-pie", "-no-pie"]
    exe = ap.build(base, ["everywhere.c"], flags + place
                   + [shared, "-Wl,-rpath," + ap.BASE, "-ldl"], compiler)
    return exe, plugin


def check_everywhere(compiler, language, pie, level):
    exe, plugin = build_everywhere(compiler, language, pie, level)
    r = ap.run_twice([exe, plugin])
    report = r.assert_counts(r.report()).assert_sane()
    assert r.status == 5, r.status
    names = set(r.expected())
    assert {f["name"].split("(")[0] for f in report.functions
            if f["calls"]} == names, report.names()
    modules = {f["name"].split("(")[0]: f["module"] for f in report.functions}
    assert modules["leaf"] == os.path.basename(exe), modules
    assert modules["shared_helper"] == os.path.basename(exe) + "-shared.so", modules
    assert modules["plugin_helper"] == os.path.basename(plugin), modules
    leaf = report.one("leaf")
    assert os.path.basename(leaf["file"]) == "everywhere.c", leaf
    with open(leaf["file"], encoding="utf-8") as file:
        line = file.read().splitlines()[leaf["line"] - 1]
    assert "void leaf(void)" in line, (leaf["line"], line)
    assert report.process["threads_created"] == 8, report.process
    assert len(report.json["threads"]) == 9, report.json["threads"]


for _compiler in ap.COMPILERS:
    for _language in ("c", "c++"):
        for _pie in ("pie", "no-pie"):
            for _level in ("-O0", "-O2"):
                ap.case("counts are exact: %s %s %s %s" % (_compiler, _language, _pie, _level))(
                    lambda a=_compiler, b=_language, c=_pie, d=_level: check_everywhere(a, b, c, d))


@ap.case("the call paths are those of the program")
def paths():
    exe, plugin = build_everywhere("gcc", "c", "pie", "-O0")
    r = ap.run([exe, plugin])
    got = r.report().paths()
    want = {("main", "outer", "leaf"): 1000, ("main", "shared_work", "shared_helper"): 300,
            ("main", "plugin_work", "plugin_helper"): 200, ("main", "in_threads"): 1,
            ("in_thread", "leaf"): 40028, ("in_thread", "leaf", "inlined"): 40028,
            ("in_thread", "shared_work", "shared_helper"): 800}
    for path, calls in want.items():
        assert got.get(path) == calls, "%s: %s, not %d" % (path, got.get(path), calls)


@ap.case("calls before main and after it, of the program and of its library")
def early_and_late():
    for compiler in ap.COMPILERS:
        base = os.path.join(ap.BASE, "early-late-" + compiler)
        library = ap.build(base + ".so", ["early_late.c"],
                           ["-fPIC", "-shared", "-DLIBRARY"], compiler)
        exe = ap.build(base, ["early_late.c"], [library, "-Wl,-rpath," + ap.BASE], compiler)
        r = ap.run_twice([exe])
        r.assert_counts(r.report()).assert_sane()


def reload_with(*arguments):
    first = ap.build("libfirst.so", ["reload_twin.c"], ["-fPIC", "-shared", "-DNAME=alpha"])
    second = ap.build("libother.so", ["reload_twin.c"], ["-fPIC", "-shared", "-DNAME=bravo"])
    exe = ap.build("reload", ["reload.c"], ["-ldl"])
    r = ap.run([exe, first, second, *arguments])
    assert "same address: 1 1" in r.out, r.out  # else this case shows nothing
    report = r.assert_counts(r.report()).assert_sane()
    assert report.one("alpha")["module"] == "libfirst.so", report.functions
    assert report.one("bravo")["module"] == "libother.so", report.functions


@ap.case("a library that takes the place of another has its own names")
def reload():
    reload_with()


@ap.case("the same when another thread's calls are folded only when both are gone")
def reload_late():
    reload_with("1", "thread")


@ap.case("the default name has the program and the pid")
def default_name():
    exe = ap.build("simple", ["simple.c"])
    r = ap.run([exe], output=None)
    assert r.files() == ["autoprof.simple.%d.txt" % r.pid], r.files()
    with open(os.path.join(r.work, r.files()[0]), encoding="utf-8") as file:
        text = file.read()
    assert "simple" in text and "leaf" in text and "1000" in text, text
    assert all(len(line) <= 80 for line in text.splitlines()), text


@ap.case("several outputs say the same in their formats")
def several_outputs():
    exe = ap.build("simple", ["simple.c"])
    r = ap.run([exe], output="a.json,b.txt")
    assert r.files() == ["a.json", "b.txt"], r.files()
    assert r.report().calls("leaf") == 1000
    with open(os.path.join(r.work, "b.txt"), encoding="utf-8") as file:
        assert "leaf" in file.read()


@ap.case("a report is never overwritten")
def never_overwritten():
    exe = ap.build("simple", ["simple.c"])
    r = ap.run([exe], output="a.json")
    with open(os.path.join(r.work, "a.json"), "rb") as file:
        first = file.read()
    for _ in range(2):
        ap.run([exe], output="a.json", work=r.work)
    assert r.files() == ["a.2.json", "a.3.json", "a.json"], r.files()
    with open(os.path.join(r.work, "a.json"), "rb") as file:
        assert file.read() == first
    assert len({x.process["pid"] for x in r.reports()}) == 3


ap.main()
