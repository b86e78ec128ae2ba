#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The program sees nothing of us: no child, descriptor, thread, signal, limit or variable more."""
import os
import subprocess
import time

import ap

OLD_MS = "400"


def build():
    return ap.build("invisible", ["invisible.c"], ["-O1"])


def same(what, *more):
    r = ap.run_twice([build(), what, *more])
    assert r.status == 4 and r.out, (r.status, r.out)
    if "work" in r.wait_reports(1)[0].names():
        return r
    raise AssertionError("nothing was recorded: this shows nothing")


for _what in ("descriptors", "threads", "environment", "children", "signals", "limits", "errno",
              "process"):
    ap.case("%s are as without us, young and old"
            % _what)(lambda what=_what: (same(what), same(what, OLD_MS)))


@ap.case("what they are, as far as it is known")
def known():
    assert same("descriptors").out == "descriptors 5, next 3\n"
    assert same("threads", OLD_MS).out == "threads 1\n"
    assert same("children", OLD_MS).out == "children 1, errno 10, signals 1\n"
    assert "after calls 77" in same("errno").out


@ap.case("closed standard streams stay closed")
def closed_streams():
    exe = build()
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        argv = ["sh", "-c", 'exec env LD_PRELOAD="$AP" "$@" ' + closed, "sh", exe, "read"]
        plain = ap.run(argv, preload=False)
        r = ap.run(argv, env={"AP": ap.LIBRARY, "LD_PRELOAD": ""})
        ap.assert_same(plain, r)
        assert r.wait_reports(1)[0].calls("work") == 1000, closed


@ap.case("a pipe ends with the program, not with its attendant")
def pipe_ends():
    spools = ap.fresh("spools")
    os.chmod(spools, 0o700)
    work = ap.fresh("work")
    env = ap.clean_environment()
    env.update(LD_PRELOAD=ap.LIBRARY, AUTOPROF_OPTIONS="dir=%s:output=r.json" % spools)
    with subprocess.Popen([build(), "errno", OLD_MS], cwd=work, env=env,
                          stdout=subprocess.PIPE) as process:
        begin = time.monotonic()
        process.stdout.read()
        at_eof = time.monotonic() - begin
        process.wait()
        at_end = time.monotonic() - begin
    # End of file comes when the last holder is gone: nobody may hold it after the program's death.
    assert at_eof <= at_end + 0.2, (at_eof, at_end)
    ap.wait_until(lambda: not ap.ours_alive(spools), "the attendant's end")
    assert os.listdir(work) == ["r.json"], os.listdir(work)


@ap.case("the attendant holds nothing of the program, and is nobody's child")
def attendant_is_apart():
    spools = ap.fresh("spools")
    os.chmod(spools, 0o700)
    env = ap.clean_environment()
    env.update(LD_PRELOAD=ap.LIBRARY, AUTOPROF_OPTIONS="dir=%s:output=/dev/null" % spools,
               AP_SECRET="1")
    with subprocess.Popen([build(), "threads", "1500"], env=env, stdout=subprocess.PIPE) as process:
        ap.wait_until(lambda: [x for x in ap.ours_alive(spools) if " attend" in x
                               or "attend " in x], "an attendant")
        pid = next(x for x in ap.ours_alive(spools) if "attend" in x).split()[0]
        held = {os.readlink("/proc/%s/fd/%s" % (pid, n)) for n in ("0", "1", "2")}
        everything = [os.readlink("/proc/%s/fd/%s" % (pid, n))
                      for n in os.listdir("/proc/%s/fd" % pid)]
        with open("/proc/%s/environ" % pid, encoding="utf-8") as file:
            environment = file.read()
        with open("/proc/%s/stat" % pid, encoding="utf-8") as file:
            stat = file.read().rsplit(")", 1)[1].split()
        with open("/proc/%s/oom_score_adj" % pid, encoding="utf-8") as file:
            oom = file.read().strip()
        assert held == {"/dev/null"}, held
        assert not [x for x in everything if x.startswith("pipe:")], everything
        assert "LD_PRELOAD" not in environment and "AP_SECRET" not in environment, environment
        parent, session = stat[1], stat[3]
        assert parent != str(process.pid) and session == pid, (parent, session)
        assert oom == "1000", oom
        process.stdout.read()
    ap.wait_until(lambda: not ap.ours_alive(spools), "the attendant's end")


ap.main()
