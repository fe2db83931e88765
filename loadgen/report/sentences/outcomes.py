"""How streams ended, in English."""

from __future__ import annotations

from collections.abc import Mapping

from loadgen.model import Outcome
from loadgen.report.text import several

# one, several
_NAMES: Mapping[str, tuple[str, str]] = {
    Outcome.OK: ("ok", "ok"),
    Outcome.REFUSED: ("connection refused", "connections refused"),
    Outcome.UNRESOLVED: ("host name not resolved", "host names not resolved"),
    Outcome.CONNECT_TIMEOUT: ("connect timeout", "connect timeouts"),
    Outcome.FIRST_TOKEN_TIMEOUT: ("first-token timeout", "first-token timeouts"),
    Outcome.IDLE_TIMEOUT: ("idle timeout", "idle timeouts"),
    Outcome.TOTAL_TIMEOUT: ("total timeout", "total timeouts"),
    Outcome.HTTP_STATUS: ("HTTP error", "HTTP errors"),
    Outcome.SERVER_ERROR: ("error inside a response", "errors inside a response"),
    Outcome.TRUNCATED: ("truncated response", "truncated responses"),
    Outcome.RESET: ("connection reset", "connections reset"),
    Outcome.UNDECODABLE: ("undecodable response", "undecodable responses"),
    Outcome.STOPPED: ("stopped by the load", "stopped by the load"),
    Outcome.FAILED: ("other failure", "other failures"),
}


def outcomes(numbers: Mapping[str, int]) -> str:
    """Return ``3 connections reset, 1 HTTP error``."""
    return ", ".join(several(n, *_NAMES.get(name, (name, name))) for name, n in numbers.items())
