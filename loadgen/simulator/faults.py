"""The parameters and texts of the faults in :mod:`loadgen.model.faults`. The seeded plan assigns them to requests."""

from __future__ import annotations

from typing import Final

# The kernel completes a handshake by itself, so a late accept reaches the client only as silence after it.
SLOW_ACCEPT_NS: Final = 1_000_000_000
HUGE_LINE: Final = 10_000_000
ENDLESS_LINE: Final = 64_000_000

STATUS: Final[dict[str, tuple[int, str]]] = {
    "status_429": (429, "too many requests"),
    "status_500": (500, "llama runner process has terminated: exit status 2"),
    "status_503": (503, "server busy, please try again.  maximum pending requests exceeded"),
}
MALFORMED: Final = b'{"model":"simulator","created_at":"2026-01-01T00:00:00.'
ERROR_TEXT: Final = "an error was encountered while running the model: unexpected EOF"
