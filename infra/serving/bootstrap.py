"""What a router starts with: its listeners, its counters, and where its clusters and routes come from."""

from towpath.core.tallies import REPLICA_HEADER

FOLDER = "/xds"  # the volume; everything the router reads is below it
REQUEST_PORT = 8080  # inside the router's container
STATS_PORT = 9902
ADMIN_PORT = 9901  # on the container's loopback only
ROUTES = "towpath"  # name of the one route table
STAT_PREFIX = "towpath"
_BUCKET_GROWTH = 1.1
_LONGEST_MS = 60_000.0
_MOST_CONNECTIONS = 10_000
_EXTENSIONS = "type.googleapis.com/envoy.extensions"


def bootstrap() -> dict[str, object]:
    """Envoy's bootstrap, complete."""
    return {
        "node": {"id": "router", "cluster": "towpath"},
        "admin": {"address": _address("127.0.0.1", ADMIN_PORT)},
        "dynamic_resources": {"cds_config": _file("cds.yaml")},
        "stats_config": _stats_config(),
        "stats_flush_interval": "1s",  # latencies reach the counters so often; a look sees none that are younger
        "overload_manager": {"resource_monitors": [_connections()]},
        "static_resources": {
            "listeners": [_requests(), _stats()],
            "clusters": [_admin(), _replicas()],
        },
    }


def latency_buckets() -> list[float]:
    """Upper bounds in milliseconds, each about a tenth above the one before, from 1 ms to 60 s."""
    bounds = [1.0]
    while bounds[-1] < _LONGEST_MS:
        bounds.append(min(_LONGEST_MS, max(round(bounds[-1] * _BUCKET_GROWTH, 1), bounds[-1] + 0.1)))
    return bounds


def _stats_config() -> dict[str, object]:
    # only what is of use to a reader of counters: the external and internal twins double every scrape
    twins = {"safe_regex": {"regex": r"cluster\..*\.(external|internal|canary)\.upstream_rq.*"}}
    latency = {"match": {"suffix": ".upstream_rq_time"}, "buckets": latency_buckets()}
    return {
        "histogram_bucket_settings": [latency],
        "stats_matcher": {"exclusion_list": {"patterns": [twins]}},
    }


def _connections() -> dict[str, object]:
    kind = f"{_EXTENSIONS}.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    return {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": {"@type": kind, "max_active_downstream_connections": _MOST_CONNECTIONS},
    }


def _requests() -> dict[str, object]:
    manager = {
        **_manager(STAT_PREFIX),
        "rds": {"route_config_name": ROUTES, "config_source": _file("rds.yaml")},
        "use_remote_address": True,
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "stream_idle_timeout": "300s",  # each route sets its own
        "upgrade_configs": [{"upgrade_type": "websocket"}],
    }
    return _listener("requests", REQUEST_PORT, manager)


def _stats() -> dict[str, object]:
    shown = [_shown("/stats/prometheus"), _shown("/clusters"), _shown("/ready"), _route_table(), _replica_metrics()]
    host = {"name": "stats", "domains": ["*"], "routes": shown}
    manager = {**_manager("stats"), "route_config": {"name": "stats", "virtual_hosts": [host]}}
    return _listener("stats", STATS_PORT, manager)


def _shown(path: str) -> dict[str, object]:
    return {"match": {"path": path, "headers": [_get()]}, "route": {"cluster": "admin"}}


def _route_table() -> dict[str, object]:
    """`/routes`: the route table as the router has accepted it, and nothing else of its configuration."""
    rewrite = {"pattern": {"regex": "^/routes$"}, "substitution": "/config_dump?resource=dynamic_route_configs"}
    return {
        "match": {"path": "/routes", "headers": [_get()]},
        "route": {"cluster": "admin", "regex_rewrite": rewrite},
    }


def _replica_metrics() -> dict[str, object]:
    """`/replica`: the metrics of the one replica that a header names by its address inside the network."""
    named: dict[str, object] = {"name": REPLICA_HEADER, "present_match": True}
    rewrite = {"pattern": {"regex": "^/replica$"}, "substitution": "/metrics"}
    return {
        "match": {"path": "/replica", "headers": [_get(), named]},
        "route": {"cluster": "replicas", "regex_rewrite": rewrite, "timeout": "3s"},
    }


def _get() -> dict[str, object]:
    return {"name": ":method", "string_match": {"exact": "GET"}}


def _manager(prefix: str) -> dict[str, object]:
    router = f"{_EXTENSIONS}.filters.http.router.v3.Router"
    return {
        "@type": f"{_EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": prefix,
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": router, "suppress_envoy_headers": True},
            }
        ],
    }


def _listener(name: str, port: int, manager: dict[str, object]) -> dict[str, object]:
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {"name": name, "address": _address("0.0.0.0", port), "filter_chains": [{"filters": filters}]}  # noqa: S104 - inside the container; the published port decides who reaches it


def _admin() -> dict[str, object]:
    host = {"endpoint": {"address": _address("127.0.0.1", ADMIN_PORT)}}
    assignment = {"cluster_name": "admin", "endpoints": [{"lb_endpoints": [host]}]}
    return {"name": "admin", "type": "STATIC", "load_assignment": assignment}


def _replicas() -> dict[str, object]:
    """Whatever address a header names; only the route to replicas' metrics leads here."""
    return {
        "name": "replicas",
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "1s",
        "original_dst_lb_config": {"use_http_header": True, "http_header_name": REPLICA_HEADER},
    }


def _file(name: str) -> dict[str, object]:
    watched = {"path": f"{FOLDER}/live"}
    return {"path_config_source": {"path": f"{FOLDER}/live/{name}", "watched_directory": watched}}


def _address(host: str, port: int) -> dict[str, object]:
    return {"socket_address": {"address": host, "port_value": port}}
