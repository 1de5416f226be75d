"""Telling a living engine's lock from one that a dead engine left."""

import json
import os
import socket
from pathlib import Path

import pytest

from towpath.adapters.engine_folder import living_lock

LOCK = {"pid": 42, "username": "ann", "hostname": socket.gethostname(), "timestamp": "2026-01-02T03:04:05Z"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: demo\nbackend: {url: 'file://./state'}\n")
    return tmp_path


def locked(project: Path, text: str, *, stack: str = "dev", root: str = "state") -> None:
    folder = project / root / ".pulumi/locks/organization/demo" / stack
    folder.mkdir(parents=True)
    (folder / "1.json").write_text(text)
    (folder / "1.json.attrs").write_text("{}")


def proc(tmp_path: Path, comm: str) -> Path:
    (tmp_path / "proc/42").mkdir(parents=True)
    (tmp_path / "proc/42/comm").write_text(f"{comm}\n")
    return tmp_path / "proc"


def test_a_living_engine_is_named(project: Path) -> None:
    locked(project, json.dumps(LOCK))
    who = living_lock(project, {}, "dev", proc(project, "pulumi"))
    assert who == f"ann@{socket.gethostname()} (process 42, since 2026-01-02T03:04:05Z)"


@pytest.mark.parametrize(
    ("lock", "comm"),
    [
        (json.dumps(LOCK), "bash"),
        (json.dumps({**LOCK, "pid": 43}), "pulumi"),
        (json.dumps({**LOCK, "hostname": "elsewhere"}), "pulumi"),
        ("{", "pulumi"),
        ("[]", "pulumi"),
    ],
    ids=["number given again", "gone", "another machine", "torn", "no lock"],
)
def test_what_isnt_known_to_live_isnt_named(project: Path, lock: str, comm: str) -> None:
    locked(project, lock)
    assert living_lock(project, {}, "dev", proc(project, comm)) == ""


def test_only_the_stacks_own_lock_counts(project: Path) -> None:
    locked(project, json.dumps(LOCK), stack="prod")
    assert living_lock(project, {}, "dev", proc(project, "pulumi")) == ""


def test_the_environments_backend_goes_first(project: Path) -> None:
    locked(project, json.dumps(LOCK), root="elsewhere")
    processes = proc(project, "pulumi")
    assert living_lock(project, {"PULUMI_BACKEND_URL": f"file://{project}/elsewhere"}, "dev", processes)
    assert living_lock(project, {"PULUMI_BACKEND_URL": "s3://bucket"}, "dev", processes) == ""
    assert living_lock(project, {}, "dev", processes) == ""


def test_a_folder_without_a_project_has_no_locks(tmp_path: Path) -> None:
    assert living_lock(tmp_path, dict(os.environ), "dev") == ""
