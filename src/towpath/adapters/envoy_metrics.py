"""Counters of both arms, scraped from every Envoy replica of the router, and through it from the model's replicas."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import urllib3
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from towpath.adapters.model_metrics import ModelMetrics, ModelReplica
from towpath.app.ports import Clock
from towpath.core.counters import ArmCounters, arm_problems, count_problem
from towpath.core.errors import Missing
from towpath.core.observation import Observation, ReplicaSample
from towpath.core.outputs import RouterOutput

_TIMEOUT: Final = urllib3.Timeout(connect=1.0, read=3.0)
_AT_ONCE: Final = 8
_CLUSTER: Final = "envoy_cluster_name"
_CLASS: Final = "envoy_response_code_class"
_OK: Final = 200

# Envoy's own clients have counters too; no user's request is in them.
_INTERNAL: Final = "async-client"

_NO_CLUSTER: Final = "envoy_http_no_cluster"
# A file that doesn't parse is a failure, one that parses and makes no sense is a rejection; both leave old routes.
_REFUSED: Final = frozenset(
    {
        "envoy_http_rds_update_rejected",
        "envoy_http_rds_update_failure",
        "envoy_cluster_manager_cds_update_rejected",
        "envoy_cluster_manager_cds_update_failure",
    }
)
_ROUTER_STATS: Final = (
    r"^http\..*\.no_cluster$",
    r"^http\..*\.rds\..*\.update_(rejected|failure)$",
    r"^cluster_manager\.cds\.update_(rejected|failure)$",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Clusters:
    """The router's names for the arms of an endpoint; empty where there is no such arm."""

    stable: str
    canary: str = ""
    probe_stable: str = ""
    probe_canary: str = ""

    def names(self) -> tuple[str, ...]:
        """Those that exist."""
        every = (self.stable, self.canary, self.probe_stable, self.probe_canary)
        return tuple(name for name in every if name)


class EnvoyObserver:
    """Reads both arms of one endpoint from the same scrape of each router replica.

    Args:
        routers: the router's replicas.
        clusters: the arms.
        replicas: says which replicas of the model are ready; `Missing` where nobody can tell.
        models: reads what those count themselves.
        clock: for the time of each scrape.
        http: whose connections are used.
    """

    def __init__(
        self,
        routers: Sequence[RouterOutput],
        clusters: Clusters,
        replicas: Callable[[], Sequence[ModelReplica]],
        models: ModelMetrics,
        clock: Clock,
        http: urllib3.PoolManager | None = None,
    ) -> None:
        self._routers = tuple(routers)
        self._clusters = clusters
        self._replicas = replicas
        self._models = models
        self._clock = clock
        self._http = http or urllib3.PoolManager(timeout=_TIMEOUT, retries=False)
        self._query = f"/stats/prometheus?filter={quote(stats_filter(clusters), safe='')}"

    def read(self) -> Observation:
        """See the port."""
        replicas, unseen = self._ready()
        counted = self._models.read([replica for replica in replicas if replica.address], self._clock.now())
        with ThreadPoolExecutor(max_workers=min(_AT_ONCE, max(1, len(self._routers)))) as pool:
            answers = list(pool.map(self._sample, self._routers))
        return Observation(
            at=self._clock.now(),
            samples=tuple(answer for answer in answers if isinstance(answer, ReplicaSample)),
            stable_ready=sum(replica.arm == "stable" for replica in replicas),
            canary_ready=sum(replica.arm == "canary" for replica in replicas),
            models=counted.samples,
            own=counted.own,
            problems=(*unseen, *(answer for answer in answers if isinstance(answer, str)), *counted.problems),
        )

    def _ready(self) -> tuple[Sequence[ModelReplica], tuple[str, ...]]:
        """The model's replicas; none, and why, where they can't be seen: what the routers counted says enough."""
        try:
            return self._replicas(), ()
        except Missing as error:
            return (), (f"replicas of the model: {error.message}",)

    def _sample(self, router: RouterOutput) -> ReplicaSample | str:
        """One scrape, or what was wrong with it."""
        url = router.stats.rstrip("/") + self._query
        try:
            answer = self._http.request("GET", url, timeout=_TIMEOUT, retries=False)
            if answer.status != _OK:
                return f"router replica {router.name}: {router.stats} answered {answer.status}"
            sample, problems = sample_of(router.name, self._clock.now(), answer.data.decode(), self._clusters)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return f"router replica {router.name}: no answer from {router.stats}: {error}"
        except ValueError as error:
            return f"router replica {router.name}: {router.stats} sent no metrics: {error}"
        return sample if not problems else f"router replica {router.name}: {'; '.join(problems)}"


