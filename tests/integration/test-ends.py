#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every way to end, young (no attendant yet) and old: a report, or a spool that gives it."""
import os
import signal
import subprocess
import time

import ap

OLD_MS = 400  # an attendant is started at 200 ms
# how: (status, what the report says of the end, does a young process get a report by itself?)
ENDS = {
    "return": (10, "exit", True),
    "exit": (11, "exit", True),
    "quick_exit": (12, "quick_exit", True),
    "_exit": (13, "_exit", True),
    "_Exit": (14, "_exit", True),
    "handler": (15, "_exit", True),
    "atexit": (15, "exit", True),
    "threads": (16, "exit", True),
    "exec-failing": (17, "exit", True),
    "few-descriptors": (18, "exit", True),
    "abort": (-signal.SIGABRT, "signal", True),
    "segv": (-signal.SIGSEGV, "signal", False),
    "int": (-signal.SIGINT, "signal", False),
    "term": (-signal.SIGTERM, "signal", False),
    "quit": (-signal.SIGQUIT, "signal", False),
    "kill": (-signal.SIGKILL, "signal", False),
}


def build():
    return ap.build("ends", ["ends.c"], ["-O1"])


def check_counts(r, report, how):
    expected = r.expected()
    if how == "threads":  # those that call without end add to it
        assert report.calls("work") >= expected["work"] and report.calls("forever") == 32
        report.assert_sane(lossless=False)
    else:
        r.assert_counts(report).assert_sane()


def check_end(report, how, status, known=True, maybe=False):
    said, wanted = report.process, ENDS[how][1]
    if maybe and said["end"] == "killed":
        return
    assert said["end"] == (wanted if known or wanted != "signal" else "killed"), said
    if wanted == "signal" and known:
        assert said["signal"] == -status, said
    if wanted in ("_exit",) or (wanted == "exit" and said["exit_status"] is not None):
        assert said["exit_status"] == status, said


def run_to_end(how, ms):
    """An attendant that is slow to start may come when all is over, and does not know the signal: of an old program once in a
    while, where the machine is busy."""
    for _ in range(3):
        r = ap.run([build(), how, str(ms)])
        if not ms or ENDS[how][1] != "signal" or r.wait_reports(1)[0].process["end"] != "killed":
            break
    return r


def by_itself(how, status, at_once):
    """LD_PRELOAD alone, young and old."""
    for ms in (0, OLD_MS):
        r = run_to_end(how, ms)
        assert r.status == status, (ms, r.status)
        if status >= 0:
            report = r.report()  # the program has waited for it
        elif ms or at_once:
            report = r.wait_reports(1)[0]
        else:
            assert not r.reports() and r.files() == [], r.files()
            report = r.from_spool()
            check_counts(r, report, how)
            check_end(report, how, status, known=False)
            by_pid = ap.autoprof("report", "--json", "--dir=" + r.spool_dir, str(r.pid))
            assert by_pid.returncode == 0, by_pid
            assert ap.Report(by_pid.stdout).calls("work") == report.calls("work")
            continue
        check_counts(r, report, how)
        # An attendant that is started by abort() itself may come when all is over.
        check_end(report, how, status, maybe=how == "abort" and not ms)
        ap.wait_until(lambda r=r: not ap.ours_alive(r.spool_dir), "the attendant's end")
        assert not r.spools(), r.spools()


def same_as_alone(how, status):
    """What it prints and returns is what it prints and returns alone."""
    ap.run_twice([build(), how, "0"])
    if status < 0:
        plain = ap.run([build(), how, "0"], preload=False)
        assert plain.status == status, plain.status


def under_run(how, status):
    """`autoprof run` reports in every case."""
    work, spools = ap.fresh("work"), ap.fresh("spools")
    os.chmod(spools, 0o700)
    done = ap.autoprof("run", "--quiet", "--dir=" + spools, "--output=r.json", "--", build(), how,
                       "0", cwd=work)
    assert done.returncode == (128 - status
                               if status < 0 else status), (done.returncode, done.stderr)
    r = ap.Run(work, spools)
    r.out = done.stdout
    report = r.report()
    check_counts(r, report, how)
    check_end(report, how, status)
    assert os.listdir(spools) == [], os.listdir(spools)


for _how, (_status, _, _at_once) in ENDS.items():
    ap.case("%s: the report is there" % _how)(lambda a=_how, b=_status,
                                              c=_at_once: by_itself(a, b, c))
    ap.case("%s: nothing is changed" % _how)(lambda a=_how, b=_status: same_as_alone(a, b))
    ap.case("%s: under autoprof run" % _how)(lambda a=_how, b=_status: under_run(a, b))


@ap.case("exec: the report of what was, young and old")
def exec_away():
    other = ap.build("plain", ["simple.c"], instrument=False)
    for ms in ("0", str(OLD_MS)):
        r = ap.run_twice([build(), "exec", "0", other])
        assert r.status == 7
        r = ap.run([build(), "exec", ms, other])
        report = r.wait_reports(1)[0]
        r.assert_counts(report, {"main": 1, "by_exec": 1,
                                 "work": r.expected()["work"]}).assert_sane()
        assert report.process["end"] == "exec", report.process


@ap.case("killed from outside at any time: nothing but the last step is in doubt")
def killed_outside():
    exe = ap.build("interrupts", ["interrupts.c"], ["-O1"])
    for delay in (0.05, 0.11, 0.17, 0.35, 0.5):
        r = ap.Run(ap.fresh("work"), ap.fresh("spools"))
        os.chmod(r.spool_dir, 0o700)
        env = ap.clean_environment()
        env.update(LD_PRELOAD=ap.LIBRARY, AUTOPROF_OPTIONS="dir=%s:output=r.json:chunk=1K"
                   % r.spool_dir)
        with subprocess.Popen([exe, "2", "5000"], cwd=r.work, env=env,
                              stdout=subprocess.DEVNULL) as process:
            time.sleep(delay)
            process.kill()
        ap.wait_until(lambda r=r: r.spools() == [] or not ap.ours_alive(r.spool_dir),
                      "the attendant's end")
        report = (r.reports() or [r.from_spool()])[0].assert_sane(lossless=False)
        assert report.calls("leaf") > 1000, report.names()
        assert report.events["in_doubt"] <= 2 * 3, report.text_of_quality()
        assert abs(report.calls("leaf") - 2 * report.calls("middle")) <= 2 * 3, (
            report.calls("leaf"), report.calls("middle"))


@ap.case("report=none leaves the spool, monitor=off too")
def left_alone():
    for option in ("report=none", "monitor=off"):
        r = ap.run([build(), "return", "0"], options=option)
        assert r.files() == [], r.files()
        check_counts(r, r.from_spool(), "return")


@ap.case("nothing called, nothing said: no report and no spool")
def nothing():
    exe = ap.build("plain", ["simple.c"], instrument=False)
    r = ap.run_twice([exe])
    assert r.files() == [] and os.listdir(r.spool_dir) == [], (r.files(), os.listdir(r.spool_dir))


ap.main()
