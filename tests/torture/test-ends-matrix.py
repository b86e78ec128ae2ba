#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every end in every circumstance: what is left of a program, by one table.

In each cell the program prints and returns what it does without the library, the calls are exact, and
no process, spool or file is left but what the table says.
"""
import concurrent.futures
import glob
import os
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import ap  # noqa: E402

ENDS = ["return", "exit", "_exit", "_Exit", "quick_exit", "abort", "SIGTERM", "SIGINT", "SIGSEGV",
        "SIGKILL", "exec", "pthread_exit"]
AGES = ["young", "grown", "late"]  # as in programs/end_cell.c
LIFE_MS = 300  # an attendant is started by a process of 200 ms

# Each cell has a letter for each age:
#   R  the report is there by itself
#   S  the spool is left, and `autoprof report` makes the report of it
#   -  not tried: UNDEFINED says why
#                    return exit _exit _Exit quick abort TERM INT  SEGV KILL exec pthread_exit
MATRIX = {
    "plain":     "    RRR   RRR  RRR   RRR   RRR   RRR   SRR  SRR  SRR  SRR  RRR  RRR",
    "pid1":      "    SSS   SSS  SSS   SSS   SSS   SSS   SSS  SSS  SSS  SSS  SSS  SSS",
    "subreaper": "    SSR   SSR  SSR   SSR   SSR   SSR   SSR  SSR  SSR  SSR  SSR  SSR",
    "seccomp":   "    RRR   RRR  RRR   RRR   RRR   RRR   RRR  RRR  RRR  RRR  RRR  RRR",
    "chroot":    "    SSR   SSR  SSR   SSR   SSR   SSR   SSR  SSR  SSR  SSR  SSR  SSR",
    "setuid":    "    SSR   SSR  SSR   SSR   SSR   SSR   SSR  SSR  SSR  SSR  SSR  SSR",
    "nproc":     "    SSR   SSR  SSR   SSR   SSR   SSR   SSR  SSR  SSR  SSR  SSR  SSR",
    "sigchld":   "    RRR   RRR  RRR   RRR   RRR   RRR   SRR  SRR  SRR  SRR  RRR  RRR",
    "waiter":    "    RRR   RRR  RRR   RRR   RRR   RRR   SRR  SRR  SRR  SRR  RRR  RRR",
    "closed":    "    RRR   RRR  RRR   RRR   RRR   RRR   SRR  SRR  SRR  SRR  RRR  RRR",
    "vfork":     "    ---   SRR  RRR   RRR   RRR   RRR   RRR  RRR  RRR  RRR  RRR  ---",
    "handler":   "    RRR   RRR  RRR   RRR   RRR   RRR   SRR  SRR  SRR  SRR  RRR  RRR",
}
WHY = {
    "pid1": "an orphan would become a child of process 1, so it starts no attendant",
    "subreaper": "so it is with a subreaper; an attendant that was there before goes on",
    "chroot": "the autoprof program is not in there",
    "setuid": "an attendant of the new user may not read the old one's spool",
    "nproc": "no process can be started",
}
UNDEFINED = "a vfork child must not return from the function that made it, nor end its parent's thread"
SIGNALS = ("SIGTERM", "SIGINT", "SIGSEGV", "SIGKILL")
NEEDS_ROOT = ("pid1", "chroot", "setuid")

_lock = threading.Lock()
_root = []


def build():
    programs = os.path.join(HERE, "programs")
    victim = ap.build("end_cell", [os.path.join(programs, "end_cell.c")],
                      ["-O1", "-Wl,--no-as-needed", "-lgcc_s"])
    root = ap.fresh("root")
    after = ap.build(os.path.join(root, "after_exec"), [os.path.join(programs, "after_exec.c")],
                     ["-static"], instrument=False)
    return victim, root, after


class Cell:
    """One end in one circumstance at one age."""

    def __init__(self, circumstance, end, age, wanted):
        self.circumstance, self.end, self.age, self.wanted = circumstance, end, age, wanted
        self.name = "%s, %s, %s" % (circumstance, end, age)
        with _lock:
            self.work, self.spools = ap.fresh("work"), ap.fresh("spools")
        os.chmod(self.spools, 0o700)
        self.user = ap.NOBODY if circumstance == "nproc" and ap.ROOT else None
        if self.user:
            for path in (self.work, self.spools):
                os.chown(path, self.user, self.user)

    def command(self, preload):
        victim, root, after = _root
        env = []
        if preload:
            env = ["LD_PRELOAD=" + ap.LIBRARY,
                   "AUTOPROF_OPTIONS=chunk=1K:output=r.json:dir=" + self.spools]
        wrap = []
        if self.circumstance == "pid1":
            wrap = ["unshare", "-pf", "--mount-proc"]
        if self.user:
            wrap += ["setpriv", "--reuid=%d" % self.user, "--regid=%d" % self.user,
                     "--clear-groups", "--"]
        life = str(LIFE_MS if preload else 0)
        return [*wrap, "env", *env, victim, self.end, self.circumstance, self.age, life, root,
                after]

    def run(self, preload):
        """Returns status, stdout, stderr."""
        paths = [os.path.join(self.spools, "..", os.path.basename(self.work) + "." + x)
                 for x in ("out", "err")]
        with open(paths[0], "w+b") as out, open(paths[1], "w+b") as err:
            with subprocess.Popen(self.command(preload), cwd=self.work, env=ap.clean_environment(),
                                  stdin=subprocess.DEVNULL, stdout=out, stderr=err) as process:
                if self.circumstance == "pid1" and self.end == "SIGKILL":
                    kill_inside(process.pid)
                try:
                    status = process.wait(60)
                finally:
                    process.kill()
            result = []
            for file in (out, err):
                file.seek(0)
                result.append(file.read().decode(errors="replace"))
        return (status, *result)

    def reports(self):
        return glob.glob(os.path.join(self.work, "*.json"))

    def left_spools(self):
        return glob.glob(os.path.join(self.spools, "*.spool"))

    def log(self):
        try:
            with open(os.path.join(self.spools, "log"), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def ends_by_signal(self, status):
        return status < 0 or self.end in ("abort", "exec") or self.circumstance == "seccomp"

    def report(self, status):
        """Where the table says."""
        if self.wanted == "R" and not self.ends_by_signal(status):
            pass  # the program has waited for it
        elif self.wanted == "R":
            ap.wait_until(lambda: self.reports() and not self.left_spools(), "the report; log: "
                          + self.log())
        ap.wait_until(lambda: not ap.ours_alive(self.spools), "the end of all processes")
        files = sorted(os.listdir(self.work))
        if self.wanted == "R":
            assert files == ["r.json"] and not self.left_spools(), (files, self.left_spools(),
                                                                    self.log())
            with open(self.reports()[0], encoding="utf-8") as file:
                return ap.Report(file.read())
        assert files == [] and len(self.left_spools()) == 1, (files, self.left_spools(), self.log())
        done = ap.autoprof("report", "--json", self.left_spools()[0])
        assert done.returncode == 0, done.stderr
        return ap.Report(done.stdout)

    def check(self):
        plain = self.run(False)
        assert os.listdir(self.work) == [], os.listdir(self.work)
        profiled = self.run(True)
        assert plain == profiled, "alone %s, profiled %s" % (plain, profiled)
        report = self.report(profiled[0])
        run = ap.Run(self.work, self.spools)
        run.out = profiled[1]
        run.assert_counts(report).assert_sane()


def kill_inside(pid):
    """Kill the process 1 of the namespace that `unshare` made."""
    children = "/proc/%d/task/%d/children" % (pid, pid)

    def child():
        with open(children, encoding="ascii") as file:
            return file.read().split()
    ap.wait_until(child, "a child of unshare")
    inner = child()[0]

    def waits():
        with open("/proc/%s/syscall" % inner, encoding="ascii") as file:
            return file.read().split()[0] == "34"  # pause
    ap.wait_until(waits, "the victim's wait for its end")
    os.kill(int(inner), 9)


def check_row(circumstance, age):
    """Twelve cells, some at a time: mostly they sleep."""
    if circumstance in NEEDS_ROOT and not ap.ROOT:
        raise ap.Skip("only root can do that")
    with _lock:
        if not _root:
            _root.extend(build())
    letters = [cell[AGES.index(age)] for cell in MATRIX[circumstance].split()]
    assert len(letters) == len(ENDS)
    cells = [Cell(circumstance, end, age, letter) for end, letter in zip(ENDS, letters)
             if letter != "-"]
    wrong = []
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for cell, job in [(c, pool.submit(c.check)) for c in cells]:
            try:
                job.result()
            except Exception as error:  # the other cells are of interest, too
                wrong.append("%s: %s: %s" % (cell.name, type(error).__name__, error))
    assert not wrong, "\n".join(wrong)


for _circumstance in MATRIX:
    for _age in AGES:
        ap.case("%s, %s: every end leaves what the table says" % (_circumstance, _age))(
            lambda a=_circumstance, b=_age: check_row(a, b))

ap.main()