def stats_filter(clusters: Clusters) -> str:
    """The regular expression over Envoy's own names of statistics; not `usedonly`, which hides arms at zero."""
    arms = "|".join(re.escape(name) for name in clusters.names())
    return "|".join((rf"^cluster\.({arms})\.upstream_rq_([0-9]xx|completed|timeout|time)$", *_ROUTER_STATS))


def sample_of(replica: str, timestamp: float, text: str, clusters: Clusters) -> tuple[ReplicaSample, tuple[str, ...]]:
    """Read one scrape; with it, the numbers that no router can have counted.

    Raises:
        ValueError: the text isn't in Prometheus' format.
    """
    samples = [_as_sent(sample) for family in text_string_to_metric_families(text) for sample in family.samples]
    problems = [f"{one.name}{_of(one)}: {why}" for one in samples if _counts(one) and (why := count_problem(one.value))]
    if problems:
        return ReplicaSample(replica=replica, timestamp=timestamp), tuple(problems)
    sample = ReplicaSample(
        replica=replica,
        timestamp=timestamp,
        stable=_arm(samples, clusters.stable),
        canary=_arm(samples, clusters.canary),
        probe_stable=_arm(samples, clusters.probe_stable),
        probe_canary=_arm(samples, clusters.probe_canary),
        no_cluster=_sum(one for one in samples if one.name == _NO_CLUSTER and _INTERNAL not in one.labels.values()),
        updates_refused=_sum(one for one in samples if one.name in _REFUSED),
    )
    found = [f"{name}: {why}" for name, arm in sample.arms() if arm is not None for why in arm_problems(arm)]
    return sample, tuple(found)


def _as_sent(sample: Sample) -> Sample:
    """Undo that the parser gives every counter the ending `_total`, which Envoy's don't have."""
    return sample._replace(name=sample.name.removesuffix("_total"))


def _counts(sample: Sample) -> bool:
    """Whether the value must be a count; the sum of a histogram needn't."""
    return not sample.name.endswith("_sum")


def _of(sample: Sample) -> str:
    name = sample.labels.get(_CLUSTER)
    return f" of {name}" if name else ""


def _arm(samples: Iterable[Sample], cluster: str) -> ArmCounters | None:
    """Counters of one cluster; None when the router doesn't know it.

    Requests are the sum of the answers' classes, not `completed`, so that errors are never more than requests even
    where a scrape catches a request half counted. A class without an answer has no line.
    """
    own = [sample for sample in samples if sample.labels.get(_CLUSTER) == cluster]
    if not cluster or not any(sample.name == "envoy_cluster_upstream_rq_completed" for sample in own):
        return None
    answers = [sample for sample in own if sample.name == "envoy_cluster_upstream_rq_xx"]
    return ArmCounters(
        requests=_sum(answers),
        errors=_sum(sample for sample in answers if sample.labels[_CLASS] == "5"),
        timeouts=_sum(sample for sample in own if sample.name == "envoy_cluster_upstream_rq_timeout"),
        buckets=_buckets(own),
    )


def _buckets(samples: Iterable[Sample]) -> tuple[tuple[float, int], ...]:
    found = [sample for sample in samples if sample.name == "envoy_cluster_upstream_rq_time_bucket"]
    edges = ((_edge(sample.labels["le"]), int(sample.value)) for sample in found)
    return tuple(sorted(edges))


def _edge(text: str) -> float:
    return math.inf if text == "+Inf" else float(text)


def _sum(samples: Iterable[Sample]) -> int:
    return sum(int(sample.value) for sample in samples)
