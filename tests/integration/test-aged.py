#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A daemon that has run for long, in seconds: positions, counters and clocks at the edges of their widths.

The test build of the library lets threads begin with many events behind them (age), the 48-bit time of events wrap
soon (wrap), and the first estimate of the clock's rate be wrong (drift)."""

import ap

THREADS = 4
CALLS = 300000  # of each thread
POSITION = 1 << 31  # where the fold's position wraps


def aged(options, ms=150, calls=CALLS, **more):
    exe = ap.build("aged", ["aged.c"], ["-O1"])
    return ap.run([exe, str(THREADS), str(calls), str(ms)], options=options, library=ap.test_library(),
                  **more)


def exact(r, report, events):
    """Counts, identity, and times that are sane: `events` were there before."""
    r.assert_counts(report).assert_sane()
    quality = report.quality
    assert quality["unmatched_exits"] == 0 and quality["resyncs"] == 0, report.text_of_quality()
    assert quality["unclosed_frames"] == 0, report.text_of_quality()
    made = 2 * sum(n for name, n in r.expected().items())
    assert report.events["attempted"] - report.events["specials"] == made, (report.events, made)
    # main has a thread of its own
    assert report.events["specials"] >= events * (THREADS + 1), report.events
    assert report.events["specials"] < events * (THREADS + 1) + made / 10, report.events
    inside, around = map(int, r.out.split("busy_ns ")[1].split())
    busy = report.one("busy")
    # The clock's rate is known to some 1e-4 in so short a life.
    assert inside * 0.999 <= busy["total_ns"] <= around * 1.001, (inside, busy["total_ns"], around)
    assert 0 < report.process["duration_ns"] < r.wall_s * 1.05e9, report.process
    for function in report.functions:
        assert function["total_ns"] <= 1.05e9 * r.wall_s * THREADS, function
        assert function.get("max_ns", 0) <= 1.05e9 * r.wall_s, function
    return report


def cases(label, options, events=0, ms=150):
    @ap.case(label)
    def run():
        for chunk in ("1K", "64K"):
            r = aged("chunk=%s:%s" % (chunk, options), ms)
            exact(r, r.report(), events)


cases("young", "")
cases("positions wrap at 31 bits, in the middle of a chunk and at its edge", "age=%d" % (POSITION - 100000),
      POSITION - 100000)
cases("positions that wrap at a chunk's edge", "age=%d" % (POSITION - (1 << 17)), POSITION - (1 << 17))
cases("more than 2^32 events behind each thread", "age=%d" % ((1 << 33) - 5000), (1 << 33) - 5000)
cases("times wrap at 48 bits", "wrap=40")
cases("times wrap within the call", "wrap=150", ms=300)
cases("the clock's rate was taken for 1 % more than it is", "drift=1", ms=400)
cases("all of it", "age=%d:wrap=100:drift=1" % ((1 << 40) + POSITION - 77777), (1 << 40) + POSITION - 77777,
      ms=400)


@ap.case("a spool that is left at these edges")
def left():
    age = POSITION - 50001
    for wrap in ("", ":wrap=30"):
        r = aged("report=none:chunk=64K:age=%d%s" % (age, wrap))
        report = r.from_spool()
        exact(r, report, age)


ap.main()
