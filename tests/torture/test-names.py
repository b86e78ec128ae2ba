#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Names of functions that are meant to act on whoever reads them: shown, never done."""
import shutil

import places
from places import ap

HOSTILE = {
    "to_script": b"</script><img src=x onerror=alert(1)>",
    "to_escape": b"esc\x1b[2J\x1b]0;title\x07",
    "to_formula": b"=cmd|' /C calc'!A0",
    "to_lines": b"two\nlines\r\tand more",
    "to_quotes": b"quote\"'\\u0000&amp;",
    "to_bidi": "left\u202eright\u2066".encode(),
    "to_invalid": b"\xff\xfe\xc0\x80",
}


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


ap.main()
