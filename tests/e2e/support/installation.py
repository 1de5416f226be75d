"""A real installation outside the checkout: its own project, id, ports, engine, stacks and containers."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from tests.e2e.support.command import PATIENCE, Done, Started
from tests.e2e.support.leftovers import sweep
from tests.support.ports import free_ports
from towpath.adapters.engine_folder import state_outputs

ROOT = Path(__file__).parents[3]
ENVIRONMENTS = {"dev": 1, "prod": 2, "lab": 1}  # replicas; lab is promoted to straight from a build
_MODEL = "tiny"
_PIPELINE = """\
[models.tiny]
path = "models/tiny"

[models.tiny.image]
code = ["model.py", "faults.json"]
command = "model:Tiny"

[environments.dev]

[environments.prod]
promotes_from = "dev"

[environments.prod.canary]
{canary}
[environments.prod.canary.margins.errors]
rollback = {{ ratio = 1.1, plus = 0.01 }}
promote = {{ ratio = 1.5, plus = 0.05 }}

[environments.lab]

[environments.lab.canary]
{canary}
[environments.lab.canary.margins.errors]
rollback = {{ ratio = 1.1, plus = 0.01 }}
promote = {{ ratio = 1.5, plus = 0.05 }}

[environments.judged]

[environments.judged.canary]
{judged}
[environments.judged.canary.margins]
errors = {{ rollback = {{ ratio = 1.1, plus = 0.02 }}, promote = {{ ratio = 1.5, plus = 0.1 }} }}
latency = {{ rollback = {{ slower = 0.5, plus_ms = 8 }}, promote = {{ slower = 1.0, plus_ms = 25 }} }}
predictions = {{ rollback = 0.05, promote = 0.2 }}
"""
# latencies of a machine that runs other tests beside say nothing of a release
CANARY = """\
traffic = [50]
metrics = ["errors"]
poll = "1s"
min_time = "3s"
max_time = "60s"
min_polls = 2
warm_up = "1s"
max_gap = "20s"
"""
_JUDGED = f"""\
{CANARY.replace('metrics = ["errors"]', 'metrics = ["errors", "latency", "predictions"]').replace('"60s"', '"150s"')}\
beta = 0.3
soak = "6s"
"""  # as sure as few requests on a busy machine can be
_PLATFORM = """\
config:
  towpath:platform:
    provider: docker
    registry: {{port: {port}}}
"""
_STACK = """\
# what {name} runs; this comment stays
config:
  towpath:platform: {{stack: platform}}
  towpath:router: {{port: {port}}}
  towpath:endpoints:
    tiny:
      replicas: {replicas}
      timeouts: {{startup: 20s, request: 5s, drain: {drain}}}
      probes:
        smoke:
          path: /v2/models/tiny/infer
          body: '{{"inputs": [{{"name": "x", "shape": [1], "datatype": "FP64", "data": [21]}}]}}'
          expect: '{{"outputs": [{{"data": [42.0]}}]}}'
