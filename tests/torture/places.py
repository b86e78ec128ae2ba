# SPDX-License-Identifier: MIT
"""tests/torture/places.py - what the scripts here share: the harness of tests/integration, and the
program that loses its place in the world."""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import ap  # noqa: E402  pylint: disable=wrong-import-position

OLD_MS = "400"  # an attendant is started at 200 ms


def program(name, flags=("-O1",), **options):
    """A program of this directory."""
    source = os.path.join(HERE, "programs", name)
    return ap.build(name.split(".", maxsplit=1)[0], [source], list(flags), **options)


def need_root():
    if not ap.ROOT:
        raise ap.Skip("only root can do this")


def need(*commands):
    for command in commands:
        if not shutil.which(command):
            raise ap.Skip("there is no " + command)


def works(*command):
    """Can this machine do that?"""
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def exact(r, report):
    return r.assert_counts(report).assert_sane()


def simple():
    """The smallest program with counts of its own."""
    return ap.build("simple", ["simple.c"], ["-O1"])


def keep_spool(exe, **options):
    """Run it, and leave its spool."""
    r = ap.run([exe], options="report=none", **options)
    assert len(r.spools()) == 1, r.log()
    return r
