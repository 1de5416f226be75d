"""The user's own metrics as the journal keeps them: how they are judged, and what was counted."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from towpath.core.journal import JSON
from towpath.core.margins import Margin
from towpath.core.own_counts import OwnSample
from towpath.core.own_metrics import Asked, Exposed, ExposedAbove, OwnMetric, Source
from towpath.core.selectors import parse_selector


def metric_to_json(metric: OwnMetric) -> dict[str, JSON]:
    """For the journal; `metric_from_json` is its inverse. No secret is in it, only the name of its variable."""
    plain: dict[str, JSON] = asdict(metric)
    return plain | {"source": _source_to_json(metric.source)}


def metric_from_json(data: Mapping[str, Any]) -> OwnMetric:
    """The metric as it was pinned.

    Raises:
        TypeError, KeyError, ValueError: it wasn't written by `metric_to_json`.
    """
    fields = dict(data)
    return OwnMetric(
        source=_source_from_json(fields.pop("source")),
        rollback=Margin(**fields.pop("rollback")),
        promote=Margin(**fields.pop("promote")),
        **fields,
    )


def _source_to_json(source: Source) -> dict[str, JSON]:
    match source:
        case Exposed():
            return {"events": str(source.events), "cases": str(source.cases)}
        case ExposedAbove():
            return {"histogram": str(source.histogram), "above": source.bound}
        case Asked():
            return {"promql": asdict(source)}


def _source_from_json(data: Mapping[str, Any]) -> Source:
    if "promql" in data:
        return Asked(**data["promql"])
    if "histogram" in data:
        return ExposedAbove(histogram=parse_selector(data["histogram"]), bound=data["above"])
    return Exposed(events=parse_selector(data["events"]), cases=parse_selector(data["cases"]))


def samples_to_json(samples: Iterable[OwnSample]) -> list[JSON]:
    """For an observation's line: metric, arm, place, events and cases of each."""
    return [[one.metric, one.arm, one.source, one.tally.events, one.tally.cases] for one in samples]
