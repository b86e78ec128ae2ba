#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`autoprof run` where the library lies below a path that LD_PRELOAD cannot say: blanks and colons separate there, and a
dollar begins a word that the loader replaces."""
import glob
import os
import shutil
import subprocess

import places
from places import ap


def installed(name):
    """Program and library in a directory of that name."""
    place = os.path.join(ap.fresh("installed"), name)
    os.makedirs(place)
    for file in (ap.LIBRARY, ap.PROGRAM):
        shutil.copy2(file, place)
    return place


def run(program, command, **options):
    work, spools = ap.fresh("work"), options.pop("spools", None) or ap.fresh("spools")
    os.chmod(spools, 0o700)
    done = subprocess.run([program, "run", "-q", "--dir=" + spools, "-o", "r.json", *command], cwd=work, timeout=120, capture_output=True, text=True, check=False,
                          env=options.pop("env", ap.clean_environment()))
    return done, sorted(os.listdir(work)), glob.glob(glob.escape(work) + "/*.json")


def check(name):
    exe = places.simple()
    plain = subprocess.run([exe], capture_output=True, text=True, check=False)
    done, files, reports = run(os.path.join(installed(name), "autoprof"), [exe])
    for what in ("returncode", "stdout", "stderr"):
        assert getattr(done, what) == getattr(plain, what), (plain, done)
    assert files == ["r.json"], files
    with open(reports[0], encoding="utf-8") as file:
        report = ap.Report(file.read()).assert_sane()
    expected = [line.split() for line in plain.stdout.splitlines() if line.startswith("calls ")]
    assert expected
    for _, function, n in expected:
        assert report.calls(function) == int(n), (function, n, report.names())


@ap.case("below a directory with a blank")
def blank():
    check("blank here")


@ap.case("below a directory with a colon")
def colon():
    check("colon:here")


@ap.case("below one with all that separates, at its ends too")
def both():
    check(": both : ")


@ap.case("below a directory that is called as a word of the loader")
def dollar():
    for name in ("$LIB", "${ORIGIN}", "a$PLATFORM"):
        check(name)


@ap.case("quotes, backslashes, newlines and other letters are no matter")
def others():
    check("it's \"so\" \\ \n\t\u00e9")


@ap.case("through a shell, which starts it in another directory")
def below_shell():
    exe = places.simple()
    program = os.path.join(installed("blank here"), "autoprof")
    done, files, reports = run(program, ["sh", "-c", 'cd / && "$0"; "$0"', exe])
    assert done.returncode == 7 and files == ["r.json"], (done, files)
    with open(reports[0], encoding="utf-8") as file:
        report = ap.Report(file.read())
    assert report.calls("main") == 2, report.names()


@ap.case("what is preloaded already stays so, behind it")
def beside():
    other = ap.build("libother.so", ["simple.c"], ["-shared", "-fPIC", "-Dmain=nobody"],
                     instrument=False)
    program = os.path.join(installed("blank here"), "autoprof")
    env = dict(ap.clean_environment(), LD_PRELOAD=other)
    done, _, _ = run(program, ["env"], env=env)
    found = [x for x in done.stdout.splitlines() if x.startswith("LD_PRELOAD=")]
    assert len(found) == 1 and found[0].endswith(":" + other), done
    assert " " not in found[0] and found[0].count(":") == 1, found


@ap.case("neither the library nor the directory can be said: told, and 125")
def nowhere():
    exe = places.simple()
    spools = os.path.join(ap.fresh("spools"), "blank too")
    os.mkdir(spools)
    done, files, _ = run(os.path.join(installed("blank here"), "autoprof"), [exe], spools=spools)
    assert done.returncode == 125 and "can be preloaded" in done.stderr, done
    assert not done.stdout and not files, (done, files)


ap.main()
