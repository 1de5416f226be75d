"""What every command gets: the global options, where output goes, and the world."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, cast

import typer

from towpath.cli.render import Output

if TYPE_CHECKING:
    from towpath.app.build import BuildServices
    from towpath.app.init import InitServices
    from towpath.app.invoke import Caller
    from towpath.app.ports import Releases
    from towpath.app.services import Services
    from towpath.app.setup_ports import SetupPorts
    from towpath.core.pipeline import Pipeline

GLOBAL_FLAGS = frozenset({"--json", "-v", "--verbose"})
GLOBAL_VALUES = frozenset({"--config"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Options that every command takes.

    Attributes:
        json: answers are JSON objects with a schema version.
        config: the pipeline's file; empty: deploy.toml here or in the nearest folder above.
        verbose: a bug comes with its traceback, and foreign libraries may log.
    """

    json: bool = False
    config: str = ""
    verbose: bool = False


class World(Protocol):
    """Real things, chosen and put together; each only when a command asks for it."""

    def pipeline(self) -> "Pipeline":
        """deploy.toml, parsed."""

    def services(self) -> "Services":
        """What promotions need."""

    def releases(self) -> "Releases":
        """Records of what was built."""

    def build(self) -> "BuildServices":
        """What building a release needs."""

    def registry(self) -> str:
        """Host and port of the registry that releases are pushed to."""

    def setup(self) -> "SetupPorts":
        """What setup and doctor need."""

    def init(self, folder: str) -> "InitServices":
        """What writing a new project into a folder needs."""

    def caller(self) -> "Caller":
        """Sends requests to endpoints."""

    def request_body(self, content: str) -> bytes:
        """JSON as it was given, or from the file named after `@`."""

    def engine_variables(self) -> dict[str, str]:
        """What a plain `pulumi` needs in its environment to do as the driver does."""


@dataclass(kw_only=True)
class Session:
    """One run of the command."""

    options: Options
    output: Output
    make_world: Callable[[Options, Output], World]

    @cached_property
    def world(self) -> World:
        """The world; made on first use, so that --help and wrong arguments need none."""
        return self.make_world(self.options, self.output)


def session_of(context: typer.Context) -> Session:
    """The session that `main` made."""
    return cast("Session", context.find_root().obj)


def hoisted(arguments: list[str]) -> list[str]:
    """Global options moved to the front, so that they may stand anywhere before `--`."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments[:end])
    for word in words:
        name = word.partition("=")[0]
        if word in GLOBAL_FLAGS or (name in GLOBAL_VALUES and name != word):
            front.append(word)
        elif name in GLOBAL_VALUES:
            front += [word, *(following for following in [next(words, None)] if following is not None)]
        else:
            rest.append(word)
    return [*front, *rest, *arguments[end:]]
