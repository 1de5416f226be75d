"""How a candidate is given traffic, as its owner configured it."""

from dataclasses import dataclass, field, replace
from typing import Final, Literal

from towpath.core.drift import DriftPolicy
from towpath.core.errors import all_at_once
from towpath.core.judge.channels import ERRORS, Channel
from towpath.core.judge.curves import STAKES, Slower, Stakes
from towpath.core.judge.evalue import HalfPlane
from towpath.core.judge.model import CAP, OUTAGE, Breaker, JudgePolicy
from towpath.core.margins import NARROW, WIDE, Margin
from towpath.core.own_metrics import OwnMetric, own_channel, own_problems, probe_problems

__all__ = [
    "METRICS",
    "UNJUDGED",
    "CanaryPolicy",
    "Margin",
    "Margins",
    "Metric",
    "check",
    "judge_policy",
    "policy_problems",
]

UNJUDGED: Final = 50  # up to here, in percent, a step is taken without *promote*
_ALL: Final = 100

Metric = Literal["errors", "latency", "predictions"]
METRICS: Final[tuple[Metric, ...]] = ("errors", "latency", "predictions")


_A_TWENTIETH: Final = Slower(ratio=1.05, plus=1.0)
_A_FIFTH: Final = Slower(ratio=1.2, plus=2.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Margins:
    """Up to the first of each pair nothing counts against a candidate; *promote* excludes the second and beyond.

    Attributes:
        errors: share of failing requests.
        errors_promote: the same.
        latency: how much slower. A millisecond is what a router that counts whole ones can't tell.
        latency_promote: the same.
        predictions: share of all predictions that moved across a cut or into a class.
        predictions_promote: the same.
    """

    errors: Margin = NARROW
    errors_promote: Margin = WIDE
    latency: Slower = _A_TWENTIETH
    latency_promote: Slower = _A_FIFTH
    predictions: float = 0.02
    predictions_promote: float = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class CanaryPolicy:
    """How a candidate is given traffic. Times in seconds, traffic in percent.

    Attributes:
        strategy: canary: growing shares; blue-green: one share, of everything but the holdback.
        traffic: of the candidate, step by step, ascending; a step with `100 - holdback` always comes last.
        holdback: what stable keeps in the last step, so that there is something to compare with.
        poll: between observations.
        min_time: before *promote*; the steps up to 50 % share it.
        max_time: after which the canary is inconclusive.
        soak: that the last step lasts at least; 0: as long as any other.
        min_polls: with data in each step.
        min_requests: answered by the candidate in each step.
        alpha: chance of rolling back a candidate within all margins, over the whole canary.
        beta: chance of promoting one beyond a margin.
        metrics: what is judged of Towpath's own; alpha is split equally over these and the user's.
        own: metrics of the user's own, each of which is judged.
        margins: what counts as worse.
        probes: requests per second of ours to each arm; 0 for none.
        max_gap: without an observation, after which the candidate loses its traffic.
        on_inconclusive: ask a person, or roll back.
        warm_up: in which channels that suffer from a cold start don't count.
        dispersion: how many requests fail or succeed together, as those of a client that batches or of a session that
            sticks to an arm; all evidence counts for so much less.
        breaker: rolls back without statistics.
        cap: the most that one look may multiply the evidence by. Like `outage` and `stakes` it is no key of
            deploy.toml; it is here so that a canary is judged, resumed and replayed with what it began with, whatever a
            later Towpath has.
        outage: share of failing requests from which both arms failing alike is a fault they share.
        stakes: what is staked on slower answers.
        drift: what a change of users' requests means.
    """

    strategy: Literal["canary", "blue-green"] = "canary"
    traffic: tuple[int, ...] = (5, 25, 50)
    holdback: int = 5
    poll: float = 10.0
    min_time: float = 600.0
    max_time: float = 3600.0
    soak: float = 0.0
    min_polls: int = 4
    min_requests: int = 20
    alpha: float = 0.01
    beta: float = 0.05
    metrics: tuple[Metric, ...] = METRICS
    own: tuple[OwnMetric, ...] = ()
    margins: Margins = field(default_factory=Margins)
    probes: float = 0.0
    max_gap: float = 300.0
    on_inconclusive: Literal["ask", "roll back"] = "ask"
    warm_up: float = 300.0
    dispersion: float = 1.0
    breaker: Breaker = field(default_factory=Breaker)
    cap: float = CAP
    outage: float = OUTAGE
    stakes: Stakes = STAKES
    drift: DriftPolicy = field(default_factory=DriftPolicy)

    @property
    def judged(self) -> tuple[str, ...]:
        """Every metric that is judged, by name."""
        return (*self.metrics, *(metric.name for metric in self.own))

    @property
    def shares(self) -> tuple[int, ...]:
        """Traffic of every step; one at 50 %, where replicas of both arms have the same load, is always there."""
        last = _ALL - self.holdback
        if self.strategy == "blue-green":
            return (last,)
        return tuple(sorted({share for share in self.traffic if share < last} | {UNJUDGED, last}))

    @property
    def dwell(self) -> float:
        """How long each step lasts at least."""
        return max(self.min_time / max(1, sum(share <= UNJUDGED for share in self.shares)), self.min_polls * self.poll)


def policy_problems(policy: CanaryPolicy) -> list[str]:
    """Everything that makes a policy meaningless; empty when it can be run."""
    rising = list(policy.traffic) == sorted(set(policy.traffic))
    checks = (
        (policy.traffic and rising, "traffic: name at least one step, each higher than the one before"),
        (
            all(0 < step < _ALL - policy.holdback for step in policy.traffic),
            "traffic: each step is from 1 to less than 100 - holdback, which comes last by itself",
        ),
        (0 < policy.holdback < UNJUDGED, "holdback: from 1 to 49; without it the last step has nothing to compare"),
        (policy.poll > 0, "poll: more than 0 s"),
        (policy.min_polls > 0, "min_polls: at least 1"),
        (policy.min_requests > 0, "min_requests: at least 1, because no data is never a pass"),
        (0 < policy.min_time <= policy.max_time, "min_time: more than 0 s and at most max_time"),
        (
            policy.soak <= max(0.0, policy.max_time - policy.min_time),
            "soak: at most max_time - min_time, while evidence is gathered",
        ),
        (policy.max_gap > policy.poll, "max_gap: longer than poll"),
        (policy.warm_up < policy.max_time, "warm_up: shorter than max_time"),
        (policy.dispersion >= 1, "dispersion: at least 1, which is requests that fail one by one"),
        (policy.probes >= 0, "probes: 0 or more per second"),
        (0 < policy.alpha < 1 and 0 < policy.beta < 1, "alpha, beta: between 0 and 1"),
        (policy.drift.psi > 0, "drift: psi more than 0"),
        (_margins_fit(policy.margins), "margins: ratio at least 1, points at least 0, promote's wider than rollback's"),
        (
            "errors" in policy.metrics and len(set(policy.metrics)) == len(policy.metrics),
            "metrics: errors and any of latency, predictions, each once",
        ),
    )
    found = [problem for fits, problem in checks if not fits] + own_problems(policy.own)
    return found + (probe_problems(policy.own) if policy.probes else [])


def _margins_fit(margins: Margins) -> bool:
    pairs = (
        ((margins.errors.ratio, margins.errors.points), (margins.errors_promote.ratio, margins.errors_promote.points)),
        ((margins.latency.ratio, margins.latency.plus), (margins.latency_promote.ratio, margins.latency_promote.plus)),
        ((1.0, margins.predictions), (1.0, margins.predictions_promote)),
    )
    return all(1 <= narrow[0] <= wide[0] and 0 <= narrow[1] <= wide[1] and narrow != wide for narrow, wide in pairs)


def check(policy: CanaryPolicy) -> CanaryPolicy:
    """Give the policy back.

    Raises:
        UsageError: with every problem of it.
    """
    problems = policy_problems(policy)
    if problems:
        raise all_at_once("canary", problems, "see canary in docs/configuration.md")
    return policy


def after_tries(policy: CanaryPolicy, tries: int) -> CanaryPolicy:
    """The policy of one more canary of a release that had so many beside the same stable.

    Each is a new chance to be wrong, so each gets half of the chances of the one before: however often a release is
    tried, all of them together are wrong at most twice as often as one.
    """
    return replace(policy, alpha=policy.alpha / 2**tries, beta=policy.beta / 2**tries)


def judge_policy(policy: CanaryPolicy) -> JudgePolicy:
    """What the judge needs to know of it."""
    return JudgePolicy(
        metrics=policy.judged,
        channels=(_errors(policy.margins), *(own_channel(metric) for metric in policy.own)),
        probes=policy.probes > 0,
        alpha=policy.alpha,
        beta=policy.beta,
        cap=policy.cap,
        poll=policy.poll,
        min_time=policy.min_time,
        max_time=policy.max_time,
        min_polls=policy.min_polls,
        min_requests=policy.min_requests,
        warm_up=policy.warm_up,
        dispersion=policy.dispersion,
        breaker=policy.breaker,
        outage=policy.outage,
    )


def _errors(margins: Margins) -> Channel:
    return replace(
        ERRORS,
        rollback=HalfPlane(r0=margins.errors.ratio, d=margins.errors.points),
        promote=HalfPlane(r0=margins.errors_promote.ratio, d=margins.errors_promote.points),
    )
