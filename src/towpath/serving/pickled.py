"""Serves a pickled model without a class of its own: `python -m towpath.serving towpath.serving.pickled:PickledModel`.

The pickle is the only `*.pkl`, `*.pickle` or `*.joblib` in the weights folder; whichever of `pickle` and `joblib` wrote
it loads it. A function `predict(model, inputs)` in `predict.py` beside the code says how to ask it; without that file
`model.predict` gets the rows of the only tensor.
"""

import importlib
import importlib.util
import mmap
import os
import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import cast

from towpath.serving.protocol import Inputs

PICKLE = "TOWPATH_PICKLE"  # the pickle's name in the weights folder, where there are several
PREDICT = "TOWPATH_PREDICT"  # the file with the function; default: predict.py
_ENDINGS = (".pkl", ".pickle", ".joblib")
COMPRESSED = (b"\x78", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x5d\x00", b"\x04\x22\x4d\x18")
"""How zlib, gzip, bz2, xz, lzma and lz4 begin, and no pickle."""
_JOBLIBS = b"joblib.numpy_pickle"  # whose arrays lie between the pickle's own bytes

Predict = Callable[[object, Inputs], object]


class PickledModel:
    """A model as `pickle` or `joblib` wrote it.

    The pickle comes from the release itself; unpickling runs code, so a release is as trustworthy as who built it.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ, home: Path | None = None) -> None:
        self._named = environ.get(PICKLE, "")
        self._predict_file = (home or Path.cwd()) / environ.get(PREDICT, "predict.py")
        self._model: object = None
        self._predict: Predict = _by_method

    def load(self, weights: Path) -> None:
        """Find the function that asks the model, then unpickle that, which may be of a class beside the function."""
        if self._predict_file.is_file():
            self._predict = _function(self._predict_file)
        self._model = _unpickled(_only_pickle(weights, self._named))

    def predict(self, inputs: Inputs) -> object:
        """Ask the model the way predict.py says."""
        return self._predict(self._model, inputs)


def _only_pickle(weights: Path, named: str) -> Path:
    if named:
        return weights / named
    found = sorted(path for path in weights.glob("*") if path.suffix in _ENDINGS)
    if len(found) == 1:
        return found[0]
    has = ", ".join(path.name for path in found) or "none"
    message = f"{weights} must hold one file ending in {', '.join(_ENDINGS)}, has {has}; {PICKLE} can name one"
    raise FileNotFoundError(message)


def _unpickled(path: Path) -> object:
    if path.suffix == ".joblib" or _is_joblibs(path):
        return _joblib(path).load(path)
    with path.open("rb") as file:
        return pickle.load(file)  # noqa: S301 - the release's own file, trusted as its code is


def _is_joblibs(path: Path) -> bool:
    """Whether only joblib can load it, whatever it is called."""
    with path.open("rb") as file:
        begins = file.read(8)
        if not begins or begins.startswith(COMPRESSED):
            return bool(begins)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(_JOBLIBS) >= 0


def _joblib(path: Path) -> ModuleType:
    try:
        return importlib.import_module("joblib")
    except ModuleNotFoundError as error:
        message = f"{path.name} was written by joblib: add joblib to the image's requirements ({error})"
        raise ModuleNotFoundError(message, name=error.name) from error


def _function(path: Path) -> Predict:
    function = getattr(_module(path), "predict", None)
    if not callable(function):
        message = f"{path} must define a function predict(model, inputs)"
        raise TypeError(message)
    return cast("Predict", function)


def _module(path: Path) -> ModuleType:
    """The file as the module that `import` would make of it, so that it and the pickle have the same classes."""
    there = sys.modules.get(path.stem)
    if there is not None and Path(getattr(there, "__file__", None) or "").resolve() == path.resolve():
        return there
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        message = f"{path} is not a Python file"
        raise ImportError(message)
    module = importlib.util.module_from_spec(spec)
    registered = sys.modules.setdefault(path.stem, module)  # another of its name stays what its importers know
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if registered is module:
            sys.modules.pop(path.stem, None)
        raise
    return module


def _by_method(model: object, inputs: Inputs) -> object:
    predict: Callable[[object], object] = model.predict  # type: ignore[attr-defined]  # scikit-learn's convention
    return predict(inputs.rows)
