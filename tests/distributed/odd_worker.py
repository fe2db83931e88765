"""A worker of which something is wrong: ``frail`` dies of its first job, any other word is its version."""

from __future__ import annotations

import os
import signal
import sys

import locust  # noqa: F401 - before what it would patch too late

import loadgen
from loadgen.cli import main
from loadgen.distributed.worker import Worker

if __name__ == "__main__":
    what = sys.argv[1]
    if what == "frail":
        Worker._job = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
    else:
        loadgen.__version__ = what
    sys.argv[1] = "worker"
    main()
