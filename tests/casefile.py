"""The case format: read and written by record.py and run_cases.py, read by cases.rs. Described in cases/README.md."""

import dataclasses
import re
import shlex

MARK = "%% "
INPUTS = ("file", "case", "stdin", "args")
EXPECTATIONS = ("stdout", "stderr", "exit")


@dataclasses.dataclass
class File:
    name: str
    mode: int
    data: bytes


@dataclasses.dataclass
class Case:
    name: str
    flags: set
    script: str = ""
    stdin: bytes = b""
    args: list = dataclasses.field(default_factory=list)
    files: list = dataclasses.field(default_factory=list)
    source: list = dataclasses.field(default_factory=list)  # the input lines as written, kept when recording
    stdout: bytes = b""
    stderr: bytes = b""
    exit: int | None = None


def unescape(text: str) -> bytes:
    """Undoes escape(): \\n, \\\\ and \\xHH; a line break in the text itself means nothing."""
    out = bytearray()
    text = text.replace("\n", "")
    for piece in re.split(r"(\\x[0-9a-f]{2}|\\n|\\t|\\\\)", text):
        if piece == "\\n":
            out += b"\n"
        elif piece == "\\t":
            out += b"\t"
        elif piece == "\\\\":
            out += b"\\"
        elif piece.startswith("\\x"):
            out.append(int(piece[2:], 16))
        else:
            out += piece.encode()
    return bytes(out)


def escape(data: bytes) -> str:
    """Printable ASCII as it is, the rest escaped; a real line break after each \\n for the reader."""
    out = []
    for byte in data:
        if byte == 10:
            out.append("\\n\n")
        elif byte == 9:
            out.append("\\t")
        elif byte == 92:
            out.append("\\\\")
        elif 32 <= byte < 127:
            out.append(chr(byte))
        else:
            out.append(f"\\x{byte:02x}")
    text = "".join(out)
    return text if text.endswith("\n") else text + "\n"


def decode(flags: list, text: str) -> bytes:
    if "esc" in flags:
        return unescape(text)
    if "nonl" in flags:
        text = text.removesuffix("\n")
    return text.encode()


def encode(kind: str, data: bytes) -> str:
    """One expectation section, or nothing for no output."""
    if not data:
        return ""
    try:
        text = data.decode()
        plain = all(c == "\n" or c == "\t" or c.isprintable() for c in text)
        plain = plain and not any(line.startswith(MARK) or line.endswith((" ", "\t")) for line in text.split("\n"))
    except UnicodeDecodeError:
        plain = False
    if not plain:
        return f"{MARK}{kind} esc\n{escape(data)}"
    if text.endswith("\n"):
        return f"{MARK}{kind}\n{text}"
    return f"{MARK}{kind} nonl\n{text}\n"


def sections(text: str):
    """Yields (head words, body text, raw lines) for each %% section; text before the first one is a comment."""
    head, lines = None, []
    for line in text.splitlines(keepends=True):
        if line.startswith(MARK):
            if head is not None:
                yield head, "".join(lines[1:]), lines
            head, lines = line[len(MARK):].strip(), [line]
        elif head is not None:
            lines.append(line)
    if head is not None:
        yield head, "".join(lines[1:]), lines


def parse(text: str):
    """Returns (preamble text, shared files, cases)."""
    preamble = text[: text.find(MARK)] if not text.startswith(MARK) else ""
    shared, cases, shared_source = [], [], []
    for head, body, raw in sections(text):
        kind, _, rest = head.partition(" ")
        words = shlex.split(rest) if kind in ("file", "args") else rest.split()
        case = cases[-1] if cases else None
        if kind == "case":
            name, _, flags = rest.partition(" | ")
            cases.append(Case(name.strip(), set(flags.split()), script=body.rstrip("\n"), source=raw))
            cases[-1].files = list(shared)
        elif kind == "file":
            mode = next((int(w, 8) for w in words[1:] if w.isdigit()), 0o644)
            if "esc" not in words:
                body = body.rstrip("\n") + "\n" if body.strip("\n") else ""
            file = File(words[0], mode, decode(words[1:], body))
            if case:
                case.files = [f for f in case.files if f.name != file.name] + [file]
                case.source += raw
            else:
                shared.append(file)
                shared_source += raw
        elif kind == "stdin":
            if "esc" not in words:
                body = body.rstrip("\n") + "\n"
            case.stdin = decode(words, body)
            case.source += raw
        elif kind == "args":
            case.args = words
            case.source += raw
        elif kind in ("stdout", "stderr"):
            setattr(case, kind, decode(words, body))
        elif kind == "exit":
            case.exit = int(rest)
        else:
            raise ValueError(f"unknown section {head!r}")
    return preamble, shared_source, shared, cases


def load(path):
    preamble, _, _, cases = parse(path.read_text())
    seen = set()
    for case in cases:
        if case.name in seen:
            raise ValueError(f"{path}: two cases are called {case.name!r}")
        seen.add(case.name)
    return cases


def render(preamble: str, shared_source: list, cases: list) -> str:
    out = [preamble, "".join(shared_source)]
    for case in cases:
        out.append("".join(case.source).rstrip("\n") + "\n")
        out.append(encode("stdout", case.stdout))
        out.append(encode("stderr", case.stderr))
        out.append(f"{MARK}exit {case.exit}\n\n")
    return "".join(out).rstrip("\n") + "\n"
