"""The kit as a test starts it: a real process on a free port of 127.0.0.1, in a folder laid out as an image's."""

import contextlib
import itertools
import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
MODELS = Path(__file__).parent / "models"
DIGEST = "sha256:" + "a" * 64
GATED = (  # models of every kind that answer once a file is there, and how each is asked
    ("kit_models:Gate", "infer"),
    ("loop_models:AsyncGate", "infer"),
    ("kit_models:GatedStream", "infer_stream"),
    ("loop_models:AsyncGatedStream", "infer_stream"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A response, read to its end."""

    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document


@dataclass(kw_only=True)
class Kit:
    """A running kit."""

    process: subprocess.Popen[str]
    port: int
    weights: Path
    log_file: Path
    output_file: Path
    pool: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(retries=False, timeout=30, maxsize=64)
    )

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        reply = self.pool.request(method, self.url(path), body=body, headers=headers)
        return Answer(status=reply.status, headers=reply.headers, body=reply.data)

    def infer(self, document: object, *, route: str = "infer", headers: dict[str, str] | None = None) -> Answer:
        return self.ask("POST", f"/v2/models/m/{route}", json.dumps(document).encode(), headers)

    def infer_values(self, *values: object, route: str = "infer", headers: dict[str, str] | None = None) -> Answer:
        return self.infer(request_of(*values), route=route, headers=headers)

    def metric(self, line_start: str) -> float | None:
        """The value of the sample whose line begins so; None when there is none."""
        for line in self.get("/metrics").body.decode().splitlines():
            if line.startswith(line_start + " "):
                return float(line.rpartition(" ")[2])
        return None

    def state(self) -> str:
        return str(self.get("/v2/health/ready").json["state"])

    def until(self, wanted: Callable[[], bool]) -> None:
        """Wait until something is so, for at most 20 s."""
        for _ in range(2000):
            if wanted():
                return
            time.sleep(0.01)
        raise AssertionError(self.log())

    def until_state(self, state: str) -> None:
        self.until(lambda: self.state() == state)

    def log(self) -> str:
        return self.log_file.read_text()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log().splitlines()]

    def predictions(self) -> list[dict[str, Any]]:
        """The log of predictions: whole lines only, for one may be on its way."""
        return [json.loads(line) for line in self.output_file.read_text().splitlines(keepends=True) if line[-1] == "\n"]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


def request_of(*values: object) -> dict[str, object]:
    kinds: dict[type, str] = {str: "BYTES", int: "INT64", float: "FP64"}
    tensor = {"name": "x", "shape": [len(values)], "datatype": kinds[type(values[0])], "data": list(values)}
    return {"inputs": [tensor]}


@contextlib.contextmanager
def serving(target: str, folder: Path, env: dict[str, str] | None = None) -> Iterator[Kit]:
    """Start `target` from the modules in `models` or one in `folder`; at the end the process is gone."""
    shutil.copytree(MODELS, folder, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    told = {"TOWPATH_MODEL": "m", "TOWPATH_HOST": "127.0.0.1", "TOWPATH_LINGER": "0", **(env or {})}
    with _started([sys.executable, "-m", "towpath.serving", target], folder, told) as kit:
        yield kit


@contextlib.contextmanager
def typed(line: str, folder: Path) -> Iterator[Kit]:
    """Start the kit by a command line as somebody types it in `folder`, but on a free port; it is ready."""
    words = shlex.split(line)
    told = dict(word.split("=", 1) for word in itertools.takewhile(lambda word: "=" in word, words))
    with _started(words[len(told) :], folder, told) as kit:
        kit.until_state("ready")
        yield kit


@contextlib.contextmanager
def _started(command: Sequence[str], folder: Path, told: Mapping[str, str]) -> Iterator[Kit]:
    weights = folder / "weights"
    weights.mkdir(exist_ok=True)
    port, log_file, output_file = free_port(), folder / "stderr.jsonl", folder / "stdout.jsonl"
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    environ = {"PATH": path, "PYTHONPATH": str(ROOT / "src"), "TOWPATH_PORT": str(port), **told}
    with log_file.open("w") as log, output_file.open("w") as output:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=output, stderr=log, text=True)
    kit = Kit(process=process, port=port, weights=weights, log_file=log_file, output_file=output_file)
    try:
        kit.until(lambda: _answers(kit))
        yield kit
    finally:
        process.kill()
        process.wait(20)
        kit.pool.clear()


@contextlib.contextmanager
def ready(target: str, folder: Path, env: dict[str, str] | None = None) -> Iterator[Kit]:
    with serving(target, folder, env) as kit:
        kit.until_state("ready")
        yield kit


def _answers(kit: Kit) -> bool:
    if kit.process.poll() is not None:
        raise AssertionError(kit.log())
    try:
        return kit.get("/v2/health/live").status == 200
    except urllib3.exceptions.HTTPError:
        return False
