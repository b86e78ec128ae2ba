#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small machines: resource limits, a tiny tmpfs, a disk, a memory and a processor cgroup, process 1,
a subreaper. Programs do not notice; what is not recorded is counted."""
import os
import resource
import subprocess

import places
from places import ap


def limit(which, value, hard=False):
    def apply():
        resource.setrlimit(which, (value, value if hard else resource.getrlimit(which)[1]))
    return apply


def whole_or_less(r):
    if r.files():
        places.exact(r, r.report())
    elif r.spools():
        places.exact(r, r.from_spool())


@ap.case("ulimit -f, -n, -v, -s, -i, -l, -d: as alone, no signal")
def ulimits():
    exe = places.program("places.c")
    for which, values in ((resource.RLIMIT_FSIZE, (0, 4096, 1 << 20)),
                          (resource.RLIMIT_NOFILE, (4, 8)),  # the loader needs the fourth
                          (resource.RLIMIT_AS, (16 << 20, 128 << 20)),
                          (resource.RLIMIT_STACK, (64 << 10, 256 << 10)),
                          (resource.RLIMIT_SIGPENDING, (0, 64)),
                          (resource.RLIMIT_MEMLOCK, (0,)), (resource.RLIMIT_DATA, (4 << 20,)),
                          (resource.RLIMIT_CORE, (0,))):
        for value in values:
            # Hard ones are the reporter's too, which may then find no memory for names.
            ap.run_twice([exe, "0"], limits=limit(which, value, True))
            r = ap.run_twice([exe, "0"], limits=limit(which, value))
            if r.status == 7:  # the program's own output may be beyond its limit
                whole_or_less(r)
            else:
                assert which == resource.RLIMIT_FSIZE, (which, value, r.status, r.err)


@ap.case("ulimit -u 1: an ordinary user who may have no other process")
def no_processes():
    places.need_root()
    exe = places.program("places.c")
    r = ap.run([exe, "0"], user=64998, limits=limit(resource.RLIMIT_NPROC, 1, True))
    assert r.status == 7, (r.status, r.err)
    report = places.exact(r, r.report() if r.files() else r.from_spool())
    if not r.files():
        assert any("attendant" in note for note in report.quality["notes"]), report.quality


@ap.case("ulimit -n 3 after the start")
def three_descriptors():
    exe = ap.build("ends", ["ends.c"], ["-O1"])
    r = ap.run_twice([exe, "few-descriptors", "0"])
    places.exact(r, r.report())


@ap.case("a tmpfs of 1 MiB: no SIGBUS, and every call is counted or dropped with a reason")
def tiny_tmpfs():
    place = ap.small_filesystem("1m")
    spools = os.path.join(place, "spools")
    os.mkdir(spools, 0o700)
    exe = ap.build("many", [ap.generate_functions(10000)], ["-O0"])
    r = ap.run_twice([exe, "3"], spool_dir=spools)
    assert r.status == 0, r.status
    report = r.report().assert_sane(lossless=False)
    made = r.expected()["main"] + r.expected()["total"]
    events = report.events
    dropped = sum(events["dropped"].values())
    assert events["attempted"] - events["specials"] == 2 * made, (events, made)
    assert events["folded"] + events["pending"] + dropped == events["attempted"], events
    # Nothing is both counted and dropped: two events a call, and an enter without its exit is one.
    counted = sum(f["calls"] for f in report.functions)
    assert 0 <= 2 * (made - counted) <= dropped and (dropped or counted == made), (counted, events)
    assert dropped or report.quality["degraded"], report.text_of_quality()
    small = places.program("places.c")
    r = ap.run_twice([small, "0"], spool_dir=spools)
    places.exact(r, r.report())


@ap.case("a spool on a disk: the report and info say so; on a tmpfs they do not")
def on_disk():
    if os.stat("/tmp").st_dev == os.stat("/dev/shm").st_dev or not disk("/tmp"):
        raise ap.Skip("/tmp is no disk here")
    exe = places.program("places.c")
    place = "/tmp/autoprof-disk.%d" % os.getpid()
    os.mkdir(place, 0o700)
    try:
        r = ap.run_twice([exe, "0"], spool_dir=place)
        report = places.exact(r, r.report())
        assert any("on a disk" in note for note in report.quality["notes"]), report.quality
        assert "ON A DISK" in ap.autoprof("info", "--dir=" + place).stdout
    finally:
        for name in os.listdir(place):
            os.unlink(os.path.join(place, name))
        os.rmdir(place)
    if disk("/dev/shm"):
        raise ap.Skip("/dev/shm is no tmpfs here")
    r = ap.run_twice([exe, "0"])
    assert places.exact(r, r.report()).quality["notes"] == []
    assert "ON A DISK" not in ap.autoprof("info", "--dir=" + r.spool_dir).stdout


def disk(path):
    kind = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True,
                          check=True).stdout.strip()
    return kind not in ("tmpfs", "ramfs")


def pretend_cgroup(**files):
    """A shell command that runs the rest with /sys/fs/cgroup and /proc/self/cgroup of our making."""
    tree = ap.fresh("cgroup")
    for name, text in files.items():
        with open(os.path.join(tree, name.replace("_", ".")), "w", encoding="utf-8") as file:
            file.write(text + "\n")
    script = ('mount -t tmpfs none /sys/fs/cgroup && cp %s/* /sys/fs/cgroup && '
              'exec env LD_PRELOAD="$AP" "$@"' % tree)
    return ["unshare", "-m", "sh", "-c", script, "sh"]


@ap.case("limits of a cgroup are taken: 2 % of its memory, its processors")
def cgroup_limits():
    places.need_root()
    if not places.works("unshare", "-m", "mount", "-t", "tmpfs", "none", "/sys/fs/cgroup"):
        raise ap.Skip("no mount namespace can be made")
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        if not any(line.startswith("0::/") for line in file):
            raise ap.Skip("this kernel has no second version of cgroups")
    exe = places.program("places.c")
    argv = pretend_cgroup(memory_max="67108864", cpu_max="150000 100000")
    r = ap.run([*argv, exe, "0"], env={"AP": ap.LIBRARY, "LD_PRELOAD": ""})
    assert r.status == 7, r.err
    report = places.exact(r, r.report())
    assert report.quality["memory_cap_bytes"] == 67108864 // 50 // 4096 * 4096, report.quality
    limits = report.json["memory"]
    assert limits["limit_bytes"] == 67108864 and limits["limit_from"] == "cgroup", limits


def own_memory_cgroup():
    """A directory for groups below our own, of the first version of cgroups or the second."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        for line in file.read().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "memory":
                return "/sys/fs/cgroup/memory" + path, "memory.limit_in_bytes"
    raise ap.Skip("no memory cgroup of our own")


