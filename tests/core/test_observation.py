import math
from dataclasses import replace

import pytest

from towpath.core.counters import ArmCounters
from towpath.core.judge import ERRORS, poll_of, reference_of
from towpath.core.judge.channels import SlowerThan
from towpath.core.observation import Observation, ReplicaSample, increments
from towpath.core.tallies import Arm

BUCKETS = ((10.0, 60), (100.0, 95), (math.inf, 97))
ARMS: tuple[Arm, ...] = ("stable", "canary")
BEFORE = ReplicaSample(
    replica="r1",
    timestamp=100.0,
    stable=ArmCounters(requests=1000, errors=10, timeouts=3, buckets=BUCKETS),
    canary=ArmCounters(requests=100, errors=1, buckets=((10.0, 50), (100.0, 90), (math.inf, 97))),
    probe_stable=ArmCounters(requests=20),
    probe_canary=ArmCounters(requests=20),
)
AFTER = replace(
    BEFORE,
    timestamp=110.0,
    stable=ArmCounters(requests=1500, errors=15, timeouts=4, buckets=((10.0, 80), (100.0, 130), (math.inf, 140))),
    canary=ArmCounters(requests=130, errors=3, buckets=((10.0, 55), (100.0, 115), (math.inf, 124))),
    probe_canary=ArmCounters(requests=50, errors=2),
)


SLOW = replace(ERRORS, name="slow", event=SlowerThan(edge=100.0))


def seen(*samples: ReplicaSample, at: float = 0.0) -> Observation:
    return Observation(at=at, samples=samples, stable_ready=2, canary_ready=1)


def test_counters_are_differenced_per_router_replica_and_arm() -> None:
    grown = increments(seen(BEFORE, at=100), seen(AFTER, at=110))
    assert grown.lost == ()
    assert grown.seconds == 10
    assert grown.live.stable == ArmCounters(
        requests=500, errors=5, timeouts=1, buckets=((10.0, 20), (100.0, 35), (math.inf, 43))
    )
    assert grown.live.canary == ArmCounters(requests=30, errors=2, buckets=((10.0, 5), (100.0, 25), (math.inf, 27)))


def test_live_and_probe_are_never_summed() -> None:
    poll = poll_of(increments(seen(BEFORE), seen(AFTER)), 10.0, (ERRORS,))
    assert (poll.live["errors"].canary_events, poll.live["errors"].canary_requests) == (2, 30)
    assert (poll.probe["errors"].canary_events, poll.probe["errors"].canary_requests) == (2, 30)
    assert poll.probe["errors"].stable_requests == 0


def test_router_replicas_are_summed_within_a_stratum() -> None:
    other = [replace(sample, replica="r2") for sample in (BEFORE, AFTER)]
    grown = increments(seen(BEFORE, other[0]), seen(AFTER, other[1]))
    assert grown.live.stable.requests == 1000
    assert grown.live.stable.buckets == ((10.0, 40), (100.0, 70), (math.inf, 86))


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ((BEFORE,), (replace(AFTER, timestamp=100.0),), "repeated timestamp"),
        ((BEFORE,), (replace(AFTER, timestamp=90.0),), "its time went back"),
        ((), (AFTER,), "appeared"),
        ((BEFORE,), (), "vanished"),
        ((BEFORE,), (replace(AFTER, canary=ArmCounters(requests=99)),), "the counters of canary started again"),
        (
            (BEFORE,),
            (replace(AFTER, stable=ArmCounters(requests=1500, errors=9, timeouts=4)),),
            "the counters of stable started again",
        ),
        ((replace(BEFORE, no_cluster=3),), (AFTER,), "its counters started again"),
    ],
)
def test_a_router_replica_that_cannot_be_differenced_loses_the_whole_poll(
    before: tuple[ReplicaSample, ...], after: tuple[ReplicaSample, ...], why: str
) -> None:
    healthy = [replace(sample, replica="r9") for sample in (BEFORE, AFTER)]
    grown = increments(seen(*before, healthy[0]), seen(*after, healthy[1]))
    assert grown.lost == (f"router replica r1: {why}",)
    assert [one.replica for one in grown.replicas] == ["r9"]
    assert grown.live.stable.requests == 500


