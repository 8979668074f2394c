#!/usr/bin/env python3
"""Writes the expectations of tests/cases/*.txt by running every case under native bash and the GNU tools.

    record.py [--check] [FILE ...]      all files by default; --check only says what would change

Each case runs twice, over two file systems with different directory orders: what differs between the runs is not recorded
but reported, and must be made independent of time, process ids and order. A case with the flag `disk` runs twice over the
same one (for sizes of directories and block counts). Needs root and the packages bash coreutils findutils grep sed gawk jq diffutils.
"""

import pathlib
import sys
import time

import casefile
import native

CASES = pathlib.Path(__file__).parent / "cases"


def mentions_now(result):
    """Two runs in the same minute agree about the time; so this looks for it."""
    now = time.gmtime()
    said = result[0] + result[1]
    return any(time.strftime(form, now).encode() in said for form in ("%Y-%m-%d", "%b %e %H:", "%a %b %e"))


def main():
    words = sys.argv[1:]
    check = "--check" in words
    paths = [pathlib.Path(w) for w in words if not w.startswith("--")] or sorted(CASES.glob("*.txt"))
    paths = [p.resolve() for p in paths if p.name != "known_failures.txt"]
    native.enter_namespace()
    home, bad, total = native.Home(), 0, 0
    for path in paths:
        preamble, shared_source, _, cases = casefile.parse(path.read_text())
        casefile.load(path)
        home.use(memory=False)
        first = [native.run(case) for case in cases]
        second = [None] * len(cases)
        for memory in (False, True):
            home.use(memory)
            for i, case in enumerate(cases):
                if ("disk" in case.flags) != memory:
                    second[i] = native.run(case)
        for case, one, two in zip(cases, first, second):
            total += 1
            if one != two or one[2] == "timeout" or mentions_now(one):
                bad += 1
                print(f"{path.name}: {case.name}: not deterministic:\n  {one}\n  {two}")
            elif check and one != (case.stdout, case.stderr, case.exit):
                bad += 1
                print(f"{path.name}: {case.name}: changed:\n  {(case.stdout, case.stderr, case.exit)}\n  {one}")
            else:
                case.stdout, case.stderr, case.exit = one
        if not check and all(case.exit is not None for case in cases):
            path.write_text(casefile.render(preamble, shared_source, cases))
        elif not check:
            print(f"{path.name}: not written")
    print(f"{total} cases in {len(paths)} files, {bad} bad")
    sys.exit(1 if bad else 0)


main()
