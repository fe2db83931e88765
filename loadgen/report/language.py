"""The language of reports and terminal: messages are written in English and looked up in a catalogue.

``_`` marks a message and returns it in the current language; values are filled in afterwards, so that a translation
may order them as it likes: ``_("{client} failed").format(client=client)``. The catalogues are ``locale/<language>.po``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib import resources
from io import BytesIO

LANGUAGES = ("en", "zh")

_language: ContextVar[str] = ContextVar("language", default="en")


def _(message: str) -> str:
    """Return the message in the current language; as it is where there is no translation."""
    return message and _translations(_language.get()).gettext(
        message
    )  # of "" it is the head of the catalogue


def plural(n: int, one: str, more: str, **values: object) -> str:
    """Return ``1 stream`` or ``1,000 streams`` in the current language; both messages have an ``{n}``."""
    return _translations(_language.get()).ngettext(one, more, n).format(n=f"{n:,}", **values)


def spelled(n: int) -> str:
    """Return a number up to ten as a word in the current language, a larger one in digits."""
    words = [
        _("zero"), _("one"), _("two"), _("three"), _("four"), _("five"), _("six"), _("seven"), _("eight"),
        _("nine"), _("ten"),
    ]  # fmt: skip
    return words[n] if 0 <= n < len(words) else f"{n:,}"


def current() -> str:
    """Return the current language."""
    return _language.get()


@contextmanager
def language(name: str) -> Iterator[None]:
    """Use that language until the block ends. Raises ValueError for one without a catalogue."""
    if name not in LANGUAGES:
        raise ValueError(f"no such language: {name!r}; there are {', '.join(LANGUAGES)}")
    token = _language.set(name)
    try:
        yield
    finally:
        _language.reset(token)


def preferred(environment: Mapping[str, str] = os.environ) -> str:
    """Return the language of the user's locale, ``en`` where there is no catalogue for it."""
    locale = next((v for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (v := environment.get(name))), "")
    return locale[:2] if locale[:2] in LANGUAGES else "en"


@cache
def _translations(name: str) -> NullTranslations:
    if name == "en":
        return NullTranslations()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    text = resources.files(__package__).joinpath("locale", f"{name}.po").read_bytes()
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(text), locale=name))
    compiled.seek(0)
    return GNUTranslations(compiled)
