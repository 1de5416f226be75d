"""The layers builder, against the fake registry."""

import gzip
import io
import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from tests.adapters.builders.workshop import DAY, Workshop, layout, workshop, write_files
from tests.fakes.programs import says
from tests.fakes.registry import FakeRegistry
from towpath.adapters.oci.client import RegistryClient
from towpath.core.errors import Missing, Refused, UsageError
from towpath.core.image import Platform
from towpath.core.manifests import LAYER_TAR, read_image


@pytest.fixture
def place(tmp_path: Path, client: RegistryClient) -> Workshop:
    return workshop(tmp_path / "here", client)


def files_of(client: RegistryClient, repository: str, digest: str) -> dict[str, tarfile.TarInfo]:
    found: dict[str, tarfile.TarInfo] = {}
    for layer in read_image(client.manifest(repository, digest)).layers:
        content = client.document(repository, layer)
        tar = content if layer.media_type == LAYER_TAR else gzip.decompress(content)
        with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
            found |= {member.name: member for member in archive}
    return found


def test_the_same_inputs_give_the_same_digest_another_day_in_another_folder(
    place: Workshop, client: RegistryClient, fake: FakeRegistry, tmp_path: Path
) -> None:
    first = place.builder.build(place.model, f"{fake.host}/m")
    other = workshop(tmp_path / "elsewhere" / "deep", client)
    other.clock.advance(400 * DAY)
    for file in (other.root / "model").rglob("*"):
        os.utime(file, (1, 1))
        if file.is_file():
            file.chmod(0o600)
    write_files(other.root / "model", {"weights/__pycache__/x.pyc": b"bytecode", "unnamed.txt": b"not code"})
    second = other.builder.build(other.model, f"{fake.host}/other")
    assert second.image.digest == first.image.digest


def test_an_image_holds_code_weights_dependencies_and_kit_and_nothing_of_the_driver(
    place: Workshop, client: RegistryClient, fake: FakeRegistry
) -> None:
    built = place.builder.build(place.model, f"{fake.host}/m")
    files = files_of(client, f"{fake.host}/m", built.image.digest)
    assert {name for name, member in files.items() if member.isfile()} == {
        "etc/base",
        "app/serve.py",
        "app/weights/model.bin",
        "opt/towpath/dependencies/dep/__init__.py",
        "opt/towpath/kit/towpath/__init__.py",
        "opt/towpath/kit/towpath/serving/__init__.py",
        "opt/towpath/kit/towpath/serving/requirements.lock",
    }
    assert {member.mtime for member in files.values()} == {0}
    assert built.base.startswith("tiny@sha256:")


def test_a_model_that_the_kit_serves_needs_no_code(place: Workshop, client: RegistryClient, fake: FakeRegistry) -> None:
    model = place.with_image(code=(), command="towpath.serving.pickled:PickledModel")
    built = place.builder.build(model, f"{fake.host}/m")
    files = files_of(client, f"{fake.host}/m", built.image.digest)
    assert "app/weights/model.bin" in files
    assert "app/serve.py" not in files


def test_what_predictions_are_counted_at_is_in_every_image(
    place: Workshop, client: RegistryClient, fake: FakeRegistry
) -> None:
    (Path(place.model.folder) / "reference.json").write_text('{"version": 1}')
    built = place.builder.build(place.model, f"{fake.host}/m")
    assert "app/reference.json" in files_of(client, f"{fake.host}/m", built.image.digest)


def test_the_container_starts_the_kit_as_nobody(place: Workshop, client: RegistryClient, fake: FakeRegistry) -> None:
    built = place.builder.build(place.with_image(env={"THREADS": "2"}), f"{fake.host}/m")
    config = json.loads(
        client.document(f"{fake.host}/m", read_image(client.manifest(f"{fake.host}/m", built.image.digest)).config)
    )
    process = config["config"]
    assert process["Entrypoint"] == ["python3", "-m", "towpath.serving", "serve:M"]
    assert (process["User"], process["WorkingDir"]) == ("65532:65532", "/app")
    assert {"TOWPATH_MODEL=m", "TOWPATH_WEIGHTS=weights", "THREADS=2"} <= set(process["Env"])
    assert str(place.root) not in json.dumps(config)


def test_a_second_build_moves_nothing_and_asks_nobody_for_wheels(place: Workshop, fake: FakeRegistry) -> None:
    first = place.builder.build(place.model, f"{fake.host}/m")
    asked = len(place.programs.asked)
    again = place.builder.build(place.model, f"{fake.host}/m")
    assert again.image == first.image
    assert (again.moved, again.reused) == (0, first.moved)
    assert len(place.programs.asked) == asked