def test_an_arm_that_appears_loses_the_poll_of_its_stratum_only() -> None:
    grown = increments(seen(replace(BEFORE, canary=None)), seen(AFTER))
    assert grown.lost == ("router replica r1: canary appeared in live",)
    assert grown.live.stable.requests == 0
    assert grown.probe.canary.requests == 30


def test_what_stable_counted_before_the_canary_is_the_reference() -> None:
    reference = reference_of(seen(AFTER, replace(AFTER, replica="r2"), at=110), 50.0, (ERRORS, SLOW))
    assert reference is not None
    assert reference.seconds == 60
    assert reference.live == {"errors": (30, 3000), "slow": (28, 288)}
    assert reference.probe == {"errors": (0, 40), "slow": (0, 0)}
    assert reference_of(seen(AFTER, at=110), 0.0, (ERRORS,)) is None


def test_a_timeout_is_an_error_and_a_slow_answer() -> None:
    poll = poll_of(increments(seen(BEFORE), seen(AFTER)), 10.0, (SLOW,))
    slow = poll.live["slow"]
    assert (slow.stable_events, slow.stable_requests) == (43 - 35 + 1, 43 + 1)
    assert (slow.canary_events, slow.canary_requests) == (2, 27)


def test_an_arm_that_only_times_out_is_slow_and_one_in_no_bucket_is_not_known() -> None:
    unasked = replace(BEFORE, canary=ArmCounters())
    hanging = replace(AFTER, canary=ArmCounters(requests=40, errors=40, timeouts=40))
    slow = poll_of(increments(seen(unasked), seen(hanging)), 10.0, (SLOW,)).live["slow"]
    assert (slow.canary_events, slow.canary_requests) == (40, 40)
    unknown = replace(AFTER, canary=ArmCounters(requests=40, errors=1))
    assert "slow" not in poll_of(increments(seen(unasked), seen(unknown)), 10.0, (SLOW,)).live


def test_the_order_of_routers_within_a_look_says_nothing() -> None:
    pairs = [
        (replace(BEFORE, replica=name), replace(AFTER, replica=name, canary=ArmCounters(requests=130 + n, errors=3)))
        for n, name in enumerate(("r1", "r2", "r3"))
    ]
    one, other = (
        poll_of(
            increments(seen(*(before for before, _ in order)), seen(*(after for _, after in order))), 10.0, (ERRORS,)
        )
        for order in (pairs, pairs[::-1])
    )
    assert one == other


def test_an_arm_with_other_edges_is_compared_in_everything_else() -> None:
    other = replace(AFTER, canary=ArmCounters(requests=130, errors=3, buckets=((7.0, 5), (math.inf, 27))))
    assert poll_of(increments(seen(BEFORE), seen(other)), 10.0, (ERRORS, SLOW)).live.keys() == {"errors"}


def test_other_bucket_edges_lose_the_latencies_and_nothing_else() -> None:
    other = replace(AFTER, stable=ArmCounters(requests=1500, errors=15, timeouts=4, buckets=((50.0, 500),)))
    grown = increments(seen(BEFORE), seen(other))
    assert grown.live.stable == ArmCounters(requests=500, errors=5, timeouts=1)


def test_latencies_that_come_back_bring_nothing_of_the_past_with_them() -> None:
    gone = replace(BEFORE, stable=ArmCounters(requests=1000, errors=10, timeouts=3))
    grown = increments(seen(gone), seen(AFTER))
    assert grown.live.stable == ArmCounters(requests=500, errors=5, timeouts=1)
    fresh = increments(seen(replace(BEFORE, stable=ArmCounters())), seen(AFTER))
    assert fresh.live.stable.buckets == ((10.0, 80), (100.0, 130), (math.inf, 140)), "a first request begins them"


@pytest.mark.parametrize(
    ("after", "fault"),
    [
        (replace(AFTER, no_cluster=4), "4 requests were routed to a cluster that the router doesn't know"),
        (replace(AFTER, updates_refused=1), "the router refused an update of its routes or clusters"),
    ],
)
def test_requests_that_count_in_no_arm_are_a_fault_of_the_router(after: ReplicaSample, fault: str) -> None:
    assert poll_of(increments(seen(BEFORE), seen(after)), 10.0, (ERRORS,)).router_fault.startswith(fault)


def test_a_poll_in_which_every_replica_is_lost_has_no_data() -> None:
    poll = poll_of(increments(seen(), seen(AFTER)), 10.0, (ERRORS,))
    assert not poll.live["errors"].both
