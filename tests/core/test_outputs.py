import math

import pytest

from towpath.core.errors import UsageError
from towpath.core.outputs import (
    ArmOutput,
    EndpointOutput,
    RouterOutput,
    StackOutputs,
    as_declared,
    outputs_to_map,
    parse_outputs,
)
from towpath.core.release import parse_image

ARM = ArmOutput(
    release=parse_image("localhost:5055/m@sha256:" + "a" * 64),
    release_id="abc",
    cluster="m/abc",
    probe_cluster="m/abc/probe",
    replicas=2,
    traffic=97.5,
)
FULL = StackOutputs(
    drawn="d",
    endpoints=(EndpointOutput(name="m", url="http://u", promotion=3, stable=ARM, canary=None),),
    routers=(RouterOutput(name="r", url="http://u", stats="http://s"),),
    instance="i",
    registry="localhost:5055",
    network="n",
    router_image="e",
    docker_host="ssh://u@box",
    provider="docker",
)


def test_outputs_read_back_as_they_were_written() -> None:
    assert parse_outputs(outputs_to_map(FULL), "prod") == FULL


def test_a_stack_that_was_never_drawn_has_empty_outputs() -> None:
    assert parse_outputs({}, "prod") == StackOutputs()


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"drawn": 3}, "drawn is not a text"),
        ({"endpoints": []}, "endpoints is not a map"),
        ({"endpoints": {"m": {"promotion": "x"}}}, "endpoints.m.promotion is not a number"),
        ({"routers": {}}, "routers is not a list"),
        ({"endpoints": {"m": {"stable": {"release": "m:latest"}}}}, "not an image by digest"),
    ],
)
def test_outputs_of_another_shape_are_refused_with_their_place(values: dict[str, object], what: str) -> None:
    with pytest.raises(UsageError, match=what) as refusal:
        parse_outputs(values, "prod")
    assert "prod" in refusal.value.message


@pytest.mark.parametrize(
    ("seen", "alike"), [(2.5, True), (2.505, True), (2.52, False), (0.0, False), (math.nan, False)]
)
def test_a_share_is_as_declared_to_a_hundredth_of_a_percent(seen: float, *, alike: bool) -> None:
    assert as_declared(2.5, seen) is alike
