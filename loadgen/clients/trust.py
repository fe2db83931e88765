"""Whom every client trusts over TLS: the same for all, whatever a library would take from the environment.

That is whom ``target.tls`` names, else the file or folder of certificates which the first of ``VARIABLES`` names, else
the system's, else certifi's.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from loadgen.model import Cell

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
        anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
        return anybody
    path = certificates(cell)
    is_folder = path is not None and os.path.isdir(path)
    try:
        return ssl.create_default_context(
            cafile=None if is_folder else path, capath=path if is_folder else None
        )
    except OSError as error:
        raise OSError(error.errno, f"no certificates in {path}: {error.strerror or error}") from error
