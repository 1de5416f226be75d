"""`deploy judge simulate`: how a policy would decide at a given traffic."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from towpath.app.facts import standing
from towpath.app.ports import Report
from towpath.app.services import Services
from towpath.app.traffic import traffic_of
from towpath.core.canary import CanaryStep, steps
from towpath.core.canary_policy import CanaryPolicy
from towpath.core.difference import Share
from towpath.core.errors import UsageError
from towpath.core.simulation import Candidate, Run, candidates, run
from towpath.core.traffic import Traffic


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulateRequest:
    """What the user asked for.

    Attributes:
        environment: whose policy and traffic.
        model: which model; empty where deploy.toml has one.
        requests_per_second: absent: what the counters say.
        runs: canaries per kind of candidate.
        seed: of the first; each further one has the next.
    """

    environment: str
    model: str = ""
    requests_per_second: float | None = None
    runs: int = 20
    seed: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulated:
    """How canaries of one kind of candidate ended.

    Attributes:
        candidate: the kind.
        runs: how many.
        rolled_back: of them.
        promoted: of them: let beyond 50 %.
        seconds: median time to the roll back or, where none was, to the promotion; absent where neither came.
    """

    candidate: Candidate
    runs: int
    rolled_back: int
    promoted: int
    seconds: float | None

    @property
    def rolled_back_between(self) -> tuple[float, float]:
        """Shares of such candidates that would be rolled back in the long run, with an interval of 95 %."""
        return Share(events=self.rolled_back, cases=self.runs).interval()


def simulate(services: Services, request: SimulateRequest) -> tuple[Traffic, tuple[Simulated, ...]]:
    """Run canaries in numbers only, probes among them; what can't be compared at this traffic isn't simulated.

    Requests fail and slow down one by one, and what users ask stays what it was.

    Raises:
        UsageError: the environment has no canary.
    """
    here = standing(services, request.environment, request.model)
    policy = here.environment.canary
    if policy is None:
        raise UsageError(f"{request.environment} has no canary in deploy.toml", "simulate one that has")
    traffic = traffic_of(services, here, policy, request.requests_per_second)
    plan = steps(policy, here.endpoint.replicas)
    kinds = [candidate for candidate in candidates(policy) if _fits(candidate, traffic)]
    return traffic, tuple(_many(services.report, policy, plan, traffic, candidate, request) for candidate in kinds)


def _fits(candidate: Candidate, traffic: Traffic) -> bool:
    compared = {channel.metric for channel in traffic.channels}
    needs = {"latency": candidate.slower != 1, "predictions": candidate.moved > 0}
    return all(metric in compared for metric, needed in {**needs, candidate.own: candidate.own != ""}.items() if needed)


def _many(
    report: Report,
    policy: CanaryPolicy,
    plan: Sequence[CanaryStep],
    traffic: Traffic,
    candidate: Candidate,
    request: SimulateRequest,
) -> Simulated:
    with report.progress(f"{request.runs} canaries of a candidate {candidate.name}"):
        runs = [run(policy, plan, traffic, candidate, seed) for seed in _seeds(request)]
    refused = [one for one in runs if one.said.kind == "roll back"]
    promoted = [one for one in runs if one.said.kind == "promote"]
    return Simulated(
        candidate=candidate,
        runs=len(runs),
        rolled_back=len(refused),
        promoted=len(promoted),
        seconds=_median(refused or promoted),
    )


def _seeds(request: SimulateRequest) -> Iterator[int]:
    return iter(range(request.seed, request.seed + request.runs))


def _median(runs: Sequence[Run]) -> float | None:
    return median(one.seconds for one in runs) if runs else None
