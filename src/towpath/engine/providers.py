"""Processes for dynamic providers, forked from one that has the SDK imported already.

The engine starts a provider in nearly every run, and most of its start is that import. What it starts is `launch.py`,
which hands its own output and environment over a socket to the process here, and lasts as long as the provider does.
"""

import json
import os
import runpy
import select
import signal
import socket
import struct
import sys
import threading
from typing import Final, NoReturn

from towpath.engine.launch import STREAMS, address

_ORDER: Final = 1 << 20  # bytes: arguments and environment of one provider
_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid, gid


def serve_providers(engine: int) -> None:
    """Fork a process that starts providers for that engine, as long as this process lives."""
    try:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(address(engine))
        listener.listen()
    except (OSError, AttributeError):  # without such sockets the launcher starts each provider anew
        return
    lifeline, held = os.pipe()  # closed with this process, whatever ends it
    if os.fork() == 0:
        os.close(held)
        _serve(listener, lifeline)
    os.close(lifeline)
    listener.close()


def _serve(listener: socket.socket, lifeline: int) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a provider ended
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the language host, with which this process ends
    while True:
        ready, _, _ = select.select([listener.fileno(), lifeline], [], [])
        if lifeline in ready:
            os._exit(0)
        connection, _ = listener.accept()
        if _is_own(connection) and os.fork() == 0:
            listener.close()
            _be_provider(connection)
        connection.close()


def _is_own(connection: socket.socket) -> bool:
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(told)[1]) == os.getuid()


def _be_provider(connection: socket.socket) -> NoReturn:
    try:
        order, streams, _, _ = socket.recv_fds(connection, _ORDER, STREAMS)
        told = json.loads(order)
        for place, stream in enumerate(streams):
            os.dup2(stream, place)
        os.environ.clear()
        os.environ.update(told["environment"])
        os.chdir(told["folder"])
        sys.path.insert(0, told["folder"])  # as `python -m` has it
        sys.argv = ["pulumi.dynamic", *told["arguments"]]
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # as any Python has it
        threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
        runpy.run_module("pulumi.dynamic", run_name="__main__", alter_sys=True)
    finally:
        os._exit(1)


def _end_with(launcher: socket.socket) -> NoReturn:
    """The engine knows the launcher only: what ends that one ends the provider."""
    launcher.recv(1)
    os._exit(0)
