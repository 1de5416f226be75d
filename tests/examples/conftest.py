import os
import shutil
import subprocess
from pathlib import Path

import pytest

from examples.demo.scratch import MODEL, STACKS, Scratch
from examples.demo.shell import Shell
from tests.examples.demo import screen

GIT = shutil.which("git") or "git"
ROOT = Path(__file__).resolve().parents[2]
FILES = ("deploy.toml", *(f"Pulumi.{stack}.yaml" for stack in STACKS))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with this one's pipeline and stack files, and an example."""
    folder = tmp_path / "checkout"
    example = folder / "examples" / MODEL
    example.mkdir(parents=True)
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    for name in ("params.toml", "faults.toml"):
        shutil.copy(ROOT / "examples" / MODEL / name, example)
    for words in (
        ("init", "--quiet"),
        ("add", "--all"),
        ("-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "-qm", "All"),
    ):
        subprocess.run((GIT, *words), cwd=folder, check=True, timeout=30)
    return folder


@pytest.fixture
def scratch(checkout: Path) -> Scratch:
    made = Scratch(source=checkout, home=checkout / ".towpath" / "demo")
    made.copy(Shell(screen=screen(), folder=made.checkout, env=dict(os.environ)))
    return made
