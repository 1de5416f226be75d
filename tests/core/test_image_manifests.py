import json

import pytest

from towpath.core.errors import Refused
from towpath.core.image import Platform
from towpath.core.manifests import (
    LAYER_GZIP,
    LAYER_TAR,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
    Runtime,
    choose,
    digest_of,
    read_image,
    read_index,
    write_config,
    write_manifest,
)

AMD64 = Platform(os="linux", architecture="amd64")
LAYER = Descriptor(media_type=LAYER_TAR, digest=digest_of(b"layer"), size=5)
CONFIG = Descriptor(media_type=OCI_CONFIG, digest=digest_of(b"config"), size=6)
RUNTIME = Runtime(
    entrypoint=("python3", "-m", "towpath.serving", "m:M"),
    env={"B": "2", "PATH": "/mine"},
    workdir="/app",
    user="65532:65532",
    port=8080,
    labels={},
)
BASE = json.dumps(
    {
        "architecture": "amd64",
        "os": "linux",
        "created": "2026-01-02T03:04:05Z",
        "config": {"Env": ["PATH=/usr/bin", "LANG=C"], "Cmd": ["sh"], "Entrypoint": ["old"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:base"]},
        "history": [{"created": "2026-01-02T03:04:05Z", "created_by": "mmdebstrap"}],
    }
).encode()


def test_a_manifest_reads_back_what_was_written() -> None:
    document = read_image(write_manifest(CONFIG, [LAYER, LAYER]))
    assert document.config == CONFIG
    assert document.layers == (LAYER, LAYER)
    assert document.blobs == (CONFIG, LAYER)


def test_a_digest_is_of_the_bytes() -> None:
    content = b'{"schemaVersion": 2}'
    assert Manifest(media_type=OCI_MANIFEST, content=content).digest == digest_of(content)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"layers": 3, "config": {}}', b"\xff"])
def test_what_is_no_manifest_is_refused_by_its_digest(content: bytes) -> None:
    with pytest.raises(Refused, match=digest_of(content)):
        read_image(Manifest(media_type=OCI_MANIFEST, content=content))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"manifests": [1]}'])
def test_what_is_no_index_is_refused_by_its_digest(content: bytes) -> None:
    with pytest.raises(Refused, match=digest_of(content)):
        read_index(Manifest(media_type=OCI_INDEX, content=content))


def test_the_one_entry_without_a_platform_is_taken() -> None:
    assert choose([LAYER], AMD64, "here") == LAYER


def test_no_entry_for_the_platform_is_refused_with_those_there_are() -> None:
    other = Descriptor(
        media_type=OCI_MANIFEST, digest="sha256:x", size=1, platform=Platform(os="linux", architecture="arm64")
    )
    with pytest.raises(Refused, match=r"here has no image for linux/amd64; it has: linux/arm64"):
        choose([other, other], AMD64, "here")


def test_layers_of_docker_get_the_names_of_oci() -> None:
    layer = Descriptor(media_type="application/vnd.docker.image.rootfs.diff.tar.gzip", digest="sha256:x", size=1)
    assert layer.as_oci().media_type == LAYER_GZIP


def test_a_config_keeps_the_base_and_holds_no_time_and_not_its_command() -> None:
    document = json.loads(write_config(BASE, ["sha256:a"], ["about a"], RUNTIME))
    assert document["rootfs"]["diff_ids"] == ["sha256:base", "sha256:a"]
    assert document["config"]["Env"] == ["B=2", "LANG=C", "PATH=/mine"]
    assert "Cmd" not in document["config"]
    assert {entry["created"] for entry in document["history"]} | {document["created"]} == {"1970-01-01T00:00:00Z"}
    assert "2026" not in json.dumps(document)


def test_a_base_that_says_little_gives_a_config_all_the_same() -> None:
    known = {"architecture": "amd64", "os": "linux", "rootfs": None, "history": None}
    base = json.dumps({**known, "config": {"Env": ["LANG", "A=1=2"]}}).encode()
    document = json.loads(write_config(base, ["sha256:a"], ["about a"], RUNTIME))
    assert document["config"]["Env"] == ["A=1=2", "B=2", "PATH=/mine"]
    assert document["rootfs"]["diff_ids"] == ["sha256:a"]


@pytest.mark.parametrize(
    "base",
    [
        b"{",
        b"[]",
        b'{"os": "linux"}',
        b'{"architecture": "amd64", "os": "linux", "config": 5}',
        b'{"architecture": "amd64", "os": "linux", "config": {"Env": [5]}}',
        b'{"architecture": "amd64", "os": "linux", "history": ["x"]}',
        b'{"architecture": "amd64", "os": "linux", "rootfs": ["x"]}',
    ],
)
def test_a_base_without_an_image_config_is_refused(base: bytes) -> None:
    with pytest.raises(Refused, match="the base's config is not"):
        write_config(base, [], [], RUNTIME)
