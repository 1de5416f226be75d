"""Router clusters: the replicas of one release, checked by their ready path.

A cluster names one host that resolves to every replica, so that it stays as it is while replicas come and go: a cluster
that changes starts some of its counters anew, and whoever reads them would lose requests.
"""

from dataclasses import dataclass

_TYPE = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
_MANY = 65_536  # requests and connections at a time: the model is the limit, never the router


@dataclass(frozen=True, kw_only=True, slots=True)
class Hosts:
    """Where a release answers.

    Attributes:
        name: host name that resolves to every replica.
        port: the same on each.
        ready: path that answers 200 when a replica can serve.
    """

    name: str
    port: int
    ready: str


def clusters(live: str, probe: str, hosts: Hosts) -> list[dict[str, object]]:
    """The two clusters of a release: the same hosts, counted apart."""
    return [_cluster(name, hosts) for name in (live, probe)]


def _cluster(name: str, hosts: Hosts) -> dict[str, object]:
    return {
        "@type": _TYPE,
        "name": name,
        "cluster_type": {"name": "envoy.cluster.dns", "typed_config": _dns()},
        "connect_timeout": "2s",
        "ignore_health_on_host_removal": True,
        # below 1 % means that none is healthy: then all are tried rather than none
        "common_lb_config": {"healthy_panic_threshold": {"value": 1}},
        "lb_policy": "LEAST_REQUEST",
        "circuit_breakers": {"thresholds": [_thresholds()]},
        "health_checks": [_health_check(hosts)],
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [_host(hosts)]}],
        },
    }


def _dns() -> dict[str, object]:
    return {
        "@type": "type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster",
        "dns_lookup_family": "V4_ONLY",
        # replicas come and go, and get new addresses when the machine or the daemon restarts
        "dns_refresh_rate": "0.5s",
        "dns_failure_refresh_rate": {"base_interval": "0.5s", "max_interval": "1s"},
    }


def _thresholds() -> dict[str, object]:
    return {
        "max_connections": _MANY,
        "max_pending_requests": _MANY,
        "max_requests": _MANY,
        "retry_budget": {"budget_percent": {"value": 20}, "min_retry_concurrency": 10},
    }


def _health_check(hosts: Hosts) -> dict[str, object]:
    return {
        "timeout": "2s",
        # often enough that a replica which says it is leaving gets nothing new while it still answers
        "interval": "0.5s",
        "no_traffic_interval": "0.5s",
        "no_traffic_healthy_interval": "0.5s",
        "unhealthy_interval": "0.5s",
        "healthy_threshold": 1,
        "unhealthy_threshold": 3,
        "http_health_check": {"path": hosts.ready, "host": "towpath"},  # a cluster's own name is no valid host
    }


def _host(hosts: Hosts) -> dict[str, object]:
    return {"endpoint": {"address": {"socket_address": {"address": hosts.name, "port_value": hosts.port}}}}
