#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is given away, and to whom: files, rights, addresses, memory. The rules on files and
privilege."""
import glob
import os
import re
import shutil
import signal
import stat
import subprocess
import time

import places
from places import ap


def start(argv, r, options=""):
    env = ap.clean_environment()
    env.update(LD_PRELOAD=ap.LIBRARY,
               AUTOPROF_OPTIONS="dir=%s:output=r.json%s" % (r.spool_dir, options))
    return subprocess.Popen(argv, cwd=r.work, env=env, stdout=subprocess.DEVNULL)


def fresh_run():
    r = ap.Run(ap.fresh("work"), ap.fresh("spools"))
    os.chmod(r.spool_dir, 0o700)
    return r


@ap.case("files are their owner's, regular, with names that nobody can guess")
def private_files():
    names = set()
    for _ in range(8):
        before = os.umask(0)
        try:
            r = ap.run([places.program("places.c"), "0"], options="report=none")
        finally:
            os.umask(before)
        spool = r.spools()[0]
        mode = os.lstat(spool)
        assert stat.S_ISREG(mode.st_mode) and mode.st_mode & 0o7777 == 0o600, oct(mode.st_mode)
        name = os.path.basename(spool)
        assert re.fullmatch(r"%d\.[0-9a-f]{16}\.spool" % r.pid, name), name
        names.add(name.split(".")[1])
    assert len(names) == 8, names


@ap.case("the directory, files and their creation: no link followed, nothing opened twice")
def flags_of_creation():
    places.need("strace")
    r = fresh_run()
    trace = ap.fresh("trace") + "/trace"
    done = subprocess.run(["strace", "-E", "LD_PRELOAD=" + ap.LIBRARY, "-E",
                           "AUTOPROF_OPTIONS=report=none:dir=" + r.spool_dir, "-o", trace,
                           places.program("places.c"), "0"], cwd=r.work, env=ap.clean_environment(),
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if done.returncode != 7:
        raise ap.Skip("nothing can be traced here")
    with open(trace, encoding="utf-8", errors="replace") as file:
        lines = [line for line in file if r.spool_dir in line and "execve" not in line]
    opened = [line for line in lines if "open" in line]
    assert len(opened) == 2, opened
    assert "O_DIRECTORY" in opened[0] and "O_NOFOLLOW" in opened[0], opened
    for flag in ("O_CREAT", "O_EXCL", "O_NOFOLLOW", "O_CLOEXEC", "0600"):
        assert flag in opened[1], (flag, opened)


@ap.case("the program's memory: nothing writable is executable, the spool is in no core dump")
def memory_rights():
    r = fresh_run()
    with start([places.program("places.c"), "1500"], r) as process:
        ap.wait_until(r.spools, "a spool")
        time.sleep(0.1)
        with open("/proc/%d/smaps" % process.pid, encoding="utf-8") as file:
            smaps = file.read()
        with open("/proc/%d/status" % process.pid, encoding="utf-8") as file:
            status = file.read()
        held = [os.readlink(p) for p in glob.glob("/proc/%d/fd/*" % process.pid)]
        process.wait()
    regions = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", smaps)
    assert not [x for x in regions if re.match(r"\S+ .wx", x)], "writable and executable"
    spools = [x for x in regions if ".spool" in x.split("\n", maxsplit=1)[0]]
    assert spools and all(" dd" in x[x.index("VmFlags:"):] for x in spools), spools
    assert not [x for x in held if x.startswith(r.spool_dir)], held
    assert "TracerPid:\t0" in status and "NoNewPrivs:\t0" in status and "Seccomp:\t0" in status


@ap.case("reports and the log tell no address of the program's memory")
def no_addresses():
    r = fresh_run()
    with start([places.program("places.c", ["-O1", "-fPIE", "-pie"]), "800"], r,
               ",r.txt:memory=lots") as process:
        ap.wait_until(r.spools, "a spool")
        time.sleep(0.1)
        with open("/proc/%d/maps" % process.pid, encoding="utf-8") as file:
            ranges = [tuple(int(x, 16) for x in line.split()[0].split("-")) for line in file]
        process.wait()
    for name in ("r.json", "r.txt"):
        with open(os.path.join(r.work, name), encoding="utf-8") as file:
            text = file.read()
        found = {int(x, 16) for x in re.findall(r"(?:0x)?\b([0-9a-f]{9,16})\b", text)}
        found |= {int(x) for x in re.findall(r"\b([0-9]{12,20})\b", text)}
        inside = [hex(x) for x in found if any(a <= x < b for a, b in ranges)]
        assert not inside, (name, inside)


@ap.case("no argument and no variable of the program is in a spool or a report")
def no_arguments():
    secret = "correct-horse-battery-staple"
    r = ap.run([places.program("places.c"), "0", secret], env={"SECRET": secret[::-1]},
               options="report=none")
    with open(r.spools()[0], "rb") as file:
        spool = file.read()
    assert secret.encode() not in spool and secret[::-1].encode() not in spool
    said = ap.autoprof("report", "--json", r.spools()[0]).stdout
    assert secret not in said and secret[::-1] not in said


@ap.case("a service that gave up root does not choose what root writes where")
def where_reports_go():
    places.need_root()
    r = fresh_run()
    elsewhere = ap.fresh("elsewhere")
    # It is still root while its attendant, there at 300 ms, comes up.
    argv = [places.program("places.c"), "300", "wait=1000", "root", "wait=1000"]
    with start(argv, r) as process:
        ap.wait_until(lambda: uid_of(process.pid) == ap.NOBODY, "the change of user")
        spool = r.spools()[0]
        with open(spool, "r+b") as file:  # as the program could, through its mapping
            text = file.read(1 << 20)
            at = text.index(b"r.json\0")
            file.seek(at)
            file.write(b"e.json\0")
            file.seek(text.index(r.work.encode() + b"\0"))
            file.write(elsewhere.encode()[:len(r.work)].ljust(len(r.work), b"\0"))
        process.wait()
    ap.wait_until(lambda: not ap.ours_alive(r.spool_dir), "the attendant's end")
    assert r.files() == ["r.json"] and os.listdir(elsewhere) == [], (r.files(), r.log())
    assert os.stat(os.path.join(r.work, "r.json")).st_uid == 0


def uid_of(pid):
    with open("/proc/%d/status" % pid, encoding="utf-8") as file:
        return int(file.read().split("Uid:")[1].split()[0])


@ap.case("gc does not follow a run directory that is a link, nor cleans another's")
def cleaning():
    places.need_root()
    spools, target = ap.fresh("spools"), ap.fresh("target")
    os.chmod(spools, 0o700)
    for name in ("log", "libautoprof.so"):
        with open(os.path.join(target, name), "wb"):
            pass
    os.symlink(target, os.path.join(spools, "run-2147483646-0123456789abcdef"))
    assert ap.autoprof("gc", "--all", "--dir=" + spools).returncode == 0
    assert sorted(os.listdir(target)) == ["libautoprof.so", "log"], os.listdir(target)
    r = ap.run([places.program("places.c"), "0"], options="report=none")
    os.chown(r.spool_dir, ap.NOBODY, ap.NOBODY)
    for verb in (["gc", "--all", "--dir=" + r.spool_dir], ["report", r.spool_dir],
                 ["report", "--dir=" + r.spool_dir]):
        done = ap.autoprof(*verb)
        assert done.returncode == 2 and "another user" in done.stderr, (verb, done)
    assert len(r.spools()) == 1
    os.chown(r.spool_dir, 0, 0)
    assert ap.autoprof("gc", "--all", "--dir=" + r.spool_dir).returncode == 0
    assert r.spools() == []


@ap.case("a program with capabilities on its file is left alone")
def capabilities():
    places.need_root()
    places.need("setcap")
    place = "/tmp/autoprof-capable.%d" % os.getpid()
    os.mkdir(place, 0o755)
    try:
        exe = shutil.copy(places.program("places.c"), place + "/places")
        os.chmod(exe, 0o755)
        if os.statvfs(place).f_flag & os.ST_NOSUID or \
                not places.works("setcap", "cap_net_raw+ep", exe):
            raise ap.Skip("no file system for capabilities")
        r = ap.run_twice([exe, "0"], user=ap.NOBODY)
        assert r.status == 7 and r.files() == [] and os.listdir(r.spool_dir) == [], r.files()
    finally:
        shutil.rmtree(place)


@ap.case("both binaries: read-only relocations bound at once, no executable stack or run path")
def hardened():
    for path in (ap.LIBRARY, ap.PROGRAM):
        dynamic = subprocess.run(["readelf", "-dW", path], capture_output=True, text=True,
                                 check=True).stdout
        segments = subprocess.run(["readelf", "-lW", path], capture_output=True, text=True,
                                  check=True).stdout
        assert "NOW" in dynamic and "GNU_RELRO" in segments, path
        assert "TEXTREL" not in dynamic and "PATH" not in dynamic, path
        assert not re.search(r"GNU_STACK.* RWE|LOAD.* RWE", segments), path


signal.signal(signal.SIGPIPE, signal.SIG_DFL)
ap.main()
