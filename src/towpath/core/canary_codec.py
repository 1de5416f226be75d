"""A canary's policy as the journal pins it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from towpath.core.canary_policy import METRICS, CanaryPolicy, Margin, Margins
from towpath.core.errors import UsageError
from towpath.core.journal import JSON
from towpath.core.judge import Breaker
from towpath.core.judge.curves import Slower


def policy_to_json(policy: CanaryPolicy) -> dict[str, JSON]:
    """For the journal; `policy_from_json` is its inverse."""
    plain: dict[str, JSON] = asdict(policy)
    return plain | {"traffic": list(policy.traffic), "metrics": list(policy.metrics)}


def policy_from_json(data: Mapping[str, object]) -> CanaryPolicy:
    """The policy as it was pinned.

    Raises:
        UsageError: it has parts that this Towpath doesn't know.
    """
    # the names are checked by the constructor, the values were written by `policy_to_json`
    fields = cast("dict[str, Any]", dict(data))
    try:
        margins = {name: _margin(name, margin) for name, margin in fields.pop("margins").items()}
        return CanaryPolicy(
            traffic=tuple(fields.pop("traffic")),
            metrics=tuple(fields.pop("metrics", METRICS[:1])),  # judged on errors alone before there was this key
            margins=Margins(**margins),
            breaker=Breaker(**fields.pop("breaker")),
            **fields,
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"a canary's policy in the journal can't be read: {error}", "use a newer Towpath") from error


def _margin(name: str, margin: Any) -> Margin | Slower | float:  # noqa: ANN401 - as it comes from JSON
    if name.startswith("errors"):
        return Margin(**margin)
    return Slower(**margin) if name.startswith("latency") else float(margin)
