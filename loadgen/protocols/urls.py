"""The address of a request: the target's own, and the protocol's path."""

from __future__ import annotations

from urllib.parse import urlsplit


def join_url(url: str, path: str) -> str:
    """Return ``url`` with ``path`` added to its path; its query is kept."""
    parts = urlsplit(url)
    return parts._replace(path=parts.path.rstrip("/") + path).geturl()
