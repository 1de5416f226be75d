"""Telling a living engine's lock from one that a dead engine left."""

import json
import os
import socket
from pathlib import Path

import pytest

from towpath.adapters.engine_folder import living_lock, state_mark, state_outputs
from towpath.core.errors import UsageError

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


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"name: demo\nbackend: [", r"Pulumi\.yaml: .*line 2"),
        (b"name: demo\nname: again\n", r"Pulumi\.yaml: 'name' comes twice .*line 2"),
        (b"- name\n", r"Pulumi\.yaml: found list, valid: a mapping"),
        (b"name: d\xe9mo\n", r"Pulumi\.yaml is not UTF-8"),
        (
            b"name: demo\nbackend: file://./state\n",
            r"Pulumi\.yaml: 1 problem\n  - backend: found str, valid: a mapping",
        ),
        (None, r"Pulumi\.yaml can't be read: Is a directory"),
    ],
    ids=["torn", "twice", "a list", "latin-1", "a backend that is a text", "a folder"],
)
def test_a_project_file_that_cannot_be_understood_is_named_with_the_place(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    file = tmp_path / "Pulumi.yaml"
    file.mkdir() if content is None else file.write_bytes(content)
    for look in (living_lock, state_outputs, state_mark):
        with pytest.raises(UsageError, match=says):
            look(tmp_path, {}, "dev")


def drawn(project: Path, state: object) -> None:
    folder = project / "state/.pulumi/stacks/demo"
    folder.mkdir(parents=True)
    (folder / "dev.json").write_text(state if isinstance(state, str) else json.dumps(state))


def state(*resources: object, version: int = 3) -> dict[str, object]:
    return {"version": version, "checkpoint": {"stack": "organization/demo/dev", "latest": {"resources": resources}}}


STACK = {"type": "pulumi:pulumi:Stack", "outputs": {"drawn": "one"}}


def test_outputs_are_read_from_the_state(project: Path) -> None:
    drawn(project, state(STACK, {"type": "web", "outputs": {"other": 1}}))
    assert state_outputs(project, {}, "dev") == {"drawn": "one"}


@pytest.mark.parametrize("stack", [(), ({"type": "pulumi:pulumi:Stack"},)], ids=["no resource", "nothing exported"])
def test_a_state_without_outputs_has_none(project: Path, stack: tuple[object, ...]) -> None:
    drawn(project, state(*stack))
    assert state_outputs(project, {}, "dev") == {}


@pytest.mark.parametrize(
    "content", ["{", "[]", state(STACK, version=4), {"version": 3, "checkpoint": {"latest": None}}, {"version": 3}]
)
def test_of_a_state_that_isnt_understood_nothing_is_said(project: Path, content: object) -> None:
    drawn(project, content)
    assert state_outputs(project, {}, "dev") is None


def test_nothing_is_said_of_a_stack_without_a_file_or_in_a_bucket(project: Path) -> None:
    assert state_outputs(project, {}, "dev") is None
    drawn(project, state(STACK))
    assert state_outputs(project, {"PULUMI_BACKEND_URL": "s3://bucket"}, "dev") is None
