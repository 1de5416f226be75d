"""Verbs that make something: a project, a machine that can run it, a release."""

from typing import TYPE_CHECKING, Annotated

import typer

from towpath.cli import views
from towpath.cli.reports import LineReport, StepReport
from towpath.cli.session import session_of
from towpath.core.errors import Missing, UsageError

if TYPE_CHECKING:
    from towpath.app.init import Source

Offline = Annotated[bool, typer.Option("--offline", help="Use nothing that needs the internet.")]


def init(  # noqa: PLR0913 - one parameter per option of the command line
    context: typer.Context,
    *,
    folder: Annotated[str, typer.Option("--in", metavar="DIR", help="The project's folder; else this one.")] = ".",
    name: Annotated[str, typer.Option(metavar="NAME", help="The model's name; else made from the source's.")] = "",
    from_pickle: Annotated[str, typer.Option(metavar="FILE", help="Start from a pickled model.")] = "",
    predict: Annotated[str, typer.Option(metavar="FILE", help="Python file with predict(model, inputs).")] = "",
    requirements: Annotated[str, typer.Option(metavar="FILE", help="Locked requirements of the pickle.")] = "",
    from_dockerfile: Annotated[str, typer.Option(metavar="DIR", help="Start from a folder with a Dockerfile.")] = "",
    from_image: Annotated[str, typer.Option(metavar="REF", help="Start from repository@sha256:….")] = "",
    port: Annotated[
        int, typer.Option(metavar="PORT", help="Where that container answers HTTP.", min=1, max=65535)
    ] = 8080,
    ready: Annotated[str, typer.Option(metavar="PATH", help="Its path that answers 200 when it can serve.")] = "/",
    example: Annotated[bool, typer.Option("--example", help="Start from a model that trains in seconds.")] = False,
) -> None:
    """Write a project that works.

    Pipeline, Pulumi program and stack files, around a model you have or an example. Never changes a file that is there.
    """
    from towpath.app import init as use_case

    session = session_of(context)
    sources: dict[str, Source] = {
        "--from-pickle": use_case.FromPickle(model=from_pickle, predict=predict, requirements=requirements),
        "--from-dockerfile": use_case.FromDockerfile(folder=from_dockerfile, port=port, ready=ready),
        "--from-image": use_case.FromImage(image=from_image, port=port, ready=ready),
        "--example": use_case.FromExample(),
    }
    given = {"--from-pickle": from_pickle, "--from-dockerfile": from_dockerfile, "--from-image": from_image}
    chosen = [option for option, value in {**given, "--example": example}.items() if value]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude one another", "choose one")
    if (predict or requirements) and not from_pickle:
        raise UsageError("--predict and --requirements go with --from-pickle", "name the pickle: --from-pickle FILE")
    source = sources[chosen[0] if chosen else "--example"]
    done = use_case.init(session.world.init(folder), use_case.InitRequest(source=source, name=name))
    session.output.answer("init", *views.init_answer(done, folder))


def setup(context: typer.Context, *, offline: Offline = False) -> None:
    """Get what this machine lacks.

    Engine, Docker, images; it says what and why, and can be interrupted and run again.
    """
    from towpath.app import setup as use_case

    session = session_of(context)
    instance = use_case.setup(session.world.setup(), StepReport(output=session.output), offline=offline)
    document = {"instance": instance.id, "engine": instance.engine.version, "offline": instance.offline}
    session.output.answer("setup", document, f"ready: instance {instance.id}, pulumi {instance.engine.version}")


def doctor(context: typer.Context, *, offline: Offline = False) -> None:
    """Say what is used and what is missing.

    Engine, Docker, registry and router, each with its remedy. Ends with 8 when something is missing.
    """
    from towpath.app import doctor as use_case

    session = session_of(context)
    rows = use_case.doctor(session.world.setup(), offline=offline)
    session.output.answer("doctor", *views.doctor_answer(rows))
    if not use_case.healthy(rows):
        raise typer.Exit(code=Missing.exit_code)


def build(
    context: typer.Context,
    *,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Which model.")] = "",
    train: Annotated[bool, typer.Option("--train", help="Run the model's train command first.")] = False,
    allow_failed_tests: Annotated[
        bool, typer.Option("--allow-failed-tests", help="Build all the same; no gate lets it on.")
    ] = False,
) -> None:
    """Build a release of a model.

    Run its tests, make and push its image, and keep the record of how it came to be.
    """
    from towpath.app import train as training
    from towpath.app.build import build_release

    session = session_of(context)
    chosen = session.world.pipeline().model(model)
    services = session.world.build()
    if train:
        training.train(services.programs, LineReport(output=session.output), chosen)
    repository = f"{session.world.registry()}/{chosen.name}"
    result = build_release(services, chosen.spec, repository, allow_failed_tests=allow_failed_tests)
    session.output.answer("build", *views.build_answer(result))


VERBS = (init, setup, doctor, build)
