"""A promotion as data: its plan, the steps it takes, and what each step makes the world look like."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from towpath.core.canary import CanaryStep
from towpath.core.contract import Canary, Endpoint
from towpath.core.release import ImageRef


class StepKind(StrEnum):
    """What a step does; each has one effect and can be done again without harm."""

    START = "start"  # candidate's replicas at traffic 0, ready and warm
    SMOKE = "smoke"  # one request with a known answer, straight to the candidate
    SCALE = "scale"  # candidate's replicas, traffic as it was
    SHIFT = "shift"  # traffic, replicas as they were
    OBSERVE = "observe"  # look until the judge and the dwell say go on
    DRAW = "draw"  # the promoted row: candidate is the release, no canary
    WRITE = "write"  # the checked-in file names the candidate
    PROVE = "prove"  # digests read back, inventory as drawn, dry run of the file empty


BEYOND_RETURN: Final = frozenset({StepKind.DRAW, StepKind.WRITE, StepKind.PROVE})
"""Steps that only lead on: once one has begun, the way back is a rollback."""


class Strategy(StrEnum):
    """How a candidate comes to carry all traffic."""

    FIRST = "first"  # nothing is served yet
    CANARY = "canary"  # a growing share, judged against stable
    IMMEDIATE = "immediate"  # ready, then all at once: a rollback, or an environment without a canary


class Outcome(StrEnum):
    """How a promotion ended."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    ABORTED = "aborted"
    OVERRIDDEN = "overridden"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One planned effect.

    Attributes:
        kind: what is done.
        traffic: the candidate's percent once the step is done.
        replicas: the candidate's replicas once the step is done.
    """

    kind: StepKind
    traffic: float
    replicas: int

    @property
    def name(self) -> str:
        """For tables and journal: what happens, with its number where it has one."""
        match self.kind:
            case StepKind.SHIFT | StepKind.OBSERVE:
                return f"{self.kind} {self.traffic:g} %"
            case StepKind.START | StepKind.SCALE:
                return f"{self.kind} {self.replicas}"
            case _:
                return str(self.kind)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A promotion as it was opened; nothing of it changes afterwards.

    Attributes:
        id: number of the promotion within its environment; the config's `promotion` once it is done.
        environment: where to.
        endpoint: the endpoint that changes.
        model: the model's name in deploy.toml.
        strategy: how.
        candidate: what is to be served.
        stable: what is served now; absent for a first release.
        source: environment or command the candidate was taken from.
        file_sha256: hash of the stack file it starts from; the text is in the store under that hash.
        program_sha256: hash of the program (infra/ and stacks/) that draws it.
        commit: of the checkout it was opened from; empty outside Git.
        drawn: the hash of what stood before.
        steps: in order.
        back: why a person goes back to this release; empty: it is promoted.
    """

    id: int
    environment: str
    endpoint: str
    model: str
    strategy: Strategy
    candidate: ImageRef
    stable: ImageRef | None
    source: str
    file_sha256: str
    program_sha256: str
    commit: str
    drawn: str
    steps: tuple[Step, ...]
    back: str = ""


def first_steps(replicas: int) -> tuple[Step, ...]:
    """A first release has nobody to be compared with: smoke, then the file, then traffic."""
    return (
        Step(kind=StepKind.START, traffic=0, replicas=replicas),
        Step(kind=StepKind.SMOKE, traffic=0, replicas=replicas),
        Step(kind=StepKind.WRITE, traffic=0, replicas=replicas),
        Step(kind=StepKind.DRAW, traffic=100, replicas=replicas),
        Step(kind=StepKind.PROVE, traffic=100, replicas=replicas),
    )


def immediate_steps(replicas: int, *, smoke: bool) -> tuple[Step, ...]:
    """Full capacity first, then all traffic at once; what served before needs no smoke request."""
    return (
        Step(kind=StepKind.START, traffic=0, replicas=replicas),
        *([Step(kind=StepKind.SMOKE, traffic=0, replicas=replicas)] if smoke else []),
        Step(kind=StepKind.DRAW, traffic=100, replicas=replicas),
        Step(kind=StepKind.WRITE, traffic=100, replicas=replicas),
        Step(kind=StepKind.PROVE, traffic=100, replicas=replicas),
    )


def canary_steps(shares: Sequence[CanaryStep], replicas: int) -> tuple[Step, ...]:
    """Replicas before traffic, never both in one step; the last share is what the holdback leaves."""
    running = shares[0].canary_replicas
    steps = [
        Step(kind=StepKind.START, traffic=0, replicas=running),
        Step(kind=StepKind.SMOKE, traffic=0, replicas=running),
    ]
    before = 0.0
    for share in shares:
        if share.canary_replicas > running:
            running = share.canary_replicas
            steps.append(Step(kind=StepKind.SCALE, traffic=before, replicas=running))
        before = share.traffic
        steps += [Step(kind=kind, traffic=before, replicas=running) for kind in (StepKind.SHIFT, StepKind.OBSERVE)]
    if running < replicas:
        steps.append(Step(kind=StepKind.SCALE, traffic=before, replicas=replicas))
    closing = (StepKind.DRAW, StepKind.WRITE, StepKind.PROVE)
    return (*steps, *(Step(kind=kind, traffic=100, replicas=replicas) for kind in closing))


def world(base: Endpoint, plan: Plan, step: Step) -> Endpoint:
    """What the endpoint looks like once `step` is done, given how it looked before the promotion."""
    if step.kind in {StepKind.DRAW, StepKind.PROVE}:
        return promoted(base, plan)
    return with_canary(base, plan, traffic=step.traffic, replicas=step.replicas)


def with_canary(base: Endpoint, plan: Plan, *, traffic: float, replicas: int) -> Endpoint:
    """The endpoint with the candidate beside stable."""
    canary = Canary(release=plan.candidate, serving=base.serving, traffic=traffic, replicas=replicas)
    return replace(base, canary=canary)


def promoted(base: Endpoint, plan: Plan) -> Endpoint:
    """The endpoint with the candidate as its release and nothing beside it."""
    return replace(base, release=plan.candidate, promotion=plan.id, canary=None)
