"""The serving kit as it ships, without counting inputs, and with nothing that measures; each a process of its own.

`python benchmarks/cost_kit.py module:Class`, in a model's folder, serves it without what measures: no such switch
exists in the product, so the same application is put together here without its counting middleware.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "src"), str(Path.cwd())]

import uvicorn  # noqa: E402 - only now can it be found

from towpath.serving import logs  # noqa: E402 - only now can it be found
from towpath.serving.app import application  # noqa: E402 - only now can it be found
from towpath.serving.metrics import Requests  # noqa: E402 - only now can it be found
from towpath.serving.runtime import Runtime  # noqa: E402 - only now can it be found
from towpath.serving.settings import read_settings  # noqa: E402 - only now can it be found

KIT: Final = ("-m", "towpath.serving")
BARE: Final = (str(Path(__file__)),)
COUNTED: Final = "reference.json"  # without it neither predictions nor inputs are counted


def variants(folder: Path, home: Path) -> dict[str, tuple[tuple[str, ...], Path, dict[str, str]]]:
    """How each variant is started, and in which folder: the model's own, or a copy that names nothing to count."""
    bare = folder / "bare"
    if not bare.exists():
        shutil.copytree(home, bare)
        (bare / COUNTED).unlink(missing_ok=True)
    return {
        "all counted": (KIT, home, {}),
        "no inputs": (KIT, home, {"TOWPATH_COUNT_INPUTS": "0"}),
        "nothing measured": (BARE, bare, {}),
    }


@contextmanager
def kits(folder: Path, home: Path, target: str, ports: Sequence[int]) -> Iterator[dict[str, tuple[int, int]]]:
    """One process of each variant; its number and port."""
    with ExitStack() as stack:
        found = {}
        for (name, (words, where, env)), port in zip(variants(folder, home).items(), ports, strict=True):
            pid = stack.enter_context(_running((*words, target, "--port", str(port)), where, env, folder / f"{port}"))
            found[name] = pid, port
        yield found


@contextmanager
def _running(words: Sequence[str], where: Path, more: Mapping[str, str], log: Path) -> Iterator[int]:
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "TOWPATH_HOST": "127.0.0.1", "OPENBLAS_NUM_THREADS": "1"}
    with log.open("wb") as file:
        process = subprocess.Popen((sys.executable, *words), cwd=where, env={**env, **more}, stdout=file, stderr=file)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def serve_bare(words: Sequence[str]) -> None:
    """The kit's application without its middleware, by the same server."""
    logs.configure("INFO")
    settings = read_settings(words, os.environ, Path.cwd())
    app = application(settings, Runtime(settings), Requests())
    app.user_middleware.clear()
    uvicorn.run(
        app, host=settings.host, port=settings.port, log_config=None, access_log=False, server_header=False, ws="none"
    )


if __name__ == "__main__":
    serve_bare(sys.argv[1:])
