"""The composition root: reads the environment, chooses real things and puts them together. Nothing else does."""

import getpass
import os
import platform
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from towpath.cli.render import Output
from towpath.cli.reports import LineReport
from towpath.cli.session import Options, World
from towpath.core.errors import Missing, UsageError

if TYPE_CHECKING:
    from towpath.adapters.clock import SystemClock
    from towpath.adapters.process import RealProcesses
    from towpath.adapters.programs import EnvironmentPrograms
    from towpath.adapters.records import ReleaseStore
    from towpath.adapters.toolchain.surroundings import Surroundings
    from towpath.app.build import BuildServices
    from towpath.app.init import InitServices
    from towpath.app.invoke import Caller
    from towpath.app.ports import ObjectStore
    from towpath.app.services import Services
    from towpath.app.setup_ports import SetupPorts
    from towpath.core.pipeline import Pipeline
    from towpath.core.toolchain import Instance

FILE_NAME = "deploy.toml"


def color_wanted() -> bool:
    """Whether colours and moving lines are wanted, as far as the environment says."""
    return "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def real_world(options: Options, output: Output) -> World:
    """The real things of this machine."""
    return RealWorld(options, output, dict(os.environ))


class RealWorld:
    """Real things, each made once and only when it is asked for."""

    def __init__(self, options: Options, output: Output, env: Mapping[str, str]) -> None:
        self._options = options
        self.env = dict(env)
        self.report = LineReport(output=output)

    def pipeline(self) -> "Pipeline":
        """deploy.toml: the file that was named, else the nearest one from here upwards."""
        return self._pipeline

    def releases(self) -> "ReleaseStore":
        """Records in the state."""
        from towpath.adapters.records import ReleaseStore

        return ReleaseStore(self.store)

    def setup(self) -> "SetupPorts":
        """This machine, its Docker daemon and its network."""
        from towpath.adapters.toolchain.ports import real_setup_ports

        return real_setup_ports(self.surroundings, self.processes, Path.home())

    def init(self, folder: str) -> "InitServices":
        """The folder that becomes a project, and what is written into it."""
        from towpath.adapters.installed import InstalledPackages
        from towpath.adapters.project import RealProject, RealUserFiles, ShippedScaffold
        from towpath.app.init import InitServices

        return InitServices(
            project=RealProject(root=_here() / folder),
            files=RealUserFiles(),
            scaffold=ShippedScaffold(package=PACKAGE),
            packages=InstalledPackages(),
        )

    def build(self) -> "BuildServices":
        """The three builders, over the registry of the platform."""
        from towpath.cli.wiring_build import build_services

        return build_services(self)

    def services(self) -> "Services":
        """Everything of a promotion."""
        from towpath.cli.wiring_services import promotion_services

        return promotion_services(self)

    def holdout(self, model: str) -> tuple[str, ...]:
        """Requests of a model's holdout set."""
        from towpath.adapters.holdout import read_rows

        return read_rows(Path(self.pipeline().model(model).spec.holdout))

    def registry(self) -> str:
        """The registry that the platform's stack exports."""
        from towpath.cli.wiring_services import platform_registry

        return platform_registry(self)

    def caller(self) -> "Caller":
        """HTTP."""
        from towpath.adapters.caller import HttpCaller

        return HttpCaller()

    def request_body(self, content: str) -> bytes:
        """JSON as it was given, or the first line of a .jsonl, or all of another file named after `@`."""
        from towpath.adapters.project import RealUserFiles

        if not content.startswith("@"):
            return content.encode()
        body = RealUserFiles().read(content[1:])
        return body.splitlines()[0] if content.endswith(".jsonl") and body else body

    def engine_variables(self) -> dict[str, str]:
        """What a plain `pulumi` needs, without what it would have had anyhow."""
        variables = self.engine_environment()
        return {name: value for name, value in variables.items() if self.env.get(name) != value}

    def engine_environment(self) -> dict[str, str]:
        """The variables of the engine, by this user's setup."""
        from towpath.core.toolchain import EnginePlaces, engine_environment

        places = EnginePlaces(
            state=str(self.state), python=sys.executable, python_path=(self.pipeline().root, str(PACKAGE.parent))
        )
        return engine_environment(self.instance, places, self.env)

    @cached_property
    def instance(self) -> "Instance":
        """What setup chose for this checkout.

        Raises:
            Missing: there was no setup yet.
        """
        from towpath.adapters.toolchain.instances import FileInstances

        found = FileInstances(self.surroundings).load()
        if found is None:
            raise Missing("this checkout isn't set up", "run `deploy setup`; `deploy doctor` says what it would do")
        return found

    @cached_property
    def state(self) -> Path:
        """Folder of the local state."""
        return Path(self.pipeline().state)

    @cached_property
    def store(self) -> "ObjectStore":
        """Where journal and releases are."""
        from towpath.adapters.store import open_store

        return open_store(str(self.state))

    @cached_property
    def clock(self) -> "SystemClock":
        """Real time."""
        from towpath.adapters.clock import SystemClock

        return SystemClock()

    @cached_property
    def processes(self) -> "RealProcesses":
        """Programs of this machine."""
        from towpath.adapters.process import RealProcesses

        return RealProcesses(sys.executable)

    @cached_property
    def programs(self) -> "EnvironmentPrograms":
        """Programs in the environment of the command."""
        from towpath.adapters.programs import EnvironmentPrograms

        return EnvironmentPrograms(self.processes, self.env)

    @cached_property
    def surroundings(self) -> "Surroundings":
        """Places and variables of setup; state and caches exist in no project yet."""
        from towpath.adapters.toolchain.surroundings import Surroundings, cache_folder

        return Surroundings(
            state=self.state,
            cache=cache_folder(self.env, Path.home()),
            env=self.env,
            python=sys.executable,
            root=os.geteuid() == 0,
        )

    @cached_property
    def actor(self) -> str:
        """user@host, or what TOWPATH_ACTOR says."""
        return self.env.get("TOWPATH_ACTOR") or f"{getpass.getuser()}@{platform.node()}"

    @cached_property
    def _pipeline(self) -> "Pipeline":
        from towpath.schema.pipeline import parse_pipeline

        file = self._file()
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{file} can't be read: {error}", "name another with --config FILE") from error
        return parse_pipeline(text, str(file))

    def _file(self) -> Path:
        named = self._options.config or self.env.get("TOWPATH_CONFIG")
        if named:
            return _here() / named
        here = _here()
        found = next((folder / FILE_NAME for folder in (here, *here.parents) if (folder / FILE_NAME).is_file()), None)
        if found is None:
            raise UsageError(f"there is no {FILE_NAME} in {here} or above it", "deploy init writes one")
        return found


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the current folder was removed", "change into one that is there") from error


PACKAGE = Path(__file__).parent.parent
