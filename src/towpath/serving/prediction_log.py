"""The log of predictions: a share of the requests, with their answers, one JSON object a line on stdout.

It is written by a thread of its own: a reader of stdout that stalls must not hold the event loop. What such a reader
can't take in time is dropped and counted.
"""

import contextlib
import json
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

from towpath.serving.excerpt import Excerpt, Limits, excerpt, rows_of
from towpath.serving.metrics import Family, single
from towpath.serving.protocol import InferRequest, TensorSpec
from towpath.serving.sampling import Sampling, known_inputs
from towpath.serving.tensors import Tensor

_PLACE = "towpath.entry"  # in the ASGI scope
_TENSORS = "tensors"  # what a request that is there whole can be built from again, with its inputs
_ERROR = 400
_MOST_WAITING = 256
_LAST_SECONDS = 0.5
_LONGEST = 16_000  # Docker cuts a line of 16 KiB in two

Record = Mapping[str, Any]


class Entry:
    """What is taken of one request while it is answered."""

    def __init__(self, sampling: Sampling, *, probe: bool) -> None:
        self.probe = probe
        self.inputs = Excerpt()
        self.outputs = Excerpt()
        self._sampling = sampling
        self._tensors: tuple[TensorSpec, ...] = ()  # none where something of the request isn't kept

    def asked(self, request: InferRequest, features: Mapping[str, Sequence[str]] | None = None) -> None:
        """Take the inputs that may be kept; now, for the model may change them. `features` are names by tensor."""
        known = known_inputs(request.declared, features or {})
        shapes = {tensor.name: tensor.shape for tensor in request.tensors}
        found = {
            name: self._sampling.of_input(name, rows, shapes.get(name, ()), known.get(name))
            for name, rows in request.inputs.items()
        }
        self.inputs = excerpt(_kept(found), Limits())
        whole = not self.inputs.cut and all(found[name] is rows for name, rows in request.inputs.items())
        self._tensors = request.tensors if whole else ()

    def answered(self, tensors: Sequence[Tensor]) -> None:
        """Take the outputs that may be kept."""
        found = {one.name: self._sampling.of_output(one.name, rows_of(one, Limits()), one.shape) for one in tensors}
        self.outputs = excerpt(_kept(found), Limits())

    def record(self, release: str | None, code: int, seconds: float) -> Record:
        """The line's fields; an error has no outputs."""
        cut = self.inputs.cut or self.outputs.cut
        return {
            "towpath": "prediction",
            "v": 1,
            "at": round(time.time(), 3),
            "release": release,
            "probe": self.probe,
            "seconds": round(seconds, 6),
            "status": code,
            "inputs": self.inputs.tensors,
            **({_TENSORS: [_spec(tensor) for tensor in self._tensors]} if self._tensors else {}),
            **({"outputs": self.outputs.tensors} if code < _ERROR else {}),
            **({"cut": True} if cut else {}),
        }


def _kept(tensors: Mapping[str, Sequence[object] | None]) -> dict[str, Sequence[object]]:
    return {name: rows for name, rows in tensors.items() if rows is not None}


def write_to_stdout(line: str) -> None:
    """One write, after whatever the model printed."""
    sys.stdout.write(line)
    sys.stdout.flush()


class PredictionLog:
    """Takes a share of the requests and writes them. All but the writing happens on the event loop."""

    def __init__(self, sampling: Sampling, release: str | None, write: Callable[[str], None] = write_to_stdout) -> None:
        self._sampling = sampling
        self._release = release
        self._write = write
        self._waiting: queue.Queue[Record | None] = queue.Queue(_MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._crowded_out = 0
        self._unwritten = 0

    def begin(self, scope: MutableMapping[str, Any], body: bytes, *, probe: bool) -> Entry | None:
        """An entry that goes with the request, if its content is one of those to be taken."""
        if not self._sampling.takes(body):
            return None
        entry = scope[_PLACE] = Entry(self._sampling, probe=probe)
        return entry

    def ended(self, scope: Mapping[str, Any], code: int, seconds: float) -> None:
        """Have the request's entry written, if there is one."""
        entry = scope.get(_PLACE)
        if entry is None:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_all, name="prediction-log", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(entry.record(self._release, code, seconds))
        except queue.Full:
            self._crowded_out += 1

    def close(self) -> None:
        """Write what waits, as far as that takes no longer than a second."""
        if self._thread is not None:
            with contextlib.suppress(queue.Full):
                self._waiting.put(None, timeout=_LAST_SECONDS)
            self._thread.join(_LAST_SECONDS)

    def families(self) -> list[Family]:
        """How many lines were lost, for the exposition; nothing where none are written."""
        if self._sampling.share <= 0:
            return []
        lost = self._crowded_out + self._unwritten
        return [single("towpath_log_lost_total", "counter", "Lines that the log of predictions lacks.", lost)]

    def _write_all(self) -> None:
        while (record := self._waiting.get()) is not None:
            try:
                self._write(line_of(record) + "\n")
            except (OSError, ValueError):  # stdout is closed
                self._unwritten += 1


def line_of(record: Record) -> str:
    """Compact JSON of bounded length: of tensors that are too long, half as much, and half of that."""
    line, limits = _json(record), Limits()
    while len(line) > _LONGEST and limits.values > 1:
        limits = limits.halved()
        line = _json(_shortened(record, limits))
    return line


def _shortened(record: Record, limits: Limits) -> Record:
    tensors = {key: excerpt(record[key], limits).tensors for key in ("inputs", "outputs") if key in record}
    return {**{key: value for key, value in record.items() if key != _TENSORS}, **tensors, "cut": True}


def _spec(tensor: TensorSpec) -> Mapping[str, object]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}


def _json(record: Record) -> str:
    return json.dumps(record, separators=(",", ":"), allow_nan=False)
