"""What ``loadgen ui`` opens: users of Locust are streams of one client."""

from __future__ import annotations

import loadgen.swarm.plugin  # noqa: F401 - adds the options and the tab
from loadgen.swarm.users import Streaming


class Stream(Streaming):
    """One stream."""
