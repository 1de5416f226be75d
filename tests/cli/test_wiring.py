import io
import socket
from pathlib import Path

import pytest

from tests.cli.command import Stream
from towpath.adapters.caller import HttpCaller
from towpath.adapters.project import program_hash
from towpath.cli.main import run
from towpath.cli.render import Output
from towpath.cli.session import Options, hoisted
from towpath.cli.wiring import RealWorld
from towpath.core.errors import Missing, NeedsPerson, UsageError

PIPELINE = """
[models.iris]
path = "iris"
image.command = "model:Iris"
[environments.dev]
"""


def streams() -> Output:
    return Output(stdout=io.StringIO(), stderr=io.StringIO(), stdin=Stream())


def world(*, config: str = "", env: dict[str, str] | None = None) -> RealWorld:
    return RealWorld(Options(config=config), streams(), env or {})


def test_the_nearest_pipeline_upwards_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deploy.toml").write_text(PIPELINE)
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")

    assert world().pipeline().root == str(tmp_path)


def test_an_option_comes_before_a_variable_and_a_variable_before_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "variable", "option"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "deploy.toml").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path / "here")
    env = {"TOWPATH_CONFIG": str(tmp_path / "variable" / "deploy.toml")}

    assert world(env=env).pipeline().root == str(tmp_path / "variable")
    assert world(env=env, config=str(tmp_path / "option" / "deploy.toml")).pipeline().root == str(tmp_path / "option")


def test_no_pipeline_at_all_is_told_with_what_writes_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match=r"there is no deploy\.toml") as caught:
        world().pipeline()
    assert caught.value.hint == "deploy init writes one"


def test_a_current_folder_that_was_removed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    assert [run(["status"]), run(["doctor"]), run(["init"])] == [2, 2, 2]
    assert capsys.readouterr().err.count("the current folder was removed") == 3


def test_a_file_in_place_of_the_state_is_told_by_every_command_that_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "deploy.toml").write_text(PIPELINE)
    (tmp_path / ".towpath").write_text("")
    monkeypatch.chdir(tmp_path)

    assert [run(["status"]), run(["setup"]), run(["doctor"])] == [2, 2, 2]
    assert capsys.readouterr().err.count(f"{tmp_path}/.towpath") == 3


def test_a_bad_pipeline_ends_every_command_that_needs_it_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "deploy.toml").write_text(PIPELINE + "[preview]\n")
    monkeypatch.chdir(tmp_path)

    assert [run(["releases"]), run(["status"]), run(["doctor"])] == [2, 2, 2]
    assert capsys.readouterr().err.count("preview: unknown key") == 3


def test_what_needs_a_setup_says_so_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deploy.toml").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(Missing, match="isn't set up"):
        world().engine_variables()
    assert run(["shellenv"], output=streams()) == 8
    assert [path.name for path in tmp_path.iterdir()] == ["deploy.toml"]


def test_a_request_is_given_or_read_and_of_many_rows_the_first_is_sent(tmp_path: Path) -> None:
    (tmp_path / "row.json").write_text('{"a":\n1}')
    (tmp_path / "rows.jsonl").write_text('{"a": 1}\n{"a": 2}\n')

    assert world().request_body('{"a": 1}') == b'{"a": 1}'
    assert world().request_body(f"@{tmp_path}/row.json") == b'{"a":\n1}'
    assert world().request_body(f"@{tmp_path}/rows.jsonl") == b'{"a": 1}'
    with pytest.raises(UsageError, match=r"absent\.json can't be read"):
        world().request_body(f"@{tmp_path}/absent.json")


def test_an_endpoint_that_nobody_answers_at_needs_a_person() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}/"
        with pytest.raises(NeedsPerson, match="nobody answers at"):
            HttpCaller().post(url, b"{}", {})


def test_the_programs_hash_changes_with_any_of_its_files_and_with_nothing_else(tmp_path: Path) -> None:
    for path in ("infra/a.py", "stacks/b.py", "other.py", "infra/__pycache__/a.pyc"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("1")
    before = program_hash(tmp_path)

    (tmp_path / "other.py").write_text("2")
    (tmp_path / "infra/__pycache__/a.pyc").write_text("2")
    assert program_hash(tmp_path) == before
    (tmp_path / "stacks/b.py").write_text("2")
    assert program_hash(tmp_path) != before


@pytest.mark.parametrize(
    ("given", "hoists"),
    [
        ([], []),
        (["status", "--json"], ["--json", "status"]),
        (["a", "--config", "f", "-v"], ["--config", "f", "-v", "a"]),
        (["a", "--config=f"], ["--config=f", "a"]),
        (["a", "--config"], ["--config", "a"]),
        (["a", "--", "--json"], ["a", "--", "--json"]),
    ],
)
def test_global_options_come_to_the_front(given: list[str], hoists: list[str]) -> None:
    assert hoisted(given) == hoists
