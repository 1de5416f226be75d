"""deploy init, in process: starts around a container of one's own."""

from pathlib import Path

import pytest
import yaml

from tests.cli.command import deploy
from towpath.core.contract import Endpoint
from towpath.core.image import BuilderName
from towpath.core.pipeline import Pipeline
from towpath.schema.pipeline import parse_pipeline
from towpath.schema.stack import parse_stack_config

IMAGE = f"registry.example.com/team/churn@sha256:{'a' * 64}"
ANSWERS = ("--port", "8000", "--ready", "/healthz")


def pipeline(folder: Path) -> Pipeline:
    file = folder / "deploy.toml"
    return parse_pipeline(file.read_text(encoding="utf-8"), str(file))


def endpoints(folder: Path) -> list[Endpoint]:
    """The endpoint of every environment."""
    names = [one.name for one in pipeline(folder).environments]
    texts = [(folder / f"Pulumi.{name}.yaml").read_text(encoding="utf-8") for name in names]
    configs = [yaml.safe_load(text)["config"] for text in texts]
    ours = [{key.removeprefix("towpath:"): value for key, value in config.items()} for config in configs]
    return [parse_stack_config(config, "stack").endpoints[0] for config in ours]


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """A project with a service and its Dockerfile."""
    folder = tmp_path / "service"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    return folder


def test_a_start_from_a_dockerfile_builds_that_folder_and_serves_it_as_was_said(tmp_path: Path, service: Path) -> None:
    done = deploy("init", "--in", str(tmp_path), "--from-dockerfile", str(service), *ANSWERS)

    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-2:] == ["  deploy build", "  deploy promote --to dev"]
    spec = pipeline(tmp_path).model().spec
    assert (spec.name, spec.folder, spec.image.builder) == ("service", str(service), BuilderName.DOCKERFILE)
    told = {(one.name, one.serving.port, one.serving.probes.ready) for one in endpoints(tmp_path)}
    assert told == {("service", 8000, "/healthz")}


def test_a_start_from_an_image_names_its_digest_and_serves_it_as_was_said(tmp_path: Path) -> None:
    done = deploy("init", "--in", str(tmp_path), "--from-image", IMAGE, *ANSWERS, "--json")

    assert done.code == 0
    assert "models/churn/README.md" in done.json["written"]
    spec = pipeline(tmp_path).model().spec
    assert (spec.name, spec.image.builder, spec.image.image) == ("churn", BuilderName.IMAGE, IMAGE)
    told = {(one.name, one.serving.port, one.serving.probes.ready) for one in endpoints(tmp_path)}
    assert told == {("churn", 8000, "/healthz")}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--from-dockerfile", "absent"), "absent is outside the project"),
        (("--from-image", "registry.example.com/team/churn:latest"), "is not an image by digest"),
        (("--from-image", IMAGE, "--port", "0"), "Invalid value for '--port'"),
    ],
)
def test_a_start_that_cannot_work_is_refused_and_nothing_is_written(
    tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    done = deploy("init", "--in", str(tmp_path), *words)

    assert (done.code, says in done.err) == (2, True), done.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_the_project_without_a_dockerfile_is_refused(tmp_path: Path, service: Path) -> None:
    (service / "Dockerfile").unlink()

    done = deploy("init", "--in", str(tmp_path), "--from-dockerfile", str(service))

    assert (done.code, f"there is no Dockerfile in {service}" in done.err) == (2, True)
