"""A model that knows nothing of the serving kit: any container that answers HTTP, begun as the pages say."""

import json
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from tests.docs.pages import lines
from tests.e2e.support.installation import ROOT, Installation, ambient, installed
from tests.e2e.support.required import leave_out, require_setup
from tests.support.shell import type_in

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.engine]
EXAMPLE = ROOT / "examples" / "fastapi"
PAGE = EXAMPLE / "README.md"
YOUR_OWN = ROOT / "docs" / "your-own-model.md"
SETOSA = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
ANSWER = {"species": "setosa", "distance": 0.141351}
PORTS = {"platform": ("registry", 5055), "dev": ("dev", 8081), "staging": ("spare", 8082), "prod": ("prod", 8083)}
_TAKEN = """
[models.flower]
path = "models/flower"

[models.flower.image]
builder = "image"
image = "{image}"

[environments.lab]
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Installation]:
    """An installation whose project `deploy init` wrote around the example's Dockerfile."""
    require_setup()
    if shutil.which("docker") is None:
        leave_out("there is no docker command on this machine")
    with installed(tmp_path / "service", ambient=ambient(), write=begin) as made:
        yield made


def begin(made: Installation) -> None:
    """The page's line, then what it says to add: ports of one's own, and a smoke request with a known answer."""
    shutil.copytree(EXAMPLE, made.folder / "service")
    (line,) = lines(YOUR_OWN, "deploy init --from-dockerfile")
    made.deploy(*shlex.split(line)[1:]).ok()
    for stack, (name, port) in PORTS.items():
        replace(made.file(stack), f"port: {port}", f"port: {made.ports[name]}")
    ready = 'ready: "/healthz"\n'
    smoke = f"smoke: {{path: /predict, body: '{json.dumps(SETOSA)}', expect: '{{\"species\": \"setosa\"}}'}}\n"
    replace(made.file("dev"), ready, f"{ready}        {smoke}")
    lab = made.file("dev").read_text().replace("service:", "flower:")
    made.file("lab").write_text(lab.replace(str(made.ports["dev"]), str(made.ports["lab"])))
    made.commit("Describe the pipeline")


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{file.name} has {old!r} {text.count(old)} times"
    file.write_text(text.replace(old, new))


def base_image(one: Installation) -> str:
    instance = json.loads((one.folder / ".towpath" / "instance.json").read_text())
    return str(instance["images"]["base"]["python3.11"]["image"])


def asked(one: Installation, environment: str) -> tuple[int, object]:
    answer = urllib3.request("POST", f"{one.url(environment)}/predict", json=SETOSA, retries=False)
    return answer.status, answer.json()


def test_a_fastapi_image_is_built_from_its_dockerfile_taken_over_by_its_digest_and_promoted(
    service: Installation,
) -> None:
    folder, base = service.folder / "service", base_image(service)
    for line in lines(PAGE, "pip download"):
        type_in(folder, line, PIP_DISABLE_PIP_VERSION_CHECK="1")
    (by_hand,) = lines(PAGE, "docker build --network none")
    tag = f"localhost:{service.ports['registry']}/by-hand"  # of this installation, which takes it away
    type_in(folder, by_hand.replace("YOUR-BASE", base).replace("-t iris", f"-t {tag}"))
    replace(folder / "Dockerfile", "BASE=python:3.12-slim", f"BASE={base}")  # for `deploy build` takes no arguments
    replace(folder / "Dockerfile", "ARG PIP_NO_INDEX=\n", "ARG PIP_NO_INDEX=1\n")
    service.draw("dev", "lab")

    built = service.deploy("build", "--json").ok().answer["release"]["image"]
    service.deploy("promote", "--to", "dev").ok()
    assert asked(service, "dev") == (200, ANSWER)

    (service.folder / "models" / "flower").mkdir(parents=True)
    with (service.folder / "deploy.toml").open("a") as pipeline:
        pipeline.write(_TAKEN.format(image=built))
    taken = service.deploy("build", "flower", "--json").ok().answer["release"]["image"]
    assert taken == built, "an image that is in the registry isn't copied"
    service.deploy("promote", "flower", "--to", "lab", "--release", built).ok()
    assert asked(service, "lab") == (200, ANSWER)
