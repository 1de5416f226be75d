"""The newest looks at users' requests, and what they sum up to."""

from collections.abc import Callable
from dataclasses import dataclass, field

from towpath.core.inputs import ArmsAsked, Asked, less, together


@dataclass(frozen=True, kw_only=True, slots=True)
class Growth:
    """Rows of users' requests between two looks, and how many requests they came in."""

    asked: ArmsAsked = field(default_factory=ArmsAsked)
    stable_requests: int = 0
    canary_requests: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The newest looks, and their sum."""

    looks: tuple[Growth, ...] = ()
    total: Growth = field(default_factory=Growth)


def slid(window: Window, new: Growth, looks: int, enough: Callable[[Growth], bool]) -> Window:
    """The window with one more look, and without the oldest that it doesn't need."""
    kept, total = (*window.looks, new), _sum(window.total, new)
    while len(kept) > looks and enough(rest := _difference(total, kept[0])):
        kept, total = kept[1:], rest
    return Window(looks=kept, total=total)


def _sum(one: Growth, other: Growth) -> Growth:
    return Growth(
        asked=ArmsAsked(
            stable=together((one.asked.stable, other.asked.stable)),
            canary=together((one.asked.canary, other.asked.canary)),
        ),
        stable_requests=one.stable_requests + other.stable_requests,
        canary_requests=one.canary_requests + other.canary_requests,
    )


def _difference(whole: Growth, part: Growth) -> Growth:
    return Growth(
        asked=ArmsAsked(
            stable={**whole.asked.stable, **less(whole.asked.stable, part.asked.stable)},
            canary={**whole.asked.canary, **less(whole.asked.canary, part.asked.canary)},
        ),
        stable_requests=whole.stable_requests - part.stable_requests,
        canary_requests=whole.canary_requests - part.canary_requests,
    )


def most_rows(asked: Asked) -> int:
    """Of the feature that has most: not every request has every tensor."""
    return max((sum(counts) for counts in asked.values()), default=0)


def requests_per_row(growth: Growth) -> float:
    """At most 1."""
    rows = most_rows(growth.asked.stable) + most_rows(growth.asked.canary)
    requests = growth.stable_requests + growth.canary_requests
    return min(1.0, requests / rows) if rows else 1.0


def all_alike(asked: ArmsAsked) -> Asked:
    """Stable's rows, with the candidate's of features that are cut alike: a sample of all traffic."""
    return together((asked.stable, {one: counts for one, counts in asked.canary.items() if one in asked.stable}))
