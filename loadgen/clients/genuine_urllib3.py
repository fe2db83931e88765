"""Import this before urllib3 is measured: it refuses the fork that niquests puts in its place."""

import urllib3

from loadgen.clients import Missing

if hasattr(urllib3, "AsyncPoolManager"):
    raise Missing("urllib3 is urllib3-future here, which niquests puts in its place: use another environment")
