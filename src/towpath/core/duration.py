"""How long the steps of a promotion take, where its candidate is just like stable."""

from collections.abc import Mapping, Sequence
from typing import Final

from towpath.core.canary import CanaryStep
from towpath.core.canary_outlook import Outlook
from towpath.core.promotion import Step, StepKind

ENGINE_SECONDS: Final[Mapping[StepKind, float]] = {
    # of one step on a machine that has nothing else to do; docs/benchmarks.md has the last figures
    StepKind.START: 6.0,
    StepKind.SCALE: 6.0,
    StepKind.SHIFT: 3.0,
    StepKind.DRAW: 5.0,
    StepKind.PROVE: 2.0,
}


def durations(steps: Sequence[Step], shares: Sequence[CanaryStep], expected: Outlook | None) -> tuple[float, ...]:
    """Seconds of each step, engine runs included; `expected` is when the judge lets the canary on, if one is judged."""
    looks = _looks(shares, expected)
    return tuple(
        looks[step.traffic] if step.kind is StepKind.OBSERVE else ENGINE_SECONDS.get(step.kind, 0.0) for step in steps
    )


def _looks(shares: Sequence[CanaryStep], expected: Outlook | None) -> dict[float, float]:
    """By traffic: every share lasts its dwell, and the last one that needs no *promote* until the judge has said it."""
    looks: dict[float, float] = {share.traffic: share.dwell for share in shares}
    if expected is not None and shares:
        free = [share for share in shares if not share.needs_promote] or list(shares[:1])
        waited = expected.seconds - sum(share.dwell for share in free)
        looks[free[-1].traffic] += max(0.0, waited)
    return looks
