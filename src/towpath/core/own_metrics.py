"""Metrics of the user's own: events among cases that their model, or their Prometheus, counts."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from towpath.core.contract import ARM_HEADER
from towpath.core.judge.channels import ERRORS, Channel, Own
from towpath.core.judge.evalue import HalfPlane
from towpath.core.margins import NARROW, WIDE, Margin, narrower
from towpath.core.selectors import Selector

MOST: Final = 8  # each one takes its part of alpha from all others
RESERVED: Final = ("errors", "latency", "predictions", "inputs")
NAME_FORM: Final = "at most 40 small letters, digits and _, a letter first"
PLACEHOLDERS: Final = ("release", "arm", "endpoint", "stack")
_ARM_PLACEHOLDERS: Final = ("release", "arm")  # without one of them both arms would be asked the same
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PLACEHOLDER: Final = re.compile(r"\$([a-z]\w*)", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposed:
    """Two counters on `/metrics` of every replica; a counter with several label sets is summed."""

    events: Selector
    cases: Selector


@dataclass(frozen=True, kw_only=True, slots=True)
class ExposedAbove:
    """A histogram on `/metrics` of every replica: events are what is above `bound`, at which a bucket must end."""

    histogram: Selector
    bound: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Two queries to a Prometheus, whose answers are counters that only grow.

    Attributes:
        url: of the server; `/api/v1/query` is added.
        events: PromQL with placeholders.
        cases: the same.
        token_env: name of the variable that holds a bearer token; empty: none is sent.
    """

    url: str
    events: str
    cases: str
    token_env: str = ""


Source = Exposed | ExposedAbove | Asked


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnMetric:
    """A metric of the user's own.

    Attributes:
        name: also its channel's.
        source: where events and cases are counted.
        worse: whether more events are worse, or fewer.
        rollback: up to here nothing counts against a candidate.
        promote: it must be shown to be better than this.
        depends_on_load: whether a replica with more requests looks worse, as with latency.
        model: the only model that is judged on it; empty: every model of the environment.
        without_probes: whether requests of ours are in neither events nor cases.
    """

    name: str
    source: Source
    worse: Literal["more", "fewer"] = "more"
    rollback: Margin = NARROW
    promote: Margin = WIDE
    depends_on_load: bool = False
    model: str = ""
    without_probes: bool = False


def own_of(metrics: Sequence[OwnMetric], model: str) -> tuple[OwnMetric, ...]:
    """Those that one model is judged on."""
    return tuple(metric for metric in metrics if metric.model in ("", model))


def own_channel(metric: OwnMetric) -> Channel:
    """What the judge looks at."""
    return Channel(
        name=metric.name,
        metric=metric.name,
        event=Own(metric=metric.name),
        rollback=edge(metric, metric.rollback),
        promote=edge(metric, metric.promote),
        lifts=ERRORS.lifts,
        stakes=ERRORS.stakes,
        margin=(_spoken(metric, metric.rollback), _spoken(metric, metric.promote)),
        more_is="worse" if metric.worse == "more" else "better",
        depends_on_load=metric.depends_on_load,
    )


def edge(metric: OwnMetric, margin: Margin) -> HalfPlane:
    """The null's edge in bad events.

    Where fewer events are worse, the candidate's rate may be as low as stable's divided by the ratio, minus the
    points: `c >= b / ratio - points`. With `c' = 1 - c` and `b' = 1 - b`, the rates of cases without the event, that
    is `c' <= b' / ratio + (1 - 1 / ratio + points)`: a half-plane again.
    """
    if metric.worse == "more":
        return HalfPlane(r0=margin.ratio, d=margin.points)
    return HalfPlane(r0=1 / margin.ratio, d=1 - 1 / margin.ratio + margin.points)


def _spoken(metric: OwnMetric, margin: Margin) -> str:
    times = {"more": f"{margin.ratio:g} times stable's rate", "fewer": f"stable's rate divided by {margin.ratio:g}"}
    points = {"more": f" plus {margin.points:.2%}", "fewer": f" minus {margin.points:.2%}"}
    rate = times[metric.worse] if margin.ratio > 1 else "stable's rate"
    return f"{rate}{points[metric.worse] if margin.points else ''}"


def is_name(text: str) -> bool:
    """Whether a metric may be called that."""
    return _NAME.fullmatch(text) is not None


def own_problems(metrics: Sequence[OwnMetric]) -> list[str]:
    """Everything that makes these metrics meaningless together; empty when they can be judged."""
    together = [own_of(metrics, model) for model in dict.fromkeys(metric.model for metric in metrics)]
    twice = dict.fromkeys(name for some in together for name, n in Counter(one.name for one in some).items() if n > 1)
    most = max((len(some) for some in together), default=0)
    checks = (
        *((is_name(one.name), f"metric: found name {one.name!r}, valid: {NAME_FORM}") for one in metrics),
        *(
            (one.name not in RESERVED, f"metric: {one.name} is a name of Towpath's own, choose another")
            for one in metrics
        ),
        *((False, f"metric: {name} is there twice; each name once") for name in twice),
        *((narrower(one.rollback, one.promote), f"metric: {one.name}: {_MARGINS_FORM}") for one in metrics),
        *((False, f"metric: {one.name}: {problem}") for one in metrics for problem in _query_problems(one.source)),
        (most <= MOST, f"metric: {most} of them, valid: at most {MOST}, each takes a part of alpha"),
    )
    return [problem for fits, problem in checks if not fits]


def probe_problems(metrics: Sequence[OwnMetric]) -> list[str]:
    """Why these metrics can't be judged beside probes; empty when they can.

    Both arms get as many probes whatever their shares of users' requests are, so a metric that counts them is made of
    other requests in each arm.
    """
    return [
        f"metric: {one.name}: with probes on it would compare more probes in one release than in the other; count no "
        f"request with the header {ARM_HEADER} and say without_probes = true, or take probes away"
        for one in metrics
        if not one.without_probes
    ]


_MARGINS_FORM: Final = "ratio at least 1, points from 0 to below 1, promote's wider than rollback's"


def _query_problems(source: Source) -> list[str]:
    if not isinstance(source, Asked):
        return []
    named = (("events", source.events), ("cases", source.cases))
    return [f"promql.{key}: {problem}" for key, query in named for problem in query_problems(query)]


def query_problems(query: str) -> list[str]:
    """What is wrong with the placeholders of a query; empty when nothing is."""
    used = _PLACEHOLDER.findall(query)
    found = [f"${name} stands for nothing, valid: {_listed(PLACEHOLDERS)}" for name in used if name not in PLACEHOLDERS]
    if not any(name in _ARM_PLACEHOLDERS for name in used):
        found.append(f"it would ask the same of both releases, use one of {_listed(_ARM_PLACEHOLDERS)}")
    return found


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"${name}" for name in names)


def filled(query: str, values: Mapping[str, str]) -> str:
    """The query for one arm. `$1` and `${name}`, which PromQL's own functions use, are left as they are."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), query)
