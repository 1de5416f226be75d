"""Answers as JSON documents and as text; pure, so that both always say the same."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from towpath.cli.render import Table

if TYPE_CHECKING:
    from towpath.app.build import BuildResult
    from towpath.app.doctor import Row
    from towpath.app.init import Initialised
    from towpath.app.status import EnvironmentStatus
    from towpath.core.history import Closed, Open
    from towpath.core.release import ImageRef, ReleaseRecord

NOTHING = "-"
_KIB, _MINUTE = 1024, 60


def moment(seconds: float | None) -> str:
    """UTC, to the second."""
    return NOTHING if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def stamp(seconds: float | None) -> str | None:
    """ISO 8601 for JSON."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def short(image: "ImageRef | None") -> str:
    """For tables."""
    return NOTHING if image is None else image.short


def size(count: int) -> str:
    """Bytes for people."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < _KIB:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _KIB
    return f"{amount:.1f} GiB"


def about(seconds: float) -> str:
    """`about 25 min`."""
    if seconds < 2 * _MINUTE:
        return f"about {seconds:.0f} s"
    return f"about {seconds / _MINUTE:.0f} min"


def image_document(image: "ImageRef | None") -> str | None:
    """An image in JSON."""
    return None if image is None else str(image)


def record_document(record: "ReleaseRecord") -> dict[str, object]:
    """A release's record in JSON."""
    plain = asdict(record) | {"image": str(record.image)}
    return {name: value for name, value in plain.items() if name != "features"}  # of a model with many, thousands


def build_answer(result: "BuildResult") -> tuple[dict[str, object], str]:
    """What a build made."""
    record = result.record
    document = {
        "release": record_document(record),
        "written": result.written,
        "moved_bytes": result.moved,
        "reused_bytes": result.reused,
        "seconds": dict(result.seconds),
        "notes": list(result.notes),
    }
    tests = record.tests.summary if record.tests.passed else f"NOT PASSED: {record.tests.summary}"
    commit = f"{record.commit[:12] or 'no commit'}{' with uncommitted changes' if record.dirty else ''}"
    lines = (
        f"{record.image}",
        f"  commit   {commit}",
        f"  tests    {tests}",
        f"  metrics  {_metrics(record.metrics) or NOTHING}",
        f"  pushed   {size(result.moved)}, {size(result.reused)} were there",
    )
    return document, "\n".join(lines)


def _metrics(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in sorted(metrics.items()))


def releases_answer(records: Sequence["ReleaseRecord"]) -> tuple[dict[str, object], Table]:
    """What was built, newest first."""
    rows = (
        (
            record.model,
            record.image.short,
            record.built_at,
            (record.commit[:12] or NOTHING) + ("+" if record.dirty else ""),
            "passed" if record.tests.passed else "not passed",
            _metrics(record.metrics) or NOTHING,
        )
        for record in records
    )
    columns = ("MODEL", "RELEASE", "BUILT", "COMMIT", "TESTS", "METRICS")
    document: dict[str, object] = {"releases": [record_document(record) for record in records]}
    return document, Table(columns=columns, rows=tuple(rows), empty="no release was built yet: deploy build")


def closed_document(closed: "Closed") -> dict[str, object]:
    """An ended promotion in JSON."""
    return {
        "promotion": closed.plan.id,
        "environment": closed.plan.environment,
        "model": closed.plan.model,
        "strategy": str(closed.plan.strategy),
        "candidate": str(closed.plan.candidate),
        "stable": image_document(closed.plan.stable),
        "commit": closed.plan.commit,
        "actor": closed.actor,
        "since": stamp(closed.since),
        "until": stamp(closed.until),
        "outcome": str(closed.outcome),
        "reason": closed.reason,
        "published": closed.published,
    }


def open_document(opened: "Open") -> dict[str, object]:
    """A promotion under way in JSON."""
    return {
        "promotion": opened.plan.id,
        "candidate": str(opened.plan.candidate),
        "strategy": str(opened.plan.strategy),
        "actor": opened.actor,
        "since": stamp(opened.since),
        "step": opened.next_step,
        "steps": [step.name for step in opened.plan.steps],
        "traffic": opened.traffic,
        "paused": opened.paused,
        "rolling_back": opened.rolling_back,
    }


def resumed_answer(environment: str, now: "Closed | Open | None") -> tuple[dict[str, object], str]:
    """How a resumed promotion ended, or that its driver goes on with it."""
    from towpath.core.history import Closed

    if now is None:
        return {"ended": []}, "nothing was open"
    which = f"promotion {now.plan.id} of {environment}"
    if isinstance(now, Closed):
        return {"ended": [[environment, str(now.outcome)]]}, f"{which}: {now.outcome}"
    return {"ended": []}, f"{which} isn't paused any more; its driver goes on"


