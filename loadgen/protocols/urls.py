"""The address of a request: the target's own, and the protocol's path."""

from __future__ import annotations

from urllib.parse import urlsplit


def below(url: str, path: str) -> str:
    """``path`` below the path of ``url``, whose query is kept."""
    parts = urlsplit(url)
    return parts._replace(path=parts.path.rstrip("/") + path).geturl()
