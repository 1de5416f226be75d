"""What is known of an endpoint's traffic before a canary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from towpath.core.canary_policy import CanaryPolicy, judge_policy
from towpath.core.comparison import due, latency_curves
from towpath.core.drift_outlook import InputsOutlook, inputs_outlook
from towpath.core.inputs import Feature
from towpath.core.judge import ERRORS, Channel, reference_of, start
from towpath.core.judge.channels import SlowerThan
from towpath.core.judge.curves import Curve
from towpath.core.judged import Judged, judged
from towpath.core.observation import Observation
from towpath.core.own_counts import total

FAILING: Final = 0.001  # share of stable's requests taken to fail, where nothing is known of it
_FEWEST: Final = 1000  # requests of stable before its own share of failures is believed


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """What is known of an endpoint's traffic.

    Attributes:
        requests_per_second: of users.
        channels: what can be compared.
        rates: of stable, by channel: events per case.
        curve: stable's latency; absent while it isn't known.
        inputs: what can be seen of the requests themselves.
        cases: per request, of channels whose cases aren't requests.
        judged: every metric, and why some can't be compared yet.
    """

    requests_per_second: float
    channels: tuple[Channel, ...]
    rates: Mapping[str, float]
    curve: Curve | None = None
    inputs: InputsOutlook = field(default_factory=InputsOutlook)
    cases: Mapping[str, float] = field(default_factory=dict)
    judged: tuple[Judged, ...] = ()

    def cases_per_request(self, channel: str) -> float:
        """1 where each request is a case."""
        return self.cases.get(channel, 1.0)


def known(
    policy: CanaryPolicy, requests_per_second: float, seen: Observation | None, trained: Sequence[Feature] = ()
) -> Traffic:
    """What stable's counters tell, as they were `seen` before the canary; absent: nothing.

    `trained` says what the candidate's training data was like.
    """
    if seen is None:
        return _unknown(policy, requests_per_second)
    judge = judge_policy(policy)
    channels = (*judge.channels, *due(start(judge), policy, _with_a_twin(seen)))
    past = reference_of(seen, seen.at - 1, channels)
    counted = {} if past is None else {name: seen for name, seen in past.live.items() if seen[1]}
    slow = {channel.name for channel in channels if isinstance(channel.event, SlowerThan)}
    # stable may never have been above an edge where a slow candidate would be; that is rare, not impossible
    rates = {name: (events or 0.5 * (name in slow)) / requests for name, (events, requests) in counted.items()}
    rates |= own_rates(seen)
    if counted.get(ERRORS.name, (0, 0))[1] < _FEWEST or not rates[ERRORS.name]:
        rates[ERRORS.name] = FAILING
    comparable = tuple(channel for channel in channels if 0 < rates.get(channel.name, 0.0) < 1)
    return Traffic(
        requests_per_second=requests_per_second,
        channels=comparable,
        rates=rates,
        curve=next((curve for curve in latency_curves(seen) if curve.cases), None),
        inputs=inputs_outlook(policy.drift.psi, seen, trained),
        cases=own_cases(seen),
        judged=judged(policy, comparable, seen),
    )


def _unknown(policy: CanaryPolicy, requests_per_second: float) -> Traffic:
    channels = (judge_policy(policy).channels[0],)
    return Traffic(
        requests_per_second=requests_per_second,
        channels=channels,
        rates={ERRORS.name: FAILING},
        inputs=inputs_outlook(policy.drift.psi, None),
        judged=judged(policy, channels, None),
    )


def own_rates(seen: Observation) -> dict[str, float]:
    """Of the user's own metrics, as the judge guesses them; what stable never did is rare, not impossible."""
    past = total(seen.own, "stable")
    return {name: (tally.events + 0.5) / (tally.cases + 1) for name, tally in past.items() if tally.cases}


def own_cases(seen: Observation) -> dict[str, float]:
    """Cases per request of the user's own metrics; 1 where stable has answered too little to tell."""
    answered = sum(sample.stable.requests for sample in seen.samples if sample.stable is not None)
    past = total(seen.own, "stable")
    return {name: tally.cases / answered if answered >= _FEWEST else 1.0 for name, tally in past.items() if tally.cases}


def _with_a_twin(seen: Observation) -> Observation:
    """As if a candidate counted the same predictions."""
    twins = tuple(replace(sample, replica=f"{sample.replica}'", arm="canary") for sample in seen.models)
    return replace(seen, models=(*(sample for sample in seen.models if sample.arm == "stable"), *twins))
