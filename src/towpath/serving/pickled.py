"""Serves a pickled model without a class of its own: `python -m towpath.serving towpath.serving.pickled:PickledModel`.

The pickle is the only `*.pkl`, `*.pickle` or `*.joblib` in the weights folder. A function `predict(model, inputs)` in
`predict.py` beside the code says how to ask it; without that file `model.predict` gets the rows of the only tensor.
"""

import importlib
import importlib.util
import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from towpath.serving.protocol import Inputs

PICKLE = "TOWPATH_PICKLE"  # the pickle's name in the weights folder, where there are several
PREDICT = "TOWPATH_PREDICT"  # the file with the function; default: predict.py
_ENDINGS = (".pkl", ".pickle", ".joblib")

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
        """Unpickle the model and find the function that asks it."""
        self._model = _unpickled(_only_pickle(weights, self._named))
        if self._predict_file.is_file():
            self._predict = _function(self._predict_file)

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
    if path.suffix == ".joblib":
        joblib = importlib.import_module("joblib")
        return joblib.load(path)
    with path.open("rb") as file:
        return pickle.load(file)  # noqa: S301 - the release's own file, trusted as its code is


def _function(path: Path) -> Predict:
    spec = importlib.util.spec_from_file_location("predict", path)
    if spec is None or spec.loader is None:
        message = f"{path} is not a Python file"
        raise ImportError(message)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function = getattr(module, "predict", None)
    if not callable(function):
        message = f"{path} must define a function predict(model, inputs)"
        raise TypeError(message)
    return cast("Predict", function)


def _by_method(model: object, inputs: Inputs) -> object:
    predict: Callable[[object], object] = model.predict  # type: ignore[attr-defined]  # scikit-learn's convention
    return predict(inputs.rows)
