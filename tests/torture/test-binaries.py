#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Binaries that changed since they ran, are damaged, stripped, or have their debug information
elsewhere: a report of each, without a wrong name."""
import json
import os
import random
import resource
import shutil
import subprocess
import time

import places
from places import ap

MUTATIONS = 2000
MEMORY_KIB = 2 << 20  # what a reader may take


def report_of(spool, *options):
    done = ap.autoprof("report", "--json", *options, spool)
    assert done.returncode == 0, done.stderr
    return ap.Report(done.stdout)


@ap.case("a binary that is overwritten, replaced or deleted: said so, and no wrong name")
def changed_binary():
    other = ap.build("other", ["tiny.c"], ["-O0"])
    for how in ("delete", "replace", "overwrite"):
        exe = shutil.copy(places.simple(), ap.fresh("changed") + "/simple")
        r = places.keep_spool(exe)
        r.assert_counts(r.from_spool()).assert_sane()
        if how == "overwrite":
            with open(exe, "r+b") as file, open(other, "rb") as new:
                file.write(new.read())
                file.truncate()
        else:
            os.unlink(exe)
            if how == "replace":
                shutil.copy(other, exe)
        report = r.from_spool().assert_sane()
        assert report.calls("leaf") == 0 and report.calls("main") == 0, report.names()
        assert sorted(f["calls"] for f in report.functions if f["calls"]) == [1, 1000]
        said = json.dumps(report.quality["modules"])
        assert ("deleted" if how == "delete" else "replaced") in said, (how, said)


def mutate(image, seed):
    rng = random.Random(seed)
    bytes_ = bytearray(image)
    kind = rng.randrange(4)
    if kind == 0:
        return bytes_[:rng.randrange(len(bytes_))]
    for _ in range(1 << rng.randrange(9)):
        near = rng.randrange(4096)
        at = rng.choice((near, len(bytes_) - 1 - near, rng.randrange(len(bytes_))))
        at %= len(bytes_)
        bytes_[at] = rng.choice((0, 0xff, 0x80, 0x7f, rng.randrange(256)))
        if kind == 3:  # a length that is too long
            bytes_[at & ~7:(at & ~7) + 8] = b"\xff" * 8
    return bytes_


@ap.case("%d damaged binaries: a report of every one, in bounded time and memory" % MUTATIONS)
def damaged_binaries():
    # Without a build-id, which would tell most of them from the file that ran.
    images = [ap.build("damage%d" % i, ["simple.c"], ["-O1", "-Wl,--build-id=none", *flags])
              for i, flags in enumerate((["-gdwarf-5"], ["-gdwarf-4"], ["-gz"], ["-gsplit-dwarf"]))]
    slowest, largest = 0.0, 0
    for i, path in enumerate(images):
        exe = shutil.copy(path, ap.fresh("damaged") + "/simple")
        r = places.keep_spool(exe)
        with open(exe, "rb") as file:
            image = file.read()
        for k in range(MUTATIONS // len(images)):
            with open(exe, "r+b") as file:
                file.write(mutate(image, (i << 16) + k))
                file.truncate(len(image) if k % 4 else None)
            begin = time.monotonic()
            done = ap.autoprof("report", "--json", *r.spools())
            slowest = max(slowest, time.monotonic() - begin)
            assert done.returncode == 0, (i, k, done.returncode, done.stderr)
            calls = sorted(f["calls"] for f in json.loads(done.stdout)["functions"] if f["calls"])
            assert calls == [1, 1000], (i, k, calls)
            assert "reporter" not in done.stderr, (i, k, done.stderr)
        largest = max(largest, largest_child_kib())
    assert slowest < 60 and largest < MEMORY_KIB, (slowest, largest)


def largest_child_kib():
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


@ap.case("stripped, separate by build-id, split: names, or what takes their place")
def separate_files():
    exe = ap.build("split", ["simple.c"], ["-O1", "-gsplit-dwarf", "-Wl,--build-id=sha1"])
    r = places.keep_spool(exe)
    leaf = r.assert_counts(r.from_spool()).one("leaf")
    assert leaf["line"] and os.path.basename(leaf["file"]) == "simple.c", leaf

    place = ap.fresh("separate")
    exe = shutil.copy(ap.build("whole", ["simple.c"], ["-O1", "-Wl,--build-id=sha1"]),
                      place + "/simple")
    debug = place + "/simple.debug"
    places.need("objcopy", "strip")
    subprocess.run(["objcopy", "--only-keep-debug", exe, debug], check=True)
    subprocess.run(["strip", exe], check=True)
    build_id = subprocess.run(["readelf", "-n", exe], capture_output=True, text=True,
                              check=True).stdout.split("Build ID: ")[1].split()[0]
    r = places.keep_spool(exe)
    report = r.from_spool()
    assert report.calls("leaf") == 0, report.names()
    assert sorted(f["calls"] for f in report.functions if f["calls"]) == [1, 1000]
    assert "stripped" in json.dumps(report.quality["modules"]), report.quality["modules"]
    tree = "%s/debug/.build-id/%s" % (place, build_id[:2])
    os.makedirs(tree)
    shutil.move(debug, "%s/%s.debug" % (tree, build_id[2:]))
    report = report_of(r.spools()[0], "--debug-dir=%s/debug" % place)
    assert r.assert_counts(report).one("leaf")["line"], report.functions


@ap.case("nothing is asked of the network, though DEBUGINFOD_URLS is set")
def no_traffic():
    places.need("strace")
    exe = shutil.copy(places.simple(), ap.fresh("traffic") + "/simple")
    subprocess.run(["strip", exe], check=True)
    r = places.keep_spool(exe)
    trace = ap.fresh("trace") + "/trace"
    env = ap.clean_environment()
    env["DEBUGINFOD_URLS"] = "http://127.0.0.1:1/"
    done = subprocess.run(["strace", "-f", "-e", "trace=network,prctl", "-o", trace, ap.PROGRAM,
                           "report", "--json", r.spools()[0]], env=env, capture_output=True,
                          check=False)
    with open(trace, encoding="utf-8", errors="replace") as file:
        text = file.read()
    if "PTRACE" in text or not text:
        raise ap.Skip("nothing can be traced here")
    assert done.returncode == 0, done.stderr
    assert "socket(" not in text and "connect(" not in text, text
    assert "PR_SET_NO_NEW_PRIVS, 1" in text and "PR_SET_SECCOMP" in text, text


ap.main()
