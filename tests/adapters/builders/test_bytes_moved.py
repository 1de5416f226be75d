"""What goes over the wire and into memory, measured outside the client: real registry, counted bytes, real RSS."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.builders.workshop import workshop, write_files
from tests.adapters.oci.real_registry import CountingWire, real_registry
from towpath.adapters.oci.client import RegistryClient

MEGABYTE = 1024 * 1024

PUSH = """
import json, resource, sys, time
from pathlib import Path
import urllib3
from tests.adapters.builders.workshop import workshop
from towpath.adapters.oci.client import RegistryClient
from towpath.adapters.oci.credentials import NoCredentials
from towpath.adapters.oci.transport import Transport
from tests.fakes.clock import FakeClock

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

client = RegistryClient(Transport(credentials=NoCredentials(), clock=FakeClock()))
place = workshop(Path(sys.argv[1]), client)
with (place.root / "model" / "weights" / "model.bin").open("wb") as file:
    file.truncate(300 * 1024 * 1024)
before = peak()
built = place.builder.build(place.model, sys.argv[2])
copied = client.copy(built.image, sys.argv[3]) if len(sys.argv) > 3 else None
print(json.dumps({"before": before, "after": peak(), "moved": built.moved, "copied": copied.sent if copied else 0}))
"""


@pytest.fixture
def wire(real_host: str) -> Iterator[CountingWire]:
    wire = CountingWire(real_host)
    yield wire
    wire.close()


@pytest.fixture
def other_host(tmp_path_factory: pytest.TempPathFactory, real_host: str) -> Iterator[str]:
    """A second real registry, so that a copy can't be mounted."""
    assert real_host
    with real_registry(tmp_path_factory.mktemp("other")) as host:
        yield host


def test_unchanged_weights_do_not_go_over_the_wire_again(
    tmp_path: Path, client: RegistryClient, wire: CountingWire
) -> None:
    place = workshop(tmp_path, client, weights=b"w" * 5 * MEGABYTE)
    repository = f"{wire.host}/wire"
    place.builder.build(place.model, repository)
    first = wire.sent
    assert first > 5 * MEGABYTE
    write_files(place.root / "model", {"serve.py": b"class M: changed = True\n"})
    second = place.builder.build(place.model, repository)
    assert wire.sent - first < 30_000
    assert client.exists(second.image)


def test_weights_of_any_size_go_through_little_memory(tmp_path: Path, real_host: str, other_host: str) -> None:
    words = [sys.executable, "-c", PUSH, str(tmp_path), f"{real_host}/large", f"{other_host}/large"]
    root = Path(__file__).parents[3]
    environment = {"PYTHONPATH": f"{root}:{root / 'src'}"}
    answer = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert found["moved"] > 300 * MEGABYTE
    assert found["copied"] > 300 * MEGABYTE
    assert found["after"] - found["before"] < 64
