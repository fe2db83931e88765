"""Requests that carry JSON to an API."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from loadgen.model import Cell, Request


def post(cell: Cell, path: str, accept: str, body: dict[str, Any]) -> Request:
    """Return the POST of ``body``; ``path`` is added to the path of the target's URL, whose query is kept."""
    target = urlsplit(cell.url)
    url = target._replace(path=target.path.rstrip("/") + path).geturl()
    headers = {"Content-Type": "application/json", "Accept": accept, **cell.headers}
    return Request("POST", url, headers, json.dumps(body, ensure_ascii=False).encode())
