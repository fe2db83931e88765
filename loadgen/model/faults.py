"""What the simulator can do wrong: a scenario names them, the simulator does them."""

from typing import Final

FAULTS: Final[dict[str, str]] = {
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
