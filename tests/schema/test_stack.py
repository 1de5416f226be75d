from dataclasses import replace
from typing import Any

import pytest

from towpath.core.contract import Canary, Endpoint, Gpu, Match, Serving, Smoke, StackConfig, Timeouts, Volume
from towpath.core.errors import UsageError
from towpath.core.release import parse_image
from towpath.schema.serving import serving_to_config
from towpath.schema.stack import endpoint_to_config, json_schema, parse_stack_config

A = "localhost:5055/m@sha256:" + "a" * 64
B = "localhost:5055/m@sha256:" + "b" * 64
FILE = "Pulumi.prod.yaml"
FULL: dict[str, Any] = {
    "release": A,
    "promotion": 12,
    "path": "/v1/",
    "replicas": 3,
    "port": 9000,
    "resources": {"cpu": "500m", "memory": "512Mi"},
    "gpu": {"type": "nvidia-l4", "count": 2},
    "env": {"B": "2", "A": "1"},
    "secrets": {"API_KEY": "api-key"},
    "args": ["--fast"],
    "volumes": [{"name": "cache", "path": "/cache", "readOnly": True}],
    "shm": "1Gi",
    "timeouts": {"startup": "2m", "request": "90s", "drain": "30s"},
    "probes": {
        "ready": "/healthz",
        "smoke": {"path": "/predict", "body": {"x": [1, 2]}, "expect": {"y": 1}},
    },
}


def parse(endpoint: dict[str, Any], **more: Any) -> StackConfig:  # noqa: ANN401 - as a file holds it
    raw = {"platform": {"stack": "platform"}, "router": {"port": 8083}, "endpoints": {"m": endpoint}, **more}
    return parse_stack_config(raw, FILE)


def problems(endpoint: dict[str, Any], **more: Any) -> str:  # noqa: ANN401 - as a file holds it
    with pytest.raises(UsageError) as refusal:
        parse(endpoint, **more)
    assert refusal.value.message.startswith(FILE)
    return refusal.value.message


def test_every_key_arrives_in_the_units_of_the_core() -> None:
    (endpoint,) = parse(FULL).endpoints
    assert endpoint == Endpoint(
        name="m",
        path="/v1",
        release=parse_image(A),
        promotion=12,
        replicas=3,
        serving=Serving(
            port=9000,
            cpu_millis=500,
            memory_bytes=512 * 2**20,
            gpu=Gpu(type="nvidia-l4", count=2),
            env=(("A", "1"), ("B", "2")),
            secrets=(("API_KEY", "api-key"),),
            args=("--fast",),
            volumes=(Volume(name="cache", path="/cache", read_only=True),),
            shm_bytes=2**30,
            timeouts=Timeouts(startup=120, request=90, drain=30),
            probes=replace(
                Serving().probes,
                ready="/healthz",
                smoke=Smoke(method="POST", path="/predict", body='{"x": [1, 2]}', expect='{"y": 1}'),
            ),
        ),
    )


def test_an_empty_endpoint_serves_nothing_with_the_defaults_of_the_contract() -> None:
    assert parse({}).endpoints == (Endpoint(name="m"),)


def test_a_candidate_looks_like_the_endpoint_but_for_its_overrides() -> None:
    candidate = {"release": B, "traffic": 5, "replicas": 1, "endpoint": {"env": {"C": "3"}, "shm": "2Gi"}}
    (endpoint,) = parse(FULL | {"canary": candidate}).endpoints
    assert endpoint.canary is not None
    assert endpoint.canary.serving == replace(endpoint.serving, env=(("C", "3"),), shm_bytes=2**31)


def test_what_the_driver_writes_reads_back_as_it_was() -> None:
    (endpoint,) = parse(FULL).endpoints
    canary = Canary(
        release=parse_image(B),
        serving=replace(endpoint.serving, gpu=None, env=(("C", "3"),)),
        traffic=12.5,
        replicas=2,
        stable_replicas=1,
        mirror=3,
        match=Match(header="x-beta", value="1"),
    )
    wanted = replace(endpoint, canary=canary, replicas=4, promotion=13)
    (read,) = parse(FULL | endpoint_to_config(wanted)).endpoints
    assert read == wanted


