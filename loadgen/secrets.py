"""Secrets: which values are secret, and hiding them in any text."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

MASK = "***"
SHORTEST = 4  # a shorter secret is hidden only as the whole text: masking it everywhere would reveal it

NOTHING = r"(?!)"  # matches nowhere
_NAMES = re.compile(r"auth|cookie|token|secret|key|passw|credential|signature", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Return whether a header or a query parameter of that name holds a credential."""
    return _NAMES.search(name) is not None


def mask(text: str, secrets: Iterable[str]) -> str:
    """Return ``text`` with ``***`` for every secret, also where it is JSON-escaped, URL-quoted or in base64.

    Longer secrets are replaced first. One shorter than four characters is hidden only where it is the whole text.
    """
    hidden = frozenset(secrets) - {""}
    return MASK if text in hidden else _pattern(hidden).sub(MASK, text)


def mask_cut(text: str, secrets: Iterable[str]) -> str:
    """Mask text that may be truncated: the beginning of a secret at its end is hidden too."""
    masked = mask(text, secrets)
    shown = masked.rstrip("…")
    beginnings = (
        form[:size]
        for secret in secrets
        if len(secret) >= SHORTEST
        for form in _forms(secret)
        for size in range(SHORTEST, len(form))
    )
    longest = max((len(start) for start in beginnings if shown.endswith(start)), default=0)
    return shown[:-longest] + MASK + masked[len(shown) :] if longest else masked


def of_header(name: str, value: str) -> set[str]:
    """Return the secrets in a header: its value, what follows ``Bearer``, the parts of ``Basic`` and of cookies."""
    if not is_secret_name(name):
        return set()
    found = {value}
    scheme, _, rest = value.strip().partition(" ")
    if token := rest.strip():
        found.add(token)
        if scheme.lower() == "basic":
            with contextlib.suppress(ValueError):
                decoded = base64.b64decode(token, validate=True).decode()
                found |= {decoded, decoded.partition(":")[2]}
    if "cookie" in name.lower():
        found |= {pair.partition("=")[2].strip() for pair in value.split(";")}
    return found - {""}


def of_url(url: str) -> set[str]:
    """Return the secrets in a URL: password (or user, where there is no password) and credentials in the query.

    Raises ValueError for an invalid URL.
    """
    parts = urlsplit(url)
    userinfo = parts.netloc.rpartition("@")[0]
    user, colon, password = userinfo.partition(":")
    found = {userinfo, password if colon else user}
    found |= set(map(unquote, found))
    for pair in parts.query.split("&"):
        for name, value in parse_qsl(pair):
            if is_secret_name(name):
                found |= {value, pair.partition("=")[2]}
    return found - {"", ":"}


def mask_url(url: str, secrets: Iterable[str] = ()) -> str:
    """Return ``url`` without its user, its password and the credentials in its query."""
    parts = urlsplit(url)
    userinfo, _, host = parts.netloc.rpartition("@")
    pairs = [pair.partition("=") for pair in parts.query.split("&")]
    query = "&".join(
        f"{name}={MASK}" if equals and is_secret_name(unquote(name)) else name + equals + value
        for name, equals, value in pairs
    )
    shown = parts._replace(netloc=f"{MASK}@{host}" if userinfo else host, query=query).geturl()
    return mask(shown, secrets)


@functools.lru_cache(maxsize=8)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str]:
    forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile("|".join(map(re.escape, longest_first)) or NOTHING)


def _forms(secret: str) -> set[str]:
    raw = secret.encode("utf-8", "surrogateescape")
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        ascii(secret)[1:-1],
        quote(raw),
        quote(raw, safe=""),
        quote_plus(raw),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
    }
