"""Stack files: read whole, copied privately, written last."""

import hashlib
import stat
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from towpath.adapters.stack_files import YamlStackFiles
from towpath.app.ports import StackFile
from towpath.core.contract import Canary, drawn_hash
from towpath.core.errors import NeedsPerson, TowpathError, UsageError
from towpath.core.release import ImageRef, parse_image

A = parse_image(f"localhost:5055/m@sha256:{'a' * 64}")
B = parse_image(f"localhost:5055/m@sha256:{'b' * 64}")
TEXT = f"""# prod serves users
config:
  aws:region: eu-central-1
  towpath:platform: {{stack: platform}}
  towpath:router: {{port: 8083}}
  towpath:endpoints:
    web:  # the only one that counts
      release: {A}
      promotion: 11
      replicas: 2
      env: {{LOG_LEVEL: info, DEBUG: "yes"}}
    other:
      path: /other
encryptionsalt: v1:abc
"""


@pytest.fixture
def files(tmp_path: Path) -> YamlStackFiles:
    (tmp_path / "Pulumi.prod.yaml").write_text(TEXT)
    return YamlStackFiles(project=tmp_path)


def test_a_file_is_read_with_its_hash_and_endpoints(files: YamlStackFiles) -> None:
    file = files.read("prod")
    web = file.endpoint("web")
    assert web is not None
    assert (web.release, web.promotion, web.replicas) == (A, 11, 2)
    assert dict(web.serving.env) == {"LOG_LEVEL": "info", "DEBUG": "yes"}
    assert file.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
    assert files.parse("prod", TEXT) == file
    as_is = files.as_is(file)
    assert as_is.path == str(files.project / "Pulumi.prod.yaml")
    assert as_is.drawn == drawn_hash(file.endpoints)


def test_a_file_that_isnt_there_is_named_with_the_remedy(files: YamlStackFiles) -> None:
    with pytest.raises(UsageError, match=r"there is no Pulumi\.dev\.yaml") as caught:
        files.read("dev")
    assert "deploy init" in caught.value.hint


def test_every_problem_comes_at_once(files: YamlStackFiles) -> None:
    text = TEXT.replace("replicas: 2", "replicas: two").replace("path: /other", "paht: /other")
    with pytest.raises(UsageError) as caught:
        files.parse("prod", text)
    assert "Pulumi.prod.yaml: 2 problems" in caught.value.message
    assert "endpoints.web.replicas" in caught.value.message
    assert "endpoints.other.paht" in caught.value.message


@pytest.mark.parametrize("text", ["config: [\n", "config: 3\n", "- x\n", "config:\n  a:b: 1\n  a:b: 2\n"])
def test_a_broken_file_is_a_usage_error(files: YamlStackFiles, text: str) -> None:
    with pytest.raises(UsageError, match=r"Pulumi\.prod\.yaml"):
        files.parse("prod", text)


def test_a_tag_in_the_file_is_refused(files: YamlStackFiles) -> None:
    with pytest.raises(UsageError, match=r"endpoints\.web\.release"):
        files.parse("prod", TEXT.replace(str(A), "localhost:5055/m:latest"))


def test_what_only_the_driver_may_write_is_refused_in_the_file(files: YamlStackFiles) -> None:
    canary = f"canary: {{release: '{B}', traffic: 5, replicas: 1}}"
    text = TEXT.replace("replicas: 2", f"replicas: 2\n      {canary}") + "# end\n"
    text = text.replace("  towpath:router", "  towpath:fence: 3\n  towpath:router")
    with pytest.raises(UsageError, match=r"endpoints\.web\.canary: only") as caught:
        files.parse("prod", text)
    assert "fence: only" in caught.value.message


def with_canary(file: StackFile) -> tuple[StackFile, Canary]:
    web = file.endpoint("web")
    assert web is not None
    return file, Canary(release=B, serving=web.serving, traffic=5.0, replicas=1)


