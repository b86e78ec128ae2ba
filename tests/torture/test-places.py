#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that lose their umask, directory, root, user, /proc: they do what they do alone, and the
profile is kept, or the reason said."""
import os
import shutil
import subprocess

import places
from places import ap

AGES = ("0", places.OLD_MS)


def place(*what, age="0", **options):
    exe = places.program("places.c")
    r = ap.run_twice([exe, age, *what], **options)
    assert r.status == 7, (r.status, r.err)
    return r


def reports(r, n=1):
    """The counts of the reports or spools that a run left, one of them of a parent perhaps."""
    if r.reports():
        found = r.wait_reports(n)
    else:
        found = [ap.Report(ap.autoprof("report", "--json", s).stdout) for s in r.spools()]
    assert len(found) == n, (r.files(), r.spools(), r.log())
    for name, calls in r.expected().items():
        assert sum(x.calls(name) for x in found) == calls, (name, calls, r.log())
    return [x.assert_sane() for x in found]


def left_alone(found, age):
    """A young one finds that nobody could report it, and does not wait."""
    notes = found[0].quality["notes"]
    assert age != "0" or any("out of reach" in note for note in notes), notes


@ap.case("a umask of 0777 that the program sets: a report that its owner can read")
def umask_set():
    for age in AGES:
        r = place("umask", age=age)
        reports(r)
        assert os.stat(os.path.join(r.work, r.files()[0])).st_mode & 0o777 == 0o600


@ap.case("a umask of 0777 from the start: the directory made is its owner's")
def umask_from_start():
    exe = places.program("places.c")
    above = ap.fresh("above")
    spools = os.path.join(above, "spools")
    argv = ["sh", "-c", 'umask 0777; exec env LD_PRELOAD="$AP" "$@"', "sh", exe, "0"]
    plain = ap.run(argv, preload=False)
    r = ap.run(argv, env={"AP": ap.LIBRARY, "LD_PRELOAD": ""}, spool_dir=spools)
    ap.assert_same(plain, r)
    assert os.stat(spools).st_mode & 0o7777 == 0o700, oct(os.stat(spools).st_mode)
    reports(r)


@ap.case("the working directory is removed under it: the report goes where it began")
def cwd_gone():
    for age in AGES:
        reports(place("cwd", age=age))


@ap.case("chroot to an empty directory, no /proc, no /dev: a report or a spool, exact")
def chroot():
    places.need_root()
    for age in AGES:
        empty = ap.fresh("empty")
        left_alone(reports(place("chroot=" + empty, age=age)), age)
        assert os.listdir(empty) == [], os.listdir(empty)


@ap.case("root becomes nobody: what was recorded stays root's, nobody makes nothing")
def becomes_nobody():
    places.need_root()
    for age in AGES:
        r = place("root", age=age)
        left_alone(reports(r), age)
        left = [os.path.join(d, f) for d in (r.work, r.spool_dir) for f in os.listdir(d)]
        assert left and all(os.stat(p).st_uid == 0 for p in left), left


@ap.case("children of one who has become nobody: none makes a directory in root's place")
def children_of_nobody():
    places.need_root()
    exe = places.program("places.c")
    r = ap.run_twice([exe, "0", "root", "fork"])
    # The child's thousand calls are lost: it may not write where its parent does.
    found = r.from_spool().assert_sane()
    assert found.calls("work") == 51000, found.names()
    spools = os.path.join(ap.fresh("open"), "spools")
    os.chmod(os.path.dirname(spools), 0o1777)
    os.mkdir(spools, 0o700)
    r = ap.run([exe, "0", "hide=" + spools, "root", "fork"], spool_dir=spools)
    assert r.status == 7 and not os.path.exists(spools), r.status
    assert os.stat(spools + ".moved").st_uid == 0 and os.listdir(spools + ".moved")


@ap.case("mounts of its own in another root, where the kernel names the executable from the first: a child has names")
def mounts_of_its_own():
    places.need_root()
    places.need("unshare", "mount", "chroot")
    if not places.works("unshare", "-m", "true"):
        raise ap.Skip("no mount namespace can be made")
    exe = places.program("places.c")
    script = 'mount --rbind / "$ROOT" && exec chroot "$ROOT" ' \
        'sh -c \'cd "$0" && exec env LD_PRELOAD="$AP" "$@"\' "$@"'
    for age in AGES:
        work = ap.fresh("work")
        argv = ["unshare", "-m", "sh", "-c", script, "sh", work, exe, age, "mounts", "fork"]
        r = ap.run(argv, work=work,
                   env={"AP": ap.LIBRARY, "LD_PRELOAD": "", "ROOT": ap.fresh("root")})
        assert r.status == 7, (r.status, r.err)
        reports(r, 2)


@ap.case("chroot and nobody at once, young and old")
def chroot_and_nobody():
    places.need_root()
    for age in AGES:
        reports(place("chroot=" + ap.fresh("empty"), "root", age=age))


@ap.case("a read-only file system to work in: the report is beside the spool")
def read_only():
    places.need_root()
    places.need("unshare", "mount")
    exe = places.program("places.c")
    work = ap.fresh("work")
    script = 'mount --bind . . && mount -o remount,bind,ro . && cd "$PWD" && ' \
        'exec env LD_PRELOAD="$AP" "$@"'
    argv = ["unshare", "-m", "sh", "-c", script, "sh", exe, "0"]
    if not places.works("unshare", "-m", "true"):
        raise ap.Skip("no mount namespace can be made")
    plain = ap.run(argv, preload=False, work=work)
    r = ap.run(argv, env={"AP": ap.LIBRARY, "LD_PRELOAD": ""}, work=work, output="r.json")
    ap.assert_same(plain, r)
    assert r.status == 7 and r.files() == [], (r.status, r.err, r.files())
    with open(os.path.join(r.spool_dir, "r.json"), encoding="utf-8") as file:
        places.exact(r, ap.Report(file.read()))
    assert "Read-only file system" in r.log(), r.log()


@ap.case("no /proc at all from the start: exact, with names")
def no_proc():
    places.need_root()
    if not places.works("unshare", "-m", "true"):
        raise ap.Skip("no mount namespace can be made")
    exe = places.program("places.c")
    script = 'umount -l /proc && exec env LD_PRELOAD="$AP" "$@"'
    for age in AGES:
        argv = ["unshare", "-m", "sh", "-c", script, "sh", exe, age]
        r = ap.run(argv, env={"AP": ap.LIBRARY, "LD_PRELOAD": ""}, output="r.json")
        assert r.status == 7 and r.out.startswith("calls main 1"), (r.status, r.err)
        if not r.files():
            ap.wait_until(lambda r=r: os.path.exists(os.path.join(r.work, "r.json")) or r.spools(),
                          "a report: " + r.log())
        report = r.reports()[0] if r.files() else r.from_spool()
        assert sum(f["calls"] for f in report.functions) == 1 + r.expected()["work"], report.json


@ap.case("a root of its own with the program and libc only: chroot from the start")
def bare_root():
    places.need_root()
    places.need("ldd")
    root = ap.fresh("root")
    exe = places.program("places.c")
    put_program(root, exe)
    spools = os.path.join(root, "spools")
    os.mkdir(spools, 0o700)
    r = ap.run(["chroot", root, "/bin/program", "0"], preload=False)
    assert r.status == 7, r.err
    r = ap.Run(ap.fresh("work"), spools)
    preloaded = ap.run(["chroot", root, "/bin/program", "0"],
                       env={"LD_PRELOAD": "/bin/libautoprof.so",
                            "AUTOPROF_OPTIONS": "dir=/spools"}, preload=False)
    assert (preloaded.status, preloaded.out) == (7, preloaded.out), preloaded.err
    r.out = preloaded.out
    report = r.from_spool()
    assert sum(f["calls"] for f in report.functions) == 52001, report.json
    assert any("not found" in n for n in report.quality["notes"]), report.quality["notes"]


def put_program(root, exe):
    """The program, the library, libc and the loader."""
    os.mkdir(os.path.join(root, "bin"))
    shutil.copy2(exe, os.path.join(root, "bin", "program"))
    shutil.copy2(ap.LIBRARY, os.path.join(root, "bin"))
    for line in subprocess.run(["ldd", exe, ap.LIBRARY], capture_output=True, text=True,
                               check=True).stdout.splitlines():
        for word in line.split():
            if word.startswith("/") and not word.endswith(":"):
                os.makedirs(root + os.path.dirname(word), exist_ok=True)
                shutil.copy2(word, root + word)


ap.main()
