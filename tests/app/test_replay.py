"""A canary is what its journal says: whoever reads it again, whenever, comes to the same verdict to the last bit."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.days.world import BEGUN, PAST, World
from tests.fakes.clock import FakeClock
from tests.fakes.scene import QUICK, Scene, promotable
from tests.fakes.store import Crashed, FakeStore
from towpath.app.explain import explained
from towpath.app.journal import Journal
from towpath.app.promote import PromoteRequest, promote
from towpath.app.replay import Replay
from towpath.app.resume import resume
from towpath.core.canary_policy import CanaryPolicy
from towpath.core.errors import Interrupted, RolledBack, TowpathError
from towpath.core.history import Kind
from towpath.core.history_codec import snapshot
from towpath.core.journal import SNAPSHOT, Draft
from towpath.core.judge.curves import ALIKE
from towpath.core.recording import Recording, frames
from towpath.core.tallies import Arm
from towpath.core.watch import Look, Watched, after, decode_look, encode_look, situation, watched

POLICY = CanaryPolicy(traffic=(50,), min_time=60.0, warm_up=0.0, max_time=900.0)
ARMS: tuple[Arm, Arm] = ("stable", "canary")

rates = st.fixed_dictionaries(
    {"rps": st.sampled_from([0, 3, 80]), "errors": st.floats(0, 0.02), "timeouts": st.sampled_from([0.0, 0.001])}
)
phases = st.fixed_dictionaries(
    {
        "polls": st.integers(1, 6),
        "every": st.floats(1, 60),
        "routers": st.sampled_from([["r1"], ["r1", "r2"], ["r2", "r1"]]),
        "stable": rates,
        "canary": rates,
        "probe_stable": rates,
        "probe_canary": rates,
        "step": st.integers(0, 2),
    },
    optional={
        "silent": st.booleans(),
        "frozen": st.just(["r1"]),
        "restarted": st.sampled_from([["r1"], ["r2"]]),
        "counting": st.sampled_from([(), ("stable",), ARMS]),
    },
)


def looks_of(stream: Sequence[Mapping[str, Any]]) -> list[Look]:
    return list(World(PAST).looks(stream, PAST))


def cold(store: FakeStore) -> Journal:
    numbers = itertools.count(len(store.objects))
    return Journal(
        store=store,
        clock=FakeClock(),
        environment="prod",
        actor="ann@box",
        nonces=lambda: f"n{next(numbers)}",
        snapshot=snapshot,
    )


def read_again(journal: Journal) -> Watched:
    return watched(POLICY, BEGUN, (decode_look(data) for data in journal.chunks(4).values()))


@settings(max_examples=25, deadline=None)
@given(st.lists(phases, min_size=1, max_size=6), st.sets(st.integers(0, 35), max_size=5), st.integers(0, 40))
def test_restarts_anywhere_and_compaction_change_not_a_bit(
    stream: list[dict[str, Any]], restarts: set[int], notes: int
) -> None:
    store = FakeStore()
    journal, kept, looks = cold(store), Watched(policy=POLICY, served_since=BEGUN), looks_of(stream)
    for place, look in enumerate(looks):
        if place in restarts:
            journal = cold(store)
            assert read_again(journal) == kept
            kept = read_again(journal)
        journal.store_chunk(4, encode_look(look))
        for _ in range(notes):  # entries beside the looks, so that snapshots fall anywhere
            journal.append(lambda _: Draft(kind="noted", payload={}))
        kept = after(kept, look)
    assert any(entry.kind == SNAPSHOT for entry in cold(store).entries()) == (notes * len(looks) >= 100)
    once, again = (situation(one, place=0, step_since=0.0, now=9e9) for one in (kept, read_again(cold(store))))
    assert repr(once) == repr(again)
    assert watched(POLICY, BEGUN, looks) == kept


def atoms(value: object) -> int:
    """Numbers and texts that a value holds."""
    if is_dataclass(value) and not isinstance(value, type):
        return sum(atoms(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, Mapping):
        return sum(atoms(key) + atoms(one) for key, one in value.items())
    if isinstance(value, tuple | list | set | frozenset):
        return sum(map(atoms, value))
    return 1


def test_what_is_remembered_does_not_grow_with_the_looks() -> None:
    probes = {"probe_stable": {"rps": 20}, "probe_canary": {"rps": 20}}
    policy = CanaryPolicy(traffic=(50,), probes=20.0)
    few, many = (
        watched(policy, BEGUN, World(PAST).looks([{"polls": polls, "routers": ["r1", "r2"], **probes}], PAST))
        for polls in (10, 200)
    )
    assert few.judge is not None
    assert {channel.metric for channel in few.judge.policy.channels} == {"errors", "latency", "predictions"}
    assert atoms(many) == atoms(few)


def test_what_a_driver_keeps_for_the_picture_ends_somewhere() -> None:
    looks = looks_of([{"polls": 6}])
    replays = [Replay(state=Watched(policy=POLICY, served_since=BEGUN), most=most) for most in (6, 5)]
    for look in looks:
        for replay in replays:
            replay.take(look)
    whole, cut = replays
    assert whole.frames == list(frames(Recording(policy=POLICY, served_since=BEGUN, looks=tuple(looks))))
    assert cut.frames is None
    assert whole.state == cut.state == watched(POLICY, BEGUN, looks)


def prod() -> Scene:
    scene = promotable(snapshot=snapshot, canary=QUICK)
    scene.observer.counting = ARMS
    return scene


def crash(operation: str, key: str) -> None:
    raise Crashed(operation, key)


def stop() -> None:
    raise KeyboardInterrupt


def driven(scene: Scene, stops: Sequence[tuple[int, bool]]) -> None:
    """Promote, killed or interrupted after so many seconds each time, and resumed until it ends."""
    pending = list(stops)
    first = True
    while True:
        if pending:
            seconds, killed = pending.pop(0)
            scene.world.clock.at(seconds, (lambda: setattr(scene.store, "before", crash)) if killed else stop)
        try:
            if first:
                promote(scene.services(), PromoteRequest(environment="prod"))
            elif resume(scene.services(), "prod") is None:
                return
        except (Crashed, KeyboardInterrupt, TowpathError):
            pass
        first = False
        scene.store.before = None


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 90), st.booleans()), max_size=4),
    st.sampled_from([0.001, 0.02, 0.3]),
    st.integers(60, 99),
)
def test_whatever_the_driver_said_is_said_again_by_the_looks_it_left(
    stops: list[tuple[int, bool]], errors: float, notes: int
) -> None:
    scene = prod()
    scene.observer.stable.errors, scene.observer.canary.errors = 0.001, errors
    for _ in range(notes):  # so that a snapshot falls into the canary
        scene.journal("prod").append(lambda _: Draft(kind="noted", payload={}))
    driven(scene, stops)

    said = [entry.payload for entry in scene.journal("prod").history() if entry.kind == Kind.VERDICT]
    again = [frame.verdict for frame in explained(scene.services(), "prod").frames]
    heard: list[tuple[object, ...]] = [
        (v.kind, v.reason, v.channel, v.evidence, v.bound, v.live_requests, v.probe_requests) for v in again
    ]
    keys = ("said", "reason", "channel", "evidence", "bound", "live_requests", "probe_requests")
    kept = scene.store.get("pictures/prod/000004.html")
    assert kept == explained(scene.services(), "prod").html.encode()
    assert said
    places = [heard.index(tuple(one[key] for key in keys)) for one in said]
    assert places == sorted(places)


def test_a_canary_that_goes_on_under_another_towpath_is_judged_as_it_began() -> None:
    scene = prod()
    scene.canary = replace(QUICK, cap=1.5, stakes=ALIKE)
    scene.observer.canary.errors = 0.3
    scene.world.clock.at(10, stop)
    with pytest.raises(Interrupted):
        promote(scene.services(), PromoteRequest(environment="prod"))
    scene.canary = QUICK

    with pytest.raises(RolledBack):
        resume(scene.services(), "prod")

    judged = explained(scene.services(), "prod").frames
    assert judged[-1].judge.policy.cap == 1.5
    assert {len(set(channel.stakes)) for channel in judged[-1].judge.policy.channels} == {1}
    assert len(judged) > 14, "with a cap of 4 half of these looks are enough"
    said = [entry.payload["evidence"] for entry in scene.journal("prod").history() if entry.kind == Kind.VERDICT]
    assert said[-1] == judged[-1].verdict.evidence
