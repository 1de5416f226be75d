"""From increments of raw counters to what the judge reads."""

from collections.abc import Sequence

from towpath.core.judge.channels import ERRORS
from towpath.core.judge.evalue import Counts
from towpath.core.judge.model import Poll, Reference
from towpath.core.observation import ArmPair, Increments


def poll_of(grown: Increments, elapsed: float) -> Poll:
    """The poll that ends `elapsed` seconds after the candidate got its first traffic."""
    return Poll(
        elapsed=elapsed,
        live={ERRORS.name: _errors(grown.live)},
        probe={ERRORS.name: _errors(grown.probe)},
        load_ratio=grown.load_ratio,
        router_fault=_router_fault(grown),
    )


def reference_of(grown: Sequence[Increments]) -> Reference:
    """Stable's traffic before the canary, as far as it was seen."""
    live = [one.live.stable for one in grown]
    probe = [one.probe.stable for one in grown]
    return Reference(
        seconds=sum(one.seconds for one in grown if one.replicas),
        live={ERRORS.name: (sum(arm.errors for arm in live), sum(arm.requests for arm in live))},
        probe={ERRORS.name: (sum(arm.errors for arm in probe), sum(arm.requests for arm in probe))},
    )


def _errors(pair: ArmPair) -> Counts:
    return Counts(
        canary_events=pair.canary.errors,
        canary_requests=pair.canary.requests,
        stable_events=pair.stable.errors,
        stable_requests=pair.stable.requests,
    )


def _router_fault(grown: Increments) -> str:
    if grown.updates_refused:
        return "the router refused an update of its routes or clusters"
    if grown.no_cluster:
        return f"{grown.no_cluster} requests were routed to a cluster that the router doesn't know; no arm counts them"
    return ""
