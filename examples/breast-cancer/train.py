"""Train the model: `python train.py`, or `python train.py --set c=0.3 --set 'features="all"'`.

Reads params.toml. Writes, beside itself and the same bytes every time:
- weights/        the pickled pipeline and its card
- metrics.json    accuracy, AUC and log loss on the rows held out
- holdout.jsonl   those rows as request bodies, for probes and smoke requests
- reference.json  where the scores lie that were held out, and the measurements that were learned from
"""

import argparse
import json
import pickle
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from features import Card, write_card
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
QUANTILES = (0.10, 0.25, 0.50, 0.75, 0.90)
DECILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Rows with their labels; 1 is benign."""

    measurements: Floats
    labels: Labels


def main(argv: Sequence[str] | None = None) -> None:
    """Train one version and write it."""
    words = argparse.ArgumentParser(description="Train the breast cancer model.")
    words.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="overrides params.toml")
    words.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to")
    told = words.parse_args(argv)
    written = Path(__file__).with_name("params.toml").read_text(encoding="utf-8")
    params = tomllib.loads(written) | tomllib.loads("\n".join(told.set))
    print(json.dumps(train(params, told.out)))


def train(params: dict[str, Any], out: Path) -> dict[str, float | int]:
    """Fit, measure and write; returns the metrics."""
    data = load_breast_cancer()
    columns = tuple(str(name) for name in data.feature_names)
    learned, held_out = split(data.data, data.target, params)
    chosen = columns if params["features"] == "all" else tuple(params["features"])
    places = [columns.index(name) for name in chosen]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=params["c"], max_iter=5000))
    pipeline.fit(learned.measurements[:, places], learned.labels)
    card = Card(
        features=chosen,
        columns=columns,
        classes=tuple(str(name) for name in data.target_names),
        log_odds_sd=float(np.std(pipeline.decision_function(learned.measurements[:, places]))),
    )
    scores: Floats = pipeline.predict_proba(held_out.measurements[:, places])[:, 1]
    metrics = measure(held_out.labels, scores, len(learned.labels))
    write_weights(pipeline, card, out / "weights")
    write_json(metrics, out / "metrics.json")
    write_json(reference(scores, learned.measurements, card), out / "reference.json")
    write_holdout(held_out, card, out / "holdout.jsonl")
    return metrics


def split(measurements: Floats, labels: Labels, params: dict[str, Any]) -> tuple[Rows, Rows]:
    """The rows to learn from and the rows to be judged on, the same ones every time."""
    learned, held_out, learned_labels, held_out_labels = train_test_split(
        measurements,
        labels,
        test_size=params["holdout_share"],
        random_state=params["split_seed"],
        stratify=labels,
    )
    return Rows(measurements=learned, labels=learned_labels), Rows(measurements=held_out, labels=held_out_labels)


def measure(labels: Labels, scores: Floats, learned: int) -> dict[str, float | int]:
    """What the judge of quality reads; rounded, so that the last bits of a sum don't make a difference."""
    return {
        "accuracy": round(float(accuracy_score(labels, scores > 0.5)), 6),  # noqa: PLR2004 - the likelier class
        "auc": round(float(roc_auc_score(labels, scores)), 6),
        "log_loss": round(float(log_loss(labels, scores)), 6),
        "rows_learned": learned,
        "rows_held_out": len(labels),
    }


def reference(scores: Floats, measurements: Floats, card: Card) -> dict[str, object]:
    """The cuts at which a canary's predictions are compared, and those at which requests are counted."""
    cuts = [float(cut) for cut in np.quantile(scores, QUANTILES)]
    probability = {"kind": "score", "quantiles": list(QUANTILES), "cuts": cuts}
    classes = {"kind": "class", "classes": list(card.classes)}
    bounds = deciles(measurements)
    counts = [between(column, own) for column, own in zip(measurements.T, bounds, strict=True)]
    return {
        "version": 1,
        "rows": len(scores),
        "outputs": {"probability": probability, "class": classes},
        "inputs": {"measurements": {"features": list(card.columns), "cuts": bounds, "counts": counts}},
    }


def deciles(measurements: Floats) -> list[list[float]]:
    """Cuts of every column: measured values themselves, each once, so that no sum's last bits are in them."""
    cuts = np.quantile(measurements, DECILES, axis=0, method="inverted_cdf")
    return [[float(cut) for cut in np.unique(column)] for column in cuts.T]


def between(column: Floats, cuts: Sequence[float]) -> list[int]:
    """Rows up to each cut and above the last: a tenth each, but for values that many rows share."""
    places = np.searchsorted(cuts, column, side="left")
    return [int(rows) for rows in np.bincount(places, minlength=len(cuts) + 1)]


def write_weights(pipeline: Pipeline, card: Card, folder: Path) -> None:
    """What `model.py` loads."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pipeline.pkl").write_bytes(pickle.dumps(pipeline, protocol=5))
    write_card(card, folder / "card.json")


def write_json(document: object, path: Path) -> None:
    """For people and programs."""
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def write_holdout(rows: Rows, card: Card, path: Path) -> None:
    """One request a line, one row a request; the protocol lets a request carry parameters, here the true label."""
    lines = [
        json.dumps(
            {
                "id": f"holdout-{number}",
                "parameters": {"label": card.classes[label]},
                "inputs": [
                    {
                        "name": "measurements",
                        "datatype": "FP64",
                        "shape": [1, len(row)],
                        "data": [float(v) for v in row],
                    }
                ],
            }
        )
        for number, (row, label) in enumerate(zip(rows.measurements, rows.labels, strict=True))
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
