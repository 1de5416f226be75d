"""What is known of an endpoint's traffic now."""

from collections.abc import Sequence

from towpath.app.facts import Standing
from towpath.app.services import Services
from towpath.core.canary_policy import CanaryPolicy
from towpath.core.inputs import Feature
from towpath.core.observation import Observation
from towpath.core.traffic import Traffic, known

ASSUMED_RATE = 10.0  # requests a second, where neither the user nor the counters say
COUNTED = 5.0  # seconds between two readings; routers keep no history, and their counters began at some time or other
_ENOUGH = 20  # requests in them, else the average says more


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
    if asked is not None:
        return known(policy, asked, seen if seen.samples else None, trained)
    with services.report.progress(f"counting requests for {COUNTED:g} s"):
        services.clock.sleep(COUNTED)
        later = watch.observer.read()
    rate = _rate(here, seen, later)
    if rate is None:
        services.report.line(f"too few requests to tell a rate: {ASSUMED_RATE:g}/s are assumed; --rps N says otherwise")
    return known(policy, ASSUMED_RATE if rate is None else rate, seen if seen.samples else None, trained)


def _rate(here: Standing, seen: Observation, later: Observation) -> float | None:
    """Requests a second just now or, where those are too few to tell, since stable was promoted; None: not known."""
    recent, counted = _stable_requests(later) - _stable_requests(seen), _stable_requests(later)
    if recent >= _ENOUGH:
        return recent / (later.at - seen.at)
    promoted = here.history.promoted(here.endpoint.name)
    seconds = later.at - promoted[-1].until if promoted else 0.0
    return counted / seconds if counted and seconds > 0 else None


def _stable_requests(seen: Observation) -> int:
    return sum(sample.stable.requests for sample in seen.samples if sample.stable is not None)
