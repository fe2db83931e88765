"""The two drivers are siblings: they differ by ``async`` and ``await``, and by the few lines below."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from difflib import ndiff
from typing import Any

import pytest

from loadgen.engine import tasks, threads

SAME = [
    (r"\basync |\bawait ", ""),
    ("AsyncClient", "SyncClient"),
    ("asyncio.sleep", "time.sleep"),
    ("_drive", "drive"),
]


def lines(function: Callable[..., Any]) -> list[str]:
    source = inspect.getsource(function)
    for pattern, plain in SAME:
        source = re.sub(pattern, plain, source)
    return re.sub(r"\(\n\s+(.*)\n\)", r"(\1)", source).splitlines()


@pytest.mark.parametrize(
    ("sync", "asynchronous", "only_sync", "only_async"),
    [
        (
            threads._slot,
            tasks._slot,
            [
                "wait = RunWait()",
                "if (early := arrival.due - perf_counter_ns()) > 0:",
                "recorder.run_wait_ns = wait.take()",
            ],
            [
                "task = asyncio.current_task()",
                "assert task is not None",
                "# uvloop wakes up to a millisecond early",
                "while (early := arrival.due - perf_counter_ns()) > 0:  # noqa: ASYNC110",
                "recorder.cancel = task.cancel",
                "except asyncio.CancelledError as error:",
                "task.uncancel()",
                "recorder.fail(error, client.failures)",
            ],
        ),
    ],
    ids=["slot"],
)
def test_siblings_differ_only_where_threads_and_tasks_do(
    sync: Callable[..., Any], asynchronous: Callable[..., Any], only_sync: list[str], only_async: list[str]
) -> None:
    found = list(ndiff(lines(sync), lines(asynchronous)))
    assert [line[1:].strip() for line in found if line.startswith("-")] == only_sync
    assert [line[1:].strip() for line in found if line.startswith("+")] == only_async
