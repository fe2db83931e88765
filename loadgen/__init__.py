"""Load-test streaming HTTP servers with the Python clients people really use.

    run = loadgen.run("scenarios/smoke.yaml", concurrency=[1, 10])
    run.summary()        # a pandas DataFrame, a row per client and level
    run.findings         # what may be concluded, and notes on data quality

Importing this is cheap: no HTTP library, no pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from loadgen.api import Run, run

__all__ = ["Run", "__version__", "run"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name in ("Run", "run"):
        from loadgen import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
