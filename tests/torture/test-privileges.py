#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs with more privileges than who starts them: the library is not loaded, or inert, and makes no file."""
import os
import shutil
import subprocess
import tempfile

import places
from places import ap


def privileged_place():
    """A directory whose file system honours the bits, unlike /dev/shm; gone at the end of the block."""
    options = subprocess.run(["findmnt", "-n", "-o", "OPTIONS", "-T", "/var/tmp"],
                             capture_output=True, text=True, check=False).stdout
    if "nosuid" in options:
        raise ap.Skip("/var/tmp is mounted nosuid")
    path = tempfile.TemporaryDirectory(prefix="autoprof-test.", dir="/var/tmp")
    os.chmod(path.name, 0o755)
    return path


def helper(place, setuid=False, capability=None):
    """The program that says who it is, with these privileges."""
    exe = os.path.join(place, "who_am_i")
    shutil.copy2(places.program("who_am_i.c"), exe)
    os.chmod(exe, 0o4755 if setuid else 0o755)
    if capability:
        places.need("setcap")
        if not places.works("setcap", capability + "+ep", exe):
            raise ap.Skip("the file system takes no capabilities")
    return exe


def assert_inert(exe, secure, expected_status, **options):
    r = ap.run_twice([exe], user=ap.NOBODY, **options)
    assert r.status == expected_status and "secure %d" % secure in r.out, (r.status, r.out, r.err)
    assert r.files() == [] and r.spools() == [], (r.files(), r.spools(), r.log())
    assert os.listdir(r.spool_dir) == [], os.listdir(r.spool_dir)


@ap.case("the same program without privileges is profiled")
def ordinary():
    places.need_root()
    with privileged_place() as place:
        r = ap.run_twice([helper(place)], user=ap.NOBODY)
        assert r.status == 7 and "secure 0" in r.out, (r.status, r.out)
        places.exact(r, r.report())


@ap.case("a set-user-id program of root: not loaded, no file")
def set_user_id():
    places.need_root()
    with privileged_place() as place:
        assert_inert(helper(place, setuid=True), 1, 7)


@ap.case("a program with file capabilities: not loaded, no file")
def file_capabilities():
    places.need_root()
    with privileged_place() as place:
        assert_inert(helper(place, capability="cap_net_raw"), 1, 7)


@ap.case("a set-user-id program as the child of a profiled one")
def as_child():
    places.need_root()
    with privileged_place() as place:
        exe = helper(place, setuid=True)
        parent = places.program("foreign_children.c")
        r = ap.run_twice([parent, exe], user=ap.NOBODY)
        assert r.out.count("secure 1") == 20 and r.err == "", (r.out, r.err)
        report = r.report().assert_sane()
        assert report.calls("round_of") == 5 and report.calls("leaf") == 0, report.names()
        owners = {os.stat(os.path.join(r.spool_dir, name)).st_uid for name in
                  os.listdir(r.spool_dir)} | {os.stat(os.path.join(r.work, name)).st_uid
                                              for name in r.files()}
        assert owners <= {ap.NOBODY}, owners


@ap.case("preloaded by the system into a set-user-id program: loaded, and inert")
def by_the_system():
    places.need_root()
    if not places.works("unshare", "-m", "true"):
        raise ap.Skip("no mount namespace can be made")
    with privileged_place() as place:
        exe = helper(place, setuid=True)
        etc = os.path.join(place, "etc")
        os.mkdir(etc)
        for name in ("passwd", "group", "nsswitch.conf", "ld.so.cache"):
            if os.path.exists("/etc/" + name):
                shutil.copy2("/etc/" + name, etc)
        library = os.path.join(place, "libautoprof.so")
        shutil.copy2(ap.LIBRARY, library)
        with open(os.path.join(etc, "ld.so.preload"), "w", encoding="utf-8") as file:
            file.write(library + "\n")
        # The program shows what it has mapped: the library must be there to say nothing.
        inside = 'mount --bind %s /etc && exec setpriv --reuid=%d --regid=%d --clear-groups "$@"' % (
            etc, ap.NOBODY, ap.NOBODY)
        spools = ap.fresh("spools")
        os.chown(spools, ap.NOBODY, ap.NOBODY)
        os.chmod(spools, 0o700)
        r = ap.run(["unshare", "-m", "sh", "-c", inside, "sh", exe, "maps"], preload=False,
                   env={"AUTOPROF_OPTIONS": "dir=" + spools}, spool_dir=spools)
        assert r.status == 7 and "secure 1" in r.out and "loaded 1" in r.out, (r.status, r.out,
                                                                               r.err)
        assert r.files() == [] and os.listdir(spools) == [], (r.files(), os.listdir(spools))
        assert r.err == "", r.err


@ap.case("sudo -n: root's, and one that may not")
def by_sudo():
    places.need_root()
    places.need("sudo")
    plain = ap.run(["sudo", "-n", "id", "-u"], preload=False)
    for user in (None, ap.NOBODY):
        r = ap.run_twice(["sudo", "-n", "id", "-u"], user=user)
        assert r.files() == [], r.files()
        if user is None:
            assert r.status == plain.status, (r.status, r.err)


ap.main()
