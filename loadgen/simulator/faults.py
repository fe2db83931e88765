"""What the simulator can do wrong, by fraction of requests. The seeded plan says which one gets which."""

from __future__ import annotations

from typing import Final

MEANINGS: Final[dict[str, str]] = {
    "status_429": "answers 429 with an error object, at once",
    "status_500": "answers 500 with an error object, at once",
    "status_503": "answers 503 as a full queue does, at once",
    "reset": "tears the connection down mid-stream (RST)",
    "truncate": "closes the connection (FIN) in the middle of a chunk",
    "malformed": "sends a line of broken JSON mid-stream, then goes on to a proper end",
    "error_line": 'sends {"error": ...} mid-stream inside the 200, then ends the body',
    "stall": "stops sending mid-stream until the client leaves",
    "no_done": "ends the body properly mid-stream, without a last object",
    "slow_accept": "leaves the request lying for a second, as a server late to accept does",
    "huge_line": "sends one line of 10 MB mid-stream, then goes on to a proper end",
    "endless_line": "sends a line without end as fast as the client reads, 64 MB at most",
    "bad_utf8": "sends a string of invalid UTF-8 mid-stream, then goes on to a proper end",
}

FAULTS: Final[tuple[str, ...]] = tuple(MEANINGS)

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
