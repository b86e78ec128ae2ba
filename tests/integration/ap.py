# SPDX-License-Identifier: MIT
"""tests/integration/ap.py - build victims, run them with and without the library, read the reports.

A script makes cases with @case("sentence") and ends with main(). It prints TAP. Each run of a
victim has a fresh working directory and a fresh directory for spools, so that whatever appears
there is known to be its own. A victim prints "calls NAME N" for every function whose exact number
of calls it knows.
"""
import concurrent.futures
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(SOURCE, "tests", "support"))
import inherited  # noqa: E402  pylint: disable=wrong-import-position

inherited.reset()
TARGETS = os.path.join(SOURCE, "tests", "targets")
BUILD = os.environ.get("AP_BUILD_ROOT", os.path.join(SOURCE, "build"))
TOOLS = os.path.join(BUILD, "tests", "integration")
COMPILERS = [c for c in ("gcc", "clang") if shutil.which(c)]
ROOT = os.geteuid() == 0
NOBODY = 65534
PATIENCE_S = 20  # for what others do in their own time: far more than it takes


class Skip(Exception):
    """This machine cannot show it; the text says why."""


def _make_base():
    # Spools belong on a tmpfs, as in life; other users of the tests must be able to pass through.
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    path = tempfile.mkdtemp(prefix="autoprof-test.", dir=parent)
    os.chmod(path, 0o755)
    return path


BASE = _make_base()
HOME = os.path.join(BASE, "home")  # library and program side by side, as in the build tree
LIBRARY = os.path.join(HOME, "libautoprof.so")
PROGRAM = os.path.join(HOME, "autoprof")
_serial = 0
_built = {}


def fresh(name):
    """A new empty directory."""
    global _serial
    _serial += 1
    path = os.path.join(BASE, "%s-%d" % (name, _serial))
    os.mkdir(path)
    return path


def clean_environment():
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AUTOPROF_", "LD_",
                                                                    "XDG_RUNTIME"))}
    env.update(LC_ALL="C", TZ="UTC", PATH=os.environ.get("PATH", "/usr/bin:/bin"))
    return env


# ---- building

def test_library():
    """The library with the options that only tests have, where the program is found beside it."""
    library = os.path.join(HOME, "libautoprof-lossy.so")
    if not os.path.exists(library):
        shutil.copy2(os.path.join(TOOLS, "libautoprof-lossy.so"), library)
    return library


def build(output, sources, flags=(), compiler="gcc", instrument=True):
    """Compile victims; sources are names in tests/targets, flags come last. Returns the path."""
    cxx = any(s.endswith(".cc") for s in sources) or "c++" in flags
    driver = {"gcc": "g++", "clang": "clang++"}[compiler] if cxx else compiler
    path = output if os.path.isabs(output) else os.path.join(BASE, output)
    command = [driver, "-g", "-Wall", "-Wextra", "-I", TARGETS, "-pthread"]
    command += ["-finstrument-functions"] if instrument else []
    if "c++" in flags:
        command += ["-x", "c++"]
        flags = [f for f in flags if f != "c++"]
    libraries = [f for f in flags if f.startswith(("-l", "-L", "-Wl,")) or os.path.isabs(f)]
    command += [f for f in flags if f not in libraries]
    command += [s if os.path.isabs(s) else os.path.join(TARGETS, s) for s in sources]
    command += ["-x", "none"] if "c++" in command else []
    command += libraries + ["-o", path]
    if _built.get(path) == command:
        return path
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if done.returncode != 0 or done.stdout:
        raise AssertionError("%s\n%s" % (" ".join(command), done.stdout))
    _built[path] = command
    return path


