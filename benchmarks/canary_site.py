"""One environment on Docker, the example's model under constant load, and canaries in it by `deploy promote`."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.canary_plan import RATE, TABLE, WORK_MS, WORK_SIGMA, Turn
from benchmarks.canary_runs import Ended, Ran, Users, ended, users
from examples.load import Load
from examples.traffic import Traffic, read_bodies
from tests.e2e.support.command import Done
from tests.e2e.support.installation import ROOT, Installation, ambient, installed

MODEL = "breast-cancer"
_BEFORE = 1.0  # seconds of load before each command
_PAST = 20.0  # seconds of load before the first
_LONGEST = 600.0
_PIPELINE = """\
[models.breast-cancer]
path = "models/breast-cancer"

[models.breast-cancer.image]
builder = "layers"
requirements = "requirements.txt"
code = ["slow.py", "model.py", "features.py", "faults.py", "faults.toml"]
weights = ["weights"]
command = "slow:Slow"

[environments.lab]

{policy}"""
_STACK = """\
config:
  towpath:platform: {{stack: platform}}
  towpath:router: {{port: {port}}}
  towpath:endpoints:
    breast-cancer:
      replicas: 1
      timeouts: {{startup: 60s, request: 10s, drain: 2s}}
"""
_SLOW = f'''\
"""The example's model, with more to do: so long that half as much again can be told from a millisecond."""

import random
import time

import model

MEDIAN, SIGMA = {WORK_MS / 1000}, {WORK_SIGMA}


class Slow(model.BreastCancer):
    """Takes a log-normal time before it answers."""

    def predict(self, inputs):
        """As the model does."""
        time.sleep(MEDIAN * random.lognormvariate(0.0, SIGMA))
        return super().predict(inputs)
'''


@dataclass(kw_only=True)
class Site:
    """The environment, and what is known of its releases.

    Attributes:
        one: the installation.
        results: where looks are kept: of each kind's first canary, and of those that ended otherwise than wanted.
    """

    one: Installation
    results: Path
    policy: str = ""

    def ready(self, first_policy: str) -> None:
        """Draw it, serve a good release, and give it a past."""
        self.adopt(first_policy)
        self.one.draw("lab")
        self.one.deploy("promote", "--to", "lab", "--release", self.release("# the first\n")).ok()
        self.one.commit("Publish lab")
        with self.load():
            time.sleep(_PAST)

    def adopt(self, policy: str) -> None:
        """Have canaries run by this policy from now on."""
        if policy != self.policy:
            (self.one.folder / "deploy.toml").write_text(_PIPELINE.format(policy=f"{TABLE}\n{policy}"))
            self.one.commit("Change the canary")
            self.policy = policy

    def release(self, faults: str) -> str:
        """Build a release; repository@digest."""
        (self.one.folder / "models" / MODEL / "faults.toml").write_text(faults)
        self.one.commit("Train")
        return str(self.one.deploy("build", "--json").ok().answer["release"]["image"])

    @contextmanager
    def load(self) -> Iterator[Traffic]:
        """Users, until the block ends."""
        url = f"{self.one.url('lab')}/v2/models/{MODEL}/infer"
        bodies = read_bodies(self.one.folder / "models" / MODEL / "holdout.jsonl")
        with Traffic(Load(url=url, bodies=bodies, rate=RATE, seconds=_LONGEST, timeout=15.0)) as traffic:
            yield traffic

    def canary(self, turn: Turn, settings: str) -> Ran:
        """Run one to its end, with a release of its own: one that was tried before is judged more strictly."""
        self.adopt(turn.scenario.policy)
        release = self.release(f"# {turn.scenario.name} {turn.number}\n{turn.scenario.faults}")
        with self.load() as traffic:
            begun = time.time()
            time.sleep(_BEFORE)
            done = self.promote(release)
            seconds = time.time() - begun - _BEFORE
        said = ended(self.one.journal("lab"), done.code)
        self.settle(said, done)
        if turn.number == 0 or said.outcome != ("rolled back" if turn.scenario.faults else "promoted"):
            self.keep_looks(f"{turn.scenario.name}-{turn.number}")
        return ran(turn, said, begun, users(traffic.answers(), turn.scenario.after), (seconds, settings))

    def promote(self, release: str) -> Done:
        """What is measured: the real command."""
        driver = self.one.begin("promote", "--to", "lab", "--release", release)
        try:
            return driver.end(_LONGEST)
        finally:
            driver.stop()

    def settle(self, said: Ended, done: Done) -> None:
        """Leave an environment that serves, with nothing open."""
        if said.outcome == "promoted":
            self.one.commit("Publish lab")
        elif said.outcome == "broken":
            print(done.told(), file=sys.stderr)
            self.one.deploy("abort", "lab")

    def keep_looks(self, name: str) -> Path:
        """What the newest canary was judged on, for `deploy judge replay`."""
        file = self.results / f"{name}.jsonl"
        self.one.deploy("explain", "lab", "--looks", str(file))
        return file


def ran(turn: Turn, said: Ended, begun: float, seen: Users, rest: tuple[float, str]) -> Ran:
    """Join what the journal and what clients say; `begun` is when the load did, seconds since the epoch."""
    seconds, settings = rest
    return Ran(
        scenario=turn.scenario.name,
        number=turn.number,
        outcome=said.outcome,
        why=said.why,
        onset=seen.onset - seen.first,
        verdict=said.verdict - begun - seen.first if said.verdict else 0.0,
        lived=seen.last - seen.first,
        requests=seen.requests,
        affected=seen.affected,
        failed=seen.failed,
        others=seen.others,
        slower=seen.slower,
        seconds=seconds,
        load=os.getloadavg()[0],
        settings=settings,
    )


@contextmanager
def site(folder: Path, results: Path) -> Iterator[Site]:
    """An installation around the example's model; nothing of it is left afterwards."""
    with installed(folder, ambient=ambient()) as one:
        model = one.folder / "models" / MODEL
        shutil.rmtree(model.parent)
        shutil.copytree(ROOT / "examples" / MODEL, model, ignore=shutil.ignore_patterns("__pycache__", "tests"))
        (model / "slow.py").write_text(_SLOW)
        subprocess.run((sys.executable, "train.py"), cwd=model, check=True, stdout=subprocess.DEVNULL)
        for file in one.folder.glob("Pulumi.*.yaml"):
            if file.name != "Pulumi.platform.yaml":
                file.unlink()
        one.file("lab").write_text(_STACK.format(port=one.ports["lab"]))
        results.mkdir(parents=True, exist_ok=True)
        yield Site(one=one, results=results)
