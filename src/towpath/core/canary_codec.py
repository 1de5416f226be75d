"""A canary's policy as the journal pins it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final, cast

from towpath.core.canary_policy import METRICS, CanaryPolicy, Margin, Margins
from towpath.core.drift import DriftPolicy
from towpath.core.errors import UsageError
from towpath.core.journal import JSON
from towpath.core.judge import Breaker
from towpath.core.judge.curves import ALIKE, Slower, Stakes
from towpath.core.own_codec import metric_from_json, metric_to_json

# Until they were pinned, journals were written by judges with these. For a few development versions the cap was 4; no
# release had it, so what they wrote isn't told apart. Stakes were all alike.
_CAP_BEFORE: Final = 5.0
_OUTAGE_BEFORE: Final = 0.1


def policy_to_json(policy: CanaryPolicy) -> dict[str, JSON]:
    """For the journal; `policy_from_json` is its inverse."""
    plain: dict[str, JSON] = asdict(policy)
    return plain | {
        "traffic": list(policy.traffic),
        "metrics": list(policy.metrics),
        "own": [metric_to_json(metric) for metric in policy.own],
    }


def policy_from_json(data: Mapping[str, object]) -> CanaryPolicy:
    """The policy as it was pinned.

    Raises:
        UsageError: it has parts that this Towpath doesn't know.
    """
    # the names are checked by the constructor, the values were written by `policy_to_json`
    fields = cast("dict[str, Any]", dict(data))
    try:
        return CanaryPolicy(
            traffic=tuple(fields.pop("traffic")),
            metrics=tuple(fields.pop("metrics", METRICS[:1])),  # judged on errors alone before there was this key
            own=tuple(metric_from_json(one) for one in fields.pop("own", ())),
            margins=_margins(fields.pop("margins")),
            breaker=Breaker(**fields.pop("breaker")),
            cap=fields.pop("cap", _CAP_BEFORE),
            outage=fields.pop("outage", _OUTAGE_BEFORE),
            stakes=_stakes(fields.pop("stakes", None)),
            drift=DriftPolicy(**fields.pop("drift", {"action": "tell"})),  # nothing was held before there was this key
            **fields,
        )
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise UsageError(f"a canary's policy in the journal can't be read: {error}", "use a newer Towpath") from error


def _stakes(data: Mapping[str, Any] | None) -> Stakes:
    return ALIKE if data is None else Stakes(by_size=tuple(data["by_size"]), slowest=data["slowest"])


def _margins(data: Mapping[str, Any]) -> Margins:
    kinds: dict[str, Callable[[Any], Any]] = {
        "errors": lambda table: Margin(**table),
        "latency": lambda table: Slower(**table),
        "predictions": float,
    }
    return Margins(**{name: kinds[name.removesuffix("_promote")](margin) for name, margin in data.items()})
