import secrets
import shutil
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, lines, mentioned, pages
from tests.e2e.support.required import leave_out
from tests.fakes.clock import FakeClock
from towpath.adapters.store import open_store
from towpath.app.journal import Journal
from towpath.core.journal import Draft, Entry

RUNBOOK = ROOT / "docs" / "runbook.md"


def run(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(text.split(), cwd=folder, capture_output=True, text=True, check=True, timeout=60)


def journal(folder: Path) -> Journal:
    store = open_store(str(folder / ".towpath"))
    return Journal(
        store=store, clock=FakeClock(), environment="prod", actor="ada@build", nonces=lambda: secrets.token_hex(8)
    )


def written(folder: Path, count: int) -> tuple[Entry, ...]:
    for number in range(count):
        draft = Draft(kind="paused", payload={"reason": f"{number}"})
        journal(folder).append(partial(_always, draft))
    return journal(folder).history()


def _always(draft: Draft, _entries: Sequence[Entry]) -> Draft:
    return draft


def test_the_runbooks_backup_is_a_state_that_can_be_read_again(tmp_path: Path) -> None:
    before = written(tmp_path, 3)
    backup, restore = lines(RUNBOOK, "tar ")
    (remove,) = lines(RUNBOOK, "rm ")

    run(backup, tmp_path)
    run(remove, tmp_path)
    assert not (tmp_path / ".towpath").exists()
    run(restore, tmp_path)

    assert journal(tmp_path).history() == before
    assert len(written(tmp_path, 1)) == len(before) + 1


@pytest.mark.docker
def test_lists_of_containers_are_taken_by_docker(tmp_path: Path) -> None:
    if shutil.which("docker") is None:
        leave_out("there is no docker command on this machine")
    texts = {text for page in pages() for text in (*lines(page, "docker ps"), *mentioned(page))}
    for text in sorted(text for text in texts if text.startswith("docker ps")):
        assert run(text, tmp_path).stdout.startswith("CONTAINER ID")
