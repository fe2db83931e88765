"""httpx2, the successor of httpx with another connection pool."""

from dataclasses import replace
from typing import ClassVar

from loadgen.clients.httpx import HttpxAsync, HttpxSync


class Httpx2Sync(HttpxSync):
    INFO: ClassVar = replace(HttpxSync.INFO, name="httpx2-sync", distribution="httpx2", extra="httpx2")


class Httpx2Async(HttpxAsync):
    INFO: ClassVar = replace(HttpxAsync.INFO, name="httpx2-async", distribution="httpx2", extra="httpx2")
