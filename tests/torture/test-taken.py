#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Others were there first: what is in the place of ours is not used, and not touched."""
import os

import places
from places import ap


@ap.case("the default place is taken: a directory of another, a link, a fifo, a file")
def taken_place():
    places.need_root()
    exe = places.simple()
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
    r = ap.run([places.simple()], spool_dir=spools, output="/nonexistent/r.json")
    assert r.status == 7
    with open(victim, encoding="ascii") as file:
        assert file.read() == "untouched"
    os.symlink(victim, r.work + "/taken.json")
    r = ap.run([places.simple()], work=r.work, output="taken.json")
    with open(victim, encoding="ascii") as file:
        assert file.read() == "untouched"
    assert sorted(r.files()) == ["taken.2.json", "taken.json"], r.files()


ap.main()
