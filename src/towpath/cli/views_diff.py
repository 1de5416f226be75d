"""A candidate beside stable, as a JSON document and as tables."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from towpath.cli.render import Table
from towpath.cli.views import NOTHING, image_document, moment, short, size, stamp

if TYPE_CHECKING:
    from towpath.app.diff import Diff
    from towpath.core.consumption import Consumption
    from towpath.core.difference import Difference, Share
    from towpath.core.shifts import Figure, Shift, Sliced
    from towpath.core.side_by_side import Latency, Moved, Quantile, Stratum

_WHOSE = {"live": "requests by users", "probe": "probes"}
_MOST_SHIFTS = 10
_MILLI = 1000
_POINTS = 100
_CLOSING = (
    "Intervals hold in 19 of 20 cases, those of predictions and slices for all that were compared together, for one "
    "look: the verdict is the judge's (deploy explain). Errors, predictions and slices are compared within each step "
    "of traffic. Latency is interpolated within the router's buckets (~)."
)


def diff_answer(found: "Diff") -> tuple[dict[str, object], list["str | Table"]]:
    """Counters, slices and containers of both arms."""
    strata = {"live": found.counted.live, "probe": found.counted.probe}
    slices = {"live": found.live, "probe": found.probe}
    plan = found.promotion.plan
    document: dict[str, object] = {
        "environment": plan.environment,
        "endpoint": plan.endpoint,
        "promotion": plan.id,
        "under_way": found.under_way,
        "stable": image_document(plan.stable),
        "candidate": str(plan.candidate),
        "since": stamp(found.counted.since),
        "until": stamp(found.counted.until),
        "counted": {name: _stratum_document(one) for name, one in strata.items()} | {"own": _own_document(found)},
        "slices": {name: None if one is None else _sliced_document(one) for name, one in slices.items()},
        "containers": {"stable": _taken_document(found.stable), "candidate": _taken_document(found.canary)},
        "notes": list(found.notes),
    }
    parts: list[str | Table] = [_title(found)]
    for name, stratum in strata.items():
        parts += ["", *_stratum_parts(_WHOSE[name], stratum)]
    parts += _own_parts(found)
    for name, one in slices.items():
        if one is not None and one.compared:
            parts += ["", *_sliced_parts(_WHOSE[name], one)]
    return document, [*parts, *_container_parts(found), "", *found.notes, _CLOSING]


def _title(found: "Diff") -> str:
    plan = found.promotion.plan
    state = "under way" if found.under_way else getattr(found.promotion, "outcome", "being ended")
    span = f"{moment(found.counted.since)} to {moment(found.counted.until)}"
    arms = f"candidate {short(plan.candidate)} beside stable {short(plan.stable)}"
    return f"{plan.environment}, {plan.endpoint}: {arms}, promotion {plan.id} ({state}), {span}"


def _stratum_parts(whose: str, one: "Stratum") -> list["str | Table"]:
    if not one.stable.cases and not one.canary.cases:
        return [f"{whose}: none"]
    errors = ("errors", _rate(one.stable), _rate(one.canary), _points(one.errors))
    rows = (errors, *(_latency_row(latency) for latency in one.latency), *(_moved_row(moved) for moved in one.moved))
    allowed = f"; predictions that moved most, of {one.kinds} cuts and classes" if one.moved else ""
    return [f"{whose}{allowed}", Table(columns=("WHAT", "STABLE", "CANDIDATE", "DIFFERENCE"), rows=rows)]


def _rate(share: "Share") -> str:
    if not share.cases:
        return "none"
    low, high = share.interval()
    return f"{share.value:.2%} of {share.cases:,} ({low:.2%} to {high:.2%})"


def _points(difference: "Difference | None") -> str:
    if difference is None:
        return NOTHING
    value, low, high = (_POINTS * one for one in (difference.value, difference.low, difference.high))
    return f"{value:+.2f} points ({low:+.2f} to {high:+.2f})"


def _latency_row(one: "Latency") -> tuple[str, ...]:
    difference = NOTHING
    if one.stable is not None and one.canary is not None and not math.isinf(max(one.stable.high, one.canary.high)):
        difference = f"~ {one.canary.milliseconds - one.stable.milliseconds:+.3g} ms"
    return f"latency p{one.share * _POINTS:g}", _quantile(one.stable), _quantile(one.canary), difference


def _quantile(one: "Quantile | None") -> str:
    if one is None:
        return NOTHING
    return f"over {one.low:g} ms" if math.isinf(one.high) else f"~ {one.milliseconds:.3g} ms"


def _moved_row(one: "Moved") -> tuple[str, ...]:
    return one.kind.spoken, _rate(one.stable), _rate(one.canary), _points(one.difference)


def _own_parts(found: "Diff") -> list["str | Table"]:
    rows = tuple(
        (one.metric, _rate(one.stable), _rate(one.canary), _points(one.difference)) for one in found.counted.own
    )
    return ["", Table(columns=("OWN METRIC", "STABLE", "CANDIDATE", "DIFFERENCE"), rows=rows)] if rows else []


def _sliced_parts(whose: str, one: "Sliced") -> Iterator["str | Table"]:
    sure = sum(shift.difference.sure for shift in one.shifts)
    moved = f"{sure} surely moved" if sure else "none surely moved"
    yield (
        f"slices of {whose}, farthest first: {one.stable:,} samples of stable, {one.canary:,} of the candidate, "
        f"{one.compared} comparisons, {moved}"
    )
    rows = tuple(_shift_row(shift) for shift in one.shifts[:_MOST_SHIFTS])
    yield Table(columns=("WHERE", "WHAT", "STABLE", "CANDIDATE", "MOVED"), rows=rows)


def _shift_row(one: "Shift") -> tuple[str, ...]:
    is_share = one.measure.is_share
    difference = one.difference
    plain = f"{difference.value:+.4g} ({difference.low:+.4g} to {difference.high:+.4g})"
    return (
        one.where.spoken,
        one.measure.spoken,
        _figure(one.stable, is_share=is_share),
        _figure(one.canary, is_share=is_share),
        _points(difference) if is_share else plain,
    )


def _figure(one: "Figure", *, is_share: bool) -> str:
    return f"{one.value:.2%} of {one.cases:,}" if is_share else f"{one.value:.4g} of {one.cases:,}"


def _container_parts(found: "Diff") -> list["str | Table"]:
    arms = (("stable", found.stable), ("candidate", found.canary))
    rows = tuple((name, *_taken_row(taken)) for name, taken in arms if taken is not None)
    columns = ("CONTAINERS", "REPLICAS", "CPU", "MEMORY", "REQUESTS", "CPU PER REQUEST")
    return ["", Table(columns=columns, rows=rows)] if rows else []


def _taken_row(taken: "Consumption") -> tuple[str, ...]:
    each = taken.cpu_per_request
    return (
        str(taken.replicas),
        NOTHING if taken.cores is None else f"{taken.cores:.2f} cores",
        NOTHING if taken.memory_bytes is None else size(taken.memory_bytes),
        f"{taken.requests:,}",
        NOTHING if each is None else f"{_MILLI * each:.3g} ms",
    )


def _stratum_document(one: "Stratum") -> dict[str, object]:
    return {
        "errors": _pair_document(one.stable, one.canary, one.errors),
        "latency": [
            {
                "quantile": latency.share,
                "stable": _quantile_document(latency.stable),
                "candidate": _quantile_document(latency.canary),
            }
            for latency in one.latency
        ],
        "predictions": [
            {
                "output": moved.kind.output,
                **({"class": moved.kind.label} if moved.kind.above is None else {"above": moved.kind.above}),
                **_pair_document(moved.stable, moved.canary, moved.difference),
            }
            for moved in one.moved
        ],
        "predictions_compared": one.kinds,
    }


def _own_document(found: "Diff") -> list[dict[str, object]]:
    return [
        {"metric": one.metric, **_pair_document(one.stable, one.canary, one.difference)} for one in found.counted.own
    ]


def _pair_document(stable: "Share", canary: "Share", difference: "Difference | None") -> dict[str, object]:
    return {
        "stable": _share_document(stable),
        "candidate": _share_document(canary),
        "difference": _difference_document(difference),
    }


def _share_document(share: "Share") -> dict[str, object]:
    low, high = share.interval()
    value = share.value if share.cases else None
    return {"events": share.events, "cases": share.cases, "share": value, "low": low, "high": high}


def _difference_document(difference: "Difference | None") -> dict[str, object] | None:
    if difference is None:
        return None
    return {"value": difference.value, "low": difference.low, "high": difference.high, "sure": difference.sure}


def _quantile_document(one: "Quantile | None") -> dict[str, object] | None:
    """The interpolated figure, and the bucket that the true one is in; null: there is no upper edge."""
    if one is None:
        return None
    beyond = math.isinf(one.high)
    return {
        "milliseconds": None if beyond else one.milliseconds,
        "low": one.low,
        "high": None if beyond else one.high,
        "interpolated": not beyond,
    }


def _sliced_document(one: "Sliced") -> dict[str, object]:
    return {
        "stable_samples": one.stable,
        "candidate_samples": one.canary,
        "compared": one.compared,
        "shifts": [_shift_document(shift) for shift in one.shifts],
    }


def _shift_document(one: "Shift") -> dict[str, object]:
    where, measure = one.where, one.measure
    return {
        "where": {
            "feature": where.feature or None,
            "class": where.label or None,
            "above": where.above,
            "upto": where.upto,
        },
        "what": {
            "output": measure.output or None,
            "class": measure.label or None,
            "kind": "share" if measure.is_share else "mean",
        },
        "stable": {"samples": one.stable.cases, "value": one.stable.value},
        "candidate": {"samples": one.canary.cases, "value": one.canary.value},
        "difference": _difference_document(one.difference),
        "standard_deviations": one.distance[1],
    }


def _taken_document(taken: "Consumption | None") -> dict[str, object] | None:
    if taken is None:
        return None
    return {
        "replicas": taken.replicas,
        "cores": taken.cores,
        "memory_bytes": taken.memory_bytes,
        "requests": taken.requests,
        "cpu_seconds_per_request": taken.cpu_per_request,
    }
