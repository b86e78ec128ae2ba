#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SIGKILL at random microseconds: 10,000 times, or 300 in the quick subset.

AP_KILLS_SEED takes the seed of an earlier run, which is in its first lines.
"""
import glob
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import ap  # noqa: E402

BUILT = os.path.join(ap.BUILD, "tests", "torture")
QUICK = os.environ.get("AP_TORTURE") == "quick" or "--quick" in sys.argv
KILLS = 300 if QUICK else 10000
sys.argv = [a for a in sys.argv if a != "--quick"]


def kills(library, *options):
    """Run the tool. Returns the end of it and what it said."""
    seed = os.environ.get("AP_KILLS_SEED") or str(time.time_ns() % 1000000007)
    done = subprocess.run([os.path.join(BUILT, "kills"), os.path.join(BUILT, "kills-victim"), library,
                           "--seed=" + seed, *options], capture_output=True, text=True, check=False,
                          env=ap.clean_environment())
    print("".join("# %s\n" % line for line in (done.stdout + done.stderr).splitlines()[-12:]), end="")
    return done


@ap.case("%d kills: each profile has what the program published, or one call more" % KILLS)
def random_kills():
    done = kills(ap.LIBRARY, "--kills=%d" % KILLS)
    assert done.returncode == 0, "spools of failed lives are kept"


@ap.case("a library that loses an event now and then is found out")
def found_out():
    place = ap.fresh("lossy")
    shutil.copy2(ap.PROGRAM, place)
    library = shutil.copy2(os.path.join(ap.BUILD, "tests", "integration", "libautoprof-lossy.so"),
                           place)
    before = set(glob.glob("/dev/shm/autoprof-kills.*"))
    done = kills(library, "--kills=20", "--options=lose=1000")
    for place in set(glob.glob("/dev/shm/autoprof-kills.*")) - before:
        if place in done.stdout:
            shutil.rmtree(place)
    assert done.returncode == 1 and " 0 profiles wrong" not in done.stdout, done


ap.main()
