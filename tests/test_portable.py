"""Every room can be imported where the system has less than Linux; what cannot work there is refused in words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# A process that finds what macOS has, or Windows, as far as this system's Python can pretend.
LESS = """
import importlib, os, pkgutil, select, selectors, signal, socket, sys

MAC = {
    os: "sched_setaffinity sched_getaffinity posix_fadvise memfd_create eventfd",
    select: " ".join(name for name in dir(select) if name.lower().startswith("epoll")),
    selectors: "EpollSelector",
    socket: "TCP_INFO TCP_QUICKACK SO_TIMESTAMPING",
}
WINDOWS = {
    os: "sysconf getuid geteuid getpgid killpg fork setsid getloadavg set_blocking",
    select: "poll",
    selectors: "PollSelector",
    signal: "SIGKILL SIGHUP SIGUSR1 SIGSTOP SIGCONT SIGCHLD SIGPIPE pthread_sigmask SIG_BLOCK SIG_UNBLOCK",
}
MODULES = {"fcntl", "resource", "termios", "pwd", "grp", "pty", "tty", "readline"}

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in MODULES:
            raise ImportError(f"No module named {name!r}", name=name)

lacks = [MAC] if sys.argv[1] == "macOS" else [MAC, WINDOWS]
for module, names in (pair for lack in lacks for pair in lack.items()):
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
        if name in getattr(module, "__all__", ()):
            module.__all__.remove(name)
if sys.argv[1] == "Windows":
    for name in MODULES:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Missing())
"""
IMPORTS = """
if sys.argv[1] == "macOS":
    import locust  # it patches what must not be imported before it
import loadgen
# Locust and gevent are not for Windows; a client's library is imported when it is measured.
APART = ("loadgen.distributed", "loadgen.locust_ui") if sys.argv[1] == "Windows" else ()
for module in pkgutil.walk_packages(loadgen.__path__, "loadgen."):
    if not module.name.startswith(APART) and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""
COMMAND = """
from loadgen.cli import main
del sys.argv[1]
main()
"""
SCENARIO = """
name: small
target: {simulator: {ttft: 1ms, gap: 1ms, tokens: 2}}
prompts: [a]
clients: [floor]
concurrency: 1
load: {requests: 1}
"""


def ran(code: str, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LESS + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


@pytest.mark.parametrize("system", ["macOS", "Windows"])
def test_every_module_can_be_imported(system: str) -> None:
    done = ran(IMPORTS, system)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", ["validate small.yaml", "clients", "schema", "run --help", "report --help"])
def test_commands_that_measure_nothing_work_on_windows(tmp_path: Path, words: str) -> None:
    (tmp_path / "small.yaml").write_text(SCENARIO)
    done = ran(COMMAND, "Windows", *words.split(), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_on_windows_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SCENARIO)
    done = ran(COMMAND, "Windows", "run", "small.yaml", "--quiet", cwd=tmp_path)
    assert done.returncode == 2
    assert "use WSL" in done.stderr
    assert "Traceback" not in done.stderr
