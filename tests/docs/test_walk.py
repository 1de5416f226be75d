"""A reader follows docs/your-own-model.md, with the real engine, Docker and requests."""

import importlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT, Shown
from tests.docs.walk import Walk, beside, block_with, chapters, followed, shim, stack_files
from tests.e2e.support.installation import ambient
from tests.e2e.support.leftovers import leftovers, sweep
from tests.e2e.support.required import require_setup
from tests.support.ports import free_ports

PATIENCE = 600.0  # for one chapter of the page
PORTS = (8081, 8082, 8083, 5055)
QUICK = """
poll = "1s"
min_time = "3s"
min_polls = 2
warm_up = "1s"

[environments.prod.canary.probes]
rate = 20

[environments.prod.canary.margins.errors]
rollback = { ratio = 1.1, plus = 0.01 }
promote = { ratio = 1.5, plus = 0.05 }
"""
TEST = "def test_it_is_there():\n    assert __import__('pathlib').Path('weights/churn.pkl').is_file()\n"
ROWS = [
    {"inputs": [{"name": "customers", "datatype": "FP64", "shape": [1, 2], "data": [n / 10, 0.5]}]} for n in range(9)
]


@dataclass(kw_only=True)
class Reader:
    """Somebody in a shell, whose variables and folder last from one command to the next.

    Attributes:
        typed: what was followed so far, as the pages show it.
    """

    walk: Walk
    env: dict[str, str]
    typed: set[str] = field(default_factory=set)

    @property
    def project(self) -> Path:
        return self.walk.folder / "churn"

    def follow(self, shown: list[Shown]) -> str:
        """Type what the page shows; the shell's folder and variables are kept for what comes next."""
        begun = self._kept.exists()
        before = f". {self._kept}" if begun else f"cd {self.walk.folder}"
        said = self._bash(f'{before}\n{self.walk.script(shown)}{{ echo cd "$PWD"; export -p; }} > {self._kept}\n')
        self.typed |= {one.text for one in shown}
        return said

    def type(self, text: str) -> str:
        """Type something that isn't on the page."""
        return self._bash(f". {self._kept}\n{text}")

    @property
    def _kept(self) -> Path:
        return self.walk.folder / "shell"

    def _bash(self, script: str) -> str:
        done = subprocess.run(
            ["/bin/bash", "-c", script], env=self.env, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def status(self, environment: str) -> dict[str, Any]:
        answer = json.loads(self.type("deploy status --json"))
        found: dict[str, Any] = next(one for one in answer["environments"] if one["environment"] == environment)
        return found

    def train(self, threshold: float) -> None:
        self.pickle.write_bytes(pickle.dumps(_classifier(threshold)))

    @property
    def pickle(self) -> Path:
        inside = self.project / "models" / "churn" / "weights" / "churn.pkl"
        return inside if inside.exists() else self.project / "churn.pkl"


def _classifier(threshold: float) -> object:
    tree = importlib.import_module("sklearn.tree")  # when it is needed: it is slow to import, and has no types
    rows = [[n / 20, 0.5] for n in range(20)]
    return tree.DecisionTreeClassifier(max_depth=1, random_state=0).fit(rows, [int(x > threshold) for x, _ in rows])


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    require_setup()
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    shim(tmp_path / ".venv" / "bin")  # as if the walk began in the checkout, where the page has it begin
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    names = {f"GIT_{who}_{what}": "reader@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = {**ambient(), **names, "PATH": path, "PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1"}
    made = Reader(walk=Walk(folder=tmp_path, ports=ports), env=env)
    yield made
    instance = made.project / ".towpath" / "instance.json"
    if instance.exists():
        sweep(json.loads(instance.read_text())["id"], ports[5055])


@pytest.mark.e2e
@pytest.mark.docker
@pytest.mark.engine
@pytest.mark.timeout(1500)  # a canary and eleven draws, beside whatever else runs on the machine
def test_the_page_leads_from_a_pickle_to_prod_and_back(reader: Reader) -> None:
    page = chapters()
    reader.follow(page["0"])
    assert reader.type("command -v deploy").strip() == str(reader.walk.folder / ".venv" / "bin" / "deploy")
    begin(reader, page["1"])
    for chapter in ("3", "4", "5", "6"):
        reader.follow(page[chapter])
    first = reader.status("prod")["release"]
    assert first == reader.status("dev")["release"]

    reader.train(threshold=0.7)
    reader.type("git commit -qam 'Train again'")
    for chapter in ("4", "5", "6"):
        reader.follow(page[chapter])
    assert reader.status("prod")["release"] not in ("", first)
    assert reader.status("prod")["published"]

    reader.follow(page["7"])
    assert reader.status("prod")["release"] == first
    on_other_pages(reader)

    instance = json.loads((reader.project / ".towpath" / "instance.json").read_text())["id"]
    reader.follow(page["8"])
    assert leftovers(instance) == []
    assert reader.typed == followed()


def begin(reader: Reader, shown: list[Shown]) -> None:
    """Chapters 1 and 2: the pickle, `deploy init`, and what the page says to add."""
    init = next(place for place, one in enumerate(shown) if one.text.startswith("deploy init"))
    reader.follow(shown[:init])
    (reader.project / "predict.py").write_text(block_with("python", "def predict(model"))
    reader.train(threshold=0.3)
    reader.follow(shown[init:])
    model = reader.project / "models" / "churn"
    (model / "tests").mkdir()
    (model / "tests" / "test_model.py").write_text(TEST)
    (model / "holdout.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    pipeline = block_with("toml", "[models.churn]").partition("[environments.prod.canary.probes]")[0]
    (reader.project / "deploy.toml").write_text(pipeline.rstrip() + QUICK)
    (reader.project / "Pulumi.prod.yaml").write_text(block_with("yaml", "smoke:"))
    for file in stack_files(reader.project):
        text = file.read_text()
        for old, new in reader.walk.ports.items():
            text = text.replace(f"port: {old}", f"port: {new}")
        file.write_text(text)


def on_other_pages(reader: Reader) -> None:
    """What they show or name of the engine's commands, on the same stacks."""
    assert '"churn"' in reader.follow(beside())
    assert "drawn" in reader.type("pulumi stack output -s prod")
    reader.type("printf secret | pulumi config set --stack prod --secret secrets:NAME")
    reader.type("git checkout Pulumi.prod.yaml")
