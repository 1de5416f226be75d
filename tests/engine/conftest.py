import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from towpath.adapters.process import RealProcesses
from towpath.adapters.toolchain.engines import RealEngines
from towpath.adapters.toolchain.http import Http
from towpath.adapters.toolchain.surroundings import Surroundings, cache_folder
from towpath.app.setup_ports import Command, Finished
from towpath.core.toolchain import EnginePlaces, Instance, engine_environment, engine_fits

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Project:
    """A scratch project with a stack `dev` and the stand-in language host."""

    folder: Path
    env: Mapping[str, str] = field(repr=False)

    def write(self, program: str, name: str = "__main__.py") -> None:
        (self.folder / name).write_text(program)

    def pulumi(self, *words: str, stdin: bytes | None = None) -> Finished:
        command = Command(words=("pulumi", *words), env=self.env, cwd=self.folder, timeout=120, stdin=stdin)
        return RealProcesses(sys.executable).run(command)

    def up(self) -> Finished:
        return self.pulumi("up", "--yes", "--skip-preview", "--non-interactive", "--color=never", "-s", "dev")


@pytest.fixture(scope="session")
def engine_env(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment `deploy shellenv` prints, for an engine of this machine with the stand-in host."""
    state, ambient = tmp_path_factory.mktemp("state"), dict(os.environ)
    around = Surroundings(
        state=state, cache=cache_folder(ambient, Path.home()), env=ambient, python=sys.executable, root=False
    )
    engines = RealEngines(around, RealProcesses(sys.executable), Http({}))
    found = engines.found()
    engine = found if found is not None and engine_fits(found.version) else engines.cached()
    if engine is None:
        why = "no Pulumi engine on the path or in the cache; run `deploy setup`"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    installed = engines.install(replace(engine, language_host="stand-in"))
    instance = Instance(id="0", engine=installed, base={}, registry="", router="", offline=True)
    places = EnginePlaces(state=str(state), python=sys.executable, python_path=(str(ROOT / "src"), str(ROOT)))
    (state / "passphrase").write_text("only for tests\n")
    return {**ambient, **engine_environment(instance, places, ambient)}


@pytest.fixture
def project(engine_env: Mapping[str, str], tmp_path: Path) -> Project:
    (tmp_path / "backend").mkdir()
    (tmp_path / "Pulumi.yaml").write_text(
        f"name: scratch\nruntime: python\nbackend: {{url: 'file://{tmp_path}/backend'}}\n"
    )
    project = Project(folder=tmp_path, env=engine_env)
    made = project.pulumi("stack", "init", "dev", "--non-interactive")
    assert made.exit_code == 0, made.stderr
    return project
