#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Limits of cgroups are seen, and kept to."""
import os

import places
from places import ap


def pretend_cgroup(**files):
    """A shell command that runs the rest with a /sys/fs/cgroup of our making."""
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
    argv = pretend_cgroup(cgroup_controllers="cpu memory", memory_max="67108864",
                          cpu_max="150000 100000")
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


ap.main()
