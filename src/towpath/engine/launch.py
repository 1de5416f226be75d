"""Starts a dynamic provider. Run as `python -I -S launch.py ARGUMENT…` by the Pulumi engine.

The language host of the same engine has the SDK imported already, so the provider is forked there, and this process
stands for it. Where that host doesn't answer, this process becomes the provider.

Standard library only and few imports: it is started in nearly every engine run.
"""

import json
import os
import signal
import socket
import struct
import sys
from typing import Final, NoReturn

STREAMS: Final = 3  # standard input, output and errors


def address(engine: int) -> str:
    """Where the language host of the engine with that process id listens; no file, so nothing is left behind."""
    return f"\0towpath-providers-{engine}"


def main() -> NoReturn:
    """Be a provider until it or the engine ends."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the engine ends what it started by one; that is nothing to report
    connection = _host()
    if connection is None:
        os.execv(sys.executable, [sys.executable, "-u", "-m", "pulumi.dynamic", *sys.argv[1:]])  # noqa: S606 - no shell is wanted
    told = {"arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109 - pathlib would double the time to start
    socket.send_fds(connection, [json.dumps(told).encode()], range(STREAMS))
    connection.recv(1)  # nothing comes: it is closed by whatever ends the provider
    os._exit(0)


def _host() -> socket.socket | None:
    try:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(address(os.getppid()))
        told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    except (OSError, AttributeError):
        return None
    return connection if struct.unpack("3i", told)[1] == os.getuid() else None


if __name__ == "__main__":
    main()
