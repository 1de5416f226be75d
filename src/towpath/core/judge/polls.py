"""From increments of raw counters to what the judge reads."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from towpath.core.counters import ArmCounters
from towpath.core.judge.bets import oriented
from towpath.core.judge.channels import ERRORS, Channel, Failed, Own, SlowerThan, Tallied
from towpath.core.judge.evalue import Counts
from towpath.core.judge.model import Poll, Reference, Stratum
from towpath.core.observation import ArmPair, Increments, Observation
from towpath.core.own_counts import total as own_total
from towpath.core.tallies import ArmTallies, Tallies, Tally, total

_Seen = tuple[int, int]  # events, requests
_OwnTallies = Mapping[str, Tally]


def poll_of(
    grown: Increments,
    elapsed: float,
    channels: Iterable[Channel],
    awaited: tuple[str, ...] = (),
    load_ratio: float | None = None,
) -> Poll:
    """The poll that ends `elapsed` seconds after the candidate got its first traffic.

    A channel that one arm doesn't count, or counts at other edges than the other, isn't there.
    """
    every = tuple(channels)
    return Poll(
        elapsed=elapsed,
        live={**_counts(every, grown.live, grown.tallies.live), **_own(every, grown.own.stable, grown.own.canary)},
        probe=_counts(every, grown.probe, grown.tallies.probe),
        load_ratio=load_ratio,
        router_fault=_router_fault(grown),
        awaited=awaited,
    )


def reference_of(seen: Observation, since: float, channels: Iterable[Channel]) -> Reference | None:
    """What stable's counters say of the time from `since` until they were read; None where that isn't known."""
    if not seen.samples or not since or seen.at <= since:
        return None
    every = tuple(channels)
    live = [sample.stable for sample in seen.samples if sample.stable is not None]
    probe = [sample.probe_stable for sample in seen.samples if sample.probe_stable is not None]
    return Reference(
        seconds=seen.at - since,
        live=_past(every, live, total(seen.models, "stable")) | _own_past(every, own_total(seen.own, "stable")),
        probe=_past(every, probe, total(seen.models, "stable", probe=True)),
    )


def bad_events(poll: Poll, stratum: Stratum, channel: Channel) -> Counts:
    """What a channel says of one stratum: bad events, whichever it counts, and how many rows its requests had.

    The kit counts rows and the router requests. An e-value of rows, to the power of one over the rows of a request, is
    one of requests where the rows of each are all alike; by Jensen it stays one where they aren't.
    """
    counts = oriented(channel, poll.counts(stratum, channel.name))
    if not isinstance(channel.event, Tallied) or not poll.measured(stratum, ERRORS.name):
        return counts
    asked = poll.counts(stratum, ERRORS.name)
    requests = asked.canary_requests + asked.stable_requests
    return replace(counts, rows=max(1.0, (counts.canary_requests + counts.stable_requests) / max(1, requests)))


def _past(channels: Iterable[Channel], arms: Iterable[ArmCounters], tallies: Tallies) -> dict[str, _Seen]:
    counted = list(arms)
    sums: dict[str, _Seen] = {}
    for channel in channels:
        if isinstance(channel.event, Own):
            continue
        if isinstance(channel.event, Tallied):
            found = [_tallied(channel.event, tallies)]
        else:
            found = [_seen(channel, arm) for arm in counted]
        known = [one for one in found if one is not None]
        sums[channel.name] = sum(events for events, _ in known), sum(requests for _, requests in known)
    return sums


def _counts(channels: Iterable[Channel], pair: ArmPair, tallies: ArmTallies) -> Mapping[str, Counts]:
    found: dict[str, Counts] = {}
    for channel in channels:
        if isinstance(channel.event, Tallied):
            stable, canary = _tallied(channel.event, tallies.stable), _tallied(channel.event, tallies.canary)
        else:
            stable, canary = _seen(channel, pair.stable), _seen(channel, pair.canary)
        if stable is not None and canary is not None:
            found[channel.name] = Counts(
                canary_events=canary[0], canary_requests=canary[1], stable_events=stable[0], stable_requests=stable[1]
            )
    return found


def _seen(channel: Channel, arm: ArmCounters) -> _Seen | None:
    match channel.event:
        case Failed():
            return arm.errors, arm.requests
        case SlowerThan(edge=edge):
            return _slower(arm, edge)
        case Tallied() | Own():
            return None


def _slower(arm: ArmCounters, edge: float) -> _Seen | None:
    """Answers above the edge; what the router gave up on is in no bucket and surely slow.

    None where the arm answered and nobody can say how fast: no bucket counts it, or none ends at this edge.
    """
    if not arm.buckets:
        return None if arm.requests > arm.errors else (arm.timeouts, arm.timeouts)
    upto = dict(arm.buckets).get(edge)
    if upto is None:
        return None
    answered = arm.buckets[-1][1]
    return answered - upto + arm.timeouts, answered + arm.timeouts


def _tallied(event: Tallied, tallies: Tallies) -> _Seen | None:
    tally: Tally | None = tallies.get(event.kind)
    if tally is None:
        return None
    return (tally.cases - tally.events if event.complement else tally.events), tally.cases


def _own(channels: Iterable[Channel], stable: _OwnTallies, canary: _OwnTallies) -> dict[str, Counts]:
    return {
        channel.name: Counts(
            canary_events=canary[metric].events,
            canary_requests=canary[metric].cases,
            stable_events=stable[metric].events,
            stable_requests=stable[metric].cases,
        )
        for channel in channels
        if isinstance(channel.event, Own) and (metric := channel.event.metric) in stable and metric in canary
    }


def _own_past(channels: Iterable[Channel], stable: _OwnTallies) -> dict[str, _Seen]:
    return {
        channel.name: (tally.events, tally.cases)
        for channel in channels
        if isinstance(channel.event, Own) and (tally := stable.get(channel.event.metric)) is not None
    }


def _router_fault(grown: Increments) -> str:
    if grown.updates_refused:
        return "the router refused an update of its routes or clusters"
    if grown.no_cluster:
        return f"{grown.no_cluster} requests were routed to a cluster that the router doesn't know; no arm counts them"
    return ""
