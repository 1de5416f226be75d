import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import FakeWorld, deploy
from towpath.cli.main import application

GOLDEN = Path(__file__).parents[1] / "golden" / "cli"
ROOT = Path(__file__).parents[2]
COMMANDS = (
    *("init", "setup", "doctor", "build", "plan", "promote", "rollback", "pause", "abort", "resume"),
    *("status", "history", "releases", "diff", "explain", "logs", "requests", "invoke", "shellenv", "destroy"),
)
HEAVY = ("rich", "pydantic", "pulumi", "docker", "obstore", "urllib3", "numpy", "yaml", "towpath.app")


def test_the_commands_are_those_of_the_product_in_the_order_of_use() -> None:
    names = [command.name for command in application().registered_commands]

    assert tuple(names) == COMMANDS


GROUPED = ("judge", "judge replay", "judge simulate")


@pytest.mark.parametrize("command", ["", *COMMANDS, *GROUPED])
def test_help_is_as_it_was_read_and_needs_no_world(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    world = FakeWorld()

    done = deploy(*command.split(), "--help", world=world)

    golden = GOLDEN / f"help-{command.replace(' ', '-') or 'deploy'}.txt"
    said = capsys.readouterr().out
    if os.environ.get("UPDATE_GOLDEN") == "1":
        golden.write_text(said, encoding="utf-8")
    assert done.code == 0
    assert world.asked == []
    assert said == golden.read_text(encoding="utf-8")


def test_no_words_at_all_give_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert deploy().code == 0
    assert capsys.readouterr().out.startswith("Usage: deploy [OPTIONS] COMMAND")


def test_help_imports_nothing_heavy() -> None:
    seen = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "from towpath.cli.main import run; run(['--help'])"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONPATH": str(ROOT / "src")},
    )

    imported = {line.rpartition("|")[2].strip() for line in seen.stderr.splitlines()}
    assert [name for name in HEAVY if name in imported] == []
