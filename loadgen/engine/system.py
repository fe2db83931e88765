"""Use what an operating system may lack: the engine runs without any of this."""

import contextlib
import os
import socket
import struct
from mmap import PAGESIZE

from loadgen.model import Sample

try:
    import resource
except ImportError:  # not a POSIX system
    resource = None  # type: ignore[assignment]

try:
    from fcntl import ioctl
    from termios import FIONREAD
except ImportError:
    ioctl = None  # type: ignore[assignment]

TCP_INFO = getattr(socket, "TCP_INFO", None)
LAST_DATA_SENT, TOTAL_RETRANS = 44, 100  # where Linux's struct tcp_info has them: ms ago, and a count
BYTES_RECEIVED = 128  # and the bytes, in 64 bits
OPEN_MAX = 10_240  # macOS may refuse a soft limit above it, whatever the hard one


def totals(at: int) -> Sample:
    """Return CPU and context switches of all threads of this process so far, ended ones included."""
    if resource is None:
        return Sample(at=at, cpu_ns=round(sum(os.times()[:2]) * 1e9))
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = round((used.ru_utime + used.ru_stime) * 1e9)
    return Sample(at=at, cpu_ns=cpu, voluntary=used.ru_nvcsw, involuntary=used.ru_nivcsw)


def since_sent_ns(connected: socket.socket) -> int | None:
    """Return how long ago the connection last sent data; ``None`` where that is not known, or it had to be repeated.

    The kernel counts in ticks, of 4 ms in most distributions.
    """
    if TCP_INFO is None:
        return None
    try:
        info = connected.getsockopt(socket.IPPROTO_TCP, TCP_INFO, TOTAL_RETRANS + 4)
        (ms,), (repeated,) = (struct.unpack_from("=I", info, at) for at in (LAST_DATA_SENT, TOTAL_RETRANS))
    except (OSError, struct.error):  # closed, or no TCP
        return None
    return None if repeated else ms * 1_000_000


def port(connected: socket.socket) -> int | None:
    """Return the connection's own port; ``None`` where it has none, or is closed."""
    try:
        name = connected.getsockname()
    except OSError:
        return None
    return name[1] if isinstance(name, tuple) else None


def bytes_read(connected: socket.socket) -> int | None:
    """Return how many bytes have been read from the connection; ``None`` where that is not known."""
    if TCP_INFO is None or ioctl is None:
        return None
    try:
        unread: int = struct.unpack("=i", ioctl(connected.fileno(), FIONREAD, bytes(4)))[0]
        info = connected.getsockopt(socket.IPPROTO_TCP, TCP_INFO, BYTES_RECEIVED + 8)
        received: int = struct.unpack_from("=Q", info, BYTES_RECEIVED)[0]
    except (OSError, ValueError, struct.error):  # closed, no TCP, or an older kernel
        return None
    return received - unread


def memory_bytes() -> int | None:
    """Return the resident memory of this process; ``None`` where the system does not report it."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGESIZE
    except OSError:
        return None


def raise_open_files() -> None:
    """Raise the soft limit of open files to the hard one, as far as the system lets us; children inherit it."""
    if resource is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for soft in (hard, OPEN_MAX):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            return
