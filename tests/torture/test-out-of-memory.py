#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A program is killed because its memory cgroup is full: its profile is there, and says so."""
import os
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import ap  # noqa: E402

LIMIT = 48 << 20


def place_for_groups():
    """A directory for groups below our own, of the first version of cgroups or the second."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        for line in file.read().splitlines():
            _, controllers, path = line.split(":", 2)
            if "memory" in controllers.split(","):
                return "/sys/fs/cgroup/memory" + path, "memory.limit_in_bytes"
    return "/sys/fs/cgroup" + path, "memory.max"


def make_group():
    if not ap.ROOT:
        raise ap.Skip("only root can make a memory cgroup")
    above, knob = place_for_groups()
    group = os.path.join(above, "autoprof-oom.%d" % os.getpid())
    try:
        os.mkdir(group)
        with open(os.path.join(group, knob), "w", encoding="ascii") as file:
            file.write(str(LIMIT))
    except OSError as error:
        remove(group)
        raise ap.Skip("no memory cgroup can be made: %s" % error) from error
    for name in ("memory.memsw.limit_in_bytes", "memory.swap.max"):  # no way out by swapping
        try:
            with open(os.path.join(group, name), "w", encoding="ascii") as file:
                file.write(str(LIMIT if "memsw" in name else 0))
        except OSError:
            pass
    return group


def remove(group):
    try:
        os.rmdir(group)
    except OSError:
        return not os.path.isdir(group)
    return True


def killed_for_memory(ms):
    exe = ap.build("end_by_memory", [os.path.join(HERE, "programs", "end_by_memory.c")], ["-O1"])
    group = make_group()

    def enter():
        with open(os.path.join(group, "cgroup.procs"), "w", encoding="ascii") as file:
            file.write("0")
    try:
        plain = ap.run([exe, "0"], preload=False, limits=enter)
        if plain.status != -signal.SIGKILL:
            raise ap.Skip("the cgroup's limit kills nobody here: %s" % plain.status)
        r = ap.run([exe, str(ms)], limits=enter)
        ap.assert_same(plain, r)
        ap.wait_until(lambda: not ap.ours_alive(r.spool_dir), "the attendant's end")
        report = r.reports()[0] if r.reports() else r.from_spool()
        r.assert_counts(report).assert_sane()
        assert report.process["end"] in ("killed", "signal"), report.process
        print("# %s: %s" % ("the report is there" if r.reports() else "the spool is left",
                            report.process["end"]))
    finally:
        ap.wait_until(lambda: remove(group), "the end of " + group)


@ap.case("killed for memory, young: the spool gives the report")
def young():
    killed_for_memory(0)


@ap.case("killed for memory, attended: a report, or a spool that gives it")
def old():
    killed_for_memory(400)


ap.main()
