#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A spool on a disk may have to wait for it, and says so."""
import os
import subprocess

import places
from places import ap


@ap.case("a spool on a disk: the report and info say so; on a tmpfs they do not")
def on_disk():
    if os.stat("/tmp").st_dev == os.stat("/dev/shm").st_dev or not disk("/tmp"):
        raise ap.Skip("/tmp is no disk here")
    exe = places.program("places.c")
    place = "/tmp/autoprof-disk.%d" % os.getpid()
    os.mkdir(place, 0o700)
    try:
        r = ap.run_twice([exe, "0"], spool_dir=place)
        report = places.exact(r, r.report())
        assert any("on a disk" in note for note in report.quality["notes"]), report.quality
        assert "ON A DISK" in ap.autoprof("info", "--dir=" + place).stdout
    finally:
        for name in os.listdir(place):
            os.unlink(os.path.join(place, name))
        os.rmdir(place)
    if disk("/dev/shm"):
        raise ap.Skip("/dev/shm is no tmpfs here")
    r = ap.run_twice([exe, "0"])
    assert places.exact(r, r.report()).quality["notes"] == []
    assert "ON A DISK" not in ap.autoprof("info", "--dir=" + r.spool_dir).stdout


def disk(path):
    kind = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True,
                          check=True).stdout.strip()
    return kind not in ("tmpfs", "ramfs")


ap.main()
