"""deploy.toml's `[[canary.metric]]`: metrics of the user's own."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from towpath.core.margins import Margin
from towpath.core.own_metrics import NAME_FORM, Asked, Exposed, ExposedAbove, OwnMetric, Source, query_problems
from towpath.core.own_metrics import is_name as is_metric_name
from towpath.core.selectors import parse_selector
from towpath.schema.table import Table

_VARIABLE = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def _checked(fits: Callable[[str], object], form: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not fits(value):
            raise ValueError(form)
        return value

    return check


def _selector(value: str) -> str:
    return str(parse_selector(value))


def _query(value: str) -> str:
    problems = query_problems(value)
    if problems:
        raise ValueError(f"PromQL for one release; {'; '.join(problems)}")
    return value


def _is_server(value: str) -> bool:
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - asking for it is what checks it
    except ValueError:
        return False
    rest = parts.username or parts.password or parts.query or parts.fragment
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not rest


_SERVER_FORM = "http:// or https:// and a host; no user, password or query: a token is named by token_env"

Selected = Annotated[str, AfterValidator(_selector)]
Query = Annotated[str, AfterValidator(_query)]
MetricName = Annotated[str, AfterValidator(_checked(is_metric_name, NAME_FORM))]
Server = Annotated[str, AfterValidator(_checked(_is_server, _SERVER_FORM))]
Variable = Annotated[
    str, AfterValidator(_checked(_VARIABLE.fullmatch, "the name of a variable, never the token itself"))
]


class OwnMarginTable(Table):
    """`ratio` times stable's share of events plus `plus`; where fewer are worse, divided by `ratio` minus `plus`."""

    ratio: Annotated[float, Field(ge=1)] = 1.0
    plus: Annotated[float, Field(ge=0, lt=1)] = 0.0


def _form(value: object) -> str:
    return "table" if isinstance(value, dict | OwnMarginTable) else "points"


Points = Annotated[float, Field(gt=0, lt=1)]
OwnMargin = Annotated[Annotated[OwnMarginTable, Tag("table")] | Annotated[Points, Tag("points")], Discriminator(_form)]


class PromqlTable(Table):
    """A Prometheus that is asked at every look: two instant queries, the same for both releases but for placeholders.

    `$release` stands for the release's identity (the container's label `towpath.release-id`), `$arm` for `stable` or
    `canary`, `$endpoint` and `$stack` for what they say.
    """

    url: Server
    events: Query
    cases: Query
    token_env: Variable | None = None

    def source(self) -> Asked:
        """The core's form."""
        return Asked(url=self.url, events=self.events, cases=self.cases, token_env=self.token_env or "")


class OwnMetricTable(Table):
    """A metric of your own: events among cases, in both releases. Repeat the table for more; at most 8."""

    name: MetricName
    events: Selected | None = None
    cases: Selected | None = None
    histogram: Selected | None = None
    above: float | None = None
    promql: PromqlTable | None = None
    worse: Literal["more", "fewer"] = "more"
    rollback: OwnMargin | None = None
    promote: OwnMargin | None = None
    depends_on_load: bool = False
    model: str | None = None
    without_probes: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = {key for key in ("events", "cases", "histogram", "above", "promql") if getattr(self, key) is not None}
        if given not in ({"events", "cases"}, {"histogram", "above"}, {"promql"}):
            raise ValueError("one source: events and cases, or histogram and above, or promql")
        return self

    def metric(self) -> OwnMetric:
        """The core's form, defaults filled in."""
        margins = {"rollback": self.rollback, "promote": self.promote}
        given: dict[str, Any] = {key: _margin(value) for key, value in margins.items() if value is not None}
        return OwnMetric(
            name=self.name,
            source=self._source(),
            worse=self.worse,
            depends_on_load=self.depends_on_load,
            model=self.model or "",
            without_probes=self.without_probes,
            **given,
        )

    def _source(self) -> Source:
        if self.promql is not None:
            return self.promql.source()
        if self.histogram is not None and self.above is not None:
            return ExposedAbove(histogram=parse_selector(self.histogram), bound=self.above)
        return Exposed(events=parse_selector(self.events or ""), cases=parse_selector(self.cases or ""))


def _margin(value: OwnMarginTable | float) -> Margin:
    if isinstance(value, OwnMarginTable):
        return Margin(ratio=value.ratio, points=value.plus)
    return Margin(ratio=1.0, points=value)
