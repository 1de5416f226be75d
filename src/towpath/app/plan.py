"""`deploy plan`: what a promotion would do, how long it would take and what it could see. Changes nothing."""

from dataclasses import dataclass

from towpath.app.facts import Standing, canary_policy, candidate, gate_facts, standing, tries
from towpath.app.ports import Change
from towpath.app.promote import draft_plan, planned
from towpath.app.services import Services
from towpath.app.traffic import traffic_of
from towpath.core.canary import CanaryStep
from towpath.core.canary import steps as canary_shares
from towpath.core.canary_offers import Offer, offers
from towpath.core.canary_outlook import Outlook, outlook
from towpath.core.canary_policy import CanaryPolicy
from towpath.core.duration import durations
from towpath.core.gates import Gate, answers
from towpath.core.promotion import Plan, StepKind, promoted, world
from towpath.core.release import ImageRef, ReleaseRecord
from towpath.core.sight import Visible, visible
from towpath.core.traffic import Traffic


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanRequest:
    """What the user asked for.

    Attributes:
        environment: where to.
        model: which model; empty where deploy.toml has one.
        release: image, digest or first digits; empty: what the environment before runs.
        requests_per_second: the endpoint's traffic, for saying what can be seen; absent: what the counters say.
    """

    environment: str
    model: str = ""
    release: str = ""
    requests_per_second: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """What would happen.

    Attributes:
        plan: the promotion as it would be opened.
        candidate: how the candidate was built; absent when it wasn't built here.
        stable: how what serves now was built.
        gates: every gate's answer.
        shares: the canary's steps; empty without one.
        durations: seconds of each of the plan's steps for a good candidate at this traffic, engine runs included.
        changes: resources that would be touched, from the first step to the last.
        visible: what each share of traffic can see.
        outlook: when the judge would let a good candidate on; absent without a canary.
        traffic: what `visible` and `outlook` were reckoned with; absent without a canary.
        unseen: metrics that would be judged and can't be compared now.
        offers: what would decide the canary, where the outlook says that this policy can't.
        tries: canaries that the candidate had beside what serves; each halves the chances to be wrong of the next.
    """

    plan: Plan
    candidate: ReleaseRecord | None
    stable: ReleaseRecord | None
    gates: tuple[Gate, ...]
    shares: tuple[CanaryStep, ...]
    durations: tuple[float, ...]
    changes: tuple[Change, ...]
    visible: tuple[Visible, ...]
    outlook: Outlook | None
    traffic: Traffic | None
    unseen: tuple[str, ...]
    offers: tuple[Offer, ...] = ()
    tries: int = 0

    @property
    def seconds(self) -> float:
        """How long a good candidate takes."""
        return sum(self.durations)

    @property
    def has_changes(self) -> bool:
        """Whether a promotion would do anything."""
        return self.plan.candidate != self.plan.stable

    @property
    def lets_on(self) -> bool:
        """Whether every gate would let it on."""
        return all(gate.lets_on for gate in self.gates)


def plan(services: Services, request: PlanRequest) -> Planned:
    """Look at everything a promotion would look at, and say what it would do.

    Raises:
        UsageError, Refused: there is no candidate, or the config is wrong.
    """
    here = standing(services, request.environment, request.model)
    image = candidate(services, here, request.release)
    steps, strategy = planned(here)
    drafted = draft_plan(services, here, image, strategy, steps)
    shares = _shares(here)
    policy = canary_policy(services, here, image) if shares else None
    built = services.releases.get(image)
    trained = () if built is None else built.features
    traffic = None if policy is None else traffic_of(services, here, policy, request.requests_per_second, trained)
    expected = None if policy is None or traffic is None else outlook(policy, traffic, shares)
    return Planned(
        plan=drafted,
        candidate=built,
        stable=None if here.serving is None else services.releases.get(here.serving),
        gates=answers(gate_facts(services, here, image, "")),
        shares=shares,
        durations=durations(steps, shares, expected),
        changes=_changes(services, here, drafted, image),
        visible=() if policy is None or traffic is None else visible(policy, traffic, shares),
        outlook=expected,
        traffic=traffic,
        unseen=() if policy is None or traffic is None else _unseen(policy, traffic),
        offers=() if policy is None or traffic is None else _offers(services, policy, traffic, shares, expected),
        tries=0 if policy is None else tries(services, here, image),
    )


def _offers(
    services: Services, policy: CanaryPolicy, traffic: Traffic, shares: tuple[CanaryStep, ...], expected: Outlook | None
) -> tuple[Offer, ...]:
    if expected is None or expected.enough:
        return ()
    with services.report.progress("looking for what would decide it"):
        return offers(policy, traffic, shares, expected)


def _shares(here: Standing) -> tuple[CanaryStep, ...]:
    if here.environment.canary is None or here.serving is None:
        return ()
    return canary_shares(here.environment.canary, here.endpoint.replicas)


def _unseen(policy: CanaryPolicy, traffic: Traffic) -> tuple[str, ...]:
    compared = {channel.metric for channel in traffic.channels}
    return tuple(metric for metric in policy.judged if metric not in compared)


def _changes(services: Services, here: Standing, drafted: Plan, image: ImageRef) -> tuple[Change, ...]:
    if image == here.serving:
        return ()
    start = next(step for step in drafted.steps if step.kind is StepKind.START)
    worlds = (world(here.endpoint, drafted, start), promoted(here.endpoint, drafted))
    found: dict[tuple[str, str], Change] = {}
    for endpoint in worlds:
        with services.files.overlay(here.file, endpoint, 0) as overlay:
            for change in services.engine.preview(here.environment.name, overlay):
                found.setdefault((change.urn, change.operation), change)
    return tuple(found.values())
