import json
import stat
from pathlib import Path

import pytest

from towpath.adapters.toolchain.instances import FileInstances
from towpath.adapters.toolchain.surroundings import Surroundings, cache_folder
from towpath.core.errors import Busy, Refused, UsageError
from towpath.core.instance import Damaged
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


@pytest.mark.parametrize("text", ["[]", "{", "", "null", '{"format": 1}', "[" * 100_000, "\ud800"])
def test_a_damaged_file_is_one_that_setup_writes_anew(instances: FileInstances, tmp_path: Path, text: str) -> None:
    instances.save(INSTANCE)
    (tmp_path / "state" / "instance.json").write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(Damaged, match=r"instance\.json"):
        instances.load()


def state_of(tmp_path: Path, stack: str, latest: object) -> None:
    """A stack's state as Pulumi keeps it in a folder."""
    folder = tmp_path / "state/pulumi/.pulumi/stacks/demo"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stack}.json").write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}))
    (folder / f"{stack}.json.bak").write_text("{")


def exporting(outputs: object) -> object:
    return {"resources": [{"type": "pulumi:pulumi:Stack", "outputs": outputs}, {"type": "x", "outputs": {}}]}


def test_a_damaged_file_still_says_its_id(instances: FileInstances, tmp_path: Path) -> None:
    instances.save(INSTANCE)
    file = tmp_path / "state" / "instance.json"
    file.write_text(file.read_text()[:40])
    assert instances.kept_id() == "0123abcd"


@pytest.mark.parametrize("text", ["", "[]", None])
def test_an_id_that_the_file_lost_is_the_one_that_was_drawn(
    instances: FileInstances, tmp_path: Path, text: str | None
) -> None:
    instances.prepare()
    if text is not None:
        (tmp_path / "state" / "instance.json").write_text(text)
    for stack in ("platform", "dev"):
        state_of(tmp_path, stack, exporting({"instance": "a9fb3100"}))
    state_of(tmp_path, "prod", None)
    assert instances.kept_id() == "a9fb3100"


@pytest.mark.parametrize("latest", [exporting({}), exporting(None), {"resources": [{}]}])
def test_without_a_word_of_the_id_nothing_that_was_drawn_gets_another(
    instances: FileInstances, tmp_path: Path, latest: object
) -> None:
    state_of(tmp_path, "platform", latest)
    with pytest.raises(Refused, match="lose every image") as caught:
        instances.kept_id()
    assert '{"id": "…"}' in caught.value.hint
    assert "docker ps --format '{{.Label \"towpath.instance\"}}'" in caught.value.hint


def test_two_ids_that_were_drawn_are_both_named(instances: FileInstances, tmp_path: Path) -> None:
    state_of(tmp_path, "platform", exporting({"instance": "aaaa0000"}))
    state_of(tmp_path, "dev", exporting({"instance": "bbbb0000"}))
    with pytest.raises(Refused, match="aaaa0000 and bbbb0000"):
        instances.kept_id()


def test_a_checkout_where_nothing_was_drawn_has_no_id(instances: FileInstances, tmp_path: Path) -> None:
    assert instances.kept_id() == ""
    state_of(tmp_path, "platform", None)
    state_of(tmp_path, "dev", {"resources": []})
    assert instances.kept_id() == ""


def test_an_id_that_somebody_wrote_into_the_file_is_taken(instances: FileInstances, tmp_path: Path) -> None:
    state_of(tmp_path, "platform", exporting({}))
    (tmp_path / "state" / "instance.json").write_text('{"id": "a9fb3100"}')
    assert instances.kept_id() == "a9fb3100"


def test_a_file_in_place_of_the_state_is_named(instances: FileInstances, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    for use in (instances.load, instances.prepare, instances.kept_id, lambda: instances.save(INSTANCE)):
        with pytest.raises(UsageError, match=rf"{tmp_path}/state.* can't be read or written"):
            use()


def test_an_instance_file_that_cant_be_read_is_named(instances: FileInstances, tmp_path: Path) -> None:
    (tmp_path / "state/instance.json").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"instance\.json can't be read or written: Is a directory") as caught:
        instances.load()
    assert not isinstance(caught.value, Damaged)


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
