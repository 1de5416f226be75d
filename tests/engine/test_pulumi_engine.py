"""The driver's engine port on the real engine, with a small program of dynamic resources."""

import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.conftest import Project
from tests.fakes.report import FakeReport
from towpath.adapters.engine import EngineProgram, PulumiEngine
from towpath.adapters.process import RealProcesses
from towpath.app.ports import Change, Overlay
from towpath.app.setup_ports import Command, Running
from towpath.core.contract import endpoint_targets
from towpath.core.errors import Busy, Interrupted, NeedsPerson, Refused
from towpath.core.outputs import StackOutputs

pytestmark = pytest.mark.engine

PROGRAM = """
import json, os, sys, time
import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

def act(props):
    if props["do"] == "fail":
        raise Exception("port " + props["text"] + " is already taken\\n  container web publishes it")
    if props["do"].startswith("wait:"):
        flag = props["do"].removeprefix("wait:")
        open(flag + ".waiting", "w").close()
        for _ in range(3000):
            if os.path.exists(flag):
                break
            time.sleep(0.01)
    return dict(props)

class Provider(ResourceProvider):
    def create(self, props):
        return CreateResult(props["text"], act(props))
    def update(self, _id, _old, new):
        return UpdateResult(act(new))
    def diff(self, _id, old, new):
        return DiffResult(changes=old["text"] != new["text"] or old["do"] != new["do"])

class Thing(Resource):
    def __init__(self, name, text, do):
        super().__init__(Provider(), name, {"text": text, "do": do})

config = pulumi.Config("towpath")
if config.get("refuse"):
    pulumi.log.error("promotion 3 is lower than 5, which was drawn last")
    sys.exit(32)
for name, (text, do) in (config.get_object("things") or {}).items():
    Thing(name, text, do)
password = config.get_secret("password")
pulumi.export("drawn", config.get("drawn") or "")
pulumi.export("password", password)
"""
FILE = "# what dev serves\nconfig:\n  towpath:drawn: by-hand # today\n"


@dataclass(frozen=True, kw_only=True)
class Bench:
    project: Project
    engine: PulumiEngine
    program: EngineProgram
    report: FakeReport

    def overlay(self, drawn: str, **things: str) -> Overlay:
        """A stack file whose things are `text` or `text:do`."""
        listed = {
            name.replace("_", "."): (text.partition("/")[0], text.partition("/")[2]) for name, text in things.items()
        }
        return self.config({"towpath:drawn": drawn, "towpath:things": listed})

    def config(self, values: dict[str, object]) -> Overlay:
        path = self.project.folder / f"overlay-{len(list(self.project.folder.iterdir()))}.yaml"
        path.write_text(json.dumps({"config": values}, indent=1))
        return Overlay(path=str(path), drawn="")

    def preview(self, config: Overlay) -> tuple[Change, ...]:
        return self.engine.preview("dev", config)


class CountingGuard:
    """Starts programs for real and counts them."""

    def __init__(self, processes: RealProcesses) -> None:
        self._processes = processes
        self.started = 0

    def spawn_guarded(self, command: Command, *, grace: float) -> Running:
        self.started += 1
        return self._processes.spawn_guarded(command, grace=grace)


def bench_of(project: Project) -> Bench:
    project.write(PROGRAM)
    pulumi = shutil.which("pulumi", path=project.env["PATH"])
    assert pulumi is not None
    version = project.pulumi("version").stdout.strip().removeprefix("v")
    program = EngineProgram(pulumi=pulumi, version=version, environment=project.env)
    report = FakeReport()
    engine = PulumiEngine(project.folder, program, RealProcesses(sys.executable), report)
    return Bench(project=project, engine=engine, program=program, report=report)


@pytest.fixture
def bench(project: Project) -> Bench:
    (project.folder / "Pulumi.dev.yaml").write_text(FILE)
    return bench_of(project)


@pytest.fixture
def aside() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield pool


def brief(changes: tuple[Change, ...]) -> list[tuple[str, str]]:
    return [(change.operation, change.name) for change in changes]


def waited_for(flag: Path) -> None:
    """Bounded by the program's own waits."""
    look = threading.Event()
    for _ in range(600):
        if flag.exists():
            return
        look.wait(0.05)
    pytest.fail(f"{flag} never came")