def test_a_change_of_code_moves_no_byte_of_the_weights(place: Workshop, fake: FakeRegistry) -> None:
    first = place.builder.build(place.model, f"{fake.host}/m")
    fake.received.clear()
    write_files(place.root / "model", {"serve.py": b"class M: changed = True\n"})
    second = place.builder.build(place.model, f"{fake.host}/m")
    assert second.image != first.image
    assert sum(fake.received.values()) < 10_000
    assert second.reused > 100_000


def test_a_change_of_weights_is_never_missed(place: Workshop, fake: FakeRegistry) -> None:
    first = place.builder.build(place.model, f"{fake.host}/m")
    weights = place.root / "model" / "weights" / "model.bin"
    state = weights.stat()
    weights.write_bytes(b"v" * 100_000)
    os.utime(weights, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert place.builder.build(place.model, f"{fake.host}/m").image != first.image


def test_a_base_of_the_same_registry_is_mounted(place: Workshop, fake: FakeRegistry) -> None:
    first = place.builder.build(place.model, f"{fake.host}/library/base")
    second = place.builder.build(place.with_image(base=str(first.image)), f"{fake.host}/m")
    assert second.base == str(first.image)
    assert second.moved < 10_000


@pytest.mark.parametrize(
    ("base", "error", "said"),
    [
        ("python3.99", Missing, "base 'python3.99' is not known on this machine"),
        ("/nowhere/at/all", UsageError, "is no folder of this machine"),
    ],
)
def test_a_base_that_is_not_there_is_refused(
    place: Workshop, fake: FakeRegistry, base: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        place.builder.build(place.with_image(base=base), f"{fake.host}/m")


def test_a_base_by_tag_is_refused_with_the_digest_it_stands_for(
    place: Workshop, client: RegistryClient, fake: FakeRegistry
) -> None:
    built = place.builder.build(place.model, f"{fake.host}/base")
    client.put_manifest(f"{fake.host}/base", client.manifest(f"{fake.host}/base", built.image.digest), tag="3.11")
    with pytest.raises(UsageError, match="by tag") as caught:
        place.builder.build(place.with_image(base=f"{fake.host}/base:3.11"), f"{fake.host}/m")
    assert str(built.image) in caught.value.hint


def test_a_base_of_another_platform_is_refused(place: Workshop, fake: FakeRegistry, tmp_path: Path) -> None:
    layout(tmp_path / "arm", "arm64")
    with pytest.raises(Refused, match="has no image for linux/amd64; it has: linux/arm64"):
        place.builder.build(place.with_image(base=str(tmp_path / "arm")), f"{fake.host}/m")


def test_a_damaged_base_is_refused_and_nothing_is_published(place: Workshop, fake: FakeRegistry) -> None:
    blobs = sorted((place.root / "base" / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    blobs[-1].write_bytes(b"damaged")
    with pytest.raises(Refused, match="is corrupt"):
        place.builder.build(place.model, f"{fake.host}/m")
    assert not fake.manifests.get("m")


def test_a_package_without_a_wheel_for_the_platform_is_refused_with_the_remedy(
    place: Workshop, fake: FakeRegistry
) -> None:
    (place.root / "model" / "requirements.txt").write_text("absent==1.0\n")
    arm = Platform(os="linux", architecture="arm64")
    shutil.rmtree(place.root / "base")
    layout(place.root / "base", "arm64")
    with pytest.raises(Refused, match=r"absent==1.0 has no wheel for linux/arm64, Python 3.11") as caught:
        place.builder.build(place.with_image(platform=arm), f"{fake.host}/m")
    assert "--find-links" in caught.value.hint
    words = place.programs.asked[-1].words
    assert "manylinux_2_28_aarch64" in words
    assert "--only-binary" in words


def test_a_driver_without_pip_says_how_to_get_it(place: Workshop, fake: FakeRegistry) -> None:
    place.programs.answers[("pip", "download")] = says(stderr="/x/python: No module named pip", exit_code=1)
    with pytest.raises(Missing, match="has no pip"):
        place.builder.build(place.model, f"{fake.host}/m")


def test_an_interrupted_layer_leaves_nothing_in_the_cache(place: Workshop, fake: FakeRegistry) -> None:
    def interrupted(_: tuple[str, ...]) -> object:
        raise KeyboardInterrupt

    place.programs.answers[("pip", "download")] = interrupted  # type: ignore[assignment]  # it never answers
    with pytest.raises(KeyboardInterrupt):
        place.builder.build(place.model, f"{fake.host}/m")
    assert [path.suffix for path in (place.root / "cache").glob(".draft*")] == []
