"""The locustfile of ``loadgen ui``: users are streams of one client."""

from loadgen.distributed.users import Stream
from loadgen.locust_ui import plugin

__all__ = ["Stream", "plugin"]
