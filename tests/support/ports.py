"""Ports of the loopback address that nobody has, below those that systems give to clients."""

import random
import socket

_FIRST, _LAST = 11_000, 21_000
_COUNTERS = 10_000  # so far above its port for requests a router begins to look for one for counters


def free_ports(count: int) -> list[int]:
    """Different ports, each free a moment ago."""
    chosen = random.SystemRandom().sample(range(_FIRST, _LAST), 50 * count)
    return [port for port in chosen if _is_free(port) and _is_free(port + _COUNTERS)][:count]


def free_port() -> int:
    """One of them."""
    (port,) = free_ports(1)
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
