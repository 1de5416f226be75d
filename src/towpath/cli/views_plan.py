"""What a promotion would do, as a JSON document and as text."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from towpath.cli.render import Table
from towpath.cli.views import NOTHING, about, image_document, short
from towpath.cli.views_metrics import judged_table, promote_margin

if TYPE_CHECKING:
    from towpath.app.plan import Planned
    from towpath.core.canary_offers import Offer
    from towpath.core.canary_outlook import Outlook
    from towpath.core.drift_outlook import InputsOutlook
    from towpath.core.gates import Gate
    from towpath.core.promotion import Step
    from towpath.core.release import ReleaseRecord
    from towpath.core.sight import Visible


def plan_answer(planned: "Planned") -> tuple[dict[str, object], list["str | Table"]]:
    """What a promotion would do."""
    plan, lasts = planned.plan, about(planned.seconds)
    if not planned.has_changes:
        return _plan_document(planned), [f"{plan.environment} serves {short(plan.candidate)} already: nothing to do"]
    parts: list[str | Table] = [
        f"{plan.environment}: {short(plan.stable)} -> {short(plan.candidate)}, {plan.strategy}, {lasts}",
        _difference(planned.stable, planned.candidate),
        "",
        _gates_table(planned.gates),
        "",
        _steps_table(planned),
        *_visible_part(planned),
        "",
        Table(
            columns=("RESOURCE", "TYPE", "CHANGE"),
            rows=tuple((change.name, change.type, change.operation) for change in planned.changes),
            empty="no resource would change",
        ),
    ]
    return _plan_document(planned), parts


def _difference(stable: "ReleaseRecord | None", candidate: "ReleaseRecord | None") -> str:
    if candidate is None:
        return "  there is no record of how the candidate was built"
    lines = [
        f"  commit {candidate.commit[:12] or NOTHING}, built {candidate.built_at}, tests: {candidate.tests.summary}"
    ]
    before = {} if stable is None else stable.metrics
    for name, value in sorted(candidate.metrics.items()):
        was = f" (was {before[name]:.4g})" if name in before else ""
        lines.append(f"  {name} {value:.4g}{was}")
    if stable is not None:
        changed = [name for name, value in sorted(candidate.hashes.items()) if stable.hashes.get(name) != value]
        lines.append(f"  changed: {', '.join(changed) or 'no input'}")
    return "\n".join(lines)


def _gates_table(gates: Iterable["Gate"]) -> Table:
    return Table(
        columns=("GATE", "ANSWER", "BECAUSE"), rows=tuple((gate.name, str(gate.answer), gate.detail) for gate in gates)
    )


def _steps_table(planned: "Planned") -> Table:
    rows = tuple(
        (str(number), step.name, f"{step.traffic:g} %", str(step.replicas), about(seconds) if seconds else "at once")
        for number, (step, seconds) in enumerate(_timed(planned), start=1)
    )
    return Table(columns=("STEP", "WHAT", "TRAFFIC", "REPLICAS", "LASTS"), rows=rows)


def _timed(planned: "Planned") -> Iterator[tuple["Step", float]]:
    return zip(planned.plan.steps, planned.durations, strict=True)


def _visible_part(planned: "Planned") -> list["str | Table"]:
    if planned.traffic is None:
        return []
    rate = planned.traffic.requests_per_second
    expected: list[str] = [] if planned.outlook is None else ["", *_outlook_lines(planned, planned.outlook, rate)]
    own = tuple(f"{name.upper()} FROM" for name in _own_names(planned))
    columns = ("TRAFFIC", "LASTS", "REQUESTS BY THEN", "ERRORS FROM", "SLOWER FROM", "PREDICTIONS FROM", *own)
    return [
        "",
        f"what the canary can see at {rate:.3g} requests/s",
        Table(columns=(*columns, "EQUAL LOAD"), rows=tuple(_visible_row(planned, one) for one in planned.visible)),
        "",
        judged_table(planned.traffic.judged),
        *_inputs_lines(planned.traffic.inputs),
        *_tried(planned.tries),
        *expected,
    ]


def _tried(times: int) -> list[str]:
    if not times:
        return []
    part = f"1/{2**times}"
    return [f"canary {times + 1} of this release beside what is served: it has {part} of the chances to be wrong"]


def _own_names(planned: "Planned") -> tuple[str, ...]:
    return tuple(next((one.own for one in planned.visible), {}))


def _inputs_lines(inputs: "InputsOutlook") -> Iterator[str]:
    """Whether a change of the requests would be seen, and whether they are unlike the training data now."""
    from towpath.core.drift_watch import listed

    if inputs.watched:
        yield f"requests are held against the training data in {_some(inputs.watched)}"
    if inputs.between_arms:
        yield f"requests are compared between the arms only in {_some(inputs.between_arms)}: {inputs.why}"
    elif not inputs.watched:
        yield f"a change of the requests themselves can't be seen: {inputs.why}"
    if inputs.differ:
        features = "1 feature is" if len(inputs.differ) == 1 else f"{len(inputs.differ)} features are"
        yield f"{features} unlike the training data already: {listed(inputs.differ)}; that alone holds nothing"
    if inputs.candidate is not None:
        where = f"unlike the candidate's training data: {listed(inputs.candidate)}" if inputs.candidate else _ALIKE
        yield f"what stable is asked now is {where}"


def _some(names: Sequence[str]) -> str:
    more = f", … ({len(names)} features)" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


_NAMED = 5
_NEARLY_ALL = 0.99
_ALIKE = "like the candidate's training data"


def _visible_row(planned: "Planned", one: "Visible") -> tuple[str, ...]:
    slower = None if one.latency is None else f"x {one.latency:.3g}"
    moved = None if one.predictions is None else f"{_spoken(one.predictions)} moved"
    return (
        f"{one.step.traffic:g} %",
        about(one.step.dwell),
        str(one.requests),
        "nothing" if one.errors is None else _spoken(one.errors),
        slower or (NOTHING if "latency" in planned.unseen else "nothing"),
        moved or (NOTHING if "predictions" in planned.unseen else "nothing"),
        *(_own_from(planned, name, rate) for name, rate in one.own.items()),
        "yes" if one.step.sees_latency else "no",
    )


def _own_from(planned: "Planned", name: str, rate: float | None) -> str:
    if rate is None:
        return NOTHING if name in planned.unseen else "nothing"
    return _spoken(rate)


def _spoken(share: float) -> str:
    digits = 2 if share < _NEARLY_ALL else 4  # two would tell 99.7 % as 1e+02
    return f"{100 * share:.{digits}g} %"


def _outlook_lines(planned: "Planned", expected: "Outlook", rate: float) -> Iterator[str]:
    at = f"at {rate:.3g} requests/s a candidate that is just like stable"
    if expected.enough:
        yield f"{at} is let beyond 50 % after {about(expected.seconds)}, {expected.requests} of its answers"
        return
    more = f": about {expected.more} more answers are needed" if expected.more else ""
    yield f"{at} ends inconclusive after {about(expected.seconds)}, {expected.requests} of its answers{more}"
    yield "this policy can't decide it; what can:"
    yield from (f"  - {_OFFERS[offer.kind](offer, planned)}" for offer in planned.offers)


def _traffic(offer: "Offer", _planned: "Planned") -> str:
    return f"more traffic: about {offer.value:.2g} requests/s"


def _longer(offer: "Offer", _planned: "Planned") -> str:
    return f"longer: max_time of {about(offer.value or 0.0)}"


def _replay(offer: "Offer", planned: "Planned") -> str:
    place = planned.plan.environment
    return (
        f"replay of recorded requests: probes of {offer.value:g} a second, from the model's holdout.jsonl; "
        f"deploy requests {place} writes such rows from the log of predictions"
    )


def _margin(offer: "Offer", planned: "Planned") -> str:
    margin = promote_margin(offer.subject, _own_names(planned))
    return f"a wider {margin}, if a candidate that much worse may pass"


def _unjudged(_offer: "Offer", planned: "Planned") -> str:
    return (
        f"blue-green without a judge: without [environments.{planned.plan.environment}.canary] the gates and the smoke "
        "request decide, all traffic moves at once, and deploy rollback takes it back"
    )


_OFFERS: Mapping[str, Callable[["Offer", "Planned"], str]] = {
    "traffic": _traffic,
    "longer": _longer,
    "replay": _replay,
    "margin": _margin,
    "unjudged": _unjudged,
}


def _plan_document(planned: "Planned") -> dict[str, object]:
    plan = planned.plan
    return {
        "environment": plan.environment,
        "endpoint": plan.endpoint,
        "model": plan.model,
        "strategy": str(plan.strategy),
        "candidate": str(plan.candidate),
        "stable": image_document(plan.stable),
        "source": plan.source,
        "seconds": planned.seconds,
        "has_changes": planned.has_changes,
        "lets_on": planned.lets_on,
        "gates": [asdict(gate) for gate in planned.gates],
        "steps": [{**asdict(step), "name": step.name, "seconds": seconds} for step, seconds in _timed(planned)],
        "changes": [asdict(change) for change in planned.changes],
        "visible": [
            {
                "traffic": one.step.traffic,
                "dwell": one.step.dwell,
                "requests": one.requests,
                "errors_from": one.errors,
                "slower_from": one.latency,
                "predictions_from": one.predictions,
                "own_from": dict(one.own),
                "equal_load": one.step.sees_latency,
                "channels": [asdict(channel) for channel in one.channels],
            }
            for one in planned.visible
        ],
        "unseen": list(planned.unseen),
        "tries": planned.tries,
        "inputs": None if planned.traffic is None else asdict(planned.traffic.inputs),
        "metrics": [] if planned.traffic is None else [asdict(one) for one in planned.traffic.judged],
        "requests_per_second": None if planned.traffic is None else planned.traffic.requests_per_second,
        "offers": [asdict(offer) for offer in planned.offers],
        "outlook": None if planned.outlook is None else asdict(planned.outlook),
    }
