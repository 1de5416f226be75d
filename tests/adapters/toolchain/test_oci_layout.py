import hashlib
import io
import json
import tarfile
from pathlib import Path

from towpath.adapters.toolchain.oci_layout import (
    Layout,
    docker_archive,
    pack_files,
    pack_tree,
    read_layout,
    write_layout,
)

RUNTIME = {"Cmd": ["hello"], "Env": ["A=1"]}


def make(folder: Path) -> Layout:
    folder.mkdir()
    layers = [
        pack_files({"bin/hello": (b"#!", 0o755)}, folder / "one"),
        pack_files({"etc/conf": (b"x=1", 0o644), "etc/a": (b"", 0o600)}, folder / "two"),
    ]
    return write_layout(folder / "layout", layers, RUNTIME, "amd64")


def test_the_same_files_make_the_same_image_anywhere(tmp_path: Path) -> None:
    first, second = make(tmp_path / "a"), make(tmp_path / "b")
    assert (first.digest, first.image_id) == (second.digest, second.image_id)


def test_every_blob_is_named_by_its_content(tmp_path: Path) -> None:
    layout = make(tmp_path / "a")
    blobs = list((layout.folder / "blobs" / "sha256").iterdir())
    assert len(blobs) == 4
    for blob in blobs:
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name


def test_a_layout_is_read_back_as_written(tmp_path: Path) -> None:
    layout = make(tmp_path / "a")
    again, layers = read_layout(layout.folder)
    assert again == layout
    config = json.loads((layout.folder / "blobs/sha256" / layout.image_id.removeprefix("sha256:")).read_bytes())
    assert config["config"] == RUNTIME
    assert config["architecture"] == "amd64"
    assert config["rootfs"]["diff_ids"] == [layer.diff_id for layer in layers]


def test_a_layer_holds_paths_modes_and_no_times(tmp_path: Path) -> None:
    layer = pack_files({"etc/conf": (b"x=1", 0o640)}, tmp_path / "layer")
    with tarfile.open(layer.blob) as archive:
        (entry,) = archive.getmembers()
        assert (entry.name, entry.mode, entry.uid, entry.mtime) == ("etc/conf", 0o640, 0, 0)
    assert layer.size == layer.blob.stat().st_size


def test_the_archive_for_docker_is_a_whole_tar_with_both_indexes(tmp_path: Path) -> None:
    layout = make(tmp_path / "a")
    stream = b"".join(docker_archive(layout, "towpath/test:1"))
    with tarfile.open(fileobj=io.BytesIO(stream)) as archive:
        names = archive.getnames()
        opened = archive.extractfile("manifest.json")
        assert opened is not None
        (manifest,) = json.loads(opened.read())
    assert manifest["RepoTags"] == ["towpath/test:1"]
    assert {"oci-layout", "index.json", manifest["Config"], *manifest["Layers"]} <= set(names)
    assert len(names) == len(set(names))


def test_a_systems_tree_is_packed_without_what_a_running_one_scratches(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in ("usr/bin", "usr/share/doc/x", "proc/1", "tmp/x", "var/cache/apt", "var/lib/apt/lists/y", "etc"):
        (root / name).mkdir(parents=True)
    (root / "usr/bin/tool").write_text("tool")
    (root / "var/cache/apt/pkg").write_text("big")
    (root / "etc/hostname").write_text("this machine")
    (root / "etc/resolv.conf").write_text("nameserver 10.0.0.1")
    (root / "bin").symlink_to("usr/bin")
    layer = pack_tree(root, tmp_path / "layer")
    with tarfile.open(layer.blob) as archive:
        names = set(archive.getnames())
        assert archive.getmember("bin").linkname == "usr/bin"
    assert {"bin", "usr/bin/tool", "etc", "proc", "tmp", "var/cache", "var/lib/apt/lists"} <= names
    assert not {name for name in names if name.startswith(("usr/share/doc", "proc/", "tmp/", "var/cache/", "etc/"))}
