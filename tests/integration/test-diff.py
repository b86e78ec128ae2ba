#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ap-diff over programs of the machine and over victims: the judge of longer runs judges right."""
import os
import resource
import signal
import subprocess
import sys

import ap

DIFF = os.path.join(ap.SOURCE, "tests", "support", "ap-diff")
STATE = r"""umask; ulimit -c; grep -E 'Sig(Ign|Blk)' /proc/self/status | tr -d '\t'
[ -e /proc/self/fd/0 ] && echo open"""
STATE_AT_FIRST = "0022\n0\nSigBlk:%016d\nSigIgn:%016d\nopen\n" % (0, 0)


def diff(*argv, **options):
    env = ap.clean_environment()
    env["AP_BUILD_ROOT"] = ap.BUILD
    return subprocess.run([DIFF, *argv], capture_output=True, text=True, env=env, timeout=120,
                          check=False, **options)


def same(*argv):
    done = diff(*argv)
    assert done.returncode == 0, (argv, done.stdout, done.stderr)
    return done.stdout


def differs(reason, *argv):
    done = diff(*argv)
    assert done.returncode == 1 and reason in done.stdout, (argv, done.returncode, done.stdout,
                                                            done.stderr)


@ap.case("programs without hooks: nothing differs and no report appears")
def plain_programs():
    same("--reports=0", "sh", "-c",
         "seq 1 20000 | sort -R --random-source=/bin/ls | sort -n | sha256sum; exit 3")
    same("--reports=0", "sh", "-c", 'trap "echo bye" EXIT; kill -TERM $$')
    same("--reports=0", "timeout", "1", "sleep", "9")
    same("--reports=0", "python3", "-c",
         "import threading as t; x = t.Thread(target=print, args=['there']); "
         "x.start(); x.join(); raise SystemExit(4)")


@ap.case("victims: their counts are compared")
def victims():
    assert "1 report" in same("--reports=1", ap.build("simple", ["simple.c"]))
    same("--reports=1", ap.build("jumps", ["jumps.c"], ["-O1"]))
    same("--reports=1", ap.build("recursion", ["recursion.c"], ["-O1"]), "mutual", "1000")


@ap.case("a program whose output differs is found out")
def other_output():
    differs("stdout", "--reports=0", "sh", "-c", "echo ${LD_PRELOAD:+profiled}")
    differs("stderr", "--reports=0", "sh", "-c", "echo ${LD_PRELOAD:+profiled} >&2")
    differs("status", "--reports=0", "sh", "-c", "exit ${LD_PRELOAD:+5}")
    differs("status", "--reports=0", "sh", "-c", "kill -${LD_PRELOAD:+9} $$ || exit 0")


@ap.case("missing reports, wrong counts and files left behind are found out")
def other_files():
    differs("reports", "--reports=2", ap.build("simple", ["simple.c"]))
    differs("calls leaf", "--reports=1", "sh", "-c", "%s; echo calls leaf 1"
            % ap.build("simple", ["simple.c"]))
    differs("files", "--reports=0", "sh", "-c", "[ -z $LD_PRELOAD ] || : >left")


@ap.case("what a program says of its paths and of uncertain counts is compared, printed or not")
def paths_and_ranges():
    simple = ap.build("simple", ["simple.c"])
    leaf = ap.run([simple]).report().calls("leaf")
    say = "%s | grep -v calls; echo %%s" % simple
    quiet = ["--reports=1", "--filter=/^path/d;/^between/d", "sh", "-c"]
    same(*quiet, say % ("between leaf %d %d" % (leaf - 1, leaf)))
    differs("between leaf", *quiet, say % ("between leaf %d %d" % (leaf + 1, leaf + 2)))
    differs("path main/nowhere", *quiet, say % "path main/nowhere 1")


@ap.case("a process left behind is found out")
def other_processes():
    differs("process", "--reports=0", "sh", "-c", "[ -z $LD_PRELOAD ] || sleep 5 >/dev/null 2>&1 &")


def badly_started():
    """As by nohup in the background of a shell that nobody watches, and worse."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGALRM))
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    os.umask(0o777)
    os.close(0)


@ap.case("how a test was started is nothing to the program that it runs")
def started_in_any_way():
    code = ("import ap, shutil; print(ap.run(['sh', '-c', %r], preload=False).out, end='');"
            "shutil.rmtree(ap.BASE)" % STATE)
    said = subprocess.run([sys.executable, "-c", code], cwd=os.path.dirname(ap.__file__),
                          preexec_fn=badly_started, restore_signals=False, capture_output=True,
                          text=True, check=False)
    assert said.stdout == STATE_AT_FIRST, said
    done = diff("--reports=0", "sh", "-c", '[ "$(%s)" = "%s" ] || exit ${LD_PRELOAD:+5}'
                % (STATE, STATE_AT_FIRST.rstrip("\n")), preexec_fn=badly_started,
                restore_signals=False)
    assert done.returncode == 0, (done.stdout, done.stderr)


ap.main()
