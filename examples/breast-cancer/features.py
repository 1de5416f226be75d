"""The data set's columns, by name; training and serving agree on them here."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """What serving needs to know beside the pickled pipeline.

    Attributes:
        features: columns the pipeline takes, in order.
        columns: columns a request brings, in order: all of the data set's, whatever the version uses of them.
        classes: names of the two classes; the score is the probability of the second.
        log_odds_sd: standard deviation of the training rows' log-odds.
    """

    features: tuple[str, ...]
    columns: tuple[str, ...]
    classes: tuple[str, ...]
    log_odds_sd: float

    @property
    def places(self) -> list[int]:
        """Where the pipeline's features are in a request's row."""
        return [self.columns.index(name) for name in self.features]


def write_card(card: Card, path: Path) -> None:
    """Write it where `read_card` finds it."""
    document = {
        "features": card.features,
        "columns": card.columns,
        "classes": card.classes,
        "log_odds_sd": card.log_odds_sd,
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def read_card(path: Path) -> Card:
    """Read what `write_card` wrote."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return Card(
        features=tuple(document["features"]),
        columns=tuple(document["columns"]),
        classes=tuple(document["classes"]),
        log_odds_sd=float(document["log_odds_sd"]),
    )
