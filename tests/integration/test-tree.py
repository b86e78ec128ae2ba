#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`autoprof run` of many processes: one report, every call of each counted once, each a row below the
one that made it."""
import os
import re
import time

import ap


def build(name="family", level="-O1"):
    return ap.build(name, ["family.c"], [level])


class Tree:
    """A command that ran under `autoprof run`."""

    def __init__(self, *command, options=(), status=0, tree=True):
        self.spools = ap.fresh("spools")
        os.chmod(self.spools, 0o700)
        self.work = ap.fresh("work")
        self.done = ap.autoprof("run", "--dir=" + self.spools, "--output=r.%e.%p.json", *options,
                                "--", *command, cwd=self.work)
        assert self.done.returncode == status, (self.done.returncode, self.done.stderr)
        self.run = ap.Run(self.work, self.spools)
        self.run.out = self.done.stdout
        if tree:
            self.report = self.run.report().assert_sane()
            self.rows = self.report.json["processes"]

    def said(self):
        """[(pid, parent's pid, calls)] as the processes themselves said."""
        return sorted(tuple(int(word) for word in line.split()[1:])
                      for line in self.done.stdout.splitlines() if line.startswith("row "))

    def listed(self):
        """The same by the report; the root's parent is whoever started it."""
        return sorted((row["pid"],
                       self.rows[row["parent"]]["pid"] if row["parent"] is not None else
                       row["ppid"], row["calls"]) for row in self.rows)

    def assert_same(self, processes):
        """Each call of each process is there once; nothing is left behind."""
        said = self.said()
        assert len(said) == processes, said
        assert self.listed() == said, "said %s, listed %s" % (said, self.listed())
        self.run.assert_counts(self.report)
        total = sum(f["calls"] for f in self.report.functions)
        assert total == sum(calls for _, _, calls in said), (total, said)
        events = self.report.events
        for key in ("attempted", "folded", "pending"):
            assert sum(row["events"][key] for row in self.rows) == events[key], key
        assert os.listdir(self.spools) == [], os.listdir(self.spools)
        return self


@ap.case("forked children: one report, named for the command")
def forked():
    tree = Tree(build(), "fork", "5").assert_same(6)
    root = tree.rows[0]
    assert tree.report.process["pid"] == root["pid"], tree.report.process
    assert tree.run.files() == ["r.family.%d.json" % root["pid"]], tree.run.files()
    assert [row["parent"] for row in tree.rows] == [None, 0, 0, 0, 0, 0]
    assert tree.report.process["exit_status"] == 0 and tree.report.process["end"] == "exit"
    assert tree.report.process["processes_created"] == 5
    # The children began inside main(): their calls stand there, and are none of main().
    assert tree.report.paths().get(("main", "life")) == 6, tree.report.paths()
    assert tree.report.calls("main") == 1
    assert {t["pid"] for t in tree.report.json["threads"]} == {r["pid"] for r in tree.rows}


@ap.case("three generations, and a line of eight")
def generations():
    Tree(build(), "tree", "4").assert_same(1 + 16)
    tree = Tree(build(), "line", "8").assert_same(9)
    up, steps = tree.rows[-1]["parent"], 0
    while up is not None:
        up, steps = tree.rows[up]["parent"], steps + 1
    assert steps == 8, tree.rows


@ap.case("fork and exec: the program that ran five times is one table")
def executed():
    tree = Tree(build(), "exec", "5").assert_same(6)
    assert len(tree.report.all("main")) == 1 and tree.report.calls("main") == 6


@ap.case("another program is a table of its own")
def another():
    other = build("other", "-O2")
    tree = Tree("sh", "-c", "%s leaf 3 $$; %s leaf 4 $$; true" % (build(), other))
    assert [row["calls"] for row in tree.rows] == [0, 12, 13], tree.rows
    assert [row["parent"] for row in tree.rows] == [None, 0, 0], tree.rows
    assert len(tree.report.all("work")) == 2, tree.report.all("work")
    assert tree.report.calls("work") == 10 + 11, tree.report.all("work")
    assert {f["module"] for f in tree.report.all("work")} == {"family", "other"}
    # The shell recorded nothing; it is what was asked for.
    shell = os.path.basename(os.path.realpath("/bin/sh"))
    assert tree.report.process["exe"].endswith("/" + shell), tree.report.process
    assert tree.run.files() == ["r.%s.%d.json" % (shell, tree.rows[0]["pid"])]


@ap.case("system(): the shell in between recorded nothing, and links")
def by_system():
    Tree(build(), "system", "3").assert_same(4)


@ap.case("killed children count to their last call")
def killed():
    tree = Tree(build(), "kill", "6").assert_same(7)
    assert {row["end"] for row in tree.rows[1:]} <= {"killed", "signal"}, tree.rows


@ap.case("a command that is killed: the report has its end, and its children's calls")
def root_killed():
    tree = Tree("sh", "-c", "%s fork 2 $$; kill -9 $$" % build(), status=137)
    assert tree.report.process["end"] == "signal" and tree.report.process["signal"] == 9
    assert [row["end"] for row in tree.rows] == ["signal", "exit", "exit", "exit"], tree.rows
    assert [row["parent"] for row in tree.rows] == [None, 0, 1, 1], tree.rows
    tree.run.assert_counts(tree.report)


@ap.case("exec after exec: the same process, a row for each program")
def became():
    tree = Tree(build(), "become", "4").assert_same(5)
    assert len({row["pid"] for row in tree.rows}) == 1
    assert [row["parent"] for row in tree.rows] == [None, 0, 1, 2, 3]
    assert [row["end"] for row in tree.rows] == ["exec"] * 4 + ["exit"], tree.rows
    assert tree.report.process["end"] == "exit"


@ap.case("300 children, one after the other and all at once")
def three_hundred():
    Tree(build(), "fork", "300").assert_same(301)
    Tree(build(), "flock", "300").assert_same(301)


@ap.case("1,200 children: a thousand rows, the rest is summed, every call is counted")
def beyond_the_table():
    tree = Tree(build(), "fork", "1200")
    said = tree.said()
    left_out = tree.report.json["processes_left_out"]
    assert len(tree.rows) == 1000 and left_out["count"] == 201, left_out
    assert len(said) == 1201
    assert left_out["calls"] + sum(r["calls"] for r in tree.rows) == sum(c for _, _, c in said)
    tree.run.assert_counts(tree.report)
    assert len(tree.report.json["threads"]) == 1000
    assert tree.report.json["threads_left_out"] == 201
    assert os.listdir(tree.spools) == []


@ap.case("a daemon that outlives the command has a row, and a report of its own")
def outlived():
    tree = Tree(build(), "daemon", "1")
    said = {calls for _, _, calls in tree.said()}
    assert said == {1 + 1 + 8, 1 + 301}, said
    running = [row for row in tree.rows if row["end"] == "running"]
    assert len(running) == 1 and running[0]["calls"] is None, tree.rows
    assert running[0]["parent"] == 0, tree.rows
    assert tree.report.calls("work") == 8, tree.report.names()
    assert "still ran" in tree.report.text_of_quality(), tree.report.text_of_quality()
    with open(os.path.join(tree.work, "stop"), "w", encoding="utf-8"):
        pass
    own = "r.family.%d.json" % running[0]["pid"]
    ap.wait_until(lambda: own in tree.run.files() and os.listdir(tree.spools) == [],
                  "the daemon's report")
    with open(os.path.join(tree.work, own), encoding="utf-8") as file:
        report = ap.Report(file.read()).assert_sane()
    assert report.calls("work") == 301 and report.process["exit_status"] == 5


@ap.case("--per-process: each has its own report")
def separate():
    tree = Tree(build(), "fork", "3", options=["--per-process"], tree=False)
    reports = [x.assert_sane() for x in tree.run.wait_reports(4)]
    assert sorted((x.process["pid"], sum(f["calls"] for f in x.functions))
                  for x in reports) == [(pid, calls) for pid, _, calls in tree.said()]
    assert all(len(x.json["processes"]) == 1 for x in reports)


@ap.case("children that asked for no report are left out, which is said")
def unwanted():
    command = "AUTOPROF_OPTIONS=\"$AUTOPROF_OPTIONS:report=none\" %s leaf 3; %s leaf 4" % (build(),
                                                                                       build())
    tree = Tree("sh", "-c", command)
    assert tree.report.calls("work") == 11, tree.report.names()
    assert "asked for no report" in tree.report.text_of_quality()
    assert len(re.findall("^autoprof: spool: ", tree.done.stderr, re.M)) == 1, tree.done.stderr


@ap.case("a spool that cannot be read costs its own row")
def corrupt():
    # The victim's directory is the run's: it damages the spool of a child that is dead, before the run looks at it.
    damage = "for s in \"${d#dir=}\"/$p.*.spool; do : | dd of=\"$s\" bs=1 seek=9000 2>&-; done"
    command = ("kill -STOP $PPID; %s leaf 3 & p=$!; wait; "
               "d=$(printf '%%s' \"$AUTOPROF_OPTIONS\" | tr : '\\n' | grep '^dir='); "
               "%s; kill -CONT $PPID; %s leaf 4" % (build(), damage, build()))
    tree = Tree("sh", "-c", command)
    assert tree.report.calls("work") == 11, tree.report.names()
    assert "1 process could not be read" in tree.report.text_of_quality()
    assert re.search(r"^autoprof: cannot read '.*\.spool': ", tree.done.stderr, re.M), tree.done.stderr
    assert tree.run.log().count("cannot read the spool") == 1, tree.run.log()
    assert [row["calls"] for row in tree.rows] == [0, 13], tree.rows


@ap.case("what begins to record when the command is over sees to its own report")
def late():
    tree = Tree("sh", "-c", "(sleep 1; exec %s leaf 3) >/dev/null 2>&1 &" % build(), tree=False)
    assert tree.run.wait_reports(1)[0].assert_sane().calls("work") == 10
    end = time.monotonic() + ap.PATIENCE_S  # its attendant removes the spool when the report is there
    while [f for f in os.listdir(tree.spools) if f != "log"] and time.monotonic() < end:
        time.sleep(0.05)
    assert [f for f in os.listdir(tree.spools) if f != "log"] == [], os.listdir(tree.spools)


@ap.case("what waits for the end of a run is not for others to remove")
def held():
    spools = "$(printf '%s' \"$AUTOPROF_OPTIONS\" | tr : '\\n' | sed -n 's/^dir=//p')"
    clean = "d=%s; LD_PRELOAD= %s gc --all --dir=$d/..; LD_PRELOAD= %s report --delete $d" % (spools, ap.PROGRAM,
                                                                                              ap.PROGRAM)
    tree = Tree("sh", "-c", "%s leaf 3; %s >/dev/null; %s leaf 4" % (build(), clean, build()))
    assert tree.report.calls("work") == 21, (tree.report.calls("work"), tree.done.stderr)


@ap.case("with the preload alone each process has its own report, as ever")
def preloaded():
    r = ap.run([build(), "fork", "3"])
    assert r.status == 0
    assert len(r.wait_reports(4)) == 4


ap.main()
