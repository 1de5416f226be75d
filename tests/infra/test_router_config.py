import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.serving.bootstrap import FOLDER, bootstrap, latency_buckets
from infra.serving.clusters import Hosts, clusters
from infra.serving.routes import Routing, Target, order, routes
from infra.serving.xds import EMPTY, cluster_fragment, route_file, route_fragment, routes_head, routes_tail
from towpath.core.contract import ARM_HEADER, Match

STABLE = Target(role="stable", release_id="aaa", cluster="m/aaa", probe_cluster="m/aaa/probe", weight=7_500)
CANARY = Target(role="canary", release_id="bbb", cluster="m/bbb", probe_cluster="m/bbb/probe", weight=2_500)
BOTH = Routing(endpoint="m", path="/", request_timeout=30, targets=(STABLE, CANARY))


def by_name(routing: Routing) -> dict[str, Any]:
    return {str(route["name"]).partition("/")[2]: route for route in routes(routing)}


def weights(route: Mapping[str, Any]) -> dict[str, int]:
    return {share["name"]: share["weight"] for share in route["route"]["weighted_clusters"]["clusters"]}


def test_live_requests_are_shared_by_weight() -> None:
    assert weights(by_name(BOTH)["live"]) == {"m/aaa": 7_500, "m/bbb": 2_500}


def test_an_arm_without_traffic_is_not_in_the_live_route() -> None:
    idle = Target(role="canary", release_id="bbb", cluster="m/bbb", probe_cluster="m/bbb/probe", weight=0)
    routing = Routing(endpoint="m", path="/", request_timeout=30, targets=(STABLE, idle))
    assert weights(by_name(routing)["live"]) == {"m/aaa": 7_500}
    assert weights(by_name(routing)["probe-canary"]) == {"m/bbb/probe": 1}


def test_probes_name_their_arm_and_are_counted_apart() -> None:
    for role, cluster in (("stable", "m/aaa/probe"), ("canary", "m/bbb/probe")):
        route = by_name(BOTH)[f"probe-{role}"]
        assert route["match"]["headers"] == [{"name": ARM_HEADER, "string_match": {"exact": role}}]
        assert weights(route) == {cluster: 1}


def test_a_probe_of_an_arm_that_is_not_there_never_counts_as_live() -> None:
    names = list(by_name(BOTH))
    assert names.index("no-arm") < names.index("live")
    assert by_name(BOTH)["no-arm"]["direct_response"]["status"] == 503


def test_nothing_served_answers_503_and_says_so() -> None:
    empty = by_name(Routing(endpoint="m", path="/", request_timeout=0))["empty"]
    assert empty["direct_response"]["status"] == 503
    assert "no release is served" in json.loads(empty["direct_response"]["body"]["inline_string"])["error"]


def test_a_first_release_is_reached_by_probes_only() -> None:
    only = Target(role="canary", release_id="bbb", cluster="m/bbb", probe_cluster="m/bbb/probe", weight=0)
    found = by_name(Routing(endpoint="m", path="/", request_timeout=5, targets=(only,)))
    assert set(found) == {"probe-canary", "no-arm", "empty"}


def test_requests_that_match_go_to_the_canary_whatever_its_traffic() -> None:
    routing = Routing(
        endpoint="m", path="/", request_timeout=5, targets=(STABLE, CANARY), match=Match(header="x-beta", value="1")
    )
    assert weights(by_name(routing)["match"]) == {"m/bbb": 1}
    assert list(by_name(routing)).index("match") < list(by_name(routing)).index("live")


def test_mirrored_requests_are_a_share_of_the_live_ones() -> None:
    routing = Routing(endpoint="m", path="/", request_timeout=5, targets=(STABLE, CANARY), mirror=12.5)
    (policy,) = by_name(routing)["live"]["route"]["request_mirror_policies"]
    fraction = policy["runtime_fraction"]["default_value"]
    assert (policy["cluster"], fraction["numerator"], fraction["denominator"]) == ("m/bbb", 1250, "TEN_THOUSAND")