def _ended_as(closed: "Closed") -> str:
    return "went back" if closed.went_back else str(closed.outcome)


def _headline(reason: str) -> str:
    """For a table; of a container that failed there are the last lines of its log below, which explain tells."""
    first, *more = reason.splitlines() or [NOTHING]
    return f"{first} …" if more else first


def history_answer(environment: str, closed: Sequence["Closed"]) -> tuple[dict[str, object], Table]:
    """Ended promotions, newest first."""
    rows = tuple(
        (
            str(one.plan.id),
            one.plan.model,
            short(one.plan.stable),
            short(one.plan.candidate),
            _ended_as(one),
            moment(one.until),
            f"{one.until - one.since:.0f} s",
            one.actor,
            _headline(one.reason),
        )
        for one in closed
    )
    columns = ("ID", "MODEL", "FROM", "TO", "OUTCOME", "ENDED", "TOOK", "BY", "WHY")
    document: dict[str, object] = {"environment": environment, "promotions": [closed_document(one) for one in closed]}
    return document, Table(columns=columns, rows=rows, empty=f"nothing was promoted to {environment} yet")


def status_answer(statuses: Sequence["EnvironmentStatus"]) -> tuple[dict[str, object], list["Table | str"]]:
    """Every environment, with what contradicts something else below."""
    several = len({status.endpoint for status in statuses}) > 1
    columns = (
        *(("MODEL",) if several else ()),
        "ENVIRONMENT",
        "RELEASE",
        "SINCE",
        "CANARY",
        "TRAFFIC",
        "OBSERVED",
        "READY",
        "PROMOTION",
        "PUBLISHED",
        "URL",
    )
    rows = tuple(((status.endpoint,) if several else ()) + _status_row(status) for status in statuses)
    problems = [f"{status.environment}: {problem}" for status in statuses for problem in status.problems]
    document: dict[str, object] = {"environments": [_status_document(status) for status in statuses]}
    return document, [Table(columns=columns, rows=rows), *problems]


def _status_row(status: "EnvironmentStatus") -> tuple[str, ...]:
    published = {None: NOTHING, True: "yes", False: "not yet"}[status.published]
    return (
        status.environment,
        short(status.release) if status.drawn else "not drawn",
        moment(status.since),
        short(status.candidate),
        NOTHING if status.declared is None else f"{status.declared:g} %",
        ", ".join("unknown" if math.isnan(share) else f"{share:g} %" for share in status.observed) or NOTHING,
        f"{status.ready}/{status.replicas}{'' if status.healthy else ' !'}",
        _promotion(status),
        published,
        status.url or NOTHING,
    )


def _promotion(status: "EnvironmentStatus") -> str:
    if status.open is not None:
        state = "paused" if status.open.paused else "rolling back" if status.open.rolling_back else "open"
        return f"{status.open.plan.id} {state}"
    return NOTHING if status.last is None else f"{status.last.plan.id} {_ended_as(status.last)}"


def _status_document(status: "EnvironmentStatus") -> dict[str, object]:
    return {
        "environment": status.environment,
        "endpoint": status.endpoint,
        "url": status.url,
        "drawn": status.drawn,
        "release": image_document(status.release),
        "since": stamp(status.since),
        "candidate": image_document(status.candidate),
        "declared": status.declared,
        "observed": [None if math.isnan(share) else share for share in status.observed],
        "ready": status.ready,
        "replicas": status.replicas,
        "healthy": status.healthy,
        "open": None if status.open is None else open_document(status.open),
        "last": None if status.last is None else closed_document(status.last),
        "published": status.published,
        "problems": list(status.problems),
    }


def doctor_answer(rows: Sequence["Row"]) -> tuple[dict[str, object], Table]:
    """What this machine has."""
    table = Table(
        columns=("THING", "STATE", "FOUND", "REMEDY"),
        rows=tuple((row.thing, row.state, row.found, row.remedy or NOTHING) for row in rows),
    )
    return {"things": [asdict(row) for row in rows]}, table


def init_answer(done: "Initialised", folder: str) -> tuple[dict[str, object], str]:
    """What was written, and what comes next."""
    lines = [f"wrote {len(done.written)} files, {len(done.kept)} were there already"]
    lines += [f"  {path}" for path in done.written if not path.startswith(("infra/", "stacks/"))]
    lines += [f"  {name}/ ({count} files)" for name in ("infra", "stacks") if (count := _below(done.written, name))]
    lines += [f"note: {remark}" for remark in done.remarks]
    commands = [*([] if folder == "." else [f"cd {folder}"]), *done.next]
    return asdict(done), "\n".join([*lines, "next:", *(f"  {command}" for command in commands)])


def _below(paths: Sequence[str], folder: str) -> int:
    return sum(path.startswith(f"{folder}/") for path in paths)
