"""What stands in one environment, as its journal tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from towpath.core.journal import JSON
from towpath.core.promotion import BEYOND_RETURN, Outcome, Plan, StepKind
from towpath.core.release import ImageRef


class Kind(StrEnum):
    """What an entry says happened."""

    OPENED = "promotion-opened"  # plan, policy, gates
    STEP_STARTED = "step-started"  # step
    STEP_DONE = "step-done"  # step, drawn, seconds
    APPLYING = "applying"  # drawn, over: written before an effect changes what is drawn, which was `over`
    RESET = "reset"  # drawn, reason: the candidate was set to traffic 0; the ramp begins again
    VERDICT = "verdict"  # the judge's, in words and figures
    ROLLING_BACK = "rolling-back"  # reason, bad, outcome
    CLOSED = "promotion-closed"  # outcome, reason
    MARKED_BAD = "release-marked-bad"  # digest, reason
    ALLOWED = "bad-mark-overridden"  # digest, reason
    PAUSED = "paused"  # reason
    UNPAUSED = "unpaused"
    ABORT = "abort-requested"  # reason
    PUBLISHED = "published"  # commit


@dataclass(frozen=True, kw_only=True, slots=True)
class Open:
    """The promotion that an environment is in the middle of.

    Attributes:
        plan: as it was opened.
        policy: the canary's policy as it was pinned, JSON.
        actor: who opened it.
        since: when, seconds since the epoch.
        next_step: index of the first step that isn't done.
        started: index of the step that was begun last; -1 before the first.
        drawn: hashes the program may rightly export now: what stood last, or what is being applied over it.
        traffic: the candidate's percent, as last applied.
        replicas: the candidate's replicas, as last applied.
        rolling_back: why the candidate is being taken away; empty while it isn't.
        outcome: how a roll back will be closed.
        bad: whether the roll back marks the candidate.
        paused: why no step is taken; empty while steps are.
        abort: why it is to be aborted; empty while it isn't.
    """

    plan: Plan
    policy: Mapping[str, JSON]
    actor: str
    since: float
    next_step: int = 0
    started: int = -1
    drawn: tuple[str, ...] = ()
    traffic: float = 0.0
    replicas: int = 0
    rolling_back: str = ""
    outcome: Outcome = Outcome.ROLLED_BACK
    bad: bool = True
    paused: str = ""
    abort: str = ""

    @property
    def can_turn_back(self) -> bool:
        """Whether no step has begun yet after which the candidate stays."""
        begun = self.plan.steps[: max(self.next_step, self.started + 1)]
        return not any(step.kind in BEYOND_RETURN for step in begun)

    @property
    def awaits_person(self) -> bool:
        """Whether somebody's word keeps the next step from beginning; looking at the candidate goes on."""
        looks = self.plan.steps[self.next_step].kind is StepKind.OBSERVE
        return self.can_turn_back and (bool(self.abort) or (bool(self.paused) and not looks))

    def stands(self, drawn: str) -> bool:
        """Whether this is drawn and nothing is being applied: no step is just changing it."""
        return self.drawn == (drawn,)


@dataclass(frozen=True, kw_only=True, slots=True)
class Closed:
    """A promotion that ended.

    Attributes:
        plan: as it was opened.
        actor: who opened it.
        since: when it was opened, seconds since the epoch.
        until: when it ended.
        outcome: how.
        reason: why, in words; of a roll back by hand why somebody went back; else empty for a good end.
        published: the commit that brought the stack file to the tracked branch; empty: not yet.
    """

    plan: Plan
    actor: str
    since: float
    until: float
    outcome: Outcome
    reason: str
    published: str = ""

    @property
    def went_back(self) -> bool:
        """Whether it was a roll back by hand, and went well."""
        return self.outcome is Outcome.PROMOTED and bool(self.plan.back)


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """What an environment's journal amounts to.

    Attributes:
        open: the promotion under way.
        closed: the ended ones, oldest first.
        bad: (digest, reason) of releases that may not be promoted again.
        last_id: highest promotion number that was ever opened.
    """

    open: Open | None = None
    closed: tuple[Closed, ...] = ()
    bad: tuple[tuple[str, str], ...] = ()
    last_id: int = 0

    def bad_reason(self, image: ImageRef) -> str:
        """Why this digest may not be promoted; empty when it may."""
        return dict(self.bad).get(image.digest, "")

    def promoted(self, endpoint: str) -> tuple[Closed, ...]:
        """Promotions of that endpoint that succeeded, oldest first."""
        return tuple(c for c in self.closed if c.outcome is Outcome.PROMOTED and c.plan.endpoint == endpoint)

    def served(self, endpoint: str, image: ImageRef) -> bool:
        """Whether the endpoint ever served that release, as far as promotions saw."""
        mine = (c for c in self.closed if c.plan.endpoint == endpoint)
        return any(image in (c.plan.stable, c.outcome is Outcome.PROMOTED and c.plan.candidate) for c in mine)

    def served_since(self, plan: Plan) -> float:
        """When what the promotion replaces was promoted, in seconds since the epoch; 0: not known."""
        return next((c.until for c in reversed(self.promoted(plan.endpoint)) if c.plan.id < plan.id), 0.0)

    def tried(self, endpoint: str, candidate: ImageRef, stable: ImageRef | None) -> tuple[Closed, ...]:
        """Promotions of that endpoint that ended and held this candidate beside this stable, oldest first."""
        asked = (endpoint, candidate, stable)
        return tuple(c for c in self.closed if (c.plan.endpoint, c.plan.candidate, c.plan.stable) == asked)

    def last_good(self, endpoint: str, serving: ImageRef | None) -> ImageRef | None:
        """The newest promoted release that isn't served now and isn't marked bad: where a rollback goes."""
        newest_first = (c.plan.candidate for c in reversed(self.promoted(endpoint)))
        return next((one for one in newest_first if one != serving and not self.bad_reason(one)), None)


def ramp_index(plan: Plan) -> int:
    """Index of the first step that gives the candidate traffic: where a ramp begins again."""
    return next(i for i, step in enumerate(plan.steps) if step.kind in {StepKind.SHIFT, StepKind.DRAW})
