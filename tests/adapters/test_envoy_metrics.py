import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

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


def test_the_filter_asks_for_nothing_else() -> None:
    assert "usedonly" not in stats_filter(CLUSTERS)
    assert r"breast\-cancer/aaaa/probe" in stats_filter(CLUSTERS)