def test_what_is_absent_is_left_out_of_what_the_driver_writes() -> None:
    assert endpoint_to_config(Endpoint(name="m")) == {"promotion": 0, "replicas": 1}


def test_every_key_of_a_replica_can_be_written_out() -> None:
    (endpoint,) = parse(FULL).endpoints
    (again,) = parse({"release": A} | serving_to_config(endpoint.serving)).endpoints
    assert again.serving == endpoint.serving


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"release": "localhost:5055/m:v1"}, "endpoints.m.release: found 'localhost:5055/m:v1', valid: an image by"),
        ({"replica": 2}, "endpoints.m.replica: unknown key; did you mean replicas?"),
        ({"replicas": "2"}, "endpoints.m.replicas: found '2', valid: "),
        ({"replicas": 0}, "endpoints.m.replicas: found 0"),
        ({"promotion": -1}, "endpoints.m.promotion: found -1"),
        ({"port": 70000}, "endpoints.m.port: found 70000"),
        ({"timeouts": {"drain": 15}}, "endpoints.m.timeouts.drain: found 15, valid: a duration"),
        ({"resources": {"cpu": "many"}}, "endpoints.m.resources.cpu: found 'many', valid: cores"),
        ({"resources": {"memory": "1 GB"}}, "endpoints.m.resources.memory: found '1 GB', valid: a size"),
        ({"env": {"A": 5}}, "endpoints.m.env.A: found 5, valid: a text"),
        ({"env": {"API_KEY": "x"}}, "endpoints.m.secrets: API_KEY are in env as well"),
        ({"volumes": [{"name": "a", "path": "rel"}]}, "endpoints.m.volumes[0].path: found 'rel', valid: an absolute"),
        ({"path": "v1"}, "endpoints.m.path: found 'v1', valid: a URL path"),
        ({"canary": {"release": B, "traffic": 101}}, "endpoints.m.canary.traffic: found 101"),
        ({"canary": {"release": B, "traffic": -1}}, "endpoints.m.canary.traffic: found -1"),
        ({"canary": {"release": B, "endpoint": {"replicas": 3}}}, "endpoints.m.canary.endpoint.replicas: unknown key"),
        ({"canary": {"release": A, "traffic": 5}}, "endpoints.m.canary.release: the same release as the stable arm"),
    ],
)
def test_a_wrong_value_is_named_with_its_place_and_what_is_valid(change: dict[str, Any], what: str) -> None:
    assert what in problems(FULL | change)


def test_traffic_needs_a_stable_release_to_share_with() -> None:
    assert "no stable release" in problems({"canary": {"release": B, "traffic": 5}})
    parse({"canary": {"release": B, "traffic": 0}})


def test_all_problems_are_reported_at_once() -> None:
    text = problems({"release": "m", "replica": 1, "port": 0}, fences=3)
    assert "4 problems" in text


@pytest.mark.parametrize(
    ("platform", "what"),
    [
        ({}, "platform: valid: either stack or provider"),
        ({"stack": "platform", "provider": "docker"}, "platform: valid: either stack or provider"),
        ({"stack": "platform", "registry": {"port": 1}}, "platform.registry: valid: only beside provider"),
        ({"provider": "nomad"}, "platform.provider: found 'nomad', valid: 'docker'"),
    ],
)
def test_a_platform_is_either_referenced_or_drawn(platform: dict[str, Any], what: str) -> None:
    assert what in problems(FULL, platform=platform)


def test_two_endpoints_may_not_share_a_path() -> None:
    endpoints = {"a": {"path": "/x"}, "b": {"path": "/x/"}, "c": {"path": "/y"}}
    with pytest.raises(UsageError, match=r"endpoints\.b\.path: found '/x' as in endpoints\.a"):
        parse({}, endpoints=endpoints)


def test_endpoints_need_a_router() -> None:
    assert "router: missing" in problems(FULL, router=None)


def test_every_key_of_the_schema_is_described() -> None:
    schema = json_schema()
    tables = [schema, *schema["$defs"].values()]
    bare = [key for table in tables for key, entry in table["properties"].items() if not entry.get("description")]
    assert bare == []
