import pytest

from tests.fakes.scene import QUICK
from tests.fakes.world import image
from towpath.core.canary import steps
from towpath.core.contract import Endpoint, drawn_hash, release_id
from towpath.core.promotion import (
    Plan,
    Step,
    StepKind,
    Strategy,
    canary_steps,
    first_steps,
    immediate_steps,
    world,
)

BASE = Endpoint(name="iris", release=image("a"), promotion=3, replicas=4)


def drafted(taken: tuple[Step, ...], strategy: Strategy = Strategy.CANARY) -> Plan:
    return Plan(
        id=4,
        environment="prod",
        endpoint="iris",
        model="iris",
        strategy=strategy,
        candidate=image("b"),
        stable=image("a"),
        source="dev",
        file_sha256="f",
        program_sha256="p",
        commit="c",
        drawn="d",
        steps=taken,
    )


CANARY = drafted(canary_steps(steps(QUICK, 4), 4))


def test_a_canary_has_its_replicas_before_its_traffic() -> None:
    running = 0
    for step in CANARY.steps:
        if step.kind in {StepKind.START, StepKind.SCALE}:
            running = step.replicas
        if step.kind is StepKind.SHIFT:
            assert running == step.replicas
            assert step.traffic / running <= (100 - step.traffic) / 4 or running == 4


def test_a_canary_reads_aloud() -> None:
    assert [step.name for step in CANARY.steps] == [
        "start 2",
        "smoke",
        "shift 25 %",
        "observe 25 %",
        "scale 4",
        "shift 50 %",
        "observe 50 %",
        "shift 95 %",
        "observe 95 %",
        "draw",
        "write",
        "prove",
    ]


def test_a_first_release_is_smoked_and_written_before_it_is_drawn() -> None:
    assert [step.kind for step in first_steps(2)] == ["start", "smoke", "write", "draw", "prove"]


def test_a_rollback_is_ready_before_it_carries_traffic() -> None:
    assert [step.kind for step in immediate_steps(2, smoke=False)] == ["start", "draw", "write", "prove"]
    assert [step.kind for step in immediate_steps(2, smoke=True)] == ["start", "smoke", "draw", "write", "prove"]


@pytest.mark.parametrize("step", CANARY.steps, ids=lambda step: step.name)
def test_every_step_describes_the_endpoint_in_full(step: Step) -> None:
    after = world(BASE, CANARY, step)

    assert after.replicas == 4
    if step.kind in {StepKind.DRAW, StepKind.PROVE}:
        assert (after.release, after.promotion, after.canary) == (image("b"), 4, None)
    else:
        assert (after.release, after.promotion) == (image("a"), 3)
        assert after.canary is not None
        assert (after.canary.release, after.canary.traffic) == (image("b"), step.traffic)


def test_a_release_keeps_its_identity_through_every_step() -> None:
    identities = set()
    for step in CANARY.steps:
        after = world(BASE, CANARY, step)
        serving = after.serving if after.canary is None else after.canary.serving
        identities.add(release_id(after.name, image("b"), serving))

    assert len(identities) == 1


def test_worlds_that_differ_are_drawn_with_another_hash() -> None:
    worlds = [world(BASE, CANARY, step) for step in CANARY.steps]

    assert len({drawn_hash([one]) for one in worlds}) == len(set(worlds))
