"""Metrics of a user's own, and what reads them for two releases."""

from towpath.adapters.own_metrics import OwnMetrics
from towpath.adapters.prometheus import Prometheus
from towpath.core.own_metrics import OwnMetric, Source
from towpath.core.tallies import Arm

BOTH: dict[Arm, dict[str, str]] = {
    "stable": {"release": "aaaa", "arm": "stable", "endpoint": "iris", "stack": "prod"},
    "canary": {"release": "bbbb", "arm": "canary", "endpoint": "iris", "stack": "prod"},
}


def metric(source: Source) -> OwnMetric:
    return OwnMetric(name="fallbacks", source=source)


def reader(*metrics: OwnMetric, variables: dict[str, str] | None = None) -> OwnMetrics:
    return OwnMetrics(metrics, BOTH, Prometheus(variables or {}))
