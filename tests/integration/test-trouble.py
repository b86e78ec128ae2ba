#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bad options, bad places, bad files: the program prints and returns what it does alone, and what
is wrong is said. Each case has a twin without the fault, whose report is whole."""
import os
import shutil
import subprocess
import time

import ap


def simple():
    return ap.build("simple", ["simple.c"], ["-O1"])


def whole(r, report=None):
    """A full report of the simple victim."""
    report = report or r.report()
    return r.assert_counts(report).assert_sane()


def unchanged(**options):
    """The simple victim under a fault: as alone."""
    return ap.run_twice([simple()], **options)


def info(directory, **options):
    return ap.autoprof("info", "--dir=" + directory, **options).stdout


def need_root():
    if not ap.ROOT:
        raise ap.Skip("only root can be somebody else")


@ap.case("unknown options and bad values are ignored, and named in the report")
def options():
    bad = {"nonsense": "1", "memory": "lots", "deadline": "5", "report": "maybe", "chunk": "100",
           "children": "2", "monitor": "yes", "hz": "99"}
    r = unchanged(options=":".join("%s=%s" % pair for pair in bad.items()) + ":loose")
    said = whole(r).quality["options_ignored"]
    assert sorted(x.split(":")[0] for x in said) == sorted([*bad, "loose"]), said
    why = dict(x.split(": ", 1) for x in said)
    assert why["nonsense"] == "unknown option" and "64M" in why["memory"], why
    assert "later version" in why["hz"], why
    r = unchanged(options="memory=32M:deadline=5s:report=exit:chunk=8K:children=on:monitor=auto")
    report = whole(r)
    assert report.quality["options_ignored"] == [], report.quality
    assert report.quality["memory_cap_bytes"] <= 32 << 20, report.quality


@ap.case("a colon and a backslash in a value")
def escapes():
    r = unchanged(output=r"a\:b\\c.json")
    assert r.files() == ["a:b\\c.json"], r.files()
    whole(r)


@ap.case("AUTOPROF_DISABLE=1 is the end of it")
def disabled():
    r = unchanged(env={"AUTOPROF_DISABLE": "1"})
    assert r.files() == [] and os.listdir(r.spool_dir) == []
    for value in ("0", ""):
        whole(unchanged(env={"AUTOPROF_DISABLE": value}))


@ap.case("a working directory that cannot be written to: beside the spool")
def unwritable():
    need_root()
    work, spools = ap.fresh("work"), ap.fresh("spools")
    os.chmod(spools, 0o700)
    os.chown(spools, ap.NOBODY, ap.NOBODY)
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    r = unchanged(work=work, spool_dir=spools, wrap=as_nobody, output="r.json")
    assert r.files() == [], r.files()
    with open(os.path.join(spools, "r.json"), encoding="utf-8") as file:
        whole(r, ap.Report(file.read()))
    assert "Permission denied" in r.log() and "Permission denied" in info(spools), r.log()
    os.chmod(work, 0o777)
    whole(unchanged(work=work, spool_dir=spools, wrap=as_nobody, output="r.json"))


@ap.case("an output directory that is full, or not there: beside the spool")
def full_output():
    work, spools = ap.fresh("work"), ap.fresh("spools")
    os.chmod(spools, 0o700)
    place = ap.small_filesystem("64k")
    with open(os.path.join(place, "filler"), "wb") as file:
        try:
            file.write(b"x" * (1 << 20))
            file.flush()
        except OSError:
            pass
    for path, why in ((place + "/r.json", "No space left"),
                      ("/nonexistent/r.json", "No such file")):
        r = unchanged(work=work, spool_dir=spools, output=path)
        with open(os.path.join(spools, "r.json"), encoding="utf-8") as file:
            whole(r, ap.Report(file.read()))
        assert why in r.log() and why in info(spools), r.log()
        os.unlink(os.path.join(spools, "r.json"))
    assert os.listdir(place) == ["filler"], os.listdir(place)
    os.unlink(os.path.join(place, "filler"))
    unchanged(work=work, spool_dir=spools, output=place + "/r.json")
    with open(os.path.join(place, "r.json"), encoding="utf-8") as file:
        assert ap.Report(file.read()).calls("leaf") == 1000


@ap.case("a working directory that is gone: beside the spool")
def gone():
    r = ap.run(["sh", "-c", 'mkdir d && cd d && rmdir ../d && exec env LD_PRELOAD="$AP" "$@"', "sh",
                simple()],
               env={"AP": ap.LIBRARY, "LD_PRELOAD": ""}, output="r.json")
    assert r.status == 7 and r.files() == [], (r.status, r.files())
    with open(os.path.join(r.spool_dir, "r.json"), encoding="utf-8") as file:
        whole(r, ap.Report(file.read()))


def inert(place, reason, **options):
    """Nothing is recorded, nothing appears, and info says why."""
    target = os.path.realpath(place)
    before = os.listdir(target) if os.path.isdir(target) else None
    r = unchanged(spool_dir=place, **options)
    assert r.files() == [], r.files()
    assert (os.listdir(target) if os.path.isdir(target) else None) == before, os.listdir(target)
    said = info(place)
    assert reason in said, said


@ap.case("a spool directory that others may enter, that is a link, or a file")
def bad_directory():
    place = ap.fresh("spools")
    os.chmod(place, 0o755)
    inert(place, "0700")
    link = place + "-link"
    os.chmod(place, 0o700)
    os.symlink(place, link)
    inert(link, "symbolic link")
    plain = place + "-file"
    with open(plain, "wb"):
        pass
    inert(plain, "not a directory")
    whole(unchanged(spool_dir=place))


@ap.case("a spool directory owned by another")
def foreign_directory():
    need_root()
    place = ap.fresh("spools")
    os.chmod(place, 0o700)
    os.chown(place, ap.NOBODY, ap.NOBODY)
    inert(place, "owned by another")
    os.chown(place, 0, 0)
    whole(unchanged(spool_dir=place))


@ap.case("a spool directory is made, for its owner only")
def made_directory():
    place = os.path.join(ap.fresh("above"), "spools")
    whole(unchanged(spool_dir=place))
    assert os.stat(place).st_mode & 0o777 == 0o700


@ap.case("no autoprof program: the spool is left, and gives the report")
def no_program():
    if shutil.which("autoprof", path="/usr/bin:/usr/local/bin"):
        raise ap.Skip("an autoprof is installed here, and would be found")
    alone = ap.fresh("alone")
    shutil.copy2(ap.LIBRARY, alone)
    r = unchanged(library=alone + "/libautoprof.so")
    assert r.files() == [], r.files()
    report = whole(r, r.from_spool())
    assert any("not found" in note for note in report.quality["notes"]), report.quality["notes"]
    assert "not found" in r.log() and "not found" in info(r.spool_dir), r.log()
    shutil.copy2(ap.PROGRAM, alone)
    whole(unchanged(library=alone + "/libautoprof.so"))


def false_program(script):
    place = ap.fresh("false")
    shutil.copy2(ap.LIBRARY, place)
    with open(place + "/autoprof", "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n" + script)
    os.chmod(place + "/autoprof", 0o755)
    return place


@ap.case("a reporter that hangs: the program waits for its deadline and no longer")
def hanging():
    place = false_program('read never <"$0.fifo"\n')
    os.mkfifo(place + "/autoprof.fifo")
    try:
        r = unchanged(library=place + "/libautoprof.so", options="deadline=1s")
        assert 0.9 <= r.wall_s < 4, r.wall_s
        whole(r, r.from_spool())
    finally:
        for line in ap.ours_alive(place + "/autoprof"):
            os.kill(int(line.split()[0]), 9)
    assert unchanged(options="deadline=1s").wall_s < 0.9


@ap.case("a reporter that dies at once")
def dying():
    place = false_program("exit 1\n")
    r = unchanged(library=place + "/libautoprof.so", options="deadline=1s")
    assert r.wall_s < 4, r.wall_s
    whole(r, r.from_spool())


@ap.case("a setuid program is left alone")
def setuid():
    need_root()
    place = "/tmp/autoprof-setuid.%d" % os.getpid()
    os.mkdir(place, 0o755)
    try:
        exe = shutil.copy(simple(), place + "/simple")
        argv, nobody = [exe], {"user": ap.NOBODY}
        os.chmod(exe, 0o755)
        whole(ap.run_twice(argv, **nobody))
        os.chmod(exe, 0o4755)
        if os.statvfs(place).f_flag & os.ST_NOSUID:
            raise ap.Skip("no file system for a setuid program")
        r = ap.run_twice(argv, **nobody)
        assert r.files() == [] and os.listdir(r.spool_dir) == [], (r.files(),
                                                                   os.listdir(r.spool_dir))
    finally:
        shutil.rmtree(place)


def sections(path):
    """{name: (offset, size)} of an ELF file."""
    text = subprocess.run(["readelf", "-SW", path], capture_output=True, text=True,
                          check=True).stdout
    found = {}
    for line in text.splitlines():
        words = line.replace("[ ", "[").split()
        if len(words) > 6 and words[0].startswith("[") and words[1].startswith("."):
            found[words[1]] = (int(words[4], 16), int(words[5], 16))
    return found


def damage(path, names, pattern):
    spots = [s for n, s in sections(path).items() if n in names]
    assert len(spots) == len(names), (names, sections(path))
    with open(path, "r+b") as file:
        for offset, size in spots:
            file.seek(offset)
            file.write((pattern * size)[:size])


@ap.case("damaged DWARF: names and counts are right, places may be missing")
def bad_dwarf():
    for names in ((".debug_info",), (".debug_abbrev",), (".debug_line",),
                  (".debug_info", ".debug_str")):
        for pattern in (b"\xff", b"\x00", b"\x81\x01\x7f"):
            exe = shutil.copy(simple(), ap.fresh("damaged") + "/simple")
            damage(exe, names, pattern)
            whole(ap.run_twice([exe]))
    assert ap.run([simple()]).report().one("leaf")["line"]


@ap.case("damaged symbols: addresses for names, counts are right")
def bad_symbols():
    for names in ((".symtab",), (".strtab",), (".symtab", ".strtab", ".debug_info")):
        exe = shutil.copy(simple(), ap.fresh("damaged") + "/simple")
        damage(exe, names, b"\xff")
        report = ap.run_twice([exe]).report().assert_sane()
        assert sorted(f["calls"] for f in report.functions
                      if f["calls"]) == [1, 1000], report.functions


@ap.case("no sections at all, or a section table beyond the end")
def bad_header():
    for at in (40, 58, 60):  # e_shoff, e_shentsize, e_shnum
        exe = shutil.copy(simple(), ap.fresh("damaged") + "/simple")
        with open(exe, "r+b") as file:
            file.seek(at)
            file.write(b"\xfe\xff")
        report = ap.run_twice([exe]).report().assert_sane()
        assert sorted(f["calls"] for f in report.functions
                      if f["calls"]) == [1, 1000], report.functions


@ap.case("a program that was replaced while it ran is said so, and gives no wrong names")
def replaced():
    exe = shutil.copy(ap.build("ends", ["ends.c"], ["-O1"]), ap.fresh("replaced") + "/ends")
    r = ap.Run(ap.fresh("work"), ap.fresh("spools"))
    os.chmod(r.spool_dir, 0o700)
    env = ap.clean_environment()
    env.update(LD_PRELOAD=ap.LIBRARY, AUTOPROF_OPTIONS="dir=%s:output=r.json" % r.spool_dir)
    with subprocess.Popen([exe, "return", "500"], cwd=r.work, env=env,
                          stdout=subprocess.PIPE) as process:
        time.sleep(0.2)
        os.unlink(exe)
        shutil.copy(simple(), exe)
        process.communicate()
    assert process.returncode == 10, process.returncode
    report = r.report().assert_sane()
    assert report.calls("leaf") == 0 and report.functions[0]["calls"], report.functions
    assert report.quality["modules"], report.quality


ap.main()