def slow_up(bench: Bench, aside: ThreadPoolExecutor, flag: Path) -> Future[StackOutputs]:
    config = bench.overlay("slow", web_a=f"1/wait:{flag}", web_b="1")
    run = aside.submit(lambda: bench.engine.up("dev", config))
    waited_for(flag.with_name(f"{flag.name}.waiting"))
    return run


def killed_up(bench: Bench, aside: ThreadPoolExecutor, flag: Path) -> None:
    run = slow_up(bench, aside, flag)
    running = bench.engine._command._running
    assert running is not None
    running.kill()
    with pytest.raises(NeedsPerson):
        run.result(timeout=30)


def test_what_is_drawn_is_exported_and_said(bench: Bench) -> None:
    config = bench.overlay("one", web_a="1", web_route="1")
    assert brief(bench.preview(config)) == [("create", "web.a"), ("create", "web.route")]
    assert bench.report.lines == []
    assert bench.engine.up("dev", config).drawn == "one"
    assert sorted(bench.report.lines) == ["dev: created web.a", "dev: created web.route"]
    assert bench.preview(config) == ()
    assert bench.preview(bench.overlay("another", web_a="1", web_route="1")) == ()
    assert bench.engine.outputs("dev").drawn == "one"
    assert bench.engine.history_version("dev") == 1


def test_what_somebody_else_drew_is_read_and_nothing_is_read_twice(bench: Bench) -> None:
    bench.engine.up("dev", bench.overlay("one", web_a="1"))
    counting = CountingGuard(RealProcesses(sys.executable))
    reader = PulumiEngine(bench.project.folder, bench.program, counting, FakeReport())
    assert [reader.outputs("dev").drawn for _ in range(3)] == ["one"] * 3
    assert counting.started == 0, "its state is a file"
    bench.engine.up("dev", bench.overlay("two", web_a="1"))
    assert [reader.outputs("dev").drawn for _ in range(3)] == ["two"] * 3
    assert counting.started == 0
    bench.engine.destroy("dev")
    assert reader.outputs("dev") == StackOutputs()


def test_each_kind_of_change_is_told_apart(bench: Bench) -> None:
    bench.engine.up("dev", bench.overlay("one", web_a="1", web_b="1"))
    changes = bench.preview(bench.overlay("two", web_b="2", web_c="1"))
    assert brief(changes) == [("delete", "web.a"), ("update", "web.b"), ("create", "web.c")]
    assert changes[0].urn == "urn:pulumi:dev::scratch::pulumi-python:dynamic:Resource::web.a"


def test_no_run_changes_the_checked_in_file(bench: Bench) -> None:
    file = bench.project.folder / "Pulumi.dev.yaml"
    as_is = Overlay(path=str(file), drawn="")
    bench.preview(as_is)
    assert bench.engine.up("dev", as_is).drawn == "by-hand"
    bench.engine.destroy("dev")
    assert file.read_text() == FILE


def test_a_stack_that_isnt_there_is_made_and_its_file_stays(bench: Bench) -> None:
    file = bench.project.folder / "Pulumi.new.yaml"
    file.write_text(FILE)
    assert bench.engine.outputs("new") == StackOutputs()
    assert bench.engine.history_version("new") == 0
    assert bench.engine.up("new", Overlay(path=str(file), drawn="")).drawn == "by-hand"
    assert file.read_text() == FILE
    bench.engine.destroy("new")
    bench.engine.destroy("new")
    bench.engine.unlock("new")
    assert bench.engine.outputs("new") == StackOutputs()
    assert file.read_text() == FILE


def test_a_programs_refusal_comes_in_its_own_words_and_touches_nothing(bench: Bench) -> None:
    bench.engine.up("dev", bench.overlay("one", web_a="1"))
    refused = bench.config({"towpath:refuse": "yes"})
    attempts: list[Callable[[], object]] = [lambda: bench.preview(refused), lambda: bench.engine.up("dev", refused)]
    for attempt in attempts:
        with pytest.raises(Refused, match=r"refused to draw dev: promotion 3 is lower than 5, which was drawn last$"):
            attempt()
    assert bench.engine.outputs("dev").drawn == "one"


