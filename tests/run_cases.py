#!/usr/bin/env python3
"""Holds the cases against a command.

    run_cases.py [--shell COMMAND] [--quiet] [--json OUT] [FILE[:NAME] ...]

COMMAND takes `-c SCRIPT [name args]` as its last words (default: `coquina exec` of the release build). With a `coquina exec` the files
of a case are staged in a scratch directory, mounted as `--dir DIR::/home/user:cow`. Any other COMMAND is a native shell: it runs as
an unprivileged user in the namespace that record.py uses, where it is also bash and sh, never on the bare machine, since cases delete, overwrite and kill things.
"""

import argparse
import difflib
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

import casefile
import native
from native import MTIME

ROOT = pathlib.Path(__file__).parent
TIMEOUT_SECONDS = 30


def stage(case, home):
    touched = set()
    for file in case.files:
        path = home / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
        path.chmod(file.mode)
        touched |= {path, *(p for p in path.parents if p != home and p.is_relative_to(home))}
    for path in [*sorted(touched, reverse=True), home]:
        if os.geteuid() == 0:
            os.chown(path, 1000, 1000)
        os.utime(path, (MTIME, MTIME))


def run_sandboxed(case, words):
    with tempfile.TemporaryDirectory(prefix="case-", ignore_cleanup_errors=True) as home:
        home = pathlib.Path(home)
        home.chmod(0o755)
        stage(case, home)
        if case.files:
            words = [*words, "--dir", f"{home}::/home/user:cow"]
        words = [*words, "-c", case.script, *case.args]
        try:
            done = subprocess.run(words, input=case.stdin, capture_output=True, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as late:
            return late.stdout or b"", late.stderr or b"", "timeout"
        return done.stdout, done.stderr, 128 - done.returncode if done.returncode < 0 else done.returncode


def show(label, want, got):
    want, got = (t.decode(errors="backslashreplace").splitlines() for t in (want, got))
    return [f"    {label} {line}" for line in difflib.unified_diff(want, got, "want", "got", lineterm="", n=1)][2:30]


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--shell", default=str(ROOT.parent / "target/release/coquina") + " exec")
    args.add_argument("--json")
    args.add_argument("--quiet", action="store_true")
    args.add_argument("cases", nargs="*")
    args = args.parse_args()
    words = shlex.split(args.shell)
    if "exec" in words:
        run = lambda case: run_sandboxed(case, words)
    else:
        native.enter_namespace()
        native.Home().use(memory=False)
        for name in ("/usr/bin/bash", os.path.realpath("/bin/sh")):
            subprocess.run(["mount", "--bind", words[0], name], check=True)  # what scripts start is the shell under test too
        run = lambda case: native.run(case, words)
    wanted = [c.partition(":")[::2] for c in args.cases]
    known = known_failures()
    results, passed, unexpected = [], 0, 0
    for path in sorted(ROOT.glob("cases/*.txt")):
        if path.name == "known_failures.txt" or (wanted and path.stem not in {pathlib.Path(f).stem for f, _ in wanted}):
            continue
        names = {n for f, n in wanted if pathlib.Path(f).stem == path.stem and n}
        for case in casefile.load(path):
            if names and case.name not in names:
                continue
            stdout, stderr, status = run(case)
            ok = (stdout, stderr, status) == (case.stdout, case.stderr, case.exit)
            passed += ok
            key = f"{path.stem}: {case.name}"
            results.append({
                "case": key, "ok": ok, "exit": status, "want_exit": case.exit,
                "stdout_ok": stdout == case.stdout, "stderr_ok": stderr == case.stderr,
                "stdout": stdout.decode(errors="replace")[:4000], "stderr": stderr.decode(errors="replace")[:2000],
                "script": case.script[:1000], "difference": show("out", case.stdout, stdout) + show("err", case.stderr, stderr),
            })
            if ok == (key in known):
                unexpected += 1
                if ok or not args.quiet:
                    print(f"{'passes now' if ok else 'FAIL'} {key}")
                if not ok and not args.quiet:
                    print("\n".join(show("out", case.stdout, stdout) + show("err", case.stderr, stderr)))
                    if status != case.exit:
                        print(f"    status {status}, want {case.exit}")
    print(f"{passed} passed, {len(results) - passed} failed ({len(known)} known), {unexpected} unexpected")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(results, indent=1))
    sys.exit(1 if unexpected else 0)


def known_failures():
    path = ROOT / "cases/known_failures.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return {line.partition("#")[0].strip() for line in lines if line.partition("#")[0].strip()}


main()
