"""The addresses that a master or a web UI listens on."""

import ipaddress
import socket

from loadgen.preflight.requirements import Refused


def is_local(host: str) -> bool:
    """Return whether only this machine reaches what listens on ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def free_port(host: str, port: int, flag: str) -> int:
    """Return ``port`` if it is free, and for 0 any port that is. Raises Refused, which names ``flag`` as the remedy."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family) as server:
            number: int = server.getsockname()[1]
            return number
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (")[0]
        raise Refused(f"{host}:{port}: cannot listen there: {reason}; choose another with {flag}") from None
