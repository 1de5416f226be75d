"""A model, a base, wheels and a pip that copies them: all that a build needs, made small."""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests.fakes.clock import FakeClock
from tests.fakes.programs import Answer, FakePrograms, says
from towpath.adapters.builders.bases import Bases
from towpath.adapters.builders.dependencies import Dependencies
from towpath.adapters.builders.hashes import HashCache
from towpath.adapters.builders.kit import Kit
from towpath.adapters.builders.layers import LayersBuilder
from towpath.adapters.builders.packing import PackedLayers
from towpath.adapters.builders.wheels import WheelDownloads
from towpath.adapters.oci.client import RegistryClient
from towpath.app.setup_ports import Finished
from towpath.core.image import ImageSpec, ModelSpec
from towpath.core.layers import Entry, headers, padding
from towpath.core.manifests import (
    LAYER_TAR,
    OCI_CONFIG,
    Descriptor,
    canonical,
    digest_of,
    write_manifest,
)

DAY = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """A place to build in."""

    root: Path
    clock: FakeClock
    programs: FakePrograms
    hashes: HashCache
    builder: LayersBuilder
    kit: Kit

    @property
    def model(self) -> ModelSpec:
        spec = ImageSpec(
            base="tiny", requirements="requirements.txt", code=("serve.py",), weights=("weights",), command="serve:M"
        )
        return ModelSpec(name="m", folder=str(self.root / "model"), image=spec)

    def with_image(self, **changes: object) -> ModelSpec:
        return replace(self.model, image=replace(self.model.image, **changes))  # type: ignore[arg-type]  # names are the caller's


def workshop(root: Path, client: RegistryClient, weights: bytes = b"w" * 100_000) -> Workshop:
    clock = FakeClock(time=Path(__file__).stat().st_mtime + 10_000 * DAY)
    programs = FakePrograms(answers={("pip", "download"): _copying_pip(root / "wheels")})
    write_files(root / "model", {"serve.py": b"class M: ...\n", "weights/model.bin": weights})
    write_files(root / "package", {"__init__.py": b"", "serving/__init__.py": b"", "serving/requirements.lock": b""})
    write_files(root / "package", {"core/secret_of_the_driver.py": b""})
    make_wheel(root / "wheels", "dep", "1.0", {"dep/__init__.py": b"x = 1\n"})
    (root / "model" / "requirements.txt").write_text("dep==1.0\n")
    layout(root / "base")
    hashes = HashCache(root / "state" / "hashes.json", clock)
    dependencies = Dependencies(WheelDownloads(programs, ("pip",)), PackedLayers(root / "cache"))
    kit = Kit(package=root / "package")
    bases = Bases(client, {"tiny": str(root / "base")})
    builder = LayersBuilder(client=client, bases=bases, dependencies=dependencies, kit=kit, hashes=hashes)
    return Workshop(root=root, clock=clock, programs=programs, hashes=hashes, builder=builder, kit=kit)


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def make_wheel(folder: Path, name: str, version: str, files: Mapping[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in files.items():
            archive.writestr(member, content)
    return path


def _copying_pip(wheels: Path) -> Answer:
    def answer(words: tuple[str, ...]) -> Finished:
        target = Path(words[words.index("--dest") + 1])
        for line in Path(words[-1]).read_text().splitlines():
            name, _, version = line.split()[0].partition("==")
            found = wheels / f"{name}-{version}-py3-none-any.whl"
            if not found.exists():
                problem = f"ERROR: No matching distribution found for {name}=={version}\n"
                return says(stderr=problem, exit_code=1)
            shutil.copy(found, target)
        return says()

    return answer


def tiny_tar(text: bytes = b"base") -> bytes:
    pieces = []
    for header, entry in headers([Entry(path="etc/base", size=len(text))]):
        pieces += [header] if entry is None else [header, text, padding(len(text))]
    return b"".join([*pieces, bytes(1024)])


def layout(folder: Path, architecture: str = "amd64") -> str:
    """An OCI layout with one small image; gives back the manifest's digest."""
    layer = tiny_tar()
    rootfs = {"type": "layers", "diff_ids": [digest_of(layer)]}
    config = canonical({"architecture": architecture, "os": "linux", "config": {}, "rootfs": rootfs})
    parts = [(OCI_CONFIG, config), (LAYER_TAR, layer)]
    about = [Descriptor(media_type=kind, digest=digest_of(blob), size=len(blob)) for kind, blob in parts]
    manifest = write_manifest(about[0], about[1:])
    for blob in (config, layer, manifest.content):
        write_files(folder / "blobs" / "sha256", {hashlib.sha256(blob).hexdigest(): blob})
    entry = {**manifest.descriptor.as_json(), "platform": {"os": "linux", "architecture": architecture}}
    write_files(folder, {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'})
    write_files(folder, {"index.json": json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()})
    return manifest.digest
