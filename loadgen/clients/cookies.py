"""What the libraries that keep cookies are given in place of a jar."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy


def no_cookies() -> CookieJar:
    """A jar that takes none and gives none."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))
