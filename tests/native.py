"""Runs a case under the native tools, in surroundings made equal to a sandbox's: user `user` (1000), host `coquina`, an empty home."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys

HOME = "/home/user"
ENV = {
    "HOME": HOME,
    "USER": "user",
    "SHELL": "/bin/bash",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
}
MTIME = 1704164645  # 2024-01-02 03:04:05 UTC, the time of every file a case is given
TIMEOUT_SECONDS = 20


def enter_namespace():
    """Runs this program again in mount and UTS namespaces of its own, where the house can be rearranged."""
    if os.environ.get("COQUINA_RECORDING") != "1":
        if os.geteuid() != 0:
            sys.exit("recording rearranges /home, /tmp and /etc/passwd in a namespace of its own: run it as root")
        os.environ["COQUINA_RECORDING"] = "1"
        python = os.path.realpath(sys.executable)
        os.execvp("unshare", ["unshare", "--mount", "--uts", "--propagation", "private", python, *sys.argv])
    run = lambda *words: subprocess.run(words, check=True)
    run("hostname", "coquina")
    scratch = pathlib.Path(os.environ.get("COQUINA_SCRATCH", "/var/tmp/coquina-record"))
    shutil.rmtree(scratch, ignore_errors=True)
    (scratch / "home/user").mkdir(parents=True)
    (scratch / "passwd").write_text(
        "root:x:0:0:root:/root:/bin/bash\nuser:x:1000:1000:user:/home/user:/bin/bash\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    )
    (scratch / "group").write_text("root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n")
    for name in ("passwd", "group"):
        run("mount", "--bind", scratch / name, f"/etc/{name}")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "none", "/usr/local/bin")
    run("mount", "--bind", "/usr/bin/bash", os.path.realpath("/bin/sh"))  # in a sandbox sh is bash
    run("mount", "-t", "tmpfs", "-o", "mode=1777", "none", "/tmp")
    run("mount", "--bind", scratch / "home", "/home")
    return scratch


class Home:
    """Puts a memory file system over the home directory, or takes it away: directory order differs between the two."""

    def __init__(self):
        self.memory = False

    def use(self, memory: bool):
        if memory and not self.memory:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", "/home"], check=True)
        if not memory and self.memory:
            subprocess.run(["umount", "/home"], check=True)
        self.memory = memory


def prepare(case):
    for top in (HOME, "/tmp"):
        path = pathlib.Path(top)
        if path.exists():
            for entry in path.iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    subprocess.run(["rm", "-rf", "--", entry])
                else:
                    entry.unlink()
    home = pathlib.Path(HOME)
    home.mkdir(exist_ok=True)
    os.chmod(home, 0o755)
    os.chown(home, 1000, 1000)
    touched = []
    for file in case.files:
        path = home / file.name
        for parent in reversed(path.parents):
            if parent.is_relative_to(home) and not parent.exists():
                parent.mkdir()
                touched.append(parent)
        path.write_bytes(file.data)
        path.chmod(file.mode)
        touched.append(path)
    for path in reversed(touched):
        os.chown(path, 1000, 1000)
        os.utime(path, (MTIME, MTIME))


def become_user():
    os.setsid()
    for stream in range(3):
        os.fchown(stream, 1000, 1000)  # so that /dev/stdout can be opened, as in a login of that user
    os.setgroups([])
    os.setgid(1000)
    os.setuid(1000)
    os.umask(0o022)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def run(case, shell=("/bin/bash",)):
    """Returns (stdout, stderr, exit status); a script killed by signal N gives 128 + N.

    Preconditions: enter_namespace() was called. Cases delete, overwrite and kill things: they never run outside it, nor as root.
    """
    assert os.environ.get("COQUINA_RECORDING") == "1"
    prepare(case)
    child = subprocess.Popen(
        ["bash", *shell[1:], "-c", case.script, *case.args],
        executable=shell[0], cwd=HOME, env=ENV, preexec_fn=become_user,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    try:
        stdout, stderr = child.communicate(case.stdin, timeout=TIMEOUT_SECONDS)
        status = child.returncode
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        stdout, stderr = child.communicate()
        status = "timeout"
    try:
        os.killpg(child.pid, signal.SIGKILL)  # what was left in the background
    except ProcessLookupError:
        pass
    return stdout, stderr, 128 - status if isinstance(status, int) and status < 0 else status
