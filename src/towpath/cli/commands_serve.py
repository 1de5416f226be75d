"""Verbs about what is being served."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from towpath.cli.session import session_of
from towpath.cli.shell import assignments

if TYPE_CHECKING:
    from towpath.app.invoke import Invoked

Environment = Annotated[str, typer.Argument(metavar="ENV", help="Which environment.")]
Model = Annotated[str, typer.Option(metavar="MODEL", help="Which model; may be left out where there is one.")]


def logs(
    context: typer.Context,
    *,
    environment: Environment,
    model: Model = "",
    canary: Annotated[bool, typer.Option("--canary", help="The candidate's replicas.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until interrupted.")] = False,
    tail: Annotated[int, typer.Option(metavar="N", help="So many of the last lines of each replica.", min=0)] = 100,
) -> None:
    """Print what a release's replicas wrote."""
    from towpath.app import logs as use_case

    session = session_of(context)
    request = use_case.LogRequest(environment=environment, model=model, canary=canary, follow=follow, tail=tail)
    for line in use_case.logs(session.world.services(), request):
        if session.options.json:
            session.output.event("logs", {"environment": environment, "line": line})
        else:
            session.output.raw(line)


def requests(
    context: typer.Context,
    *,
    environment: Environment,
    model: Model = "",
    output: Annotated[
        str,
        typer.Option("--output", "-o", metavar="FILE", help="Write them to this new file instead of printing them."),
    ] = "",
    most: Annotated[int, typer.Option(metavar="N", help="So many of the newest.", min=1)] = 200,
) -> None:
    """Print what users asked, as rows of a holdout.jsonl.

    From the log of predictions, so TOWPATH_SAMPLE must be set. Probes send such rows again.
    """
    from towpath.app import requests as use_case

    session = session_of(context)
    request = use_case.RequestsRequest(environment=environment, model=model, most=most)
    found = use_case.requests(session.world.services(), request)
    if output:
        _write_new(output, "".join(f"{row}\n" for row in found.requests))
    rows = f"wrote {output}" if output else "\n".join(found.requests)
    document = {name: getattr(found, name) for name in ("lines", "probes", "failed", "partial")}
    session.output.answer("requests", document | {"requests": list(found.requests), "written": output}, rows)
    session.output.note(
        f"{len(found.requests)} requests of users, from {found.lines} logged predictions; "
        "they are real users' data: look before you commit them"
    )


def _write_new(name: str, text: str) -> None:
    from pathlib import Path

    from towpath.core.errors import UsageError

    try:
        with Path(name).open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{name} can't be written: {error}", "name a file that isn't there yet") from error


def invoke(
    context: typer.Context,
    *,
    environment: Environment,
    content: Annotated[
        str, typer.Option("--data", "-d", metavar="JSON|@FILE", help="The request: JSON, or a file that holds it.")
    ],
    model: Model = "",
    path: Annotated[str, typer.Option(metavar="PATH", help="Another path than /v2/models/MODEL/infer.")] = "",
) -> None:
    """Send one request to an endpoint.

    Prints the answer, and which release gave it.
    """
    from towpath.app import invoke as use_case

    session = session_of(context)
    body = session.world.request_body(content)
    request = use_case.InvokeRequest(environment=environment, body=body, model=model, path=path)
    done = use_case.invoke(session.world.services(), session.world.caller(), request)
    text = done.answer.body.decode(errors="replace").rstrip()
    by = f"{done.release.short} ({done.arm})" if done.release is not None else "a release that doesn't name itself"
    session.output.answer("invoke", _document(done, text), text)
    session.output.note(f"answered in {1000 * done.answer.seconds:.0f} ms by {by}")


def _document(done: "Invoked", text: str) -> dict[str, object]:
    try:
        answer: object = json.loads(text)
    except ValueError:
        answer = text
    return {
        "url": done.url,
        "status": done.answer.status,
        "answer": answer,
        "release": None if done.release is None else str(done.release),
        "arm": done.arm,
        "seconds": done.answer.seconds,
    }


def shellenv(
    context: typer.Context,
    *,
    shell: Annotated[str, typer.Option(metavar="SHELL", help="sh (bash and zsh too) or fish.")] = "sh",
) -> None:
    """Print the variables a plain pulumi needs.

    With them it does as the driver does: eval "$(deploy shellenv)"
    """
    session = session_of(context)
    variables = session.world.engine_variables()
    session.output.answer("shellenv", {"variables": variables}, "\n".join(assignments(variables, shell)))


VERBS = (logs, requests, invoke, shellenv)
