#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reports that are made at once, or whose maker is killed: whole, or not there."""
import glob
import os
import signal
import subprocess
import time

import places
from places import ap


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
    r = places.keep_spool(exe)
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
