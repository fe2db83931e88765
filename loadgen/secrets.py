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
SHORTEST = 4  # a shorter secret, or a number below eight digits, is hidden only as the whole text: any text may hold it

NOTHING = r"(?!)"  # matches nowhere
# The words in the name of what holds a credential; `token` is one, `tokens` and `tokenizer` count or name a model's.
_NAMES = re.compile(
    r"auth(?!ors?$)|cookie|secret|passw|passphrase|credential|signature|session|csrf|xsrf|jwt|bearer|(token|keys?)$"
)
_WORDS = {
    "code", "hash", "hmac", "nonce", "otp", "pass", "pin", "pw", "pwd", "sas", "saml", "sid", "sig", "sign", "sso",
    "ticket",
}  # fmt: skip
# Headers and query parameters whose value is shown. Any other may be a credential, whatever it is called.
_HARMLESS = {
    "accept", "accept-charset", "accept-encoding", "accept-language", "alt", "anthropic-beta", "anthropic-version",
    "api-version", "beta", "cache-control", "connection", "content-length", "content-type", "date", "dnt", "expect",
    "format", "host", "keep-alive", "max-tokens", "max_tokens", "model", "openai-beta", "pragma", "priority", "stream",
    "te", "timeout", "user-agent", "version", "x-max-tokens", "x-model", "x-priority",
}  # fmt: skip
_NUMBER = re.compile(r"[-+]?[0-9]{1,7}(\.[0-9]*)?|[-+]?[0-9]*\.[0-9]+")
_RANDOM = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])\S{8,}|\S{16,}")
# Keys of known form: of OpenAI and Anthropic, Hugging Face, GitHub, GitLab, Slack, AWS, Google; and JWTs.
_KEYS = re.compile(
    r"\b(?:(?:sk|pk|rk|hf|gh[oprsu]|github_pat|glpat|xox[abprs])[-_][\w-]{12,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"
)


def is_secret_name(name: str) -> bool:
    """Return whether what has that name (a header, a parameter, a field) holds a credential."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return any(_NAMES.search(word) or word in _WORDS for word in (each.lower() for each in (name, *words)))


def is_shown(name: str) -> bool:
    """Return whether the value of a header or a query parameter of that name may be shown."""
    return name.lower() in _HARMLESS


def keys_in(text: str) -> set[str]:
    """Return the keys in a text that their form gives away, such as ``sk-…``."""
    return set(_KEYS.findall(text))


def _is_hidden_everywhere(name: str, value: str) -> bool:
    """Return whether a value that is not shown is also replaced in every text: a plain word there means nothing."""
    return not is_shown(name) and (is_secret_name(name) or any(map(_RANDOM.fullmatch, value.split())))


def _is_searched_for(secret: str) -> bool:
    return len(secret) >= SHORTEST and not _NUMBER.fullmatch(secret)


def mask(text: str, secrets: Iterable[str]) -> str:
    """Return ``text`` with ``***`` for every secret, also where it is JSON-escaped, URL-quoted or in base64.

    Longer secrets are replaced first. One shorter than four characters, or a number of less than eight digits, is
    hidden only where it is the whole text.
    """
    hidden = frozenset(secrets) - {""}
    return MASK if text in hidden else _pattern(hidden).sub(MASK, text)


def mask_cut(text: str, secrets: Iterable[str]) -> str:
    """Mask text that may be cut at its end and before each ``…``: the beginning of a secret there is hidden too."""
    beginnings = [
        form[:size]
        for secret in secrets
        if _is_searched_for(secret)
        for form in _forms(secret)
        for size in range(SHORTEST, len(form))
    ]

    def hidden(part: str) -> str:
        longest = max((len(start) for start in beginnings if part.endswith(start)), default=0)
        return part[:-longest] + MASK if longest else part

    return "…".join(map(hidden, mask(text, secrets).split("…")))


def of_header(name: str, value: str) -> set[str]:
    """Return the secrets in a header: its value, what follows ``Bearer``, the parts of ``Basic`` and of cookies."""
    if not _is_hidden_everywhere(name, value):
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
            if _is_hidden_everywhere(name, value):
                found |= {value, pair.partition("=")[2]}
    return found - {"", ":"}


def mask_url(url: str, secrets: Iterable[str] = ()) -> str:
    """Return ``url`` without its user, its password and what may be a credential in its query."""
    parts = urlsplit(url)
    userinfo, _, host = parts.netloc.rpartition("@")
    pairs = [pair.partition("=") for pair in parts.query.split("&")]
    query = "&".join(
        f"{name}={MASK}" if equals and not is_shown(unquote(name)) else name + equals + value
        for name, equals, value in pairs
    )
    shown = parts._replace(netloc=f"{MASK}@{host}" if userinfo else host, query=query).geturl()
    return mask(shown, secrets)


@functools.lru_cache(maxsize=8)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str]:
    forms = {form for secret in secrets if _is_searched_for(secret) for form in _forms(secret)}
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
