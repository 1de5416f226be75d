"""The command `deploy`: parses, runs, and turns every error into its message and exit code. The only exit."""

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from towpath.cli import (
    commands_end,
    commands_judge,
    commands_look,
    commands_make,
    commands_promote,
    commands_serve,
    wiring,
)
from towpath.cli.render import Output, ReaderGone, detach
from towpath.cli.session import Options, Session, World, hoisted, session_of
from towpath.core.errors import Interrupted, TowpathError, UsageError

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, kill, and a terminal that was closed
_COLLECT_AFTER = 100_000  # new objects; by default 700, and nearly all that a command's start makes will stay
_BUG_HINT = "run it again with -v for the traceback, and report it with what you did"
_EPILOG = "--json, --config FILE and -v may stand anywhere on the command line."
_STOPPED = "what was begun can be resumed: deploy status says what stands, deploy resume goes on"


def application() -> typer.Typer:
    """Every command, with its help; nothing heavy is imported until one runs."""
    app = typer.Typer(
        name="deploy",
        help="Takes a trained model from a commit to production.",
        epilog=_EPILOG,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_globals)
    for module in (commands_make, commands_promote, commands_look, commands_judge, commands_serve, commands_end):
        for verb in module.VERBS:
            app.command(verb.__name__.rstrip("_"))(verb)
    for name, (about, verbs) in commands_judge.GROUPS.items():
        group = typer.Typer(name=name, help=about, no_args_is_help=True)
        for verb in verbs:
            group.command(verb.__name__)(verb)
        app.add_typer(group)
    return app


def main() -> None:
    """The installed command."""
    gc.set_threshold(_COLLECT_AFTER)
    _open_streams()
    code = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    # everything is closed and written; the interpreter would take a fifth of a second to go
    os._exit(code)


def run(
    arguments: Sequence[str],
    *,
    output: Output | None = None,
    make_world: Callable[[Options, Output], World] = wiring.real_world,
) -> int:
    """Run one command line; gives back its exit code and never raises."""
    words = hoisted(list(arguments)) or ["--help"]
    out = output or Output(stdout=sys.stdout, stderr=sys.stderr, stdin=sys.stdin, color=wiring.color_wanted())
    out.json = "--json" in words[: words.index("--") if "--" in words else None]
    session = Session(options=Options(json=out.json), output=out, make_world=make_world)
    try:
        with _signals():
            code = application()(words, prog_name="deploy", standalone_mode=False, obj=session)
    except TowpathError as error:
        return _told(out, error)
    except typer.TyperException as error:
        return _told(
            out, UsageError(error.format_message(), "deploy --help and deploy COMMAND --help list what is valid")
        )
    except (KeyboardInterrupt, typer.Abort):
        return _told(out, Interrupted("interrupted", _STOPPED))
    except (ReaderGone, SystemExit) as ended:
        return _unread(session, ended)
    except Exception as error:  # noqa: BLE001 - the one boundary: whatever comes here is a bug of ours
        return _bug(session, error)
    return _told(out, Interrupted("interrupted", _STOPPED)) if code == Interrupted.exit_code else int(code or 0)


def _open_streams() -> None:
    """Whoever starts a command with a stream closed wants nothing of it; nothing else may get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open to the end


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("towpath")
    except PackageNotFoundError:
        return "from a source folder, not installed"


def _tell_version(context: typer.Context, *, asked: bool) -> None:
    if asked:
        version = _version()
        session_of(context).output.answer("version", {"version": version}, version)
        raise typer.Exit


def _globals(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON, with a schema version.")] = False,
    config: Annotated[
        str, typer.Option(metavar="FILE", help="The pipeline's file; else deploy.toml here or in a folder above.")
    ] = "",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the traceback of a bug.")] = False,
    tells_version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Show the version and exit.")
    ] = False,
) -> None:
    del tells_version
    session_of(context).options = Options(json=as_json, config=config, verbose=verbose)


def _told(output: Output, error: TowpathError) -> int:
    document = {
        "kind": type(error).__name__,
        "exit_code": error.exit_code,
        "message": error.message,
        "hint": error.hint,
    }
    output.failure({**document}, error.message, error.hint)
    return error.exit_code


def _unread(session: Session, ended: BaseException) -> int:
    """The end when nobody reads standard output any more.

    Typer exits at every broken pipe. Before the world was made that is the one that help was written to.
    """
    if isinstance(ended, SystemExit) and "world" in vars(session):
        return _bug(session, ended.__context__ or ended)
    detach(session.output.stdout)
    return 0


def _bug(session: Session, error: BaseException) -> int:
    message = f"this is a bug in towpath: {type(error).__name__}: {error}"
    if session.options.verbose:
        session.output.note("".join(traceback.format_exception(error)).rstrip())
    document = {"kind": "Bug", "exit_code": 1, "message": message, "hint": _BUG_HINT}
    session.output.failure(document, message, "" if session.options.verbose else _BUG_HINT)
    return 1


@contextmanager
def _signals() -> Iterator[None]:
    """A polite end is an interrupt, so that a canary is never left with traffic and nobody looking.

    A signal that is ignored stays ignored: nohup.
    """
    try:
        before = {number: signal.signal(number, _interrupt) for number in _ENDS if _heeded(number)}
    except ValueError:  # not the main thread: whoever runs us there has the signals
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # the shell and the system both tell of a closed terminal: what the first one began, the second must not break off
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    raise KeyboardInterrupt


def _heeded(number: signal.Signals) -> bool:
    return signal.getsignal(number) is not signal.SIG_IGN


if __name__ == "__main__":
    main()
