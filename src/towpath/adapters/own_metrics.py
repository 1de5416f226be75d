"""The user's own metrics, read from replicas' expositions or asked of a Prometheus."""

import math
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from towpath.adapters.prometheus import Prometheus, QueryFailed, Series
from towpath.adapters.scrape import Scrape
from towpath.core.counters import count_problem
from towpath.core.own_counts import OwnSample, problem
from towpath.core.own_metrics import Asked, Exposed, ExposedAbove, OwnMetric, filled
from towpath.core.selectors import Selector
from towpath.core.tallies import Arm, Tally

_AT_ONCE: Final = 8
_OK: Final = 200

Counts = tuple[tuple[OwnSample, ...], tuple[str, ...]]


class OwnMetrics:
    """Reads metrics of the user's own, both arms at the same moment.

    Args:
        metrics: which.
        arms: what placeholders of a query stand for, by arm; an arm that isn't there isn't asked for.
        prometheus: asks queries.
    """

    def __init__(
        self, metrics: Sequence[OwnMetric], arms: Mapping[Arm, Mapping[str, str]], prometheus: Prometheus
    ) -> None:
        self._exposed = tuple(metric for metric in metrics if not isinstance(metric.source, Asked))
        self._asked = tuple(
            (metric, metric.source, arm) for metric in metrics if isinstance(metric.source, Asked) for arm in arms
        )
        self._arms = arms
        self._prometheus = prometheus

    def read(self, scrapes: Iterable[Scrape], at: float) -> Counts:
        """What is counted, and why something isn't; it never raises for that. `at`: seconds since the epoch."""
        return _joined([*self._from_replicas(scrapes), *self._from_prometheus(at)])

    def _from_replicas(self, scrapes: Iterable[Scrape]) -> Iterable[Counts]:
        return (read_exposition(scrape, self._exposed) for scrape in scrapes if self._exposed)

    def _from_prometheus(self, at: float) -> list[Counts]:
        if not self._asked:
            return []
        with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(self._asked))) as pool:
            return list(pool.map(lambda one: self._ask(one, at), self._asked))

    def _ask(self, one: tuple[OwnMetric, Asked, Arm], at: float) -> Counts:
        metric, source, arm = one
        try:
            events, cases = (
                self._prometheus.ask(source, filled(query, self._arms[arm]), at)
                for query in (source.events, source.cases)
            )
        except QueryFailed as failed:
            return (), (problem(metric.name, f"{failed} (of {arm})"),)
        return _tallied(metric.name, arm, _lines(events, cases))


def _lines(events: Series, cases: Series) -> Mapping[str, Tally]:
    """By line where both answers have the same labels, so that one that begins again loses only itself; else summed."""
    if events.keys() <= cases.keys():
        return {line: Tally(events=events.get(line, 0), cases=count) for line, count in cases.items()}
    return {"": Tally(events=sum(events.values()), cases=sum(cases.values()))}


def _tallied(metric: str, arm: Arm, lines: Mapping[str, Tally]) -> Counts:
    wrong = [f"{one.events} events of only {one.cases} cases" for one in lines.values() if one.events > one.cases]
    if wrong:
        return (), (problem(metric, f"{wrong[0]}; events must be some of the cases (of {arm})"),)
    return (
        tuple(
            OwnSample(metric=metric, arm=arm, source=f"Prometheus, {arm} {line}".strip(), tally=tally)
            for line, tally in lines.items()
        ),
        (),
    )


def read_exposition(scrape: Scrape, metrics: Sequence[OwnMetric]) -> Counts:
    """What one replica counts of each metric, and why it doesn't."""
    why = scrape.problem or ("" if scrape.status == _OK else f"/metrics answered {scrape.status}")
    try:
        families = list(text_string_to_metric_families(scrape.data.decode())) if not why else []
    except ValueError:
        families, why = [], "/metrics is not in Prometheus' format"
    names = {family.name for family in families}
    samples = [sample for family in families for sample in family.samples]
    found = [why or _counted(metric, samples, names) for metric in metrics]
    both = list(zip(metrics, found, strict=True))
    return (
        tuple(
            OwnSample(metric=metric.name, arm=scrape.replica.arm, source=scrape.replica.name, tally=one)
            for metric, one in both
            if isinstance(one, Tally)
        ),
        tuple(
            problem(metric.name, f"model replica {scrape.replica.name}: {one}")
            for metric, one in both
            if isinstance(one, str)
        ),
    )


def _counted(metric: OwnMetric, samples: Sequence[Sample], names: Iterable[str]) -> Tally | str:
    """What one replica counts of a metric, or what is wrong with it."""
    match metric.source:
        case Exposed(events=events, cases=cases):
            found = [_sum(one, samples, names) for one in (events, cases)]
        case ExposedAbove(histogram=histogram, bound=bound):
            found = _above(histogram, bound, samples)
        case Asked():
            return "is asked of Prometheus"
    problems = [one for one in found if isinstance(one, str)]
    counts = [one for one in found if isinstance(one, int)]
    if problems:
        return "; ".join(problems)
    if counts[0] > counts[1]:
        return f"{counts[0]} events of only {counts[1]} cases; events must be some of the cases"
    return Tally(events=counts[0], cases=counts[1])


def _sum(selector: Selector, samples: Iterable[Sample], names: Iterable[str]) -> int | str:
    """A counter's value, all label sets together.

    A label set that was never counted has no line yet. So what lacks only the labels is at 0, and what lacks the name
    isn't counted here.
    """
    named = [sample for sample in samples if selector.names(sample.name)]
    if not named and not any(selector.names(name) for name in names):
        return f"no {selector.name} on /metrics"
    own = [sample for sample in named if selector.fits(sample.labels)]
    return _total(selector.name, own)


def _total(name: str, samples: Sequence[Sample]) -> int | str:
    problems = [f"{name}: {why}" for sample in samples if (why := count_problem(sample.value))]
    return problems[0] if problems else sum(int(sample.value) for sample in samples)


def _above(histogram: Selector, bound: float, samples: Iterable[Sample]) -> list[int | str]:
    """Events and cases: what is above the bucket that ends at the bound, and everything."""
    name = f"{histogram.name}_bucket"
    buckets = [sample for sample in samples if sample.name == name]
    if not buckets:
        return [f"no histogram {histogram.name} on /metrics"]
    ends = sorted({float(sample.labels["le"]) for sample in buckets})
    if bound not in ends:
        return [f"no bucket of {histogram.name} ends at {bound:g}, there are {', '.join(f'{end:g}' for end in ends)}"]
    own = [sample for sample in buckets if histogram.fits(sample.labels)]
    upto, cases = (
        _total(name, [sample for sample in own if float(sample.labels["le"]) == end]) for end in (bound, math.inf)
    )
    return [cases - upto, cases] if isinstance(upto, int) and isinstance(cases, int) else [upto, cases]


def _joined(many: Iterable[Counts]) -> Counts:
    every = list(many)
    return (
        tuple(sample for samples, _ in every for sample in samples),
        tuple(text for _, problems in every for text in problems),
    )
