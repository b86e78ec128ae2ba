#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The search for hooks (patch/) against hooks that note where they are called from: no site is another function's, and of a
function that is listed none is missing."""
import os
import platform
import re
import subprocess

import ap

# sources, flags, arguments of a run that calls much of them
VICTIMS = {
    "patch": (["patch.c"], ["-ldl"], ["fork", "1000"]),
    "budget": (["budget.c"], [], ["walk", "1000"]),
    "jumps": (["jumps.c"], [], []),
    "equals": (["equals.c"], [], []),
    "exceptions": (["exceptions.cc"], [], []),
    "pushes": (["pushes.cc"], [], []),
    "recursion": (["recursion.c"], [], ["direct", "10"]),
}
FLAGS = [["-O0"], ["-O1", "-fno-pie", "-no-pie"], ["-O2", "-fno-pie", "-no-pie"], ["-O2", "-fno-plt"], ["-O3"]]
LINKED = [["-O2", "-Wl,--emit-relocs"], ["-O2", "-Wl,-z,pack-relative-relocs"]]  # only for the victims that differ by it
TABLES = ("equals", "pushes")
JUMPS = (1, 3)  # enum ap_site_kind: whoever is reached by a jump sees its caller's caller


def has_linker(flags):
    packed = any("pack-relative-relocs" in flag for flag in flags)
    return not packed or "pack-relative-relocs" in " ".join(tool("ld", "--help"))


def plain(name):
    """Of a function, without what the compiler adds for a copy of it."""
    return name.split(".")[0]


def tool(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


class Code:
    """What is called where, by the disassembler of the toolchain."""

    def __init__(self, exe):
        self.names = {}  # all of each function, by address
        for line in tool("nm", exe):
            symbol = re.match(r"([0-9a-f]+) [tTwW] (.+)$", line)
            if symbol:
                self.names.setdefault(int(symbol[1], 16), set()).add(plain(symbol[2]))
        self.calls = {}  # address behind a call: address and name of what it calls; None: through a pointer, or of another module
        self.places = set()
        call = None
        for line in tool("objdump", "-d", "--no-show-raw-insn", exe):
            step = re.match(r" *([0-9a-f]+):\s+(.*)", line)
            if not step:
                continue
            at = int(step[1], 16)
            self.places.add(at)
            if call is not None:
                self.calls[at] = call[0]
            named = re.search(r"\bcall\S*\s+([0-9a-f]+) <([^>+@]+)>", step[2])
            call = ((int(named[1], 16), plain(named[2])),) if named else (None,) if re.search(r"\bcall", step[2]) else None

    def comes_from_call_of(self, address, function):
        """Or of a copy of it, or from outside, or from a call of what is not known, which may go on there by a jump."""
        if address not in self.places:
            return True
        called = self.calls.get(address, (0, ""))
        return called is None or called[0] == function or called[1] in self.names[function]


def list_sites(*modules):
    """{site: (function, exit, kind)} of the first one."""
    listed = subprocess.run([os.path.join(ap.TOOLS, "list-sites"), *modules], capture_output=True, text=True, check=True)
    sites = {}
    for line in listed.stdout.splitlines():
        at, function, leaves, kind = line.split()
        sites[int(at, 16)] = (int(function, 16), leaves, int(kind))
    return sites


def listed_names(exe, *others):
    names = Code(exe).names
    return {name for function, _, _ in list_sites(exe, *others).values() for name in names[function]}


def compare(exe, arguments):
    """How many functions were listed, and seen."""
    pairs = os.path.join(ap.BASE, "pairs")
    subprocess.run([exe, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   env={**ap.clean_environment(), "SITE_PAIRS": pairs,
                        "LD_PRELOAD": os.path.join(ap.TOOLS, "libsite-pairs.so")}, check=False)
    sites, code = list_sites(exe), Code(exe)
    functions = {function for function, _, _ in sites.values()}
    jumped = {function for function, leaves, kind in sites.values() if leaves == "1" and kind in JUMPS}
    seen = set()
    with open(pairs, encoding="ascii") as file:
        for line in file:
            at, function, leaves = line.split()
            at, function = int(at, 16), int(function, 16)
            here = [sites[x][:2] for x in (at, at - 1) if x in sites]  # a call through a slot has 6 bytes
            assert not here or here == [(function, leaves)], (exe, line, here)
            if function in functions:
                seen.add(function)
                by_jump = leaves == "1" and function in jumped and code.comes_from_call_of(at + 5, function)
                assert here or by_jump, (exe, line)
    return len(functions), len(seen)


def only_x86():
    if platform.machine() != "x86_64":
        raise ap.Skip("only x86-64")


@ap.case("by either compiler, at every level")
def all_of_them():
    only_x86()
    for compiler in ap.COMPILERS:
        for flags in FLAGS + list(filter(has_linker, LINKED)):
            for name, (sources, more, arguments) in VICTIMS.items():
                if flags in LINKED and name not in TABLES:
                    continue
                exe = ap.build("sites-" + name, sources, flags + more, compiler=compiler)
                functions, seen = compare(exe, arguments)
                assert functions >= 2 and seen >= 2, (compiler, flags, name, functions, seen)


@ap.case("a hook that is called in an odd way makes unfit whom it may be called for")
def odd_ways():
    only_x86()
    ways = {0: {"known", "other", "third", "main"}, 1: {"other", "third", "main"}, 2: set(), 3: set(), 4: {"third", "main"},
            5: {"third", "main"}}
    for compiler in ap.COMPILERS:
        for flags in (["-O1"], ["-O1", "-fno-pie", "-no-pie"]):
            for way, expected in ways.items():
                exe = ap.build("sites-odd-%d" % way, ["odd_hooks.c"], [*flags, "-DWAY=%d" % way], compiler=compiler)
                names = listed_names(exe)
                assert names == expected, (compiler, flags, way, names)


@ap.case("a function of which another module may have hooks is not listed")
def twins():
    only_x86()
    for compiler in ap.COMPILERS:
        exe = ap.build("sites-twins", ["twins.cc"], ["-O1", "-Wl,-E"], compiler=compiler)
        shared = ["-O1", "-fPIC", "-shared", "-DLIBRARY"]
        library = ap.build("sites-twin.so", ["twins.cc"], shared, compiler=compiler)
        odd = ap.build("sites-odd-twin.so", ["twins.cc"], [*shared, "-DODD"], compiler=compiler)
        assert "_Z4bothv" in listed_names(exe)
        for other in (library, odd, os.devnull):
            names = listed_names(exe, other)
            assert "_Z4bothv" not in names, (compiler, other, names)
            assert any("alone" in name for name in names), (compiler, other, names)


if __name__ == "__main__":
    ap.main()
