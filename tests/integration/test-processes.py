#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Children of all kinds: each has a report of its own, and no call is counted twice."""
import ap


def build():
    return ap.build("processes", ["processes.c"], ["-O1"])


def split(r, reports):
    """The first process's report, and the others."""
    first = [x for x in reports if x.process["pid"] == r.pid]
    assert len(first) == 1, [x.process["pid"] for x in reports]
    return first[0].assert_sane(), [x.assert_sane() for x in reports if x.process["pid"] != r.pid]


def family(kind, n, reports, **options):
    r = ap.run_twice([build(), kind, str(n)], **options)
    assert r.status == 0, r.status
    parent, children = split(r, r.wait_reports(reports))
    r.assert_counts(parent, {"before": 1000, "after": 2000, "main": 1})
    return parent, children


@ap.case("forked children report their own calls, under the path where they began")
def forked():
    parent, children = family("fork", 3, 4)
    assert parent.calls("in_child") == 0, parent.names()
    assert parent.process["processes_created"] == 3, parent.process
    for child in children:
        assert child.calls("in_child") == 500, child.names()
        assert child.calls("before") == 0 and child.calls("main") == 0, child.names()
        assert child.process["ppid"] == parent.process["pid"] and child.quality["inherited"] == 2
        assert child.paths().get(("main", "by_fork", "child_life",
                                  "in_child")) == 500, child.paths()


@ap.case("a tree of forks")
def tree():
    r = ap.run_twice([build(), "tree", "3"])
    assert r.status == 0, r.status
    parent, others = split(r, r.wait_reports(15))
    assert parent.calls("before") == 1000 and len(others) == 14
    # All but the first were children once.
    assert sum(x.calls("in_child") for x in others) == 14 * 500, [x.calls("in_child")
                                                                  for x in others]
    assert sum(x.calls("before") for x in others) == 0


@ap.case("forks while four threads call: the children have nothing of theirs")
def forked_busy():
    parent, children = family("busy", 12, 13, options="chunk=1K")
    assert parent.calls("background") > 1000 and parent.calls("in_background") == 4
    for child in children:
        assert child.calls("in_child") == 500, child.names()
        assert child.calls("background") == 0 and child.quality["inherited"] == 3, child.names()


@ap.case("children=off: only the first process")
def no_children():
    family("fork", 2, 1, options="children=off")


@ap.case("vfork and exec, vfork and _exit: the parent's calls are exact")
def vforked():
    parent, _ = family("vfork", 20, 1)
    assert parent.calls("by_vfork") == 1


@ap.case("posix_spawn: the child is a program with a report of its own")
def spawned():
    parent, children = family("spawn", 3, 4)
    assert parent.process["processes_created"] == 3, parent.process
    for child in children:
        assert child.calls("in_child") == 500 and child.calls("main") == 1, child.names()


@ap.case("system and popen: programs without hooks leave no report")
def by_shell():
    family("system", 3, 1)
    family("popen", 3, 1)


@ap.case("a raw clone begins at (forked)")
def raw():
    _, children = family("raw", 2, 3)
    for child in children:
        assert child.calls("in_child") == 500, child.names()
        assert child.paths().get(("(forked)", "child_life", "in_child")) == 500, child.paths()


@ap.case("an exec is the end of one report and the beginning of another")
def exec_two():
    exe = ap.build("ends", ["ends.c"], ["-O1"])
    other = ap.build("simple", ["simple.c"])
    r = ap.run_twice([exe, "exec", "0", other])
    assert r.status == 7, r.status
    reports = {x.process["exe"].rsplit("/", 1)[1]: x for x in r.wait_reports(2)}
    assert reports["ends"].assert_sane().process["end"] == "exec", reports["ends"].process
    assert reports["ends"].calls("main") == 1
    assert reports["simple"].assert_sane().calls("leaf") == 1000
    assert reports["ends"].process["pid"] == reports["simple"].process["pid"] == r.pid


ap.main()