@ap.case("a program near the limit of its memory cgroup is not killed earlier than alone")
def near_the_limit():
    places.need_root()
    above, knob = own_memory_cgroup()
    group = os.path.join(above, "autoprof-test.%d" % os.getpid())
    try:
        os.mkdir(group)
    except OSError as error:
        raise ap.Skip("no cgroup can be made: %s" % error) from error
    try:
        with open(os.path.join(group, knob), "w", encoding="ascii") as file:
            file.write(str(64 << 20))

        def enter():
            with open(os.path.join(group, "cgroup.procs"), "w", encoding="ascii") as procs:
                procs.write("0")
        exe = places.program("fill.c")
        lived = {}
        for preload in (False, True):
            lived[preload] = max([mib for mib in range(52, 66)
                                  if ap.run([exe, str(mib)], preload=preload,
                                            limits=enter).status == 0], default=0)
        assert lived[False] > 0, "it never lived"
        assert lived[True] >= lived[False] - 1, lived
        r = ap.run([exe, "40"], limits=enter)
        report = places.exact(r, r.report() if r.files() else r.from_spool())
        assert report.quality["memory_cap_bytes"] <= (64 << 20) // 50, report.quality
    except OSError as error:
        raise ap.Skip("the cgroup cannot be used: %s" % error) from error
    finally:
        ap.wait_until(lambda: removed(group), "the end of " + group)


def removed(group):
    try:
        os.rmdir(group)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


@ap.case("process 1 of a namespace: no attendant, a spool that gives the report")
def process_one():
    places.need_root()
    if not places.works("unshare", "--fork", "--pid", "--mount-proc", "true"):
        raise ap.Skip("no pid namespace can be made")
    exe = places.program("places.c")
    for age in ("0", places.OLD_MS):
        argv = ["unshare", "--fork", "--pid", "--mount-proc", "sh", "-c",
                'exec env LD_PRELOAD="$AP" "$@"', "sh", exe, age]
        plain = ap.run(argv, preload=False)
        r = ap.run(argv, env={"AP": ap.LIBRARY, "LD_PRELOAD": ""})
        ap.assert_same(plain, r)
        assert r.status == 7 and r.files() == [], (r.status, r.files())
        report = places.exact(r, r.from_spool())
        assert report.process["pid"] == 1, report.process
        assert any("process 1" in n for n in report.quality["notes"]), report.quality["notes"]


@ap.case("a subreaper gets no orphan of ours")
def subreaper():
    exe = places.program("places.c")
    r = ap.run_twice([exe, "0", "subreaper"])
    report = places.exact(r, r.from_spool())
    assert any("subreaper" in n for n in report.quality["notes"]), report.quality["notes"]
    r = ap.run_twice([exe, places.OLD_MS, "subreaper"])  # it became one after it had its attendant
    places.exact(r, r.report())


ap.main()
