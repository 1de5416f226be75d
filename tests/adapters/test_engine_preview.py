"""A preview by the CLI, with a CLI that only pretends."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.test_engine_command import FakeRun
from tests.fakes.report import FakeReport
from towpath.adapters.engine import EngineProgram, PulumiEngine
from towpath.app.ports import Overlay
from towpath.app.setup_ports import Command, Finished
from towpath.core.errors import Refused

ENDED = {"summaryEvent": {"resourceChanges": {"same": 1}}}
MADE = {
    "resourcePreEvent": {"metadata": {"op": "create", "urn": "urn:pulumi:dev::p::t::a", "type": "t"}, "planning": True}
}
WRONG = {"diagnosticEvent": {"message": "no such key", "severity": "error"}}


@dataclass(kw_only=True)
class Pretended:
    """Writes these events where it is told to, and ends so."""

    events: tuple[Mapping[str, Any], ...]
    code: int = 0
    rest: bytes = b""
    started: list[Command] = field(default_factory=list)

    def spawn_guarded(self, command: Command, *, grace: float) -> FakeRun:
        del grace
        self.started.append(command)
        words = command.words
        text = "".join(json.dumps(event) + "\n" for event in self.events)
        if text or self.rest:
            Path(words[words.index("--event-log") + 1]).write_bytes(text.encode() + self.rest)
        return FakeRun(result=Finished(exit_code=self.code, stdout="", stderr=""))


def previewed(folder: Path, cli: Pretended) -> list[str]:
    program = EngineProgram(pulumi="pulumi", version="3.259.0", environment={})
    engine = PulumiEngine(folder, program, cli, FakeReport())
    (folder / "Pulumi.dev.yaml").write_text("config: {}\n")
    return [one.name for one in engine.preview("dev", Overlay(path=str(folder / "Pulumi.dev.yaml"), drawn=""))]


def test_what_the_cli_wrote_down_is_what_would_change(tmp_path: Path) -> None:
    cli = Pretended(events=(MADE, ENDED))
    assert previewed(tmp_path, cli) == ["a"]
    assert cli.started[0].env["PULUMI_DEBUG_COMMANDS"] == "true"


@pytest.mark.parametrize("events", [(), (MADE,)], ids=["nothing", "no end"])
def test_a_preview_that_doesnt_say_what_it_saw_isnt_taken_for_one_without_changes(
    tmp_path: Path, events: tuple[Mapping[str, Any], ...]
) -> None:
    with pytest.raises(Refused, match="the preview didn't say what it saw"):
        previewed(tmp_path, Pretended(events=events))


def test_a_preview_that_was_cut_off_in_the_middle_of_a_letter_tells_what_went_wrong(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no such key"):
        previewed(tmp_path, Pretended(events=(WRONG,), code=1, rest=b'{"diagnosticEvent": "\xc3'))
