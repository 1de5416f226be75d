"""Observations as JSON, as the journal keeps them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from towpath.core.counters import ArmCounters, Buckets, arm_problems, count_problem
from towpath.core.errors import UsageError, all_at_once
from towpath.core.inputs import Asked, Feature
from towpath.core.observation import ARMS, Observation, ReplicaSample
from towpath.core.own_codec import samples_to_json
from towpath.core.own_counts import OwnSample
from towpath.core.tallies import Counted, ModelSample, Tallies, Tally

FORMAT: Final = 1


def observation_to_json(observation: Observation) -> dict[str, object]:
    """For the journal; `observation_from_json` is its inverse."""
    features = tuple(dict.fromkeys(feature for sample in observation.models for feature in sample.asked))
    return {
        "v": FORMAT,
        "at": observation.at,
        "stable_ready": observation.stable_ready,
        "canary_ready": observation.canary_ready,
        "samples": [_sample_json(sample) for sample in observation.samples],
        "features": [_feature_json(feature) for feature in features],
        "models": [_model_json(sample, features) for sample in observation.models],
        "own": samples_to_json(observation.own),
        "problems": list(observation.problems),
    }


def _sample_json(sample: ReplicaSample) -> dict[str, object]:
    arms = {name: _arm_json(arm) for name, arm in sample.arms() if arm is not None}
    return {
        "replica": sample.replica,
        "timestamp": sample.timestamp,
        "no_cluster": sample.no_cluster,
        "updates_refused": sample.updates_refused,
        **arms,
    }


def _feature_json(feature: Feature) -> dict[str, object]:
    """Written once for all replicas, for its numbers are more than the counts."""
    return {
        "input": feature.input,
        "name": feature.name,
        "cuts": list(feature.cuts),
        "trained": list(feature.trained),
    }


def _model_json(sample: ModelSample, features: Sequence[Feature]) -> dict[str, object]:
    return {
        "replica": sample.replica,
        "arm": sample.arm,
        "live": _tallies_json(sample.live),
        "probe": _tallies_json(sample.probe),
        "asked": [[place, *sample.asked[one]] for place, one in enumerate(features) if one in sample.asked],
    }


def _tallies_json(tallies: Tallies) -> dict[str, object]:
    """By output: how many predictions, and of what kind; the many bounds of a score make it the form it is."""
    found: dict[str, dict[str, Any]] = {}
    for kind, tally in tallies.items():
        output = found.setdefault(kind.output, {"cases": tally.cases, "above": [], "is": {}})
        if kind.above is None:
            output["is"][kind.label] = tally.events
        else:
            output["above"].append([kind.above, tally.events])
    return dict(found)


def _arm_json(arm: ArmCounters) -> dict[str, object]:
    edges = [["inf" if math.isinf(edge) else edge, count] for edge, count in arm.buckets]
    return {"requests": arm.requests, "errors": arm.errors, "timeouts": arm.timeouts, "buckets": edges}


def observation_from_json(raw: object) -> Observation:
    """Read what `observation_to_json` gave.

    Raises:
        UsageError: a newer format, or numbers that no router can have counted; all of them are named.
    """
    if not isinstance(raw, dict) or raw.get("v") != FORMAT:
        found = raw.get("v") if isinstance(raw, dict) else None
        raise UsageError(f"an observation has format {found!r}, this program reads {FORMAT}", "use a newer towpath")
    reader = _Reader()
    observation = reader.observation(raw)
    if reader.problems:
        raise all_at_once("observation", reader.problems, "these numbers can't come from a router; none was used")
    return observation


class _Reader:
    """Reads on after a problem, so that all are named at once."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def observation(self, raw: Mapping[str, object]) -> Observation:
        features = [self.feature(one) for one in self.rows(raw.get("features", []), "features")]
        return Observation(
            at=self.number(raw.get("at"), "at"),
            samples=tuple(self.sample(one) for one in self.rows(raw.get("samples"), "samples")),
            stable_ready=self.count(raw.get("stable_ready"), "stable_ready"),
            canary_ready=self.count(raw.get("canary_ready"), "canary_ready"),
            models=tuple(self.model(one, features) for one in self.rows(raw.get("models", []), "models")),
            own=tuple(one for row in self.rows(raw.get("own", []), "own") for one in self.own(row)),
            problems=tuple(str(problem) for problem in self.rows(raw.get("problems"), "problems")),
        )

    def sample(self, raw: object) -> ReplicaSample:
        table = self.table(raw, "sample")
        replica = str(table.get("replica"))
        arms = {name: self.arm(table[name], f"{replica}: {name}") for name in ARMS if name in table}
        return ReplicaSample(
            replica=replica,
            timestamp=self.number(table.get("timestamp"), f"{replica}: timestamp"),
            no_cluster=self.count(table.get("no_cluster"), f"{replica}: no_cluster"),
            updates_refused=self.count(table.get("updates_refused"), f"{replica}: updates_refused"),
            **arms,
        )

    def model(self, raw: object, features: Sequence[Feature]) -> ModelSample:
        table = self.table(raw, "model")
        replica = str(table.get("replica"))
        return ModelSample(
            replica=replica,
            arm="canary" if table.get("arm") == "canary" else "stable",
            live=self.tallies(table.get("live"), f"{replica}: live"),
            probe=self.tallies(table.get("probe"), f"{replica}: probe"),
            asked=self.asked(table.get("asked", []), features, f"{replica}: asked"),
        )

    def feature(self, raw: object) -> Feature:
        table = self.table(raw, "feature")
        name = str(table.get("name"))
        return Feature(
            input=str(table.get("input")),
            name=name,
            cuts=tuple(self.number(cut, f"{name}: cut") for cut in self.rows(table.get("cuts"), f"{name}: cuts")),
            trained=tuple(self.count(row, f"{name}: trained") for row in self.rows(table.get("trained"), name)),
        )

    def asked(self, raw: object, features: Sequence[Feature], place: str) -> Asked:
        found: dict[Feature, tuple[int, ...]] = {}
        for row in self.rows(raw, place):
            numbers = [self.count(number, place) for number in self.rows(row, place)]
            feature = features[numbers[0]] if numbers and numbers[0] < len(features) else None
            if feature is None or len(numbers) != 1 + len(feature.cuts) + 1:
                self.problems.append(f"{place}: {row!r} is no feature's place and a count for each of its bins")
            else:
                found[feature] = tuple(numbers[1:])
        return found

    def own(self, raw: object) -> Iterator[OwnSample]:
        match raw:
            case [str(metric), "stable" | "canary" as arm, str(source), events, cases]:
                place = f"{metric}: {source}"
                tally = Tally(events=self.count(events, f"{place}: events"), cases=self.count(cases, f"{place}: cases"))
                if tally.events > tally.cases:
                    self.problems.append(f"{place}: {tally.events} of only {tally.cases}")
                yield OwnSample(metric=metric, arm=arm, source=source, tally=tally)
            case _:
                self.problems.append(f"own: {raw!r} is not a metric, its arm, its source, events and cases")

    def tallies(self, raw: object, place: str) -> dict[Counted, Tally]:
        found: dict[Counted, Tally] = {}
        for output, one in self.table(raw, place).items():
            where = f"{place}: {output}"
            table = self.table(one, where)
            cases = self.count(table.get("cases"), f"{where}: cases")
            for kind, events in self.kinds(output, table, where):
                if events > cases:
                    self.problems.append(f"{place}: {kind.spoken}: {events} of only {cases}")
                found[kind] = Tally(events=events, cases=cases)
        return found

    def kinds(self, output: str, table: Mapping[str, object], place: str) -> Iterator[tuple[Counted, int]]:
        for bound, count in self.pairs(table.get("above"), place):
            yield Counted(output=output, above=bound), count
        for label, raw in self.table(table.get("is"), place).items():
            yield Counted(output=output, label=label), self.count(raw, f"{place}: {label}")

    def pairs(self, raw: object, place: str) -> Iterator[tuple[float, int]]:
        for row in self.rows(raw, f"{place}: above"):
            if isinstance(row, list) and len(row) == len(("bound", "count")):
                yield self.number(row[0], f"{place}: bound"), self.count(row[1], f"{place}: above {row[0]}")
            else:
                self.problems.append(f"{place}: {row!r} is not a bound and a count")

    def arm(self, raw: object, place: str) -> ArmCounters:
        table = self.table(raw, place)
        before = len(self.problems)
        arm = ArmCounters(
            requests=self.count(table.get("requests"), f"{place}: requests"),
            errors=self.count(table.get("errors"), f"{place}: errors"),
            timeouts=self.count(table.get("timeouts"), f"{place}: timeouts"),
            buckets=self.buckets(table.get("buckets"), place),
        )
        if len(self.problems) == before:
            self.problems += [f"{place}: {problem}" for problem in arm_problems(arm)]
        return arm

    def buckets(self, raw: object, place: str) -> Buckets:
        read: list[tuple[float, int]] = []
        for row in self.rows(raw, f"{place}: buckets"):
            if not isinstance(row, list) or len(row) != len(("edge", "count")):
                self.problems.append(f"{place}: buckets: {row!r} is not an edge and a count")
                continue
            edge = math.inf if row[0] == "inf" else self.number(row[0], f"{place}: bucket edge")
            read.append((edge, self.count(row[1], f"{place}: bucket le={row[0]}")))
        return tuple(read)

    def rows(self, raw: object, place: str) -> list[object]:
        if isinstance(raw, list):
            return raw
        self.problems.append(f"{place}: {raw!r} is not a list")
        return []

    def table(self, raw: object, place: str) -> Mapping[str, object]:
        if isinstance(raw, dict):
            return raw
        self.problems.append(f"{place}: {raw!r} is not a table")
        return {}

    def number(self, raw: object, place: str) -> float:
        if isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(raw):
            return float(raw)
        self.problems.append(f"{place}: {raw!r} is not a finite number")
        return 0.0

    def count(self, raw: object, place: str) -> int:
        problem = count_problem(raw)
        if not problem and isinstance(raw, int | float):
            return int(raw)
        self.problems.append(f"{place}: {problem}")
        return 0
