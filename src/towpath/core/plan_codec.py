"""A promotion's plan as the journal keeps it."""

from collections.abc import Mapping
from dataclasses import asdict

from towpath.core.errors import UsageError
from towpath.core.journal import JSON, json_list, json_map
from towpath.core.promotion import Plan, Step, StepKind, Strategy
from towpath.core.release import parse_image

_PLAN_TEXTS = ("environment", "endpoint", "model", "source", "file_sha256", "program_sha256", "commit", "drawn")


def plan_to_json(plan: Plan) -> dict[str, JSON]:
    """For the journal; `plan_from_json` is its inverse."""
    plain: dict[str, JSON] = asdict(plan)
    return plain | {
        "candidate": str(plan.candidate),
        "stable": None if plan.stable is None else str(plan.stable),
        "steps": [asdict(step) for step in plan.steps],
    }


def plan_from_json(data: Mapping[str, object]) -> Plan:
    """The plan as it was opened.

    Raises:
        UsageError: the entry isn't one of ours.
    """
    try:
        text = {name: str(data[name]) for name in _PLAN_TEXTS}
        stable = data["stable"]
        return Plan(
            id=int(str(data["id"])),
            strategy=Strategy(str(data["strategy"])),
            candidate=parse_image(str(data["candidate"])),
            stable=None if stable is None else parse_image(str(stable)),
            steps=tuple(_step(step) for step in json_list(data["steps"])),
            back=str(data.get("back", "")),  # older plans don't say
            **text,
        )
    except (KeyError, ValueError, TypeError) as error:
        raise UsageError(f"a promotion in the journal can't be read: {error!r}") from error


def _step(value: object) -> Step:
    data = json_map(value)
    return Step(
        kind=StepKind(str(data["kind"])), traffic=float(str(data["traffic"])), replicas=int(str(data["replicas"]))
    )
