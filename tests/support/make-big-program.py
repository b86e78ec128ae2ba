#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make-big-program.py - write the sources of a big C++ program, for measuring the symbolizer.

The program has UNITS translation units of FUNCTIONS functions each, heavy with templates of the
standard library, so that its debug build comes near 100 MB with the defaults. Every function is
called by main() once for each argument (at least once), so a profile of it holds all of them.

    make-big-program.py DIR [--units N] [--functions N] && make -C DIR -j2 CXX=g++
"""
import argparse
import pathlib

UNIT = """\
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace unit_{u} {{
template <typename T, int N> struct holder {{
    std::vector<T> items;
    T at(int i) const {{ return items.empty() ? T() : items[i % items.size()]; }}
    void add(const T &item) {{ items.push_back(item); }}
    template <typename F> int sum(F f) const {{
        int s = N;
        for (const T &item : items) {{ s += f(item); }}
        return s;
    }}
}};
"""

# One of four shapes a function, in turn: static, namespace, method, template.
SHAPES = [
    """\
struct rec_{i} {{ int key; std::string text; }};
static int static_{u}_{i}(int n)
{{
    holder<rec_{i}, {i}> h;
    h.add(rec_{i}{{n, "s"}});
    return h.sum([](const rec_{i} &r) {{ return r.key; }});
}}
int call_{i}(int n) {{ return static_{u}_{i}(n); }}
""",
    """\
struct rec_{i} {{ int key; long wide; }};
int plain_{i}(const std::map<int, rec_{i}> &m)
{{
    return m.empty() ? 0 : m.begin()->second.key;
}}
int call_{i}(int n) {{ std::map<int, rec_{i}> m; m[n].key = n; return plain_{i}(m); }}
""",
    """\
struct rec_{i} {{
    std::unique_ptr<int> owned;
    std::string text;
    int method_{i}(int n);
}};
int rec_{i}::method_{i}(int n)
{{
    owned.reset(new int(n));
    return *owned + (int)text.size();
}}
int call_{i}(int n) {{ rec_{i} r; return r.method_{i}(n); }}
""",
    """\
struct rec_{i} {{ int key; }};
template <typename T> int generic_{i}(const std::vector<T> &v)
{{
    std::function<int(const T &)> f = [](const T &t) {{ return t.key; }};
    return v.empty() ? 0 : f(v.front());
}}
int call_{i}(int n) {{ std::vector<rec_{i}> v; v.push_back(rec_{i}{{n}}); return generic_{i}(v); }}
""",
]

MAKEFILE = """\
CXX ?= g++
CXXFLAGS ?= -g -O0
objects := main.o {objects}
big: $(objects)
\t$(CXX) $(CXXFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)
%.o: %.cc
\t$(CXX) $(CXXFLAGS) -c -o $@ $<
"""


def unit_text(unit, functions):
    parts = [UNIT.format(u=unit)]
    # Each shape is a function that is asked for and the one that calls it.
    calls = (functions + 1) // 2
    parts += [SHAPES[i % len(SHAPES)].format(u=unit, i=i) for i in range(calls)]
    parts.append("int all(int n)\n{\n    int s = 0;\n")
    parts += [f"    s += call_{i}(n);\n" for i in range(calls)]
    parts.append("    return s;\n}\n}\n")
    return "".join(parts)


def main_text(units):
    declared = "".join(f"namespace unit_{u} {{ int all(int n); }}\n" for u in range(units))
    called = "".join(f"        s += unit_{u}::all(i);\n" for u in range(units))
    return (declared + "int main(int argc, char **argv)\n{\n    int s = 0;\n"
            "    for (int i = 0; i < argc; i++) {\n" + called +
            "    }\n    return s == 42;\n}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--units", type=int, default=100)
    parser.add_argument("--functions", type=int, default=50, help="a unit")
    args = parser.parse_args()

    args.dir.mkdir(parents=True, exist_ok=True)
    for unit in range(args.units):
        (args.dir / f"unit_{unit}.cc").write_text(unit_text(unit, args.functions))
    (args.dir / "main.cc").write_text(main_text(args.units))
    objects = " ".join(f"unit_{u}.o" for u in range(args.units))
    (args.dir / "Makefile").write_text(MAKEFILE.format(objects=objects))


if __name__ == "__main__":
    main()
