"""Images that Docker pulls from a real registry: what is said of one that isn't there, or was damaged there."""

import io
import os
import secrets
import shutil
import subprocess
import tarfile
from collections.abc import Iterator

import pytest
import urllib3
from docker.models.containers import Container

from infra.docker.host import pull
from infra.docker.provider import StepFailed, daemon
from infra.docker.registry import RegistryProvider
from infra.docker.storage import NetworkProvider, VolumeProvider
from tests.adapters.oci.images import small_image
from tests.docs.pages import ROOT, blocks, commands
from tests.e2e.support.required import leave_out
from tests.fakes.clock import FakeClock
from tests.support import docker_site
from tests.support.ports import free_port
from towpath.adapters.oci.client import RegistryClient
from towpath.adapters.oci.credentials import NoCredentials
from towpath.adapters.oci.transport import Transport

pytestmark = pytest.mark.docker
REGISTRY = "towpath-1f2e-platform-registry"  # as the runbook calls it
BLOBS = "/var/lib/registry/docker/registry/v2/blobs/sha256"


@pytest.fixture(scope="module")
def registry() -> Iterator[Container]:
    """One as a platform has it."""
    client, images = docker_site.daemon("registry")
    instance = f"t{secrets.token_hex(4)}"
    where = {"schema": 1, "host": "", "instance": instance, "stack": "test", "name": f"towpath-{instance}"}
    port = free_port()
    own = {"image": images["registry"], "port": port, "volume": where["name"], "network": where["name"]}
    try:
        NetworkProvider().create(where)
        VolumeProvider().create(where)
        RegistryProvider().create({**where, **own})
        yield client.containers.get(str(where["name"]))
    finally:
        docker_site.remove(client, instance)
        client.close()


@pytest.fixture
def repository(registry: Container) -> str:
    """A repository there, as replicas name it."""
    published = registry.ports["5000/tcp"]
    assert published
    return f"localhost:{published[0]['HostPort']}/m"


@pytest.fixture
def pushing() -> Iterator[RegistryClient]:
    pool = urllib3.PoolManager()
    yield RegistryClient(Transport(credentials=NoCredentials(), clock=FakeClock(), pool=pool))
    pool.clear()


def pulled(image: str) -> None:
    """As a replica that is drawn does it."""
    with daemon({"host": ""}) as client:
        pull(client, image)


def layer() -> bytes:
    """A layer like no other."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        file = tarfile.TarInfo("weights")
        file.size = 1000
        archive.addfile(file, io.BytesIO(os.urandom(1000)))
    return buffer.getvalue()


def await_answer(repository: str) -> None:
    again = urllib3.Retry(50, backoff_factor=0.05, backoff_max=0.2)
    assert urllib3.request("GET", f"http://{repository.partition('/')[0]}/v2/", retries=again).status == 200


def of_the_runbook(program: str) -> list[str]:
    """Its commands on a registry."""
    shown = (one.text for block in blocks(ROOT / "docs" / "runbook.md") for one in commands(block))
    return [text for text in shown if text.startswith(program) and REGISTRY in text]


def test_an_image_that_the_registry_lacks_is_named(repository: str) -> None:
    image = f"{repository}@sha256:{'a' * 64}"
    with pytest.raises(StepFailed, match=f"the registry has no {image}\n  .*`deploy build` builds one"):
        pulled(image)


def test_a_blob_that_was_damaged_is_named_and_is_pushed_again_once_it_is_removed(
    registry: Container, repository: str, pushing: RegistryClient
) -> None:
    if shutil.which("docker") is None:
        leave_out("there is no docker command on this machine")
    manifest, blobs = small_image(layer())
    image = str(pushing.push(repository, manifest, blobs).image)
    damaged = blobs[0].digest.removeprefix("sha256:")
    damage = ["dd", "if=/dev/zero", f"of={BLOBS}/{damaged[:2]}/{damaged}/data", "bs=1", "count=1", "conv=notrunc"]
    assert registry.exec_run(damage).exit_code == 0
    with pytest.raises(StepFailed, match=f"a blob of {image} is damaged in the registry: .*{damaged}(.|\n)*runbook"):
        pulled(image)
    assert pushing.push(repository, manifest, blobs).sent == 0, "the registry says that it has it"

    for text in of_the_runbook("docker "):
        words = text.replace(REGISTRY, str(registry.name)).replace("4b/4bf5", f"{damaged[:2]}/{damaged}").split()
        subprocess.run(words, check=True, capture_output=True, timeout=60)
    await_answer(repository)
    assert pushing.push(repository, manifest, blobs).sent == blobs[0].size
    pulled(image)
    with daemon({"host": ""}) as client:
        client.images.remove(image)
