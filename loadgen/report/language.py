"""The language of reports and terminal: messages are written in English and looked up in a catalogue.

``_`` marks a message and returns it in the current language; values are filled in afterwards, so that a translation
may order them as it likes: ``_("{client} failed").format(client=client)``. The catalogues are ``locale/<language>.po``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from string import Formatter

_CATALOGUES = Path(__file__).with_name("locale")
LANGUAGES = ("en", *sorted(each.stem for each in _CATALOGUES.glob("*.po")))
WIDE = "\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60"  # characters as wide as two, for a regular expression

_languages = ["en"]  # the last is the current one, in all threads
_NO_SPACE = re.compile(f"(?<=[{WIDE}]) (?=[{WIDE}])")
_SPACE = re.compile(r"(?<=[\u4e00-\u9fff])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9%)])(?=[\u4e00-\u9fff])")


class _Chinese(str):
    """A message in Chinese: beside a value, a space stands between Chinese and Latin letters, and no other."""

    def format(self, *args: object, **values: object) -> str:
        text = ""
        for literal, name, spec, _conversion in Formatter().parse(self):
            value = "" if name is None else f"{{{name}:{spec}}}".format(*args, **values)
            for piece in (literal, value):
                edge = _SPACE.sub(" ", _NO_SPACE.sub("", text[-2:] + piece[:2]))
                text = text[:-2] + edge + piece[2:]
        return text


def _(message: str) -> str:
    """Return the message in the current language; as it is where there is no translation."""
    if not message:
        return ""  # of which the translation is the head of the catalogue
    return _made(_translations(current()).gettext(message))


def plural(n: int, one: str, more: str, **values: object) -> str:
    """Return ``1 stream`` or ``1,000 streams`` in the current language; both messages have an ``{n}``."""
    return _made(_translations(current()).ngettext(one, more, n)).format(n=f"{n:,}", **values)


def _made(text: str) -> str:
    return _Chinese(text) if current() == "zh" else text


def spelled(n: int) -> str:
    """Return a number up to ten as a word in the current language, a larger one in digits."""
    words = [
        _("zero"), _("one"), _("two"), _("three"), _("four"), _("five"), _("six"), _("seven"), _("eight"),
        _("nine"), _("ten"),
    ]  # fmt: skip
    return words[n] if 0 <= n < len(words) else f"{n:,}"


def current() -> str:
    """Return the current language."""
    return _languages[-1]


@contextmanager
def language(name: str) -> Iterator[None]:
    """Use that language until the block ends. Raises ValueError for one without a catalogue."""
    if name not in LANGUAGES:
        raise ValueError(f"no such language: {name!r}; there are {', '.join(LANGUAGES)}")
    _languages.append(name)
    try:
        yield
    finally:
        _languages.pop()


def preferred(environment: Mapping[str, str] = os.environ) -> str:
    """Return the language of the user's locale, ``en`` where there is no catalogue for it, or it is not UTF-8."""
    locale = next((v for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (v := environment.get(name))), "")
    name, _dot, encoding = locale.partition(".")
    usable = name[:2] in LANGUAGES and encoding.partition("@")[0].lower() in ("", "utf-8", "utf8")
    return name[:2] if usable else "en"


@cache
def _translations(name: str) -> NullTranslations:
    if name == "en":
        return NullTranslations()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = BytesIO()
    with (_CATALOGUES / f"{name}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=name))
    compiled.seek(0)
    return GNUTranslations(compiled)