"""


@dataclass(kw_only=True)
class Installation:
    """One project that is set up, and the commands of somebody who works in it.

    Attributes:
        folder: the project.
        ports: of every environment's router, of the registry, and a spare one.
        env: what the commands get as environment.
        docker: address of the daemon; empty: the default one.
        inside: words before every command, where it has to run in a place of its own.
    """

    folder: Path
    ports: Mapping[str, int]
    env: Mapping[str, str] = field(repr=False)
    docker: str = ""
    inside: tuple[str, ...] = ()
    canary: str = CANARY
    _numbers: Iterator[int] = field(default_factory=count)
    _drawn: set[str] = field(default_factory=set)
    _shellenv: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def id(self) -> str:
        file = self.folder / ".towpath" / "instance.json"
        return str(json.loads(file.read_text())["id"])

    def deploy(self, *words: str, timeout: float = PATIENCE) -> Done:
        return self.begin(*words).end(timeout)

    def begin(self, *words: str) -> Started:
        return self._start((sys.executable, "-m", "towpath.cli.main", *words), self.env)

    def pulumi(self, *words: str) -> Done:
        """As a person does with what `deploy shellenv` prints."""
        return self._start(("pulumi", "--non-interactive", "--color=never", *words), self._by_hand()).end()

    def up(self, stack: str) -> Done:
        return self.pulumi("up", "--yes", "--skip-preview", "-s", stack)

    def draw(self, *environments: str) -> None:
        """Have the platform and these environments drawn, by plain `pulumi up`, and publish what that wrote."""
        new = [name for name in environments if name not in self._drawn]
        if "platform" not in self._drawn:
            self._draw("platform")
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self._draw, new))
        self.commit("Keep the salts")

    def destroy(self, stack: str, *words: str) -> None:
        """Destroy what was drawn, by the driver."""
        self.deploy("destroy", stack, "--yes", *words).ok()
        self._drawn.discard(stack)

    def git(self, *words: str) -> Done:
        return self._start(("git", *words), self.env).end()

    def commit(self, message: str) -> None:
        self.git("add", ".").ok()
        self.git("commit", "-q", "--allow-empty", "-m", message).ok()

    def file(self, environment: str) -> Path:
        return self.folder / f"Pulumi.{environment}.yaml"

    def describe(self, environment: str, port: int) -> None:
        """Write the stack file of an environment that has no release yet."""
        replicas = ENVIRONMENTS.get(environment, 1)
        drain = "60s" if environment == "dev" else "5s"  # dev has the streams
        text = _STACK.format(name=environment, port=port, replicas=replicas, drain=drain)
        self.file(environment).write_text(text)

    def url(self, environment: str) -> str:
        return f"http://127.0.0.1:{self.ports[environment]}"

    def release(self, **faults: object) -> str:
        """Build a release of its own, with these faults; gives back repository@digest."""
        said = json.dumps({"number": next(self._numbers), **faults})
        (self.folder / "models" / _MODEL / "faults.json").write_text(said)
        self.commit(f"Train with {said}")
        return str(self.deploy("build", "--json").ok().answer["release"]["image"])

    def status(self, environment: str) -> dict[str, Any]:
        """What `deploy status` says of one environment."""
        answer = self.deploy("status", "--json").ok().answer
        found: dict[str, Any] = next(one for one in answer["environments"] if one["environment"] == environment)
        return found

    def served(self, environment: str) -> str:
        """What the stack says that it serves; nothing: empty."""
        outputs = state_outputs(self.folder, self._by_hand(), environment) or {}
        return str(outputs.get("endpoints", {}).get(_MODEL, {}).get("stable", {}).get("release", ""))

    def serving(self, environment: str) -> str:
        """Make sure that the environment serves something good and that nothing is open there."""
        if environment not in self._drawn:
            self.draw(environment)
        kinds = [entry["kind"] for entry in self.journal(environment)]
        if kinds.count("promotion-opened") > kinds.count("promotion-closed"):
            self.deploy("abort", environment)
        now = self.served(environment)
        if not now:
            now = self.release()
            self.deploy("promote", "--to", environment, "--release", now).ok()
            self.commit(f"Publish {environment}")
        return now

    def journal(self, environment: str) -> list[dict[str, Any]]:
        """The entries of an environment's journal, in order."""
        folder = self.folder / ".towpath" / "journal" / environment
        return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]

    def _draw(self, stack: str) -> None:
        self._share_salt(stack)
        self.pulumi("stack", "init", stack).ok()
        self.up(stack).ok()
        self._drawn.add(stack)

    def _share_salt(self, stack: str) -> None:
        """The platform's for all: with one salt the engine derives the key once a run, which is a sixth of its work."""
        text = self.file("platform").read_text()
        drawn = [line for line in text.splitlines() if line.startswith("encryptionsalt:")]
        if drawn and stack != "platform":
            with self.file(stack).open("a") as file:
                file.write(f"{drawn[0]}\n")

    def _start(self, words: tuple[str, ...], env: Mapping[str, str]) -> Started:
        log = self.folder.parent / "logs" / f"{next(self._numbers)}-{Path(words[0]).name}"
        return Started((*self.inside, *words), cwd=self.folder, env=env, log=log)

    def _by_hand(self) -> dict[str, str]:
        if not self._shellenv:
            self._shellenv.update(self.deploy("shellenv", "--json").ok().answer["variables"])
        return {**self.env, **self._shellenv}


@contextmanager
def installed(
    folder: Path,
    *,
    ambient: Mapping[str, str],
    canary: str = CANARY,
    docker: str = "",
    inside: tuple[str, ...] = (),
    write: Callable[[Installation], None] | None = None,
) -> Iterator[Installation]:
    """An installation that is set up and has nothing drawn; everything of it is gone afterwards.

    `write` writes its project into an empty repository; without one it is that of `write_project`.
    """
    names = (*ENVIRONMENTS, "judged", "registry", "spare")
    env = {**ambient, "PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1"}
    if docker:
        env["DOCKER_HOST"] = docker
    project = folder / "project"
    project.mkdir(parents=True)
    made = Installation(
        folder=project,
        ports=dict(zip(names, free_ports(len(names)), strict=True)),
        env=env,
        docker=docker,
        inside=inside,
        canary=canary,
    )
    begin_git(made)
    (write or write_project)(made)
    made.deploy("setup", timeout=600).ok()
    try:
        yield made
    finally:
        sweep(made.id, made.ports["registry"], docker)


def begin_git(made: Installation) -> None:
    """An empty repository of somebody with a name."""
    made.git("init", "-q").ok()
    made.git("config", "user.name", "e2e").ok()
    made.git("config", "user.email", "e2e@localhost").ok()


def write_project(made: Installation) -> None:
    """What `deploy init` writes, around the model of these tests."""
    made.deploy("init", "--example", "--name", _MODEL).ok()
    model = made.folder / "models" / _MODEL
    shutil.rmtree(model)
    model.mkdir()
    for name in ("model.py", "reference.json"):
        shutil.copy(Path(__file__).with_name(name), model)
    (model / "faults.json").write_text("{}")
    (made.folder / "deploy.toml").write_text(_PIPELINE.format(canary=made.canary, judged=_JUDGED))
    made.file("platform").write_text(_PLATFORM.format(port=made.ports["registry"]))
    for name in (*ENVIRONMENTS, "judged"):
        made.describe(name, made.ports[name])
    made.commit("Describe the pipeline")


def ambient() -> dict[str, str]:
    """This process's environment, without what would lead commands to another installation."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "TOWPATH_"))}
