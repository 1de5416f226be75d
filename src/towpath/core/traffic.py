"""What is known of an endpoint's traffic before a canary."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from towpath.core.canary_policy import CanaryPolicy, judge_policy
from towpath.core.comparison import due, latency_curves
from towpath.core.drift_outlook import InputsOutlook, inputs_outlook
from towpath.core.judge import ERRORS, Channel, reference_of, start
from towpath.core.judge.curves import Curve
from towpath.core.observation import Observation

FAILING: Final = 0.001  # share of stable's requests taken to fail, where nothing is known of it
_FEWEST: Final = 1000  # requests of stable before its own share of failures is believed


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """What is known of an endpoint's traffic.

    Attributes:
        requests_per_second: of users.
        channels: what can be compared.
        rates: of stable, by channel: events per request.
        curve: stable's latency; absent while it isn't known.
        inputs: what can be seen of the requests themselves.
    """

    requests_per_second: float
    channels: tuple[Channel, ...]
    rates: Mapping[str, float]
    curve: Curve | None = None
    inputs: InputsOutlook = field(default_factory=InputsOutlook)


def known(policy: CanaryPolicy, requests_per_second: float, seen: Observation | None) -> Traffic:
    """What stable's counters tell, as they were `seen` before the canary; absent: nothing."""
    judge = judge_policy(policy)
    if seen is None:
        rates = {ERRORS.name: FAILING}
        nothing = inputs_outlook(policy.drift.psi, None)
        return Traffic(requests_per_second=requests_per_second, channels=judge.channels, rates=rates, inputs=nothing)
    channels = (*judge.channels, *due(start(judge), policy.margins, _with_a_twin(seen)))
    past = reference_of(seen, seen.at - 1, channels)
    counted = {} if past is None else {name: seen for name, seen in past.live.items() if seen[1]}
    rates = {name: events / requests for name, (events, requests) in counted.items()}
    if counted.get(ERRORS.name, (0, 0))[1] < _FEWEST or not rates[ERRORS.name]:
        rates[ERRORS.name] = FAILING
    return Traffic(
        requests_per_second=requests_per_second,
        channels=tuple(channel for channel in channels if 0 < rates.get(channel.name, 0.0) < 1),
        rates=rates,
        curve=next((curve for curve in latency_curves(seen) if curve.cases), None),
        inputs=inputs_outlook(policy.drift.psi, seen),
    )


def _with_a_twin(seen: Observation) -> Observation:
    """As if a candidate counted the same predictions."""
    twins = tuple(replace(sample, replica=f"{sample.replica}'", arm="canary") for sample in seen.models)
    return replace(seen, models=(*(sample for sample in seen.models if sample.arm == "stable"), *twins))