def bounds(config: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Everything in a configuration that bounds how long something may take: (name, value)."""
    if isinstance(config, Mapping):
        yield from itertools.chain.from_iterable(bounds(value, key) for key, value in config.items())
    elif isinstance(config, list):
        yield from itertools.chain.from_iterable(bounds(value, name) for value in config)
    elif "timeout" in name or "duration" in name:
        yield name, str(config)


def test_a_stream_is_bounded_by_its_silence_and_nothing_in_the_whole_configuration_bounds_it_as_a_whole() -> None:
    """What isn't named here is left to Envoy, for which only a route's `timeout` has a bound unless it is set."""
    silence = [("idle_timeout", "35s"), ("per_try_idle_timeout", "30s")]
    first_byte = ("per_try_timeout", "30s")
    everything = replace(BOTH, mirror=5, match=Match(header="x-beta", value="1"))
    forwarding = [route for route in routes(everything) if "route" in route]
    assert [sorted(bounds(route)) for route in forwarding] == [[*silence, first_byte, ("timeout", "0s")]] * 4
    (listener,) = [entry for entry in static("listeners") if entry["name"] == "requests"]
    assert list(bounds(listener)) == [("stream_idle_timeout", "300s")], "each route has its own"
    live, probe = clusters("m/aaa", "m/aaa/probe", Hosts(name="prod-aaa", port=8080, ready="/ready"))
    for cluster in (live, probe):
        checks = cluster.pop("health_checks")
        assert list(bounds(checks)) == [("timeout", "2s")]
        assert list(bounds(cluster)) == [("connect_timeout", "2s")]


def static(kind: str) -> list[dict[str, Any]]:
    resources: Any = bootstrap()["static_resources"]
    return list(resources[kind])


def test_only_requests_that_no_replica_has_begun_are_tried_again() -> None:
    policy = by_name(BOTH)["live"]["route"]["retry_policy"]
    assert set(policy["retry_on"].split(",")) == {"connect-failure", "refused-stream", "reset-before-request"}


@pytest.mark.parametrize(("url", "rewritten"), [("/v1", "/"), ("/v1/", "/"), ("/v1/a/b", "/a/b"), ("/v1/v1", "/v1")])
def test_the_prefix_is_taken_off(url: str, rewritten: str) -> None:
    rule = by_name(Routing(endpoint="m", path="/v1", request_timeout=5, targets=(STABLE,)))["live"]["route"]
    rewrite = rule["regex_rewrite"]
    assert re.sub(rewrite["pattern"]["regex"], rewrite["substitution"], url, count=1) == rewritten


def test_longer_prefixes_are_tried_first() -> None:
    assert sorted(["/", "/a", "/a/b"], key=order) == ["/a/b", "/a", "/"]
    assert min(route_file(name, path) for name, path in (("z", "/a/b"), ("a", "/"))).endswith("z.yaml")


def test_both_clusters_of_a_release_have_the_same_host_and_check() -> None:
    live, probe = clusters("m/aaa", "m/aaa/probe", Hosts(name="prod-aaa", port=8080, ready="/ready"))
    assert (live["name"], probe["name"]) == ("m/aaa", "m/aaa/probe")
    assert live["health_checks"] == probe["health_checks"]
    assert "prod-aaa" in json.dumps(live)


def test_latency_buckets_grow_by_a_tenth_from_a_millisecond_to_a_minute() -> None:
    bounds = latency_buckets()
    assert (bounds[0], bounds[-1]) == (1.0, 60_000.0)
    ratios = [later / earlier for earlier, later in itertools.pairwise(bounds)]
    assert all(1 < ratio < 1.16 for ratio in ratios)
    assert all(ratio < 1.11 for earlier, ratio in zip(bounds, ratios, strict=False) if earlier > 10)


def test_the_admin_interface_listens_inside_the_container_only() -> None:
    admin: Any = bootstrap()["admin"]
    assert admin["address"]["socket_address"]["address"] == "127.0.0.1"


def test_the_stats_listener_shows_five_pages_and_only_to_get() -> None:
    (listener,) = [entry for entry in static("listeners") if entry["name"] == "stats"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    shown = manager["route_config"]["virtual_hosts"][0]["routes"]
    assert [route["match"]["path"] for route in shown] == [
        "/stats/prometheus",
        "/clusters",
        "/ready",
        "/routes",
        "/replica",
    ]
    assert all(route["match"]["headers"][0]["string_match"] == {"exact": "GET"} for route in shown)


def test_joined_fragments_are_one_yaml_document() -> None:
    text = 'version_info: "1"\n' + routes_head() + route_fragment(BOTH).text + routes_tail()
    (table,) = yaml.safe_load(text)["resources"]
    names = [route.get("name") for route in table["virtual_hosts"][0]["routes"]]
    assert names == ["m/probe-stable", "m/probe-canary", "m/no-arm", "m/live", None]


def envoy() -> str | None:
    """The router's own program, where this machine has it."""
    package = find_spec("envoy")
    if package is not None and package.submodule_search_locations:
        binary = Path(package.submodule_search_locations[0]) / "_bin" / "envoy"
        if binary.exists():
            return str(binary)
    return shutil.which("envoy")


@pytest.mark.skipif(envoy() is None, reason="the router's program is not on this machine")
def test_the_router_takes_the_whole_configuration(tmp_path: Path) -> None:
    binary = envoy()
    assert binary is not None
    (tmp_path / "live").mkdir()
    hosts = Hosts(name="localhost", port=8080, ready="/ready")
    fragments = [cluster_fragment(t.cluster, t.probe_cluster, hosts).text for t in (STABLE, CANARY)]
    everything = Routing(
        endpoint="m",
        path="/v1",
        request_timeout=5,
        targets=(STABLE, CANARY),
        mirror=5,
        match=Match(header="x-beta", value="1"),
    )
    # in the static part, because a validation run reads no dynamic files
    whole: Any = bootstrap()
    whole["static_resources"]["clusters"] += [entry for text in fragments for entry in _untyped(text)]
    (table,) = yaml.safe_load(routes_head() + route_fragment(everything).text + routes_tail())["resources"]
    manager = whole["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    del manager["rds"], table["@type"]
    manager["route_config"] = table
    text = json.dumps(whole).replace(f"{FOLDER}/", f"{tmp_path}/")
    (tmp_path / "live" / "cds.yaml").write_text(EMPTY, encoding="utf-8")
    (tmp_path / "bootstrap.json").write_text(text, encoding="utf-8")
    command = [binary, "--mode", "validate", "-c", str(tmp_path / "bootstrap.json")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "deprecated" not in result.stderr.lower()


def _untyped(text: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in entry.items() if key != "@type"} for entry in yaml.safe_load(text)]
