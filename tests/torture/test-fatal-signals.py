#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every signal that can end a program: the same signal and core flag as alone, and exact counts."""
import os
import resource
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import ap  # noqa: E402

HARMLESS = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}
STOPPING = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
FAULTS = {"divide": signal.SIGFPE, "touch_nothing": signal.SIGSEGV,
          "touch_beyond_the_file": signal.SIGBUS, "trap": signal.SIGILL}
MOST_CORE_MORE = 4 << 20  # bytes; the spool of 64 MiB must not be in it


def build():
    return ap.build("end_by_signal", [os.path.join(HERE, "programs", "end_by_signal.c")], ["-O1"])


def run(what, preload, old=False):
    """Returns the run; its status is the one of waitpid()."""
    exe = build()
    r = ap.Run(ap.fresh("work"), ap.fresh("spools"))
    os.chmod(r.spool_dir, 0o700)
    env = ap.clean_environment()
    if preload:
        env.update(LD_PRELOAD=ap.LIBRARY, AUTOPROF_OPTIONS="output=r.json:dir=%s%s"
                   % (r.spool_dir, ":monitor=on" if old else ""))

    def with_core():
        most = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    with open(os.path.join(ap.BASE, "out"), "w+b") as out:
        with subprocess.Popen([exe, what], cwd=r.work, env=env, stdin=subprocess.DEVNULL, stdout=out,
                              stderr=out, preexec_fn=with_core) as process:
            r.pid = process.pid
            r.status = os.waitpid(process.pid, 0)[1]
            process.returncode = 0
        out.seek(0)
        r.out = out.read().decode()
    r.core = max([os.path.getsize(os.path.join(r.work, name)) for name in r.files()
                  if name.startswith("core")], default=0)
    return r


def same(what, expected):
    plain, r = run(what, False), run(what, True)
    assert os.WTERMSIG(plain.status) == expected, plain.status
    assert (plain.status, plain.out) == (r.status, r.out), (plain.status, r.status, plain.out, r.out)
    assert r.core <= plain.core + MOST_CORE_MORE, (plain.core, r.core)
    r.assert_counts(r.from_spool()).assert_sane()
    old = run(what, True, old=True)  # attended from the start
    assert (plain.status, plain.out) == (old.status, old.out), (plain.status, old.status)
    report = old.assert_counts(old.wait_reports(1)[0]).assert_sane()
    assert report.process["end"] in ("signal", "killed"), report.process
    if report.process["end"] == "signal":
        assert report.process["signal"] == expected, report.process
    return os.WCOREDUMP(plain.status)


def fatal():
    standard = [s for s in range(1, 32) if s not in HARMLESS | STOPPING]
    return standard, list(range(signal.SIGRTMIN, signal.SIGRTMAX + 1))


@ap.case("the %d standard signals that end a program" % len(fatal()[0]))
def standard_signals():
    cores = [same(str(s), s) for s in fatal()[0]]
    if not any(cores):
        print("# no core is dumped on this machine: the flag is compared, but never set")


@ap.case("the %d real-time signals" % len(fatal()[1]))
def realtime_signals():
    for s in fatal()[1]:
        same(str(s), s)


@ap.case("faults of the processor")
def processor_faults():
    for what, number in FAULTS.items():
        same(what, number)


@ap.case("signals that do no harm do none")
def harmless():
    for s in sorted(HARMLESS):
        r = run(str(int(s)), True)
        assert os.WEXITSTATUS(r.status) == 9, r.status
        r.assert_counts(r.report()).assert_sane()


ap.main()