def in_parallel(jobs):
    """Call each of the functions, two at a time; the results in order."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [f.result() for f in [pool.submit(job) for job in jobs]]


def generate_functions(n):
    """Source of a program with functions f0 .. f(n-1), called as often as its argument says."""
    path = os.path.join(BASE, "many-%d.c" % n)
    if os.path.exists(path):
        return path
    with open(path, "w", encoding="utf-8") as file:
        file.write('#include <stdlib.h>\n#include "victim.h"\nstatic volatile int sink;\n')
        for i in range(n):
            file.write("static void f%d(void) { sink++; }\n" % i)
        file.write("static void (*const all[])(void) = {%s};\n"
                   % ", ".join("f%d" % i for i in range(n)))
        file.write("int main(int argc, char **argv)\n{\n"
                   "\tconst int times = argc > 1 ? atoi(argv[1]) : 1;\n"
                   "\tfor (int i = 0; i < times; i++)\n"
                   "\t\tfor (int k = 0; k < %d; k++)\n\t\t\tall[k]();\n"
                   '\tSAY_CALLS("main", 1);\n'
                   '\tSAY_CALLS("total", times * %d);\n\treturn 0;\n}\n' % (n, n))
    return path


_mounts = []


def small_filesystem(size):
    """A tmpfs of its own, gone at the end."""
    if not ROOT:
        raise Skip("only root can mount")
    place = fresh("mount")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755,size=" + size, "tmpfs", place],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip("no tmpfs can be mounted: " + done.stderr.strip())
    _mounts.append(place)
    return place


# ---- reports

class Report:
    """A JSON report."""

    def __init__(self, text):
        self.json = json.loads(text)
        self.quality = self.json["quality"]
        self.events = self.quality["events"]
        self.process = self.json["process"]
        self.functions = self.json["functions"]

    def all(self, name):
        """Functions of this name; C++ names may go on with their parameters."""
        return [f for f in self.functions if f["name"] == name or f["name"].startswith(name + "(")]

    def one(self, name):
        found = self.all(name)
        assert len(found) == 1, "%d functions are called %s: %s" % (len(found), name, self.names())
        return found[0]

    def calls(self, name):
        return sum(f["calls"] for f in self.all(name))

    def names(self):
        return sorted(f["name"] for f in self.functions if f["calls"])

    def paths(self):
        """{("main", "work"): calls}; the parts of a path that have the same names are added."""
        nodes = {n["id"]: n for n in self.json["call_tree"]}
        result = {}
        for node in nodes.values():
            path = []
            at = node
            while at and at["function"] is not None:
                path.insert(0, self.functions[at["function"]]["name"])
                at = nodes.get(at["parent"])
            path = tuple(p for p in path if p != "(root)")
            if not path:
                continue
            result[path] = result.get(path, 0) + node["calls"]
        return result

    def text_of_quality(self):
        return json.dumps(self.quality)

    def assert_sane(self, lossless=True):
        """What holds for every report of a program that was not disturbed."""
        assert self.json["schema"] == "autoprof-report/1"
        dropped = sum(self.events["dropped"].values())
        total = self.events["folded"] + self.events["pending"] + dropped
        assert self.quality["identity_holds"] is True, self.text_of_quality()
        missing = abs(self.events["attempted"] - total)
        assert missing <= self.events["in_doubt"], self.text_of_quality()
        if lossless:
            assert dropped == 0 and self.events["in_doubt"] == 0, self.text_of_quality()
        for f in self.functions:
            assert 0 <= f["self_ns"] <= f["total_ns"] or f["kind"] == "synthetic", f
            assert f["timed_calls"] + 0 <= f["calls"], f
        validate(self.json)
        return self


_schema = []


def validate(document):
    """Against the published schema, which is as long as the report is small."""
    if len(document["call_tree"]) > 500 or len(document["threads"]) > 500:
        return
    import jsonschema
    if not _schema:
        with open(os.path.join(SOURCE, "docs", "report-schema.json"), encoding="utf-8") as file:
            _schema.append(jsonschema.validators.validator_for(True)(json.load(file)))
    for error in _schema[0].iter_errors(document):
        raise AssertionError("schema: %s: %s" % (list(error.absolute_path), error.message))


def autoprof(*args, env=None, **options):
    """Run the program itself."""
    e = clean_environment()
    e.update(env or {})
    return subprocess.run([PROGRAM, *args], capture_output=True, text=True, env=e, timeout=120,
                          check=False,
                          errors="replace", **options)


# ---- running

class Run:
    """A victim that ran: status as of subprocess, output, the files that appeared."""

    def __init__(self, work, spools):
        self.work, self.spool_dir = work, spools
        self.status, self.out, self.err, self.pid, self.wall_s = None, "", "", 0, 0.0

    def files(self):
        return sorted(os.listdir(self.work))

    def spools(self):
        return sorted(glob.glob(os.path.join(glob.escape(self.spool_dir), "*.spool")))

    def log(self):
        try:
            with open(os.path.join(self.spool_dir, "log"), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def reports(self):
        found = []
        for path in sorted(glob.glob(os.path.join(glob.escape(self.work), "*.json"))):
            with open(path, encoding="utf-8") as file:
                found.append(Report(file.read()))
        return found

    def wait_reports(self, n=1):
        """The reports, once there are n and no spool is left: attendants take their time."""
        wait_until(lambda: len(glob.glob(os.path.join(glob.escape(self.work), "*.json"))) >= n
                   and not self.spools(), "%d reports; there are %s, spools %s, log: %s" % (
                       n, self.files(), self.spools(), self.log()))
        reports = self.reports()
        assert len(reports) == n, self.files()
        return reports

    def report(self):
        """The only report, which must be there already."""
        reports = self.reports()
        assert len(reports) == 1, "files: %s, spools: %s, log: %s" % (
            self.files(), self.spools(), self.log())
        return reports[0]

    def from_spool(self):
        """The report of the only spool that was left."""
        spools = self.spools()
        assert len(spools) == 1, "spools: %s, files: %s, log: %s" % (spools, self.files(),
                                                                     self.log())
        done = autoprof("report", "--json", spools[0])
        assert done.returncode == 0, done.stderr
        return Report(done.stdout)

    def expected(self):
        """The numbers of calls that the victim printed."""
        result = {}
        for line in self.out.splitlines():
            word = line.split()
            if len(word) == 3 and word[0] == "calls":
                result[word[1]] = result.get(word[1], 0) + int(word[2])
        return result

    def assert_counts(self, report, expected=None):
        expected = self.expected() if expected is None else expected
        assert expected, "the victim expects nothing: %r" % self.out
        for name, n in expected.items():
            assert report.calls(name) == n, "%s: %d calls reported, %d made; %s" % (
                name, report.calls(name), n, report.text_of_quality())
        return report


def wait_until(condition, what):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "in vain: " + what
        time.sleep(0.01)


def ours_alive(*places):
    """Processes that have one of these places in their command line, or run from there."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                said = file.read().decode(errors="replace") + os.readlink("/proc/%s/exe" % pid)
        except OSError:
            continue
        if int(pid) != os.getpid() and any(place in said for place in places):
            found.append("%s %s" % (pid, said.replace("\0", " ")))
    return found


