#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A random program: calls, jumps, exceptions, signals and fibers in real machine code, against its own account.

usage: test-chaos.py [--full] [--seed=N] [--case=TEXT] [--with=ARGUMENT of chaos]

A failure names the seed and prints the command that replays it. The numbers of calls, by function and by path, are
those that the program counted itself: exactly.
"""
import collections
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import ap  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
FULL = "--full" in sys.argv
SEEDS = [int(a[7:]) for a in sys.argv if a.startswith("--seed=")]
CASES = [a[7:] for a in sys.argv if a.startswith("--case=")]
MORE = [a[7:] for a in sys.argv if a.startswith("--with=")]
LEVELS = ("-O0", "-O2", "-O3")
PATIENCE_S = 60


def compile_one(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0 or done.stdout:
        raise AssertionError("%s\n%s" % (" ".join(command), done.stdout))


def build(compiler, level):
    """Engine, C, C++ and a shared object, each compiled by itself."""
    place = os.path.join(ap.BASE, "chaos-%s%s" % (compiler, level))
    exe = os.path.join(place, "chaos")
    if os.path.exists(exe):
        return exe
    os.makedirs(place, exist_ok=True)
    cxx = {"gcc": "g++", "clang": "clang++"}[compiler]
    common = ["-g1", "-Wall", "-Wextra", "-I", HERE, "-pthread", level]
    hooks = ["-finstrument-functions"]
    library = os.path.join(place, "libchaos-so.so")
    objects = []
    for driver, name, flags in ((compiler, "chaos_engine.c", []), (compiler, "chaos_c.c", hooks),
                                (cxx, "chaos.cc", hooks)):
        objects.append(os.path.join(place, name + ".o"))
        compile_one([driver, *common, *flags, "-c", os.path.join(HERE, name), "-o", objects[-1]])
    compile_one([cxx, *common, *hooks, "-fPIC", "-shared", os.path.join(HERE, "chaos_so.cc"), "-o", library])
    compile_one([cxx, "-rdynamic", "-pthread", *objects, library, "-Wl,-rpath," + place, "-o", exe])
    return exe


def read_truth(path):
    """{path: calls}, {function: calls}"""
    paths, functions = collections.Counter(), collections.Counter()
    with open(path, encoding="utf-8") as file:
        for line in file:
            calls, names = line.split(" ", 1)
            paths[names.strip()] += int(calls)
            functions[names.strip().split(";")[-1]] += int(calls)
    return paths, functions


def plain(name):
    """A name without namespace and parameters."""
    return name.split("(anonymous namespace)::")[-1].split("::")[-1].split("(")[0]


def reported(report):
    paths, functions = collections.Counter(), collections.Counter()
    for path, calls in report.paths().items():
        paths[";".join(plain(name) for name in path)] += calls
    for function in report.functions:
        if function["kind"] != "synthetic":
            functions[plain(function["name"])] += function["calls"]
    return +paths, +functions


def differences(truth, said):
    lines = ["%s: %d calls made, %d reported" % (k[-200:], truth[k], said[k])
             for k in sorted(set(truth) | set(said)) if truth[k] != said[k]]
    return "%d differences, such as\n%s" % (len(lines), "\n".join(lines[:6])) if lines else ""


def check(exe, seed, arguments, options):
    truth_path = os.path.join(ap.BASE, "truth")
    argv = [exe, str(seed), truth_path, *arguments, *MORE]
    r = ap.run(argv, options="memory=256M:" + options, timeout=PATIENCE_S)
    replay = "replay: %s --seed=%d --case='%s'" % (sys.argv[0], seed, _current[0])
    assert r.status == 0, "status %s: %s\n%s" % (r.status, r.err, replay)
    report = r.report()
    paths, functions = read_truth(truth_path)
    said_paths, said_functions = reported(report)
    wrong = differences(functions, said_functions) or differences(paths, said_paths)
    assert not wrong, "%s\n%s\n%s\n%s" % (wrong, report.text_of_quality(), " ".join(argv), replay)
    report.assert_sane()
    quality = report.quality
    assert quality["unmatched_exits"] == 0, "%s\n%s" % (quality, replay)
    return r


_current = [""]


def chaos(name, arguments, options, quick, full, first=1):
    """Cases for each compiler and level: quick or full seeds each."""
    for compiler in ap.COMPILERS:
        for level in LEVELS:
            label = "%s: %s %s" % (name, compiler, level)
            if CASES and not any(k in label for k in CASES):
                continue

            def run(compiler=compiler, level=level, label=label):
                _current[0] = label
                exe = build(compiler, level)
                n = full if FULL else quick
                for seed in SEEDS or range(first, first + n):
                    check(exe, seed, arguments, options)
            ap.case(label)(run)


chaos("a random program", ["calls=20000"], "chunk=64K", 3, 40)
chaos("rings of 1 KiB", ["calls=20000"], "chunk=1K", 2, 40, first=1001)
chaos("four threads", ["calls=5000", "threads=4"], "chunk=1K", 1, 20, first=2001)

sys.argv = [a for a in sys.argv if not a.startswith("--")]
ap.main()
