"""The dockerfile builder: on a daemon that never runs, and on the real one, by command and by SDK."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException

from tests.adapters.builders.workshop import tiny_tar, workshop, write_files
from tests.adapters.oci.images import small_image
from tests.fakes.programs import FakePrograms, says
from tests.fakes.registry import FakeRegistry
from towpath.adapters.builders.docker_cli import DockerCli
from towpath.adapters.builders.docker_sdk import DockerSdk
from towpath.adapters.builders.dockerfile import Daemon, DockerBuild, DockerfileBuilder
from towpath.adapters.oci.client import RegistryClient
from towpath.adapters.process import RealProcesses
from towpath.adapters.programs import EnvironmentPrograms
from towpath.app.setup_ports import Finished
from towpath.core.errors import Missing, Refused
from towpath.core.image import BuilderName, ImageSpec, ModelSpec, Platform
from towpath.core.manifests import digest_of

AMD64 = Platform(os="linux", architecture="amd64")
BUILD = DockerBuild(context=Path("/m"), dockerfile=Path("/m/Dockerfile"), platform=AMD64)


def model(folder: Path) -> ModelSpec:
    return ModelSpec(name="m", folder=str(folder), image=ImageSpec(builder=BuilderName.DOCKERFILE))


@dataclass
class FakeDaemon:
    """Pushes an image of two layers, of which the first is said to be there already."""

    client: RegistryClient
    layers: tuple[bytes, bytes] = (b"first" * 100, b"second" * 100)
    built: list[DockerBuild] = field(default_factory=list)
    name: str = "a fake daemon"

    def build(self, what: DockerBuild) -> str:
        self.built.append(what)
        return "sha256:" + "e" * 64

    def diff_ids(self, image: str) -> tuple[str, ...]:
        assert image == "sha256:" + "e" * 64
        return tuple(digest_of(layer) for layer in self.layers)

    def push(self, image: str, repository: str, tag: str) -> Mapping[str, str]:
        manifest, blobs = small_image(*self.layers)
        self.client.push(repository, manifest, blobs)
        self.client.put_manifest(repository, manifest, tag=tag)
        assert image in f"sha256:{'e' * 64}"
        first, second = (name.removeprefix("sha256:")[:12] for name in self.diff_ids(image))
        return {first: "Layer already exists", second: "Pushed"}


def test_the_digest_is_what_the_registry_has_and_only_pushed_layers_count(
    client: RegistryClient, fake: FakeRegistry, tmp_path: Path
) -> None:
    daemon = FakeDaemon(client)
    built = DockerfileBuilder(daemon, client).build(model(tmp_path), f"{fake.host}/m")
    assert client.digest(f"{fake.host}/m", f"build-{'e' * 12}") == built.image.digest
    assert (built.moved, built.reused) == (600, 500)
    assert built.notes == ("built by a fake daemon",)
    assert daemon.built == [DockerBuild(context=tmp_path, dockerfile=tmp_path / "Dockerfile", platform=AMD64)]


@pytest.mark.parametrize(("buildx", "said"), [(0, "docker buildx"), (1, "classic builder; buildx is not installed")])
def test_buildx_is_used_where_it_is_and_the_other_is_said(buildx: int, said: str) -> None:
    def built(words: tuple[str, ...]) -> Finished:
        Path(words[words.index("--iidfile") + 1]).write_text("sha256:abc\n")
        return says()

    programs = FakePrograms(answers={("docker", "buildx", "version"): says(exit_code=buildx), ("docker",): built})
    cli = DockerCli(programs)
    assert said in cli.name
    assert cli.build(BUILD) == "sha256:abc"
    assert ("buildx" in programs.asked[-1].words) is (buildx == 0)


SILENT = "Cannot connect to the Docker daemon at unix:///x, it seems"


@pytest.mark.parametrize(
    ("stderr", "error", "said"),
    [
        (f"#1 internal\n{SILENT}\n", Missing, f"^the Docker daemon at unix:///x doesn't answer: {SILENT}$"),
        ("permission denied while trying to connect to it", Missing, "^no permission for the Docker daemon at unix:"),
        ("Step 3/4 : RUN false\nThe command '/bin/sh -c false' returned a non-zero code: 1", Refused, "RUN false"),
    ],
)
def test_what_docker_says_becomes_an_error_with_a_remedy(stderr: str, error: type[Exception], said: str) -> None:
    programs = FakePrograms(
        answers={("docker", "buildx"): says(exit_code=1), ("docker", "build"): says(stderr=stderr, exit_code=1)}
    )
    with pytest.raises(error, match=said) as caught:
        DockerCli(programs, "unix:///x").build(BUILD)
    assert caught.value.hint  # type: ignore[attr-defined]  # both classes have one


def test_no_daemon_for_the_sdk_is_said() -> None:
    def connect() -> docker.DockerClient:
        raise DockerException("Error while fetching server API version: connection refused")

    with pytest.raises(Missing, match=r"at the default socket doesn't answer: .* refused$") as caught:
        DockerSdk(connect).build(BUILD)
    assert "builder = 'layers' needs none" in caught.value.hint


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Daemon:
    if request.param == "cli":
        return DockerCli(EnvironmentPrograms(RealProcesses(sys.executable), dict(os.environ)))
    return DockerSdk(docker.from_env)


@pytest.fixture
def tidy() -> Iterator[list[str]]:
    """Remove what a test left in the daemon, by its name."""
    names: list[str] = []
    yield names
    client = docker.from_env()
    for name in names:
        for image in client.images.list(filters={"reference": f"{name}*"}):
            client.images.remove(str(image.id), force=True)
    client.close()


@pytest.mark.docker
@pytest.mark.skipif(shutil.which("docker") is None, reason="the docker command is not installed")
@pytest.mark.parametrize("engine", ["cli", "sdk"], indirect=True)
def test_a_dockerfile_is_built_pushed_and_a_second_time_moves_nothing(
    engine: Daemon, client: RegistryClient, real_host: str, tmp_path: Path, tidy: list[str]
) -> None:
    repository = f"{real_host}/dockerfile-{type(engine).__name__.lower()}"
    tidy.append(repository)
    files = {
        "Dockerfile": b"FROM scratch\nADD layer.tar /\nCOPY weights /weights\n",
        "layer.tar": tiny_tar(os.urandom(99)),
    }
    write_files(tmp_path, {**files, "weights": os.urandom(500_000)})
    builder = DockerfileBuilder(engine, client)
    first = builder.build(model(tmp_path), repository)
    again = builder.build(model(tmp_path), repository)
    assert client.exists(first.image)
    assert first.image == again.image
    assert first.moved > 500_000
    assert again.moved == 0
    assert again.reused == first.moved


@pytest.mark.docker
@pytest.mark.parametrize("engine", ["cli", "sdk"], indirect=True)
def test_a_dockerfile_that_does_not_build_is_refused_with_its_last_words(
    engine: Daemon, client: RegistryClient, real_host: str, tmp_path: Path
) -> None:
    write_files(tmp_path, {"Dockerfile": b"FROM scratch\nCOPY absent /\n"})
    with pytest.raises(Refused, match=r"(?s)Dockerfile doesn't build.*absent"):
        DockerfileBuilder(engine, client).build(model(tmp_path), f"{real_host}/never")


@pytest.mark.docker
def test_the_engine_takes_an_image_of_the_layers_builder(
    client: RegistryClient, real_host: str, tmp_path: Path, tidy: list[str]
) -> None:
    place = workshop(tmp_path, client, weights=os.urandom(100_000))
    repository = f"{real_host}/assembled"
    tidy.append(repository)
    built = place.builder.build(place.model, repository)
    engine = docker.from_env()
    try:
        image = engine.images.pull(repository, tag=built.image.digest)
        assert image.attrs["Config"]["User"] == "65532:65532"
        container = engine.containers.create(image)
        try:
            _, about = container.get_archive("/app/weights/model.bin")
            assert about is not None
            assert about["size"] == 100_000
        finally:
            container.remove(force=True)
    finally:
        engine.close()
