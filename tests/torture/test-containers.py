#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The recipe of docs/containers.md, in a container made of namespaces: a read-only root, a user who
is not in /etc/passwd, process 1, no /dev/shm or one of 64 MiB."""
import os
import shutil
import subprocess

import places
from places import ap

UID = 64321  # nobody has it
SETUP = r'''
set -e
root=$1 shm=$2 user=$3; shift 3
mount -t tmpfs -o size=64m,mode=755 none "$root"
for d in usr bin lib lib64 opt/autoprof proc dev tmp reports app; do mkdir -p "$root/$d"; done
mount --rbind /usr "$root/usr"
for d in bin lib lib64; do
	if [ -L /$d ]; then rmdir "$root/$d"; ln -s "$(readlink /$d)" "$root/$d"
	else mount --bind /$d "$root/$d"; fi
done
mount --bind "$AP_HOME" "$root/opt/autoprof"
mount --bind "$AP_PROGRAM" "$root/app"
mount --bind "$AP_REPORTS" "$root/reports"
mount -t proc none "$root/proc"
touch "$root/dev/null"; mount --bind /dev/null "$root/dev/null"
if [ "$shm" != none ]; then
	mkdir "$root/dev/shm"; mount -t tmpfs -o size=$shm,mode=1777 none "$root/dev/shm"
fi
mount -o remount,bind,ro "$root/app"
mount -o remount,bind,ro "$root/opt/autoprof"
mount -o remount,ro "$root"
cd "$root"
for v in $(env | sed 's/=.*//'); do case $v in PATH|CONTAINER_*) ;; *) unset $v ;; esac; done
exec chroot --userspec="$user:$user" "$root" \
	/usr/bin/env -i PATH=/usr/bin:/bin $CONTAINER_ENV "$@"
'''


def container(shm, environment, command, user=UID):
    """Run a command as process 1 of a container. Returns a finished Run; its reports are on a volume."""
    places.need_root()
    places.need("unshare", "chroot")
    if not places.works("unshare", "--mount", "--pid", "--ipc", "--fork", "true"):
        raise ap.Skip("no namespaces can be made")
    exe = places.program("places.c")
    app = ap.fresh("app")
    shutil.copy(exe, app + "/places")
    r = ap.Run(ap.fresh("reports"), None)
    os.chown(r.work, user, user)
    env = ap.clean_environment()
    env.update(AP_HOME=ap.HOME, AP_PROGRAM=app, AP_REPORTS=r.work, CONTAINER_ENV=environment)
    done = subprocess.run(["unshare", "--mount", "--pid", "--ipc", "--fork", "sh", "-c", SETUP,
                           "sh", ap.fresh("root"), shm, str(user), *command], env=env,
                          capture_output=True, text=True, timeout=60, check=False)
    r.status, r.out, r.err = done.returncode, done.stdout, done.stderr
    return r


def recipe(shm, *options):
    """What docs/containers.md says: LD_PRELOAD, and where spools and reports go."""
    keys = ":".join(["output=/reports/%e.%p.json", *options])
    return "LD_PRELOAD=/opt/autoprof/libautoprof.so AUTOPROF_OPTIONS=" + keys


def alone(r, plain):
    ap.assert_same(plain, r)
    assert r.status == 7, (r.status, r.err)


@ap.case("process 1 under autoprof run, /dev/shm of 64 MiB: a report on the volume")
def under_run():
    command = ["/app/places", "0"]
    plain = container("64m", "NOTHING=1", command)
    r = container("64m", "NOTHING=1", ["/opt/autoprof/autoprof", "run", "--quiet",
                                       "--output=/reports/%e.%p.json", "--", *command])
    alone(r, plain)
    report = places.exact(r, r.report())
    assert report.process["exit_status"] == 7, report.process
    assert report.quality["memory_cap_bytes"] <= 16 << 20, "a quarter of what is free"
    assert os.stat(os.path.join(r.work, r.files()[0])).st_uid == UID


@ap.case("process 1 with the preload alone: the spool on the volume gives the report, by hand")
def alone_as_one():
    plain = container("64m", "NOTHING=1", ["/app/places", "0"])
    r = container("64m", recipe("64m", "dir=/reports/spools"), ["/app/places", "0"])
    alone(r, plain)
    r.spool_dir = os.path.join(r.work, "spools")
    spools = r.spools()
    assert len(spools) == 1 and r.files() == ["spools"], r.files()
    # Outside of the container the program lies elsewhere: all calls, names are looked for in vain.
    report = ap.Report(ap.autoprof("report", "--json", spools[0]).stdout)
    assert sum(f["calls"] for f in report.functions) == 52001, report.functions


@ap.case("below a small init, /dev/shm of 64 MiB: reports appear by themselves")
def below_init():
    for age in ("0", places.OLD_MS):
        command = ["/bin/sh", "-c", "/app/places %s; exit $?" % age]
        plain = container("64m", "NOTHING=1", command)
        r = container("64m", "NOTHING=1", ["/bin/sh", "-c", "env %s /app/places %s; exit $?"
                                           % (recipe("64m"), age)])
        alone(r, plain)
        places.exact(r, r.report())


@ap.case("no /dev/shm: nothing is recorded without dir=, and all with it")
def no_shm():
    command = "env %s /app/places 0; exit $?"
    plain = container("none", "NOTHING=1", ["/bin/sh", "-c", "/app/places 0; exit $?"])
    r = container("none", "NOTHING=1", ["/bin/sh", "-c", command % recipe("none")])
    alone(r, plain)
    assert r.files() == [], r.files()
    r = container("none", "NOTHING=1", ["/bin/sh", "-c",
                                        command % recipe("none", "dir=/reports/spools")])
    alone(r, plain)
    places.exact(r, r.report())
    said = container("none", "NOTHING=1", ["/opt/autoprof/autoprof", "info"])
    assert "/dev/shm/autoprof-%d" % UID in said.out, said.out


@ap.case("root without privileges in a user namespace: the same")
def user_namespace():
    if not places.works("unshare", "-r", "-m", "true"):
        raise ap.Skip("no user namespace can be made")
    exe = places.program("places.c")
    argv = ["unshare", "--map-root-user", "--mount", "--pid", "--fork", "sh", "-c",
            'env LD_PRELOAD="$AP" "$@"; exit $?', "sh", exe, "0"]
    if ap.ROOT:
        argv = ["setpriv", "--reuid=%d" % UID, "--regid=%d" % UID, "--clear-groups", "--", *argv]
        if not places.works(*argv[:5], "unshare", "-r", "true"):
            raise ap.Skip("no user namespace can be made by an ordinary user")
    work, spools = ap.fresh("work"), ap.fresh("spools")
    os.chmod(spools, 0o700)
    for path in (work, spools):
        os.chown(path, UID, UID)
    plain = ap.run(argv, preload=False, work=work)
    r = ap.run(argv, env={"AP": ap.LIBRARY, "LD_PRELOAD": ""}, work=work, spool_dir=spools)
    alone(r, plain)
    # Who ends a container ends its attendant, perhaps before the spool is removed.
    places.exact(r, r.report())


ap.main()
