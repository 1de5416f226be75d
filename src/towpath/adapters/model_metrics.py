"""What replicas of a model count of predictions and requests, read through a router that can reach them."""

import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import urllib3
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from towpath.adapters.model_inputs import INPUTS, TRAINED, read_inputs
from towpath.adapters.own_metrics import OwnMetrics
from towpath.adapters.scrape import ModelReplica, Scrape
from towpath.core.counters import count_problem
from towpath.core.outputs import RouterOutput
from towpath.core.own_counts import OwnSample
from towpath.core.tallies import REPLICA_HEADER, Counted, ModelSample, Tally

__all__ = ["ModelMetrics", "ModelReplica", "Readings"]

_TIMEOUT: Final = urllib3.Timeout(connect=1.0, read=3.0)
_AT_ONCE: Final = 8
_OK: Final = 200
_SCORES: Final = "towpath_predictions_bucket"
_CLASSES: Final = "towpath_predicted_classes_total"
_COUNTS: Final = frozenset({_SCORES, _CLASSES, INPUTS, TRAINED})


@dataclass(frozen=True, kw_only=True, slots=True)
class Readings:
    """What was read at one look.

    Attributes:
        samples: one per replica that counts its predictions; a model without the serving kit has none.
        own: of the user's own metrics.
        problems: why something is missing.
    """

    samples: tuple[ModelSample, ...] = ()
    own: tuple[OwnSample, ...] = ()
    problems: tuple[str, ...] = ()


class ModelMetrics:
    """Reads every replica through one of the router's replicas.

    Args:
        routers: the router's replicas; the first that answers is asked.
        http: whose connections are used.
        own: reads the user's own metrics from the same scrapes; absent: there are none.
    """

    def __init__(
        self,
        routers: Sequence[RouterOutput],
        http: urllib3.PoolManager | None = None,
        own: OwnMetrics | None = None,
    ) -> None:
        self._routers = tuple(routers)
        self._http = http or urllib3.PoolManager(maxsize=_AT_ONCE, timeout=_TIMEOUT, retries=False)
        self._own = own

    def read(self, replicas: Sequence[ModelReplica], at: float = 0.0) -> Readings:
        """What every replica counts, from one scrape of each.

        Args:
            replicas: those to ask.
            at: now, in seconds since the epoch; for what of the user's own metrics is asked elsewhere.
        """
        with ThreadPoolExecutor(max_workers=min(_AT_ONCE, max(1, len(replicas)))) as pool:
            scrapes = list(pool.map(self._scrape, replicas))
        answers = [_sample(scrape) for scrape in scrapes]
        own, troubles = ((), ()) if self._own is None else self._own.read(scrapes, at)
        return Readings(
            samples=tuple(answer for answer in answers if isinstance(answer, ModelSample)),
            own=own,
            problems=(*(answer for answer in answers if isinstance(answer, str)), *troubles),
        )

    def _scrape(self, replica: ModelReplica) -> Scrape:
        problem = "no router to ask"
        for router in self._routers:
            url = f"{router.stats.rstrip('/')}/replica"
            try:
                answer = self._http.request("GET", url, headers={REPLICA_HEADER: replica.address})
            except (urllib3.exceptions.HTTPError, OSError) as error:
                problem = f"no answer from {router.stats}: {error}"
                continue
            return Scrape(replica=replica, status=answer.status, data=answer.data)
        return Scrape(replica=replica, problem=problem)


def _sample(scrape: Scrape) -> ModelSample | str | None:
    """What a replica predicted, nothing where it counts no predictions, or what was wrong."""
    if scrape.problem:
        return f"model replica {scrape.replica.name}: {scrape.problem}"
    # a container of the user's own needn't have metrics
    return _read(scrape.replica, scrape.data) if scrape.status == _OK else None


def _read(replica: ModelReplica, data: bytes) -> ModelSample | str | None:
    try:
        families = list(text_string_to_metric_families(data.decode()))
    except ValueError:
        return None  # metrics in another format are not the kit's
    samples = [sample for family in families for sample in family.samples if sample.name in _COUNTS]
    problems = [f"{one.name}: {why}" for one in samples if (why := count_problem(one.value))]
    asked = {} if problems else read_inputs(samples, problems)
    if problems:
        return f"model replica {replica.name}: {'; '.join(problems)}"
    live, probe = (_tallies(samples, stratum) for stratum in ("false", "true"))
    found = ModelSample(replica=replica.name, arm=replica.arm, live=live, probe=probe, asked=asked)
    return found if live or asked else None


def _tallies(samples: Iterable[Sample], probe: str) -> dict[Counted, Tally]:
    told = (sample for sample in samples if sample.name in (_SCORES, _CLASSES))
    own = [sample for sample in told if sample.labels.get("probe") == probe]
    outputs = dict.fromkeys(sample.labels.get("output", "") for sample in own)
    found: dict[Counted, Tally] = {}
    for output in outputs:
        of_output = [sample for sample in own if sample.labels.get("output") == output]
        found |= _scores(output, [sample for sample in of_output if sample.name == _SCORES])
        found |= _classes(output, [sample for sample in of_output if sample.name == _CLASSES])
    return found


def _scores(output: str, buckets: Sequence[Sample]) -> dict[Counted, Tally]:
    counts = {float(sample.labels["le"]): int(sample.value) for sample in buckets}
    cases = counts.pop(math.inf, 0)
    return {
        Counted(output=output, above=bound): Tally(events=cases - upto, cases=cases)
        for bound, upto in sorted(counts.items())
    }


def _classes(output: str, counters: Sequence[Sample]) -> dict[Counted, Tally]:
    counts = {sample.labels.get("class", ""): int(sample.value) for sample in counters}
    cases = sum(counts.values())
    return {Counted(output=output, label=label): Tally(events=count, cases=cases) for label, count in counts.items()}
