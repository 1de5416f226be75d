"""How much load a replica of the candidate has beside one of stable."""

import math
from dataclasses import dataclass

from towpath.core.observation import Increments


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """Requests of both arms, users' and ours, over looks between which neither traffic nor replicas changed.

    Attributes:
        stable: its requests.
        canary: the candidate's.
        stable_ready: ready replicas of the stable release.
        canary_ready: ready replicas of the candidate.
    """

    stable: int = 0
    canary: int = 0
    stable_ready: int = 0
    canary_ready: int = 0

    @property
    def ratio(self) -> float | None:
        """The candidate's load per ready replica over the stable release's; None where either is unknown.

        Of the ratios that so few requests allow (two standard errors either way) the one nearest to 1: that a few more
        of one arm's requests were caught says nothing of its load.
        """
        if not (self.stable and self.canary and self.stable_ready and self.canary_ready):
            return None
        counted = (self.canary / self.canary_ready) / (self.stable / self.stable_ready)
        by_chance = math.exp(2 * math.sqrt(1 / self.canary + 1 / self.stable))
        return min(1.0, counted * by_chance) if counted < 1 else max(1.0, counted / by_chance)


def loaded(load: Load, grown: Increments) -> Load:
    """With what happened between two more looks; from there on anew where the replicas aren't as many as before."""
    same = (load.stable_ready, load.canary_ready) == (grown.stable_ready, grown.canary_ready)
    before = load if same else Load()
    return Load(
        stable=before.stable + grown.live.stable.requests + grown.probe.stable.requests,
        canary=before.canary + grown.live.canary.requests + grown.probe.canary.requests,
        stable_ready=grown.stable_ready,
        canary_ready=grown.canary_ready,
    )
