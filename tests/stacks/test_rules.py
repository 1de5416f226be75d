from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from tests.support.recorder import Graph, record
from tests.support.stacks import A, B, canary, config, serving
from towpath.core.contract import drawn_hash, route_name
from towpath.core.outputs import outputs_to_map, parse_outputs
from towpath.schema.stack import parse_stack_config


def drawn(endpoint: Mapping[str, Any], last: Mapping[str, object] | None = None, **more: object) -> Graph:
    return record("prod", config(dict(endpoint), **more), last=last)


def releases(graph: Graph) -> set[str]:
    return {r.name for r in (*graph.of_type(":Replica"), *graph.of_type(":RouterCluster"))}


def inputs_of(graph: Graph, *types: str) -> dict[str, Mapping[str, Any]]:
    return {r.name: r.inputs for kind in types for r in graph.of_type(kind)}


def test_drawn_is_the_hash_that_the_driver_computes_from_the_same_config() -> None:
    raw = config(canary(5))
    keys = {key.removeprefix("towpath:"): value for key, value in raw.items()}
    expected = drawn_hash(parse_stack_config(keys, "Pulumi.prod.yaml").endpoints)
    assert record("prod", raw).outputs["drawn"] == expected


@pytest.mark.parametrize(
    "other", [canary(6), canary(5, 2), serving(), canary(5, mirror=1), canary(5) | {"promotion": 2}]
)
def test_drawn_changes_with_what_is_drawn(other: dict[str, Any]) -> None:
    assert drawn(other).outputs["drawn"] != drawn(canary(5)).outputs["drawn"]


def test_the_fence_is_no_part_of_what_is_drawn() -> None:
    assert drawn(serving(), fence=3).outputs["drawn"] == drawn(serving()).outputs["drawn"]


@pytest.mark.parametrize(
    ("last", "now", "what"),
    [
        (serving() | {"promotion": 12}, serving(), "promotion 12, the file has 1"),
        (serving(), {"replicas": 1}, "promotion 1, the file has 0"),
    ],
)
def test_a_file_that_is_older_than_what_runs_is_refused_with_the_remedy(
    last: dict[str, Any], now: dict[str, Any], what: str
) -> None:
    outputs = drawn(last).outputs
    with pytest.raises(pulumi.RunError, match=what) as refusal:
        drawn(now, last=outputs)
    assert "deploy rollback" in str(refusal.value)


def test_an_endpoint_that_serves_may_not_vanish_from_the_file() -> None:
    outputs = drawn(serving()).outputs
    nothing = config({}) | {"towpath:endpoints": {}}
    with pytest.raises(pulumi.RunError, match="is not in the file"):
        record("prod", nothing, last=outputs)
    emptied = drawn({"promotion": 2}, last=outputs).outputs
    record("prod", nothing, last=emptied)


def test_the_same_or_a_higher_promotion_is_drawn() -> None:
    outputs = drawn(serving()).outputs
    drawn(serving(), last=outputs)
    drawn(serving() | {"promotion": 2}, last=outputs)


def test_every_resource_waits_for_the_check_of_the_last_promotion() -> None:
    graph = drawn(canary(5, endpoint={"volumes": [{"name": "cache", "path": "/c"}]}))
    real = [resource for resource in graph.resources if resource.type.startswith("pulumi-python:")]
    assert len(real) > 6
    assert all("organization/towpath/prod" in resource.depends_on for resource in real)


def test_promoting_changes_no_resource_of_the_release() -> None:
    before = drawn(canary(50, 2))
    after = drawn(serving(B) | {"promotion": 2})
    kept = releases(after)
    assert kept < releases(before)
    for name in kept:
        assert after.named(name).inputs == before.named(name).inputs


@pytest.mark.parametrize("traffic", [0, 5, 50, 95])
def test_traffic_changes_the_route_and_nothing_else(traffic: float) -> None:
    before, after = drawn(canary(1, 3)), drawn(canary(traffic, 3))
    changed = {r.name for r in after.resources if r.inputs != before.named(r.name).inputs}
    assert changed == {route_name("m")}
    assert after.names() == before.names()


def test_counts_change_no_route_and_no_running_replica() -> None:
    before, after = drawn(canary(5, 1)), drawn(canary(5, 3))
    changed = {r.name for r in before.resources if r.inputs != after.named(r.name).inputs}
    assert {name.count("-") for name in after.names() - before.names()} == {1}
    assert len(after.names() - before.names()) == 2
    assert changed == {r.name for r in before.of_type(":RouterCluster")} & changed
    assert len(changed) == 1


def test_a_candidate_with_other_settings_is_another_release() -> None:
    same = {arm["releaseId"] for arm in arms_of(drawn(canary(5, endpoint={"env": {"X": "1"}})))}
    plain = {arm["releaseId"] for arm in arms_of(drawn(canary(5)))}
    assert len(same) == len(plain) == 2
    assert len(same & plain) == 1


def arms_of(graph: Graph) -> list[Mapping[str, Any]]:
    endpoint = graph.outputs["endpoints"]["m"]
    return [endpoint[role] for role in ("stable", "canary") if role in endpoint]


def test_a_first_release_is_drawn_without_traffic() -> None:
    graph = drawn({"canary": {"release": A, "traffic": 0, "replicas": 2}})
    assert len(graph.of_type(":Replica")) == 2
    assert [target["weight"] for target in graph.named(route_name("m")).inputs["targets"]] == [0]
    assert "stable" not in graph.outputs["endpoints"]["m"]


def test_every_resource_of_an_endpoint_bears_its_name() -> None:
    graph = drawn(canary(5))
    shared = {"router", "router-container", "router-files"}
    assert all(name == "m" or name.startswith("m.") for name in graph.names() - shared)


def test_what_is_exported_reads_back_as_it_was() -> None:
    outputs = parse_outputs(drawn(canary(5)).outputs, "prod")
    assert outputs_to_map(outputs) == drawn(canary(5)).outputs
    endpoint = outputs.endpoint("m")
    assert endpoint is not None
    assert endpoint.canary is not None
    assert (endpoint.promotion, endpoint.canary.traffic, str(endpoint.canary.release)) == (1, 5, B)


def test_a_secret_that_is_not_set_is_named_with_the_command_that_sets_it() -> None:
    with pytest.raises(pulumi.RunError, match="secrets:api-key") as refusal:
        drawn(serving(secrets={"API_KEY": "api-key"}))
    assert "pulumi config set --stack prod --secret" in str(refusal.value)


def test_a_platform_that_was_never_drawn_is_named() -> None:
    raw = config(serving()) | {"towpath:platform": {"stack": "elsewhere"}}
    with pytest.raises(pulumi.RunError, match="the stack elsewhere has not drawn a platform yet"):
        record("prod", raw)
