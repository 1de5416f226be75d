"""Verbs about what a canary was, or would be, decided on."""

from pathlib import Path
from typing import Annotated

import typer

from towpath.cli.session import session_of

Environment = Annotated[str, typer.Argument(metavar="ENV", help="Which environment.")]
Model = Annotated[str, typer.Option(metavar="MODEL", help="Which model; may be left out where there is one.")]
Html = Annotated[str, typer.Option(metavar="FILE", help="Write the picture of it, as a page, to this file.")]


def explain(
    context: typer.Context,
    *,
    environment: Environment,
    promotion: Annotated[int, typer.Argument(metavar="PROMOTION", help="Its number; else the newest.", min=0)] = 0,
    html: Html = "",
    looks: Annotated[
        str, typer.Option(metavar="FILE", help="Write what was looked at to this file, for deploy judge replay.")
    ] = "",
) -> None:
    """Say in plain words why a promotion ended as it did."""
    from towpath.app.explain import explained
    from towpath.cli.views_judge import explained_answer

    session = session_of(context)
    found = explained(session.world.services(), environment, promotion)
    written = [_written(name, text) for name, text in ((html, found.html), (looks, found.looks)) if name]
    session.output.answer("explain", *explained_answer(found, written))


def replay(
    context: typer.Context,
    *,
    file: Annotated[str, typer.Argument(metavar="FILE", help="As deploy explain --looks writes it.")],
    html: Html = "",
) -> None:
    """Judge what was looked at again, look by look. Needs no project."""
    from towpath.cli.views_judge import replay_answer
    from towpath.core.explanation import explain as in_words
    from towpath.core.picture import page
    from towpath.core.recording import frames, read

    session = session_of(context)
    seen = frames(read(_text(file)))
    words = in_words(seen)
    written = [_written(html, page(f"Replay of {Path(file).name}", words, seen))] if html else []
    document, parts = replay_answer(seen, words, written)
    session.output.answer("judge replay", document, *parts)


def simulate(
    context: typer.Context,
    *,
    environment: Environment,
    model: Model = "",
    rps: Annotated[
        float | None, typer.Option(metavar="N", help="Requests per second; else what the counters say.", min=0.001)
    ] = None,
    runs: Annotated[int, typer.Option(metavar="N", help="Canaries per kind of candidate.", min=1)] = 20,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the first; the same seeds give the same answer.")] = 1,
) -> None:
    """Say how this policy would decide at this traffic.

    Canaries in numbers only, of a candidate like stable and of worse ones: false roll backs, with an interval of 95 %,
    and times to detection. Steps, probes and every minimum are the policy's. Requests fail one by one, and what users
    ask stays the same: bursts, stalls and changed requests aren't simulated.
    """
    from towpath.app import simulate as use_case
    from towpath.cli.views_judge import simulate_answer

    session = session_of(context)
    request = use_case.SimulateRequest(
        environment=environment, model=model, requests_per_second=rps, runs=runs, seed=seed
    )
    document, parts = simulate_answer(*use_case.simulate(session.world.services(), request))
    session.output.answer("judge simulate", document, *parts)


def _text(name: str) -> str:
    from towpath.adapters.project import RealUserFiles

    return RealUserFiles().read(name).decode(errors="replace")


def _written(name: str, text: str) -> str:
    from towpath.core.errors import UsageError

    try:
        Path(name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{name} can't be written: {error}", "name another file") from error
    return name


VERBS = (explain,)
GROUPS = {"judge": ("What the judge would say, without a canary.", (replay, simulate))}
