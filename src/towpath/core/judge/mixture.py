"""Evidence over time: half of it bet from the start, half spread over the polls at which a regression may begin."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

_NEVER = -math.inf


def log_add(a: float, b: float) -> float:
    """`log(exp(a) + exp(b))` without overflow."""
    high, low = max(a, b), min(a, b)
    return high if low == _NEVER else high + math.log1p(math.exp(low - high))


def log_sum(values: Sequence[float]) -> float:
    """`log(sum(exp(values)))` without overflow."""
    high = max(values)
    if high == _NEVER:
        return _NEVER
    return high + math.log(math.fsum(math.exp(value - high) for value in values))


def log_mean(values: Sequence[float]) -> float:
    """`log(mean(exp(values)))` without overflow."""
    return log_sum(values) - math.log(len(values))


@dataclass(frozen=True, kw_only=True, slots=True)
class Wealth:
    """Log wealth of a grid of bets.

    Attributes:
        stakes: the money each bet begins with; only how they compare with each other matters.
        plain: of bets that began with the canary.
        restarted: of bets that began later, each poll getting an equal share of the money.
        polls: how many were bet on.
    """

    stakes: tuple[float, ...]
    plain: tuple[float, ...]
    restarted: tuple[float, ...]
    polls: int = 0


def new_wealth(stakes: Sequence[float]) -> Wealth:
    """Nothing bet yet."""
    plain = tuple(math.log(stake) for stake in stakes)
    return Wealth(stakes=tuple(stakes), plain=plain, restarted=(_NEVER,) * len(plain))


def bet(wealth: Wealth, gains: Sequence[float], planned: int) -> Wealth:
    """Add the log gains of one poll; `planned` polls share the money for late starts."""
    late = zip(wealth.stakes, wealth.restarted, gains, strict=True)
    if wealth.polls < planned:
        restarted = tuple(log_add(old, math.log(stake / planned)) + gain for stake, old, gain in late)
    else:
        restarted = tuple(old + gain for _, old, gain in late)
    plain = tuple(old + gain for old, gain in zip(wealth.plain, gains, strict=True))
    return replace(wealth, plain=plain, restarted=restarted, polls=wealth.polls + 1)


def log_evidence(wealths: Iterable[Wealth], planned: int) -> float:
    """Log of the mixture over all bets of all channels; at most 1 in expectation under the null, at all times."""
    every = list(wealths)
    staked = math.log(math.fsum(stake for wealth in every for stake in wealth.stakes))
    plain = log_sum([value for wealth in every for value in wealth.plain]) - staked
    restarted = log_sum([value for wealth in every for value in wealth.restarted]) - staked
    unspent = 1 - every[0].polls / planned
    if unspent > _ROUNDING:
        restarted = log_add(restarted, math.log(unspent))
    return log_add(plain, restarted) - math.log(2)


_ROUNDING = 1e-12