def test_a_failing_resource_is_named_with_its_own_message_and_remedy(bench: Bench) -> None:
    config = bench.overlay("one", router="81/fail", web_b="1")
    said = "up of dev failed: router: port 81 is already taken\n  container web publishes it"
    with pytest.raises(NeedsPerson, match=f"^{said}$"):
        bench.engine.up("dev", config)
    assert bench.report.lines == ["dev: created web.b"]


def test_a_target_changes_nothing_else(bench: Bench) -> None:
    bench.engine.up("dev", bench.overlay("one", web_a="1", web_route="1"))
    bench.report.lines.clear()
    outputs = bench.engine.up("dev", bench.overlay("two", web_a="2", web_route="2"), targets=["**::web.route"])
    assert bench.report.lines == ["dev: updated web.route"]
    assert outputs.drawn == bench.engine.outputs("dev").drawn == "two"


def test_an_endpoints_targets_are_all_of_its_own_old_and_new_and_nothing_else(bench: Bench) -> None:
    bench.engine.up("dev", bench.overlay("one", web="1", web_a="1", webapp_a="1", api_web="1"))
    bench.report.lines.clear()
    config = bench.overlay("two", web="2", web_b="2", webapp_a="2", api_web="2")
    outputs = bench.engine.up("dev", config, targets=endpoint_targets("web"))
    assert sorted(bench.report.lines) == ["dev: created web.b", "dev: deleted web.a", "dev: updated web"]
    assert outputs.drawn == "two"
    left = bench.engine.preview("dev", config)
    assert [(change.operation, change.name) for change in left] == [("update", "api.web"), ("update", "webapp.a")]


def test_an_interrupt_ends_the_run_and_leaves_no_lock(bench: Bench, aside: ThreadPoolExecutor, tmp_path: Path) -> None:
    run = slow_up(bench, aside, tmp_path / "flag")
    interrupt = aside.submit(bench.engine.interrupt)
    (tmp_path / "flag").touch()
    interrupt.result(timeout=30)
    with pytest.raises(Interrupted, match="up of dev was stopped"):
        run.result(timeout=30)
    assert bench.engine.up("dev", bench.overlay("after", web_a="1")).drawn == "after"


def test_a_locked_stack_is_busy_with_its_holder(bench: Bench, aside: ThreadPoolExecutor, tmp_path: Path) -> None:
    run = slow_up(bench, aside, tmp_path / "flag")
    other = bench_of(bench.project)
    with pytest.raises(Busy, match=r"^dev is locked by \S+@\S+ \(process \d+, since 20"):
        other.engine.up("dev", bench.overlay("other"))
    with pytest.raises(Busy, match=r"^dev is locked by \S+@\S+ \(process \d+, since 20"):
        other.engine.unlock("dev")
    (tmp_path / "flag").touch()
    assert run.result(timeout=30).drawn == "slow"


def test_what_a_killed_engine_left_is_cleared(bench: Bench, aside: ThreadPoolExecutor, tmp_path: Path) -> None:
    killed_up(bench, aside, tmp_path / "flag")
    config, next_driver = bench.overlay("after", web_b="1"), bench_of(bench.project)
    with pytest.raises(Busy):
        next_driver.engine.up("dev", config)
    assert next_driver.engine._has_pending("dev")
    next_driver.engine.unlock("dev")
    assert not next_driver.engine._has_pending("dev")
    assert next_driver.engine.up("dev", config).drawn == "after"


def test_a_driver_whose_engine_was_killed_can_draw_the_way_back(
    bench: Bench, aside: ThreadPoolExecutor, tmp_path: Path
) -> None:
    killed_up(bench, aside, tmp_path / "flag")
    assert bench.engine.up("dev", bench.overlay("back", web_b="1")).drawn == "back"
    assert bench.engine.up("dev", bench.overlay("and on", web_b="1")).drawn == "and on"


def test_a_secret_is_in_nothing_that_comes_back(bench: Bench) -> None:
    bench.project.pulumi("config", "set", "--secret", "towpath:password", "hunter2hunter2", "-s", "dev")
    as_is = Overlay(path=str(bench.project.folder / "Pulumi.dev.yaml"), drawn="")
    changes = bench.preview(as_is)
    outputs = bench.engine.up("dev", as_is)
    said = f"{changes} {outputs} {bench.report.lines} {bench.engine._ask('dev', 'stack', 'output', '--json')}"
    assert "hunter2" not in said
    assert "[secret]" in said