def test_an_overlay_is_private_differs_in_one_endpoint_and_goes_away(files: YamlStackFiles) -> None:
    file, canary = with_canary(files.read("prod"))
    wanted = replace(file.endpoints[0], canary=canary)
    with files.overlay(file, wanted, 7) as overlay:
        path = Path(overlay.path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        raw = yaml.safe_load(path.read_text())
        assert raw["config"]["towpath:fence"] == 7
        assert raw["config"]["towpath:endpoints"]["web"]["canary"]["traffic"] == 5
        assert raw["config"]["towpath:endpoints"]["other"] == {"path": "/other"}
        assert raw["config"]["aws:region"] == "eu-central-1"
        assert raw["encryptionsalt"] == "v1:abc"
        assert overlay.drawn == drawn_hash([wanted, file.endpoints[1]])
    assert not path.exists()
    assert (files.project / "Pulumi.prod.yaml").read_text() == TEXT


def test_an_overlay_goes_away_on_an_error_too(files: YamlStackFiles) -> None:
    file = files.read("prod")
    seen: list[Path] = []

    def use() -> None:
        with files.overlay(file, file.endpoints[0], 1) as overlay:
            seen.append(Path(overlay.path))
            raise KeyError

    with pytest.raises(KeyError):
        use()
    assert not seen[0].parent.exists()


def test_an_overlay_can_take_the_release_away(files: YamlStackFiles) -> None:
    file = files.read("prod")
    with files.overlay(file, replace(file.endpoints[0], release=None), 1) as overlay:
        raw = yaml.safe_load(Path(overlay.path).read_text())
        assert "release" not in raw["config"]["towpath:endpoints"]["web"]


def test_an_overlay_never_changes_what_a_promotion_cant(files: YamlStackFiles) -> None:
    file = files.read("prod")
    with (
        pytest.raises(ValueError, match="differs from"),
        files.overlay(file, replace(file.endpoints[0], path="/elsewhere"), 1),
    ):
        pytest.fail("it was drawn")


def test_a_promotion_writes_two_values_and_nothing_else(files: YamlStackFiles) -> None:
    after = files.write_release(files.read("prod"), "web", B, 12)
    assert after.text == TEXT.replace(str(A), str(B)).replace("promotion: 11", "promotion: 12")
    assert after == files.read("prod")
    web = after.endpoint("web")
    assert web is not None
    assert (web.release, web.promotion) == (B, 12)
    assert [path.name for path in files.project.iterdir()] == ["Pulumi.prod.yaml"]


def test_a_first_release_is_written_where_none_was(files: YamlStackFiles) -> None:
    after = files.write_release(files.read("prod"), "other", B, 1)
    other = after.endpoint("other")
    assert other is not None
    assert (other.release, other.promotion) == (B, 1)
    assert "# prod serves users" in after.text


def test_the_files_mode_stays(files: YamlStackFiles) -> None:
    path = files.project / "Pulumi.prod.yaml"
    path.chmod(0o640)
    files.write_release(files.read("prod"), "web", B, 12)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_file_that_somebody_changed_is_left_alone(files: YamlStackFiles) -> None:
    pinned = files.read("prod")
    path = files.project / "Pulumi.prod.yaml"
    path.write_text(TEXT + "# mine\n")
    with pytest.raises(NeedsPerson, match=r"Pulumi\.prod\.yaml was changed during promotion 12") as caught:
        files.write_release(pinned, "web", B, 12)
    assert str(B) in caught.value.hint
    assert path.read_text() == TEXT + "# mine\n"
    path.unlink()
    with pytest.raises(NeedsPerson):
        files.write_release(pinned, "web", B, 12)


ANCHORED = f"""config:
  towpath:platform: {{stack: platform}}
  towpath:router: {{port: 8083}}
  towpath:endpoints:
    web: &both {{release: '{A}', path: /a}}
    other: {{<<: *both, path: /b}}
"""


def test_a_file_that_cant_be_edited_safely_is_left_alone(files: YamlStackFiles) -> None:
    path = files.project / "Pulumi.prod.yaml"
    path.write_text(ANCHORED)
    with pytest.raises(NeedsPerson, match="can't be edited safely"):
        files.write_release(files.read("prod"), "web", B, 12)
    assert path.read_text() == ANCHORED


HEAD = "config:\n  towpath:platform: {stack: platform}\n  towpath:router: {port: 8083}\n"
WEB = f"web: {{release: '{A}', promotion: 3}}\n"
MERGED = {
    "endpoints": f"x: &c\n  {WEB}{HEAD}  towpath:endpoints:\n    <<: *c\n",
    "config": f"x: &c\n  towpath:endpoints:\n    {WEB}{HEAD}  <<: *c\n",
}


@pytest.mark.parametrize("text", MERGED.values(), ids=MERGED)
def test_an_endpoint_that_a_merge_key_brings_is_left_alone_and_known_beforehand(
    files: YamlStackFiles, text: str
) -> None:
    path = files.project / "Pulumi.prod.yaml"
    path.write_text(text)
    file = files.read("prod")
    assert "Pulumi.prod.yaml" in files.unwritable(file, "web", B)
    assert "config.towpath:endpoints.web must stand there itself" in files.unwritable(file, "web", B)
    with pytest.raises(NeedsPerson, match="can't be edited safely") as caught:
        files.write_release(file, "web", B, 12)
    assert str(B) in caught.value.hint
    assert path.read_text() == text


def test_what_can_be_written_is_known_beforehand_and_nothing_is_left_of_the_try(files: YamlStackFiles) -> None:
    assert files.unwritable(files.read("prod"), "web", B) == ""
    assert [(path.name, path.read_text()) for path in files.project.iterdir()] == [("Pulumi.prod.yaml", TEXT)]


def test_a_folder_that_takes_no_file_is_known_beforehand_and_needs_a_person_at_the_end() -> None:
    files = YamlStackFiles(project=Path("/proc"))  # which takes no file from root either
    file = files.parse("prod", TEXT)
    assert files.unwritable(file, "web", B).startswith("/proc can't be written to: ")
    with pytest.raises(NeedsPerson, match=r"/proc/Pulumi\.prod\.yaml can't be written") as caught:
        files.write_release(file, "web", B, 12)
    assert "deploy resume prod" in caught.value.hint
    assert f"release: {B}, promotion: 12" in caught.value.hint


def test_a_link_to_a_stack_file_stays_a_link(files: YamlStackFiles, tmp_path: Path) -> None:
    link, file = tmp_path / "Pulumi.prod.yaml", tmp_path / "elsewhere" / "prod.yaml"
    file.parent.mkdir()
    link.rename(file)
    link.symlink_to(file)
    files.write_release(files.read("prod"), "web", B, 12)
    assert link.is_symlink()
    assert str(B) in file.read_text()


def test_a_file_that_cant_be_read_is_named(files: YamlStackFiles, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").mkdir()
    with pytest.raises(UsageError, match=r"Pulumi\.dev\.yaml can't be read: Is a directory"):
        files.read("dev")


@pytest.mark.parametrize(
    "value",
    ["!!timestamp x", "!!timestamp 2024-01-01", "!!bool x", "!!int x", "!!int ''", "!!set {a}", f"{'[' * 2000}"],
)
def test_a_value_that_no_stack_file_can_have_is_a_usage_error(files: YamlStackFiles, value: str) -> None:
    with pytest.raises(UsageError, match=r"Pulumi\.prod\.yaml: "):
        files.parse("prod", f"{TEXT}x: {value}\n")


def test_an_overlay_that_cant_be_written_is_a_persons_business(files: YamlStackFiles) -> None:
    file = replace(files.read("prod"), path=f"Pulumi.{'x' * 250}.yaml")  # a name that no folder takes
    with pytest.raises(NeedsPerson, match="a private copy"), files.overlay(file, file.endpoints[0], 1):
        pytest.fail("it was drawn")


@pytest.mark.parametrize("release", [None, B])
def test_an_endpoint_that_isnt_in_the_file_is_an_error_of_ours(files: YamlStackFiles, release: ImageRef | None) -> None:
    with pytest.raises(TowpathError, match="no endpoint nope"):
        files.write_release(files.read("prod"), "nope", release, 12)
