"""Docker daemons that can't be used."""

import gc
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_NOBODY: Final = 65534


@contextmanager
def unreached() -> Iterator[None]:
    """The SDK leaves a socket open that it could not connect, which would be heard of in another test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@contextmanager
def denied(folder: Path) -> Iterator[str]:
    """Address of a daemon that this user may not use; root may use all, so within the block it is nobody."""
    path, before = folder / "docker.sock", os.geteuid()
    with unreached(), socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        path.chmod(0)
        if before == 0:
            os.seteuid(_NOBODY)
        try:
            yield f"unix://{path}"
        finally:
            os.seteuid(before)