def run(argv, options="", preload=True, library=None, env=None, wrap=(), timeout=120, user=None,
        limits=None,
        spool_dir=None, work=None, stdin=subprocess.DEVNULL, output="r.%e.%p.json", keep_fds=()):
    """Run a victim, recording everything unless the options say otherwise. wrap: commands before it (setpriv ...), which
    are not profiled themselves."""
    work = work or fresh("work")
    spools = spool_dir or fresh("spools")
    if spool_dir is None:
        os.chmod(spools, 0o700)
    if user is not None:
        for path in (work, spools):
            os.chown(path, user, user)
        wrap = ["setpriv", "--reuid=%d" % user, "--regid=%d" % user, "--clear-groups", "--", *wrap]
    e = clean_environment()
    if preload:
        keys = ["overhead=none", "dir=" + spools] + (["output=" + output]
                                    if output else []) + ([options] if options else [])
        e["LD_PRELOAD"] = library or LIBRARY
        e["AUTOPROF_OPTIONS"] = ":".join(keys)
    e.update(env or {})
    if wrap:  # only the victim itself is preloaded
        own = ["%s=%s" % (k, e.pop(k)) for k in ("LD_PRELOAD",) if k in e]
        argv = [*wrap, "env", *own, *argv]
    r = Run(work, spools)
    begin = time.monotonic()
    with open(os.path.join(BASE, "out"), "w+b") as out, open(os.path.join(BASE, "err"),
                                                             "w+b") as err:
        process = subprocess.Popen(argv, cwd=work, env=e, stdin=stdin, stdout=out, stderr=err,
                                   preexec_fn=limits, pass_fds=keep_fds)
        r.pid = process.pid
        try:
            r.status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        r.wall_s = time.monotonic() - begin
        for name, file in (("out", out), ("err", err)):
            file.seek(0)
            setattr(r, name, file.read().decode(errors="replace"))
    return r


def run_twice(argv, **options):
    """Without and with the library: must print and return the same. Returns the second."""
    plain = run(argv, preload=False, **{k: v for k, v in options.items()
                                        if k not in ("options", "library", "output")})
    r = run(argv, **options)
    assert_same(plain, r)
    return r


def assert_same(plain, r):
    assert (r.status, r.out, r.err) == (plain.status, plain.out, plain.err), \
        "alone %s %r %r, profiled %s %r %r" % (plain.status, plain.out, plain.err, r.status, r.out,
                                               r.err)


def signal_status(number):
    return -int(number)


# ---- TAP

_cases = []


def case(name):
    def add(function):
        _cases.append((name, function))
        return function
    return add


def _prepare():
    os.mkdir(HOME)
    for name in ("libautoprof.so", "autoprof"):
        shutil.copy2(os.path.join(BUILD, name), HOME)


def _run_case(n, name, function):
    begin = time.monotonic()
    try:
        function()
        line = "ok %d - %s" % (n, name)
    except Skip as why:
        line = "ok %d - %s # SKIP %s" % (n, name, why)
    except Exception as error:  # a test point that fails must not hide the others
        line = "not ok %d - %s" % (n, name)
        where = traceback.format_exc().splitlines()
        for text in (str(error)[:3000]).splitlines() + where[-6:]:
            print("# " + text)
    print(line, flush=True)
    print("# %.2f s: %s" % (time.monotonic() - begin, name), file=sys.stderr)


def main():
    """Run the cases, or those whose names have one of the arguments in them."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    wanted = [c for c in _cases if len(sys.argv) < 2 or any(a in c[0] for a in sys.argv[1:])]
    print("TAP version 13\n1..%d" % len(wanted), flush=True)
    try:
        _prepare()
        for n, (name, function) in enumerate(wanted, 1):
            _run_case(n, name, function)
    finally:
        for place in _mounts:
            subprocess.run(["umount", "--lazy", place], check=False)
        if os.environ.get("AP_KEEP"):
            print("# kept: " + BASE, file=sys.stderr)
        else:
            shutil.rmtree(BASE, ignore_errors=True)
