"""The values the judge is folded over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from towpath.core.judge.channels import ERRORS, Channel
from towpath.core.judge.evalue import Counts
from towpath.core.judge.mixture import Wealth

Stratum = Literal["live", "probe"]
STRATA: Final[tuple[Stratum, ...]] = ("live", "probe")
CAP: Final = 4.0
OUTAGE: Final = 0.1

__all__ = [
    "CAP",
    "OUTAGE",
    "STRATA",
    "Breaker",
    "Cause",
    "ChannelState",
    "Counts",
    "JudgePolicy",
    "JudgeState",
    "Poll",
    "Reference",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Breaker:
    """When the candidate is so broken that no statistics are needed.

    Attributes:
        share: of the candidate's requests that fail.
        requests: of the candidate in one poll, fewer don't count.
        polls: so many in a row.
    """

    share: float = 0.5
    requests: int = 20
    polls: int = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgePolicy:
    """How the judge decides.

    Attributes:
        metrics: what alpha is split over, equally; each needs a channel before *promote*.
        channels: what it looks at.
        probes: whether requests of ours are a stratum of their own.
        alpha: chance of rolling back a candidate that is within all margins, over the whole canary.
        beta: chance of promoting one that is beyond a margin of any channel.
        cap: the most that one poll may multiply the evidence by.
        dispersion: variance-to-mean ratio of events that come in clusters; 1 where requests fail one by one.
        poll: seconds between observations.
        min_time: seconds before *promote*.
        max_time: seconds after which the judge is *inconclusive*.
        min_polls: with requests in both arms, before *promote*.
        min_requests: of the candidate, before *promote*.
        warm_up: seconds in which channels that suffer from a cold start don't count.
        breaker: rolls back without statistics.
        outage: share of failing requests from which both arms failing alike is a fault they share.
    """

    metrics: tuple[str, ...] = ("errors",)
    channels: tuple[Channel, ...] = (ERRORS,)
    probes: bool = False
    alpha: float = 0.01
    beta: float = 0.05
    cap: float = CAP
    dispersion: float = 1.0
    poll: float = 10.0
    min_time: float = 600.0
    max_time: float = 3600.0
    min_polls: int = 4
    min_requests: int = 0
    warm_up: float = 300.0
    breaker: Breaker = field(default_factory=Breaker)
    outage: float = OUTAGE

    def __post_init__(self) -> None:
        """Every channel's metric has a part of alpha.

        Raises:
            ValueError: one has none.
        """
        for channel in self.channels:
            if channel.metric not in self.metrics:
                raise ValueError(f"{channel.name} is of {channel.metric}, which has no part of alpha")

    @property
    def strata(self) -> tuple[Stratum, ...]:
        """What is counted apart."""
        return STRATA if self.probes else STRATA[:1]

    @property
    def bets(self) -> tuple[tuple[Stratum, ...], ...]:
        """Sets of strata that are bet on together: each alone and all of them."""
        alone: tuple[tuple[Stratum, ...], ...] = tuple((stratum,) for stratum in self.strata)
        return (*alone, self.strata) if self.probes else alone


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """Stable's traffic before the canary, by channel: (events, requests).

    Attributes:
        seconds: it was watched for; 600 or more make the first polls count fully.
    """

    seconds: float = 0.0
    live: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    probe: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Poll:
    """What happened since the poll before.

    Attributes:
        elapsed: seconds since the candidate got its first traffic.
        live: counts of users' requests by channel; a channel that isn't there wasn't measured.
        probe: counts of our requests by channel.
        load_ratio: the candidate's load per ready replica over stable's; None where unknown.
        router_fault: what makes the counts untrustworthy; empty when nothing does.
        awaited: why nothing can be promoted yet, beside what the counts say.
    """

    elapsed: float
    live: Mapping[str, Counts] = field(default_factory=dict)
    probe: Mapping[str, Counts] = field(default_factory=dict)
    load_ratio: float | None = None
    router_fault: str = ""
    awaited: tuple[str, ...] = ()

    def counts(self, stratum: Stratum, channel: str) -> Counts:
        """The counts of one channel in one stratum; nothing where it wasn't measured."""
        return self._of(stratum).get(channel, _NO_COUNTS)

    def measured(self, stratum: Stratum, channel: str) -> bool:
        """Whether the channel was measured there, be it at zero."""
        return channel in self._of(stratum)

    @property
    def has_both(self) -> bool:
        """Whether any channel was counted in both arms."""
        return any(counts.both for stratum in STRATA for counts in self._of(stratum).values())

    @property
    def canary_requests(self) -> int:
        """How many requests the candidate answered, users' and ours."""
        return sum(self.counts(stratum, ERRORS.name).canary_requests for stratum in STRATA)

    def _of(self, stratum: Stratum) -> Mapping[str, Counts]:
        return self.live if stratum == "live" else self.probe


_NO_COUNTS: Final = Counts()


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """Why the candidate was refused, at the first poll that did it.

    Attributes:
        channel: what went wrong.
        strata: where it was seen.
        breaker: true when no statistics were needed.
    """

    channel: str
    strata: tuple[Stratum, ...]
    breaker: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelState:
    """What is kept of a channel; one entry per stratum, or per bet.

    Attributes:
        baseline: stable's events and requests so far, older ones fading.
        seen: sums since the canary began.
        against: log wealth of the bets against the candidate.
        in_favour: log wealth of the bets for it.
        best: the highest log evidence for it at any time.
        began: between which rates stable's surely was when the channel began.
        silent: polls since this channel was counted last.
    """

    baseline: tuple[tuple[float, float], ...]
    seen: tuple[Counts, ...]
    against: Wealth
    in_favour: tuple[float, ...]
    began: tuple[tuple[float, float], ...]
    best: float = 0.0
    silent: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeState:
    """All the judge remembers; the same polls give the same state.

    Attributes:
        polls: with requests in both arms.
        elapsed: seconds, of the newest poll.
        peaks: per metric, the highest log evidence against the candidate at any time.
        breaker_runs: per stratum, polls in a row beyond the breaker.
        failures: per stratum, both arms' over the polls in a row in which the candidate has failed as in an outage.
        unsettled: per stratum, polls that must still pass before *promote*, since both arms failed together.
        awaited: as the newest poll says.
        refused: set once, at the poll that refuses the candidate.
        router_fault: set once, at the poll whose counts can't be trusted.
    """

    policy: JudgePolicy
    channels: tuple[ChannelState, ...]
    polls: int = 0
    elapsed: float = 0.0
    peaks: tuple[float, ...] = ()
    breaker_runs: tuple[int, ...] = ()
    failures: tuple[Counts, ...] = ()
    unsettled: tuple[int, ...] = ()
    awaited: tuple[str, ...] = ()
    refused: Cause | None = None
    router_fault: str = ""
