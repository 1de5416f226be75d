"""A model that knows nothing of the serving kit: any container that answers HTTP."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import urllib3

from tests.e2e.support.installation import ROOT, Installation

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.engine]
EXAMPLE = ROOT / "examples" / "fastapi"
SETOSA = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
ANSWER = {"species": "setosa", "distance": 0.141351}
_MODEL = """
[models.{name}]
path = "models/{name}"

[models.{name}.image]
builder = "{builder}"
{more}
"""
_STACK = """\
config:
  towpath:platform: {{stack: platform}}
  towpath:router: {{port: {port}}}
  towpath:endpoints:
    {name}:
      replicas: 1
      port: 8000
      timeouts: {{startup: 30s, request: 5s, drain: 5s}}
      probes:
        ready: /healthz
        smoke: {{path: /predict, body: '{body}', expect: '{{"species": "setosa"}}'}}
"""


def add_model(one: Installation, name: str, environment: str, builder: str, more: str = "") -> Path:
    """Describe a model and the one endpoint of an environment that serves it."""
    with (one.folder / "deploy.toml").open("a") as pipeline:
        pipeline.write(_MODEL.format(name=name, builder=builder, more=more))
    stack = _STACK.format(name=name, port=one.ports[environment], body=json.dumps(SETOSA))
    one.file(environment).write_text(stack)
    folder = one.folder / "models" / name
    folder.mkdir()
    return folder


def fill(folder: Path, base: str) -> None:
    """The example with its packages beside it, as its page says for machines without an index in the build."""
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
    download = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "-d", "wheels"]
    subprocess.run([*download, "--require-hashes", "-r", "requirements.txt"], cwd=folder, check=True, timeout=300)
    subprocess.run([*download, "--no-deps", "pip"], cwd=folder, check=True, timeout=300)
    text = (folder / "Dockerfile").read_text()
    text = text.replace("BASE=python:3.12-slim", f"BASE={base}").replace("ARG PIP_NO_INDEX=", "ARG PIP_NO_INDEX=1")
    (folder / "Dockerfile").write_text(text)


def base_image(one: Installation) -> str:
    instance = json.loads((one.folder / ".towpath" / "instance.json").read_text())
    return str(instance["images"]["base"]["python3.11"]["image"])


def test_a_fastapi_image_is_built_from_its_dockerfile_taken_over_by_its_digest_and_promoted(
    scratch: Installation,
) -> None:
    fill(add_model(scratch, "iris", "dev", "dockerfile"), base_image(scratch))
    scratch.draw()
    built = scratch.deploy("build", "iris", "--json").ok().answer["release"]["image"]
    (add_model(scratch, "flower", "lab", "image", f'image = "{built}"') / "README.md").write_text("built elsewhere\n")
    scratch.draw("lab")
    taken = scratch.deploy("build", "flower", "--json").ok().answer["release"]["image"]
    assert taken == built, "an image that is in the registry isn't copied"
    scratch.deploy("promote", "flower", "--to", "lab", "--release", built).ok()
    answer = urllib3.request("POST", f"{scratch.url('lab')}/predict", json=SETOSA, retries=False)
    assert (answer.status, answer.json()) == (200, ANSWER)
