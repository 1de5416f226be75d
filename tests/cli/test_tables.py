"""Tables: on a pipe, on a terminal, and on one that is too narrow."""

import pytest

from tests.cli.command import FakeWorld, Stream, deploy
from towpath.cli.render import Output, Table


def test_a_table_on_a_pipe_is_aligned_and_plain() -> None:
    output = Output(stdout=Stream(), stderr=Stream(), stdin=Stream())

    output.answer("x", {}, Table(columns=("NAME", "IS"), rows=(("a", "1"), ("long", ""))))

    assert isinstance(output.stdout, Stream)
    assert output.stdout.getvalue() == "NAME  IS\na     1\nlong\n"


def test_a_status_of_several_models_names_them(world: FakeWorld) -> None:
    assert deploy("status", world=world).out.startswith("ENVIRONMENT")
    world.scene.add("prod", "rose")

    header, *rows = deploy("status", world=world).out.splitlines()
    assert header.startswith("MODEL  ENVIRONMENT")
    assert [row.split()[:2] for row in rows] == [["iris", "dev"], ["iris", "prod"], ["rose", "prod"]]


def test_an_empty_table_says_so(world: FakeWorld) -> None:
    world.scene.releases.records = []

    assert deploy("releases", world=world).out == "no release was built yet: deploy build\n"
    assert deploy("history", "prod", world=world).out == "nothing was promoted to prod yet\n"


def test_a_table_on_a_terminal_has_all_cells(world: FakeWorld) -> None:
    drawn = deploy("history", "prod", world=world, terminal=True)
    deploy("promote", "--to", "prod", "--yes", world=world)
    after = deploy("history", "prod", world=world, terminal=True, color=False)

    assert "nothing was promoted" in drawn.out
    assert "promoted" in after.out
    assert "\x1b[3" not in after.out


@pytest.mark.parametrize(("columns", "in_blocks"), [("38", False), ("37", True)])
def test_a_table_that_a_terminal_is_too_narrow_for_becomes_blocks(
    monkeypatch: pytest.MonkeyPatch, columns: str, *, in_blocks: bool
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    output = Output(stdout=Stream(terminal=True), stderr=Stream(), stdin=Stream(), color=False)

    output.answer("x", {}, Table(columns=("NAME", "WHY"), rows=(("a" * 10, "b" * 24), ("c", "d"))))

    assert isinstance(output.stdout, Stream)
    drawn = output.stdout.getvalue().strip().splitlines()
    blocks = [f"NAME  {'a' * 10}", f"WHY   {'b' * 24}", "", "NAME  c", "WHY   d"]
    assert (drawn == blocks) is in_blocks
