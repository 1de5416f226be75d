"""What is known of an endpoint's traffic now."""

from collections.abc import Sequence

from towpath.app.facts import Standing
from towpath.app.services import Services
from towpath.core.canary_policy import CanaryPolicy
from towpath.core.inputs import Feature
from towpath.core.observation import Observation
from towpath.core.traffic import Traffic, known

ASSUMED_RATE = 10.0  # requests a second, where neither the user nor the counters say


def traffic_of(
    services: Services, here: Standing, policy: CanaryPolicy, asked: float | None, trained: Sequence[Feature] = ()
) -> Traffic:
    """What stable's counters tell of its traffic until now; `asked` requests a second instead of theirs.

    `trained` says what the candidate's training data was like.
    """
    if here.serving is None:
        return known(policy, asked or ASSUMED_RATE, None)
    watch = services.watch(
        here.environment.name, here.outputs, here.endpoint.name, here.model.name, here.endpoint.serving, policy.own
    )
    seen = watch.observer.read()
    rate = _rate(here, seen) if asked is None else asked
    return known(policy, rate, seen if seen.samples else None, trained)


def _rate(here: Standing, seen: Observation) -> float:
    """Requests a second since stable was promoted."""
    promoted = here.history.promoted(here.endpoint.name)
    seconds = seen.at - promoted[-1].until if promoted else 0.0
    counted = sum(sample.stable.requests for sample in seen.samples if sample.stable is not None)
    return counted / seconds if counted and seconds > 0 else ASSUMED_RATE
