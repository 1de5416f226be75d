"""The served model: `python -m towpath.serving model:BreastCancer` in this folder."""

import pickle
from pathlib import Path
from typing import ClassVar, Protocol, cast

import faults
import features
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Pipeline(Protocol):
    """What is asked of the pickled scikit-learn pipeline."""

    def decision_function(self, rows: Floats) -> Floats:
        """Log-odds of the second class."""
        ...


class BreastCancer:
    """Tells benign from malignant, from the thirty measurements of a cell sample."""

    inputs: ClassVar = [{"name": "measurements", "datatype": "FP64", "shape": [-1, 30]}]
    outputs: ClassVar = [
        {"name": "probability", "datatype": "FP64", "shape": [-1]},
        {"name": "class", "datatype": "BYTES", "shape": [-1]},
    ]

    def __init__(self, faults_file: Path | None = None) -> None:
        settings = faults.read_settings(faults_file or Path(__file__).with_name("faults.toml"))
        self._faults = faults.Faults(settings)

    def load(self, weights: Path) -> None:
        """Read what train.py wrote."""
        with (weights / "pipeline.pkl").open("rb") as file:
            self._pipeline = cast("Pipeline", pickle.load(file))  # noqa: S301 - written by this release's own training
        self._card = features.read_card(weights / "card.json")

    def warm_up(self) -> None:
        """Answer once, faults aside, so that the first caller doesn't pay for the first call."""
        self._answer(np.zeros((1, len(self._card.columns))), 0.0)

    def predict(self, inputs: dict[str, list[list[float]]]) -> dict[str, object]:
        """The probability of *benign*, and the class it makes likelier, of every row."""
        shift = self._faults.strike()
        return self._answer(np.asarray(inputs["measurements"], dtype=np.float64), shift)

    def _answer(self, rows: Floats, shift: float) -> dict[str, object]:
        log_odds = self._pipeline.decision_function(rows[:, self._card.places]) + shift * self._card.log_odds_sd
        probability = 1.0 / (1.0 + np.exp(-log_odds))
        classes = [self._card.classes[int(benign)] for benign in probability > 0.5]  # noqa: PLR2004 - the likelier class
        return {"probability": probability, "class": classes}
