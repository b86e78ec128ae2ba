#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""start=, autoprof ctl: what is called while recording is off is in no figure, all the rest is exact."""
import json
import os
import signal
import subprocess
import time

import ap

N = 20000  # of work(): several chunks of events


class Victim:
    """tests/targets/paused.c under the library, and the commands for it."""

    def __init__(self, options=""):
        self.run = ap.Run(ap.fresh("work"), ap.fresh("spools"))
        os.chmod(self.run.spool_dir, 0o700)
        env = ap.clean_environment()
        env["LD_PRELOAD"] = ap.LIBRARY
        env["AUTOPROF_OPTIONS"] = ":".join(["overhead=none", "dir=" + self.run.spool_dir, "output=r.%e.%p.json"]
                                           + ([options] if options else []))
        self.process = subprocess.Popen([ap.build("paused", ["paused.c"], ["-O1"])], cwd=self.run.work, env=env,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.hear()

    def hear(self):
        said = self.process.stdout.readline()
        assert said == "done\n", said

    def do(self, *commands):
        for command in commands:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
            if command in ("end", "kill"):
                self.run.status = self.process.wait(ap.PATIENCE_S)
            else:
                self.hear()
        return self

    def ctl(self, command, *options, pid=None):
        pid = str(pid or self.process.pid)
        done = ap.autoprof("ctl", "--dir=" + self.run.spool_dir, *options, pid, command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stop(self):
        self.ctl("stop")
        return self

    def start(self):
        self.ctl("start")
        return self

    def reset(self):
        self.ctl("reset")
        return self

    def end(self):
        self.do("end")
        assert self.run.status == 0, self.run.status
        return self.run


def expect(report, works, stops, other=None):
    report.assert_sane()
    calls = {"work": works, "leaf": 2 * works, **(other or {})}
    calls["leaf"] = calls.pop("more_leaves", 0) + calls["leaf"]
    found = {f["name"]: f["calls"] for f in report.functions if f["calls"] and f["kind"] != "synthetic"}
    assert found == {k: v for k, v in calls.items() if v}, (found, calls)
    assert report.quality["stops"] == stops, report.text_of_quality()
    assert (report.quality["stopped_ns"] > 0) == (stops > 0), report.text_of_quality()
    assert report.quality["stopped_ns"] <= report.process["duration_ns"]
    assert report.quality["unmatched_exits"] == 0, report.text_of_quality()
    return report


@ap.case("stopped and started again: exact, and told; calls that were open end at the stop")
def stopped():
    v = Victim().do("call %d" % N).stop().do("call %d" % N).start().do("call %d" % N)
    report = expect(v.end().report(), 2 * N, 1, {"main": 1})
    main = report.one("main")
    # main was open at the stop, and is not again after the start: what follows has no path through it.
    assert report.paths()[("main", "work")] == N and report.paths()[("work",)] == N, report.paths()
    assert main["total_ns"] <= report.process["duration_ns"] - report.quality["stopped_ns"], main
    assert report.quality["unclosed_frames"] == 1, report.text_of_quality()


@ap.case("start=off: nothing before the start, and the hooks store nothing")
def off():
    v = Victim("start=off").do("call %d" % N).start().do("call %d" % N)
    report = expect(v.end().report(), N, 1)
    assert report.events["while_stopped"] <= 2, report.events  # main's own, the first of the thread


@ap.case("start=off and never started: the report says so")
def never():
    v = Victim("start=off")
    text = " ".join(v.ctl("snapshot").split())
    assert "NOTHING WAS RECORDED" in text and "`autoprof ctl PID start` turns it on" in text, text
    assert "Stopped for" in text, text
    assert not v.do("call 5").end().files()  # by itself it leaves no report of nothing


@ap.case("start=DELAY: recording begins by itself")
def delayed():
    v = Victim("start=1s").do("call %d" % N)
    time.sleep(1.2)
    report = v.do("call %d" % N).end().report().assert_sane()
    assert report.calls("work") in (N, 2 * N), report.names()  # a busy machine may come to the first too late
    assert abs(report.quality["stopped_ns"] - 1e9) < 1e7, report.text_of_quality()
    assert report.quality["stops"] == 1


@ap.case("start=on, and values that are none")
def values():
    expect(Victim("start=on").do("call 7").end().report(), 7, 0, {"main": 1})
    report = Victim("start=soon").do("call 7").end().report()
    assert report.quality["options_ignored"] == ["start: expected on, off or a time such as 5s"]


@ap.case("calls inside of one that a stop ended")
def inside():
    v = Victim().do("open", "call %d" % N).stop().do("call 5").start().do("call %d" % N, "close", "call 3")
    report = expect(v.end().report(), 2 * N + 3, 1, {"main": 1, "nested": 1})
    assert report.paths()[("main", "nested", "work")] == N, report.paths()
    assert report.events["while_stopped"] >= 2, report.events  # the exits of nested and main


@ap.case("begun and ended while stopped; threads that began before, while and after")
def threads():
    v = Victim().do("thread %d" % N).stop().do("open", "thread %d" % N, "call 1", "close").start()
    report = expect(v.do("thread %d" % N, "call 1").end().report(), 2 * N + 1, 1, {"main": 1})
    assert report.paths()[("work",)] == 2 * N + 1


@ap.case("a fiber that is left at a stop, and resumed later")
def fibers():
    v = Victim().do("fiber").stop().do("call 5").start().do("call 2", "resume", "call %d" % N)
    report = expect(v.end().report(), N + 2, 1, {"main": 1, "on_fiber": 1, "more_leaves": 2})
    assert report.paths()[("on_fiber", "leaf")] == 1, report.paths()
    assert report.paths()[("leaf",)] == 1, report.paths()


@ap.case("a fiber begun while stopped, and one that is resumed while stopped")
def fibers_meanwhile():
    v = Victim().do("fiber").stop().do("resume", "fiber").start().do("resume", "call %d" % N)
    expect(v.end().report(), N, 1, {"main": 1, "on_fiber": 1, "more_leaves": 2})


@ap.case("a child begins as its parent is: stopped, or not")
def children():
    v = Victim().do("fork %d" % N).stop().do("fork 5").start().do("fork %d" % N)
    works = sorted(r.assert_sane().calls("work") for r in v.end().wait_reports(3))
    assert works == [0, N, N], works


@ap.case("a child of a program that was not started can be")
def child_off():
    v = Victim("start=off").do("child", "call 5")
    spool = next(s for s in v.run.spools() if str(v.process.pid) not in os.path.basename(s).split("."))
    v.ctl("start", pid=spool)
    report = v.do("call %d" % N, "over", "call 3").end().wait_reports(1)[0]
    expect(report, N, 1)


@ap.case("killed: what was not folded is judged alike")
def killed():
    for commands, works, stops in ((["call 4", "stop", "call 2"], 4, 1), (["stop", "call 5"], 0, 1),
                                   (["open", "call 3", "stop", "call 2", "start", "call 4"], 7, 1),
                                   (["call 3", "stop", "start", "call 3", "stop", "start", "call 2"], 8, 2)):
        v = Victim("monitor=off")
        for command in commands:
            v.ctl(command) if command in ("stop", "start") else v.do(command)
        v.do("kill")
        assert v.run.status == ap.signal_status(signal.SIGKILL)
        report = v.run.from_spool()
        nested = {"nested": 1} if "open" in commands else {}
        expect(report, works, stops, {"main": 1, **nested})
        assert report.events["folded"] == 0 and report.events["pending"] >= 2, report.events


@ap.case("many stops, as many as there may be, and no more")
def many():
    v = Victim()
    for _ in range(32):
        v.stop().do("call 3").start().do("call 2")
    done = ap.autoprof("ctl", "--dir=" + v.run.spool_dir, str(v.process.pid), "stop")
    assert done.returncode == 2 and "32 times" in done.stderr, done
    expect(v.do("call 1").end().report(), 65, 32, {"main": 1})


@ap.case("twice the same is once; a stop outlasts a delay")
def twice():
    v = Victim("start=60m").start().start().do("call 2").stop().stop().do("call 3").start().do("call 4")
    expect(v.end().report(), 6, 2)
    v = Victim("start=1s").stop()
    time.sleep(1.2)
    assert not v.do("call 5").end().files()


@ap.case("the text says how long, and that calls ended; a snapshot is the report of now")
def told():
    v = Victim("output=r.json,r.txt").do("call 10").stop()
    text = v.ctl("snapshot")
    assert "Stopped" in text and "in 1 pause" in text, text
    path = os.path.join(v.run.work, "now.txt")
    v.ctl("snapshot", "--output=" + path)
    assert "work" in open(path, encoding="utf-8").read()
    os.unlink(path)
    v.start().stop()
    r = v.end()
    text = open(os.path.join(r.work, "r.txt"), encoding="utf-8").read()
    assert "in 2 pauses" in text, text
    assert "in 2 pauses" not in open(os.path.join(r.work, "r.json"), encoding="utf-8").read()


def expect_since(report, works, other=None):
    """After a reset: calls as expected, and no more time than there was since."""
    expect(report, works, 0, other)
    assert any(n.startswith("reset ") for n in report.quality["notes"]), report.quality["notes"]
    for f in report.functions:
        assert f["total_ns"] <= report.process["duration_ns"], (f, report.process)
        assert f["kind"] == "synthetic" or f["min_ns"] <= f["p50_ns"] <= f["max_ns"], f
    return report


@ap.case("reset: what was called before is in no figure, what was under way is a call of after it")
def resets():
    v = Victim().do("call %d" % N, "open", "call 3").reset().do("call 5", "close", "call 7")
    report = expect_since(v.end().report(), 12, {"main": 1, "nested": 1})
    assert report.paths()[("main", "nested", "work")] == 5 and report.paths()[("main", "work")] == 7, report.paths()
    ap.wait_until(lambda: set(os.listdir(v.run.spool_dir)) <= {"log"}, "no spool is left")


@ap.case("reset again and again; only what came after the last one counts")
def resets_again():
    v = Victim().do("call 9").reset().do("call %d" % N, "thread 4").reset()
    report = json.loads(snapshot_json(v))
    assert {f["name"] for f in report["functions"] if f["calls"] and f["kind"] != "synthetic"} == {"main"}, report
    expect_since(v.do("thread 6", "call 1").end().report(), 7, {"main": 1})


def snapshot_json(v):
    path = os.path.join(v.run.spool_dir, "now.json")
    v.ctl("snapshot", "--output=" + path)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    os.unlink(path)
    return text


@ap.case("reset and killed: the spool tells what came after; both files go")
def reset_killed():
    v = Victim("monitor=off").do("call %d" % N, "open").reset().do("call 4", "kill")
    expect_since(v.run.from_spool(), 4, {"main": 1, "nested": 1})
    done = ap.autoprof("report", "--delete", v.run.spools()[0])
    assert done.returncode == 0, done
    assert not [f for f in os.listdir(v.run.spool_dir) if "spool" in f], os.listdir(v.run.spool_dir)


@ap.case("a damaged or foreign copy of before is said to be so, and all is reported")
def reset_damaged():
    for damage, word in ((lambda f: f.truncate(3000), "truncated"), (lambda f: f.write(b"x"), "not an autoprof spool"),
                         (lambda f: f.truncate(0), "cannot be taken out")):
        v = Victim("monitor=off").do("call 3").reset().do("call 4", "kill")
        with open(v.run.spools()[0] + ".reset", "r+b") as file:
            damage(file)
        report = expect(v.run.from_spool(), 7, 0, {"main": 1})
        assert any(word in n for n in report.quality["notes"]), report.quality["notes"]


@ap.case("of a directory: all that are there, whoever has died before")
def directory():
    v = Victim().do("call 3")
    ap.run([ap.build("paused", ["paused.c"], ["-O1"])], options="report=none", spool_dir=v.run.spool_dir)
    assert len(v.run.spools()) == 2, v.run.spools()
    v.ctl("stop", pid=v.run.spool_dir)
    expect(v.do("call 5").end().report(), 3, 1, {"main": 1})


@ap.case("what is no process, no command, or has ended: one clear error, status 2")
def errors():
    v = Victim("monitor=off")
    spools = "--dir=" + v.run.spool_dir
    pid = str(v.process.pid)
    for args, word in (([pid], "expected a process and a command"), ([pid, "pause"], "no command is called 'pause'"),
                       (["1", "stop"], "1"), ([], "expected"), ([pid, "stop", "now"], "expected")):
        done = ap.autoprof("ctl", spools, *args)
        assert done.returncode == 2 and word in done.stderr and len(done.stderr.splitlines()) == 1, done
    v.do("kill")
    done = ap.autoprof("ctl", v.run.spools()[0], "stop")
    assert done.returncode == 2 and "has ended" in done.stderr, done


if __name__ == "__main__":
    ap.main()
