"""What ``loadgen ui`` opens: users of Locust are streams of one client."""

from __future__ import annotations

from loadgen.swarm.plugin import Streaming


class Stream(Streaming):
    """One stream."""
