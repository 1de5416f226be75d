import stat
from pathlib import Path

import pytest

from towpath.adapters.toolchain.instances import FileInstances
from towpath.adapters.toolchain.surroundings import Surroundings, cache_folder
from towpath.core.errors import Busy, UsageError
from towpath.core.toolchain import BaseImage, Engine, Instance

INSTANCE = Instance(
    id="0123abcd",
    engine=Engine(pulumi="/s/bin/pulumi", source="build", version="3.259.0", language_host="stand-in"),
    base={"python3.11": BaseImage(image="towpath/base:1", digest="sha256:aa")},
    registry="towpath/registry:1",
    router="towpath/router:1",
    offline=True,
)


@pytest.fixture
def instances(tmp_path: Path) -> FileInstances:
    around = Surroundings(state=tmp_path / "state", cache=tmp_path / "cache", env={}, python="python3", root=False)
    return FileInstances(around)


def test_there_is_no_instance_before_setup(instances: FileInstances) -> None:
    assert instances.load() is None


def test_an_instance_is_kept_privately(instances: FileInstances, tmp_path: Path) -> None:
    instances.save(INSTANCE)
    assert instances.load() == INSTANCE
    assert stat.S_IMODE((tmp_path / "state" / "instance.json").stat().st_mode) == 0o600


def test_a_file_that_is_not_json_is_named_with_its_remedy(instances: FileInstances, tmp_path: Path) -> None:
    instances.save(INSTANCE)
    (tmp_path / "state" / "instance.json").write_text("{")
    with pytest.raises(UsageError, match=r"instance\.json") as caught:
        instances.load()
    assert "deploy setup" in caught.value.hint


def test_preparing_makes_a_private_passphrase_once(instances: FileInstances, tmp_path: Path) -> None:
    passphrase = tmp_path / "state" / "passphrase"
    instances.prepare()
    first = passphrase.read_text()
    instances.prepare()
    assert passphrase.read_text() == first
    assert len(first.strip()) >= 32
    assert stat.S_IMODE(passphrase.stat().st_mode) == 0o600


def test_ids_are_eight_digits_and_differ(instances: FileInstances) -> None:
    ids = {instances.new_id() for _ in range(20)}
    assert len(ids) == 20
    assert all(len(each) == 8 and int(each, 16) >= 0 for each in ids)


def test_only_one_setup_holds_the_lock(instances: FileInstances) -> None:
    with instances.lock(), pytest.raises(Busy), instances.lock():
        pytest.fail("taken twice")


def test_the_cache_is_where_the_user_says(tmp_path: Path) -> None:
    assert cache_folder({}, tmp_path) == tmp_path / ".cache" / "towpath"
    assert cache_folder({"XDG_CACHE_HOME": "/big"}, tmp_path) == Path("/big/towpath")
