"""What router replicas say they do, from answers as Envoy 1.40 gives them."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from tests.fakes.clock import FakeClock
from tests.fakes.http_server import Answer, serving
from towpath.adapters.traffic_envoy import EnvoyTraffic, canary_share
from towpath.core.outputs import ArmOutput, EndpointOutput, RouterOutput, StackOutputs
from towpath.core.release import parse_image

STABLE, CANARY = "web/aaa", "web/bbb"


def live(**weights: int) -> Mapping[str, Any]:
    shares = [{"name": f"web/{name}", "weight": weight} for name, weight in weights.items()]
    return {
        "match": {"prefix": "/"},
        "route": {"weighted_clusters": {"clusters": shares}, "timeout": "0s"},
        "name": "web/live",
    }


def table(*routes: Mapping[str, Any]) -> dict[str, Any]:
    probe = {"match": {"prefix": "/"}, "route": {"weighted_clusters": {"clusters": []}}, "name": "web/probe-canary"}
    config = {"name": "towpath", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [probe, *routes]}]}
    return {"configs": [{"@type": "…DynamicRouteConfig", "version_info": "1", "route_config": config}]}


def arm(cluster: str) -> ArmOutput:
    image = parse_image(f"localhost:5055/m@sha256:{'a' * 64}")
    return ArmOutput(
        release=image, release_id="aaa", cluster=cluster, probe_cluster=f"{cluster}/probe", replicas=1, traffic=0
    )


def outputs(*urls: str, canary: bool = True) -> StackOutputs:
    endpoint = EndpointOutput(
        name="web", url="", promotion=1, stable=arm(STABLE), canary=arm(CANARY) if canary else None
    )
    routers = tuple(RouterOutput(name=f"r{n}", url="", stats=url) for n, url in enumerate(urls))
    return StackOutputs(endpoints=(endpoint,), routers=routers)


@contextmanager
def routers(*answers: Callable[[str], Answer]) -> Iterator[list[str]]:
    with ExitStack() as stack:
        yield [stack.enter_context(serving(answer)) for answer in answers]


def says(value: object) -> Callable[[str], Answer]:
    return lambda path: (200, json.dumps(value).encode()) if path == "/routes" else (404, b"")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def traffic(clock: FakeClock) -> Iterator[EnvoyTraffic]:
    with urllib3.PoolManager(timeout=5, retries=False) as http:
        yield EnvoyTraffic(clock, http)


@pytest.mark.parametrize(
    ("dump", "expected"),
    [
        (table(live(aaa=9450, bbb=550)), 5.5),
        (table(live(aaa=10_000)), 0.0),
        (table(live(bbb=10_000)), 100.0),
        (table(), 0.0),
        (table({"name": "web/empty", "direct_response": {"status": 503}}), 0.0),
        ({"configs": []}, 0.0),
    ],
)
def test_the_share_is_read_from_the_live_route_only(dump: dict[str, Any], expected: float) -> None:
    assert canary_share(dump, "web", CANARY) == expected


def test_every_router_replica_is_asked(traffic: EnvoyTraffic) -> None:
    with routers(says(table(live(aaa=75, bbb=25))), says(table(live(aaa=100)))) as urls:
        assert traffic.observed(outputs(*urls), "web") == (25.0, 0.0)


def test_without_a_canary_its_share_is_nothing(traffic: EnvoyTraffic) -> None:
    with routers(says(table(live(aaa=75, bbb=25)))) as urls:
        assert traffic.observed(outputs(*urls, canary=False), "web") == (0.0,)
        assert traffic.observed(outputs(*urls), "unknown") == (0.0,)


@pytest.mark.parametrize(
    "answer",
    [lambda _: (503, b"no"), lambda _: (200, b"<html>"), lambda _: (200, b"[]"), lambda _: (200, b'{"x": 1}')],
    ids=["error", "text", "list", "map"],
)
def test_a_replica_that_doesnt_say_is_no_number(traffic: EnvoyTraffic, answer: Callable[[str], Answer]) -> None:
    with routers(answer, says(table(live(aaa=75, bbb=25)))) as urls:
        seen = traffic.observed(outputs(*urls, "http://127.0.0.1:9"), "web")
    assert math.isnan(seen[0])
    assert seen[1] == 25.0
    assert math.isnan(seen[2])


def gauge(values: list[int], asked: list[str]) -> Callable[[str], Answer]:
    def answer(path: str) -> Answer:
        asked.append(parse_qs(urlsplit(path).query)["filter"][0])
        value = values.pop(0) if len(values) > 1 else values[0]
        return 200, (
            "# TYPE envoy_cluster_upstream_rq_active gauge\n"
            f'envoy_cluster_upstream_rq_active{{envoy_cluster_name="web/bbb"}} {value}\n'
        ).encode()

    return answer


def test_a_drain_waits_for_the_last_replica(traffic: EnvoyTraffic, clock: FakeClock) -> None:
    asked: list[str] = []
    with routers(gauge([0], []), gauge([3, 1, 0], asked)) as urls:
        assert traffic.await_drained(outputs(*urls), CANARY, 5) is True
    assert sum(clock.slept) == pytest.approx(0.2)
    assert set(asked) == {r"^cluster\.web/bbb\.upstream_rq_active$"}


def test_a_drain_that_takes_too_long_is_told(traffic: EnvoyTraffic, clock: FakeClock) -> None:
    with routers(gauge([1], [])) as urls:
        assert traffic.await_drained(outputs(*urls), CANARY, 2) is False
    assert sum(clock.slept) == pytest.approx(2)


def test_a_silent_replica_isnt_drained(traffic: EnvoyTraffic) -> None:
    with routers(lambda _: (503, b"")) as urls:
        assert traffic.await_drained(outputs(*urls), CANARY, 0.5) is False


def test_a_cluster_that_is_gone_is_drained(traffic: EnvoyTraffic) -> None:
    with routers(lambda _: (200, b"\n")) as urls:
        assert traffic.await_drained(outputs(*urls), CANARY, 0.5) is True
