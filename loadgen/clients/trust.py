"""Whom every client trusts over TLS: the same for all, whatever a library would take from the environment.

That is whom ``target.tls`` names, else the file or folder of certificates which the first of ``VARIABLES`` names, else
the system's, else certifi's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from loadgen.model import Cell, Tls

if TYPE_CHECKING:
    import ssl  # which a client without TLS should not carry

VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR")


def certificates(cell: Cell) -> str | None:
    """Return the path of the certificates; ``None`` for a URL without TLS, and where the library's own must do."""
    if urlsplit(cell.url).scheme != "https" or not cell.tls.verify:
        return None
    if named := cell.tls.ca or next(filter(None, map(os.environ.get, VARIABLES)), None):
        return named
    import ssl

    system = ssl.get_default_verify_paths()
    if system.cafile or system.capath or find_spec("certifi") is None:
        return system.cafile or system.capath
    import certifi

    return certifi.where()


def context(cell: Cell) -> ssl.SSLContext:
    """Return the context for connections to the cell's server. Raises OSError where the certificates cannot be read."""
    import ssl

    if urlsplit(cell.url).scheme != "https":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used, and loading certificates takes memory
    if not cell.tls.verify:
        found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
    else:
        path = certificates(cell)
        is_folder = path is not None and os.path.isdir(path)
        try:
            found = ssl.create_default_context(
                cafile=None if is_folder else path, capath=path if is_folder else None
            )
        except OSError as error:
            raise OSError(error.errno, f"no certificates in {path}: {error.strerror or error}") from error
    own(cell.tls, found)
    return found


def is_usable(ca: str) -> bool:
    """Return whether a file has certificates to trust; a folder may have any."""
    import ssl

    if os.path.isdir(ca):
        return True
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=ca)
    except OSError:  # SSLError is one
        return False
    return True


def own(tls: Tls, context: ssl.SSLContext | None = None) -> None:
    """Give the client's own certificate, if there is one, to the context. Raises OSError or ValueError."""
    if tls.cert:
        import ssl

        context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(tls.cert, tls.key or None, _no_passphrase)


def _no_passphrase() -> str:
    raise ValueError("its key has a passphrase")  # which nobody could type


USABLE = "a certificate and its key in PEM form, in one file or with target.tls.key, and without a passphrase"


def why_unusable(error: Exception) -> str:
    """Return why the client's own certificate cannot be used."""
    reason = str(getattr(error, "reason", "") or "")
    if reason == "KEY_VALUES_MISMATCH":
        return "its key is another one's"
    return str(error) if isinstance(error, ValueError) else "it has no certificate, or no key"


VERIFY = "target.tls: {verify: false} trusts it all the same"
TRUST = "target.tls: {ca: FILE} names whom to trust, target.tls: {verify: false} trusts any"
_WAYS = {
    "expired|not yet valid": VERIFY,
    "mismatch|not valid for|subject name": f"target.url needs a name that is in it, or {VERIFY}",
    "": TRUST,
}
_CURL = re.compile(
    r"(?:certificate problem: |verify result: |SSL: (?=no alternative))(.+?)(?: \(\d+\)|[\"']\)$|\. See|$)"
)
_ASKED = re.compile(
    r"alert.(certificate|bad.certificate|unknown.ca)|(bad|unknown).(certificate|ca)", re.IGNORECASE
)


def explained(links: Iterable[BaseException]) -> str:
    """Return what certificate an exception and its causes are about, and what to write; "" for none."""
    for link in links:
        reason, text = getattr(link, "verify_message", ""), str(link)
        if not reason and "(60" in text and (found := _CURL.search(text)):
            reason = found[1]
        if reason:
            ways = next(way for pattern, way in _WAYS.items() if re.search(pattern, reason))
            return f"the server's certificate is not trusted: {reason.rstrip('.')}; {ways}"
        if _ASKED.search(text):
            return "the server asks for a client certificate that it trusts: target.tls: {cert: FILE}"
    return ""
