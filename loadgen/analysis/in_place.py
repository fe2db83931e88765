"""What a run without tokens is judged by, in place of the columns of one with tokens."""

from collections.abc import Mapping
from typing import Final

IN_PLACE: Final[Mapping[str, str]] = {
    "ttft_p50_ms": "ttfb_p50_ms",
    "ttft_p95_ms": "ttfb_p95_ms",
    "ttft_p99_ms": "ttfb_p99_ms",
    "ttft_corrected_p50_ms": "total_corrected_p50_ms",
    "itl_p99_ms": "read_gap_p99_ms",
    "tokens_per_s": "mib_per_s",
    "cpu_us_per_token": "cpu_us_per_mib",
}
"""The column that a run without tokens has in the place of another."""
