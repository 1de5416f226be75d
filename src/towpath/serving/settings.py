"""What the kit is told from outside: environment variables, and the few words of its command line.

The stack gives the container the variables under *provenance*, because a reproducible image can hold neither its own
digest nor a commit.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from towpath.serving.drift import read_count_inputs
from towpath.serving.sampling import Sampling, read_sampling

_Number = TypeVar("_Number", int, float)

MODEL = "TOWPATH_MODEL"  # the model's name in the URL
HOST = "TOWPATH_HOST"
PORT = "TOWPATH_PORT"
WEIGHTS = "TOWPATH_WEIGHTS"  # folder; default: weights beside the code
THREADS = "TOWPATH_THREADS"  # predictions that run at the same time
QUEUE = "TOWPATH_QUEUE"  # requests that may wait for a thread before new ones get 503
MAX_BODY = "TOWPATH_MAX_BODY"  # bytes
DRAIN = "TOWPATH_DRAIN"  # seconds that requests under way get after SIGTERM
LINGER = "TOWPATH_LINGER"  # seconds after SIGTERM in which new requests are still taken
LOG_LEVEL = "TOWPATH_LOG_LEVEL"
ACCESS_LOG = "TOWPATH_ACCESS_LOG"  # 1: a log line per request

# provenance
RELEASE = "TOWPATH_RELEASE"  # repository@sha256:…
COMMIT = "TOWPATH_COMMIT"
DATA = "TOWPATH_DATA"  # hash of the training data
METRICS = "TOWPATH_METRICS"  # what training measured: a JSON object

_WHOLE_NUMBERS = {PORT: 8080, THREADS: 4, QUEUE: 256, MAX_BODY: 16 * 2**20}
_SECONDS = {DRAIN: 15.0, LINGER: 1.0}
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class SettingsError(Exception):
    """The environment or the command line is wrong; `problems` has every one of them."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Everything the kit was told.

    Attributes:
        target: `module:Class`.
        model: the name in the URL.
        weights: the folder `load` is given; it may not exist for a model that needs none.
        home: the folder of the code, where the process was started.
        drain: seconds that requests under way get after SIGTERM.
        linger: seconds after SIGTERM in which new requests are still taken, because routers learn late.
        provenance: what `/provenance` answers.
        count_inputs: count the features of requests that the reference names.
        sampling: which requests go into the log of predictions.
    """

    target: str
    model: str
    host: str
    port: int
    weights: Path
    home: Path
    threads: int
    queue: int
    max_body: int
    drain: float
    linger: float
    log_level: str
    access_log: bool
    provenance: Mapping[str, object]
    count_inputs: bool
    sampling: Sampling

    @property
    def version(self) -> str | None:
        """The release's digest; None when it wasn't told."""
        digest = self.provenance["digest"]
        return str(digest) if digest else None

    def find(self, name: str) -> Path | None:
        """A file that training wrote: in the weights, beside them, or beside the code."""
        places = (self.weights / name, self.weights.parent / name, self.home / name)
        return next((place for place in places if place.is_file()), None)


def read_settings(argv: Sequence[str], environ: Mapping[str, str], home: Path) -> Settings:
    """Join command line and environment; the command line wins.

    Raises:
        SettingsError: with every problem of the environment at once.
    """
    words = _command_line().parse_args(argv)
    told = {**environ, **{key: value for key, value in vars(words).items() if value is not None}}
    problems: list[str] = []
    whole = {name: _number(told, name, default, problems) for name, default in _WHOLE_NUMBERS.items()}
    seconds = {name: _number(told, name, default, problems) for name, default in _SECONDS.items()}
    level = _level(told, problems)
    provenance = _provenance(told, problems)
    count_inputs, sampling = read_count_inputs(told, problems), read_sampling(told, problems)
    if problems:
        raise SettingsError(problems)
    return Settings(
        target=words.target,
        model=told.get(MODEL) or "model",
        host=told.get(HOST) or "0.0.0.0",  # noqa: S104 - inside a container only this address can be reached
        port=int(whole[PORT]),
        weights=home / (told.get(WEIGHTS) or "weights"),
        home=home,
        threads=max(1, int(whole[THREADS])),
        queue=int(whole[QUEUE]),
        max_body=int(whole[MAX_BODY]),
        drain=seconds[DRAIN],
        linger=min(seconds[LINGER], seconds[DRAIN]),
        log_level=level,
        access_log=told.get(ACCESS_LOG) == "1",
        provenance=provenance,
        count_inputs=count_inputs,
        sampling=sampling,
    )


def _command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m towpath.serving", description="Serve a model over HTTP.")
    parser.add_argument("target", help="the model's class: module:Class")
    parser.add_argument("--model", dest=MODEL, help=f"name in the URL ({MODEL}; default: model)")
    parser.add_argument("--host", dest=HOST, help=f"address to listen on ({HOST}; default: all)")
    parser.add_argument("--port", dest=PORT, help=f"port to listen on ({PORT}; default: {_WHOLE_NUMBERS[PORT]})")
    parser.add_argument("--weights", dest=WEIGHTS, help=f"folder that load() is given ({WEIGHTS}; default: weights)")
    return parser


def _number(told: Mapping[str, str], name: str, default: _Number, problems: list[str]) -> _Number:
    text = told.get(name)
    if not text:
        return default
    try:
        number = type(default)(text)
    except ValueError:
        problems.append(f"{name} is {text!r}, and must be a number such as {default}")
        return default
    if not number >= 0:  # also a NaN
        problems.append(f"{name} is {text!r}, and can't be negative")
    return number


def _level(told: Mapping[str, str], problems: list[str]) -> str:
    level = (told.get(LOG_LEVEL) or "INFO").upper()
    if level not in _LEVELS:
        problems.append(f"{LOG_LEVEL} is {level!r}, and must be one of {', '.join(_LEVELS)}")
    return level


def _provenance(told: Mapping[str, str], problems: list[str]) -> dict[str, object]:
    release = told.get(RELEASE) or None
    return {
        "model": told.get(MODEL) or "model",
        "release": release,
        "digest": release.partition("@")[2] or None if release else None,
        "commit": told.get(COMMIT) or None,
        "data": told.get(DATA) or None,
        "metrics": _metrics(told, problems),
    }


def _metrics(told: Mapping[str, str], problems: list[str]) -> dict[str, object]:
    try:
        metrics = json.loads(told.get(METRICS) or "{}")
    except ValueError:
        metrics = None
    if isinstance(metrics, dict):
        return metrics
    problems.append(f'{METRICS} must be a JSON object such as {{"accuracy": 0.96}}')
    return {}
