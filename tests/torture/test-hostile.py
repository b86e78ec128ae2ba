#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What others put in the way: binaries that change or are damaged, names that are meant to act,
files where ours should be, ends all at once, a reporter that is killed."""
import glob
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import time

import places
from places import ap

MUTATIONS = 2000
MEMORY_KIB = 2 << 20  # what a reader may take
HOSTILE = {
    "to_script": b"</script><img src=x onerror=alert(1)>",
    "to_escape": b"esc\x1b[2J\x1b]0;title\x07",
    "to_formula": b"=cmd|' /C calc'!A0",
    "to_lines": b"two\nlines\r\tand more",
    "to_quotes": b"quote\"'\\u0000&amp;",
    "to_bidi": "left\u202eright\u2066".encode(),
    "to_invalid": b"\xff\xfe\xc0\x80",
}


def simple():
    return ap.build("simple", ["simple.c"], ["-O1"])


def keep_spool(exe, **options):
    r = ap.run([exe], options="report=none", **options)
    assert len(r.spools()) == 1, r.log()
    return r


def report_of(spool, *options):
    done = ap.autoprof("report", "--json", *options, spool)
    assert done.returncode == 0, done.stderr
    return ap.Report(done.stdout)


@ap.case("a binary that is overwritten, replaced or deleted: said so, and no wrong name")
def changed_binary():
    other = ap.build("other", ["tiny.c"], ["-O0"])
    for how in ("delete", "replace", "overwrite"):
        exe = shutil.copy(simple(), ap.fresh("changed") + "/simple")
        r = keep_spool(exe)
        r.assert_counts(r.from_spool()).assert_sane()
        if how == "overwrite":
            with open(exe, "r+b") as file, open(other, "rb") as new:
                file.write(new.read())
                file.truncate()
        else:
            os.unlink(exe)
            if how == "replace":
                shutil.copy(other, exe)
        report = r.from_spool().assert_sane()
        assert report.calls("leaf") == 0 and report.calls("main") == 0, report.names()
        assert sorted(f["calls"] for f in report.functions if f["calls"]) == [1, 1000]
        said = json.dumps(report.quality["modules"])
        assert ("deleted" if how == "delete" else "replaced") in said, (how, said)


def mutate(image, seed):
    rng = random.Random(seed)
    bytes_ = bytearray(image)
    kind = rng.randrange(4)
    if kind == 0:
        return bytes_[:rng.randrange(len(bytes_))]
    for _ in range(1 << rng.randrange(9)):
        near = rng.randrange(4096)
        at = rng.choice((near, len(bytes_) - 1 - near, rng.randrange(len(bytes_))))
        at %= len(bytes_)
        bytes_[at] = rng.choice((0, 0xff, 0x80, 0x7f, rng.randrange(256)))
        if kind == 3:  # a length that is too long
            bytes_[at & ~7:(at & ~7) + 8] = b"\xff" * 8
    return bytes_


@ap.case("%d damaged binaries: a report of every one, in bounded time and memory" % MUTATIONS)
def damaged_binaries():
    # Without a build-id, which would tell most of them from the file that ran.
    images = [ap.build("damage%d" % i, ["simple.c"], ["-O1", "-Wl,--build-id=none", *flags])
              for i, flags in enumerate((["-gdwarf-5"], ["-gdwarf-4"], ["-gz"], ["-gsplit-dwarf"]))]
    slowest, largest = 0.0, 0
    for i, path in enumerate(images):
        exe = shutil.copy(path, ap.fresh("damaged") + "/simple")
        r = keep_spool(exe)
        with open(exe, "rb") as file:
            image = file.read()
        for k in range(MUTATIONS // len(images)):
            with open(exe, "r+b") as file:
                file.write(mutate(image, (i << 16) + k))
                file.truncate(len(image) if k % 4 else None)
            begin = time.monotonic()
            done = ap.autoprof("report", "--json", *r.spools())
            slowest = max(slowest, time.monotonic() - begin)
            assert done.returncode == 0, (i, k, done.returncode, done.stderr)
            calls = sorted(f["calls"] for f in json.loads(done.stdout)["functions"] if f["calls"])
            assert calls == [1, 1000], (i, k, calls)
            assert "reporter" not in done.stderr, (i, k, done.stderr)
        largest = max(largest, largest_child_kib())
    assert slowest < 60 and largest < MEMORY_KIB, (slowest, largest)


def largest_child_kib():
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


@ap.case("stripped, separate by build-id, split, dwz: names, or what takes their place")
def separate_files():
    exe = ap.build("split", ["simple.c"], ["-O1", "-gsplit-dwarf", "-Wl,--build-id=sha1"])
    r = keep_spool(exe)
    leaf = r.assert_counts(r.from_spool()).one("leaf")
    assert leaf["line"] and os.path.basename(leaf["file"]) == "simple.c", leaf

    place = ap.fresh("separate")
    exe = shutil.copy(ap.build("whole", ["simple.c"], ["-O1", "-Wl,--build-id=sha1"]),
                      place + "/simple")
    debug = place + "/simple.debug"
    places.need("objcopy", "strip")
    subprocess.run(["objcopy", "--only-keep-debug", exe, debug], check=True)
    subprocess.run(["strip", exe], check=True)
    build_id = subprocess.run(["readelf", "-n", exe], capture_output=True, text=True,
                              check=True).stdout.split("Build ID: ")[1].split()[0]
    r = keep_spool(exe)
    report = r.from_spool()
    assert report.calls("leaf") == 0, report.names()
    assert sorted(f["calls"] for f in report.functions if f["calls"]) == [1, 1000]
    assert "stripped" in json.dumps(report.quality["modules"]), report.quality["modules"]
    tree = "%s/debug/.build-id/%s" % (place, build_id[:2])
    os.makedirs(tree)
    shutil.move(debug, "%s/%s.debug" % (tree, build_id[2:]))
    report = report_of(r.spools()[0], "--debug-dir=%s/debug" % place)
    assert r.assert_counts(report).one("leaf")["line"], report.functions


@ap.case("nothing is asked of the network, though DEBUGINFOD_URLS is set")
def no_traffic():
    places.need("strace")
    exe = shutil.copy(simple(), ap.fresh("traffic") + "/simple")
    subprocess.run(["strip", exe], check=True)
    r = keep_spool(exe)
    trace = ap.fresh("trace") + "/trace"
    env = ap.clean_environment()
    env["DEBUGINFOD_URLS"] = "http://127.0.0.1:1/"
    done = subprocess.run(["strace", "-f", "-e", "trace=network,prctl", "-o", trace, ap.PROGRAM,
                           "report", "--json", r.spools()[0]], env=env, capture_output=True,
                          check=False)
    with open(trace, encoding="utf-8", errors="replace") as file:
        text = file.read()
    if "PTRACE" in text or not text:
        raise ap.Skip("nothing can be traced here")
    assert done.returncode == 0, done.stderr
    assert "socket(" not in text and "connect(" not in text, text
    assert "PR_SET_NO_NEW_PRIVS, 1" in text and "PR_SET_SECCOMP" in text, text


def hostile_program():
    exe = places.program("hostile_names.c", ["-O1", "-g0"])
    renamed = ap.fresh("hostile") + "/program"
    # In place: objcopy takes names from lines of a file, and some of these have newlines.
    shutil.copy(exe, renamed)
    with open(renamed, "rb") as file:
        image = file.read()
    for old, new in HOSTILE.items():
        placeholder = (old + "_" + "x" * 64)[:64].encode()
        assert image.count(placeholder + b"\0"), old
        image = image.replace(placeholder + b"\0", (new + b"\0").ljust(len(placeholder) + 1, b"\0"))
    with open(renamed, "wb") as file:
        file.write(image)
    return renamed


@ap.case("names that are meant to act: shown, never done, in text and JSON")
def hostile_names():
    exe = hostile_program()
    r = ap.run([exe], output="r.json,r.txt")
    assert r.status == 0, r.err
    with open(r.work + "/r.json", "rb") as file:
        raw = file.read()
    report = ap.Report(raw.decode())
    calls = sorted(f["calls"] for f in report.functions if f["calls"])
    assert calls == [1] + [100 + i for i in range(len(HOSTILE))], calls
    for bad in (b"</script", b"\x1b", b"\x07", "\u202e".encode(), b"\xff"):
        assert bad not in raw, bad
    odd = {c for c in raw if c < 0x20 and c not in b"\n\t"}
    assert not odd, odd
    names = {f["name"] for f in report.functions}
    assert HOSTILE["to_script"].decode() in names, names
    assert HOSTILE["to_lines"].decode() in names, names
    with open(r.work + "/r.txt", "rb") as file:
        text = file.read()
    assert all(c >= 0x20 or c == 0x0a for c in text), "a control character"
    assert "\u202e".encode() not in text and b"\xff" not in text
    assert all(len(line.decode()) <= 80 for line in text.splitlines())
    for shown in (b"\\x1b[2J", b"two\\x0alines", b"\\xe2\\x80\\xae", b"\\xff\\xfe"):
        assert shown in text, shown


@ap.case("the default place is taken: a directory of another, a link, a fifo, a file")
def taken_place():
    places.need_root()
    exe = simple()
    for kind in ("foreign", "link", "dangling", "fifo", "file", "hard link"):
        runtime = ap.fresh("runtime")
        os.chmod(runtime, 0o700)
        place = os.path.join(runtime, "autoprof")
        target = ap.fresh("target")
        if kind == "foreign":
            os.mkdir(place, 0o700)
            os.chown(place, ap.NOBODY, ap.NOBODY)
        elif kind in ("link", "dangling"):
            os.symlink(target if kind == "link" else target + "/none", place)
        elif kind == "fifo":
            os.mkfifo(place)
        else:
            with open(os.path.join(target, "file"), "wb"):
                pass
            os.link(os.path.join(target, "file"), place)
        before = sorted(os.listdir(target))
        env = {"XDG_RUNTIME_DIR": runtime, "LD_PRELOAD": ap.LIBRARY}
        plain = ap.run([exe], preload=False)
        r = ap.run([exe], preload=False, env=env)
        ap.assert_same(plain, r)
        assert r.files() == [] and sorted(os.listdir(target)) == before, (kind, r.files())
        assert os.listdir(runtime) == ["autoprof"], (kind, os.listdir(runtime))
        if os.path.isdir(place):
            assert os.listdir(place) == [], kind
        for verb in (["info"], ["run", "--quiet", exe]):
            done = ap.autoprof(*verb, env=env | {"LD_PRELOAD": ""}, cwd=r.work)
            assert done.returncode in (2, 125), (kind, verb, done)
        assert r.files() == [], r.files()
        ap.autoprof("gc", "--all", env=env | {"LD_PRELOAD": ""})
        assert sorted(os.listdir(target)) == before, kind


@ap.case("names of ours in the directory are taken: a link is not written through")
def taken_names():
    spools = ap.fresh("spools")
    os.chmod(spools, 0o700)
    victim = ap.fresh("victim") + "/file"
    with open(victim, "w", encoding="ascii") as file:
        file.write("untouched")
    os.symlink(victim, spools + "/log")
    r = ap.run([simple()], spool_dir=spools, output="/nonexistent/r.json")
    assert r.status == 7
    with open(victim, encoding="ascii") as file:
        assert file.read() == "untouched"
    os.symlink(victim, r.work + "/taken.json")
    r = ap.run([simple()], work=r.work, output="taken.json")
    with open(victim, encoding="ascii") as file:
        assert file.read() == "untouched"
    assert sorted(r.files()) == ["taken.2.json", "taken.json"], r.files()


@ap.case("50 programs end at once: 50 reports, whole")
def fifty_at_once():
    exe = places.program("places.c")
    work, spools = ap.fresh("work"), ap.fresh("spools")
    os.chmod(spools, 0o700)
    env = ap.clean_environment()
    env.update(LD_PRELOAD=ap.LIBRARY, AUTOPROF_OPTIONS="dir=%s:output=r.json" % spools)
    running = [subprocess.Popen([exe, "500"], cwd=work, env=env, stdout=subprocess.DEVNULL)
               for _ in range(50)]
    assert [p.wait() for p in running] == [7] * 50
    ap.wait_until(lambda: not glob.glob(spools + "/*.spool"), "the last report")
    r = ap.Run(work, spools)
    assert len(r.files()) == 50, r.files()
    pids = set()
    for report in r.reports():
        assert report.calls("work") == 52000, report.names()
        pids.add(report.assert_sane().process["pid"])
    assert pids == {p.pid for p in running}


@ap.case("the reporter is killed at any moment: its report is whole or not there")
def killed_reporter():
    exe = ap.build("many", [ap.generate_functions(2000)], ["-O0"])
    r = keep_spool(exe)
    whole = 0
    for i in range(60):
        out = ap.fresh("killed")
        with subprocess.Popen([ap.PROGRAM, "report", "-o", out + "/r.json", r.spools()[0]],
                              env=ap.clean_environment(), start_new_session=True,
                              stderr=subprocess.DEVNULL) as process:
            time.sleep(0.004 * i)
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        left = os.listdir(out)
        assert left in ([], ["r.json"]), left
        if left:
            with open(out + "/r.json", encoding="utf-8") as file:
                assert ap.Report(file.read()).calls("main") == 1
            whole += 1
    assert 0 < whole < 60, "never or always in time: %d" % whole
    # The spool is as it was.
    report = r.from_spool()
    assert report.calls("main") == 1


ap.main()
