"""deploy.toml's canary: how a release comes to carry all traffic."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from towpath.core.canary_policy import METRICS, CanaryPolicy, Margin, Margins, Metric, policy_problems
from towpath.core.drift import DriftPolicy
from towpath.core.judge.curves import Slower
from towpath.schema.own_metric_tables import OwnMetricTable
from towpath.schema.table import Table
from towpath.schema.units import Seconds, format_duration

Percent = Annotated[int, Field(gt=0, lt=100)]
Share = Annotated[float, Field(gt=0, lt=1)]


class MarginTable(Table):
    """Worse means: the candidate's share of failing requests is above `ratio` times stable's plus `plus`."""

    ratio: Annotated[float, Field(ge=1)]
    plus: Annotated[float, Field(ge=0, lt=1)]

    def margin(self) -> Margin:
        """The core's form."""
        return Margin(ratio=self.ratio, points=self.plus)


class ErrorMarginsTable(Table):
    """Margins of the error channel: beyond `rollback` it is refused, within `promote` it must be shown to be."""

    rollback: MarginTable | None = None
    promote: MarginTable | None = None


class SlowerTable(Table):
    """Slower means: latencies above `1 + slower` times stable's plus `plus_ms` milliseconds."""

    slower: Annotated[float, Field(ge=0, lt=10)]
    plus_ms: Annotated[float, Field(ge=0)] = 0.0

    def margin(self) -> Slower:
        """The core's form."""
        return Slower(ratio=1 + self.slower, plus=self.plus_ms)


class LatencyMarginsTable(Table):
    """Margins of the latency channels."""

    rollback: SlowerTable | None = None
    promote: SlowerTable | None = None


class PredictionMarginsTable(Table):
    """Margins of the prediction channels: the share of all predictions that moved across a cut or into a class."""

    rollback: Share | None = None
    promote: Share | None = None


class MarginsTable(Table):
    """How much worse a candidate may be, by metric."""

    errors: ErrorMarginsTable = ErrorMarginsTable()
    latency: LatencyMarginsTable = LatencyMarginsTable()
    predictions: PredictionMarginsTable = PredictionMarginsTable()

    def margins(self) -> Margins:
        """The core's form, defaults filled in."""
        tables = {
            "errors": self.errors.rollback,
            "errors_promote": self.errors.promote,
            "latency": self.latency.rollback,
            "latency_promote": self.latency.promote,
        }
        shares = {
            "predictions": self.predictions.rollback,
            "predictions_promote": self.predictions.promote,
        }
        given: dict[str, Any] = {name: table.margin() for name, table in tables.items() if table is not None}
        given |= {name: share for name, share in shares.items() if share is not None}
        return replace(Margins(), **given)


class ProbesTable(Table):
    """Requests from the model's holdout.jsonl to both arms, `rate` a second to each; judged apart from users'."""

    rate: Annotated[float, Field(gt=0, le=100)] = 5.0


class DriftTable(Table):
    """What it means to a canary when users' requests aren't what they were; the kit counts them."""

    psi: Annotated[float, Field(gt=0, le=10)] = 0.2
    action: Literal["hold", "tell"] = "hold"

    def policy(self) -> DriftPolicy:
        """The core's form."""
        return DriftPolicy(psi=self.psi, action=self.action)


class CanaryTable(Table):
    """How a release comes to carry all traffic."""

    strategy: Literal["canary", "blue-green"] = "canary"
    traffic: list[Percent] = Field(default=[5, 25, 50], min_length=1)
    holdback: Percent = 5
    poll: Seconds = 10.0
    min_time: Seconds = 600.0
    max_time: Seconds = 3600.0
    soak: Seconds = 0.0
    min_polls: Annotated[int, Field(ge=1)] = 4
    min_requests: Annotated[int, Field(ge=1)] = 20
    alpha: Share = 0.01
    beta: Share = 0.05
    metrics: list[Metric] = Field(default=list(METRICS), min_length=1)
    warm_up: Seconds = 300.0
    dispersion: Annotated[float, Field(ge=1, le=1000)] = 1.0
    max_gap: Seconds = 300.0
    on_inconclusive: Literal["ask", "rollback"] = "ask"
    margins: MarginsTable = MarginsTable()
    probes: ProbesTable | None = None
    drift: DriftTable = DriftTable()
    metric: list[OwnMetricTable] = Field(default=[])

    def problems(self) -> list[tuple[str, str]]:
        """(key, what is wrong) of values that don't fit together."""
        last = 100 - self.holdback
        checks = (
            ("traffic", sorted(set(self.traffic)) != self.traffic, "ascending percents, each once"),
            ("traffic", max(self.traffic) >= last, f"percents below {last:g}, which is 100 - holdback"),
            ("poll", not 1 <= self.poll < self.max_gap, 'from "1s" to less than max_gap'),
            ("holdback", self.holdback >= _HALF, "below 50"),
            ("max_time", self.max_time < self.min_time, "at least min_time"),
            ("warm_up", self.warm_up >= self.max_time, "below max_time"),
            ("traffic", self.strategy == "blue-green" and "traffic" in self.model_fields_set, _ONE_STEP),
        )
        found = [
            (key, f"found {_shown(key, getattr(self, key))}, valid: {valid}") for key, wrong, valid in checks if wrong
        ]
        rest = [] if found else policy_problems(self.policy())
        return found + [(key, problem.strip()) for key, _, problem in (text.partition(":") for text in rest)]

    def policy(self) -> CanaryPolicy:
        """The core's form."""
        plain = {name: getattr(self, name) for name in CanaryTable.model_fields if name != "metric"}
        return CanaryPolicy(
            **plain
            | {
                "traffic": tuple(self.traffic),
                "metrics": tuple(self.metrics),
                "own": tuple(table.metric() for table in self.metric),
                "margins": self.margins.margins(),
                "probes": 0.0 if self.probes is None else self.probes.rate,
                "drift": self.drift.policy(),
                "on_inconclusive": "ask" if self.on_inconclusive == "ask" else "roll back",
            }
        )


_HALF = 50
_DURATIONS = frozenset({"poll", "max_time", "warm_up"})
_ONE_STEP = "no such key with blue-green, which has one step of 100 - holdback"


def _shown(key: str, value: object) -> str:
    if isinstance(value, int | float):
        return format_duration(value) if key in _DURATIONS else f"{value:g}"
    return str(value)
