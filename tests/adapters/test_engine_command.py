"""How the CLI is started and stopped, with processes that only pretend."""

import re
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from towpath.adapters.engine_command import GRACE, EngineCommand, EngineError, NoStackError, StackLockedError
from towpath.app.setup_ports import Command, Finished

_FINE = Finished(exit_code=0, stdout="out\n", stderr="")


@dataclass(kw_only=True)
class FakeRun:
    """Ends by itself, or by the order it listens to."""

    ends_on: str = ""
    result: Finished = _FINE
    raises: list[BaseException] = field(default_factory=list)
    pid: int = 1
    orders: list[str] = field(default_factory=list)
    limits: list[float | None] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    waited: threading.Event = field(default_factory=threading.Event)

    def interrupt(self) -> None:
        self._order("interrupt")

    def kill(self) -> None:
        self._order("kill")

    def wait(self, timeout: float | None = None) -> Finished | None:
        self.waited.set()
        self.limits.append(timeout)
        if self.raises:
            raise self.raises.pop(0)
        done = not self.ends_on or self.gone.wait(0.01 if timeout is None else min(timeout, 0.01))
        return self.result if done else None

    def _order(self, order: str) -> None:
        self.orders.append(order)
        if len(self.orders) == self.orders_needed():
            self.gone.set()

    def orders_needed(self) -> int:
        return {"": 0, "interrupt": 1, "interrupt twice": 2, "kill": 3, "nothing": 99}[self.ends_on]


@dataclass(kw_only=True)
class FakeProcesses:
    running: FakeRun
    started: list[tuple[Command, float]] = field(default_factory=list)

    def spawn_guarded(self, command: Command, *, grace: float) -> FakeRun:
        self.started.append((command, grace))
        return self.running


def pulumi(running: FakeRun) -> tuple[EngineCommand, FakeProcesses]:
    processes = FakeProcesses(running=running)
    command = EngineCommand("/opt/pulumi", {"PATH": "/bin", "X": "ours"}, processes)
    command._patience = 0.05
    return command, processes


def test_it_gets_our_environment_and_nothing_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    command, processes = pulumi(FakeRun())
    assert command.run(["up", "--yes"], "/project", {"X": "theirs"}).stdout == "out\n"
    started, grace = processes.started[0]
    assert started.words == ("/opt/pulumi", "--non-interactive", "up", "--yes")
    assert dict(started.env) == {"PATH": "/bin", "X": "theirs", "PULUMI_AUTOMATION_API": "true"}
    assert str(started.cwd) == "/project"
    assert grace == GRACE


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        ("error: no stack named 'dev' found", NoStackError),
        ("error: the stack is currently locked by 1 lock(s).", StackLockedError),
        ("error: anything else", EngineError),
    ],
)
def test_a_failure_is_of_the_kind_that_its_text_says(stderr: str, expected: type[EngineError]) -> None:
    command, _ = pulumi(FakeRun(result=Finished(exit_code=255, stdout="", stderr=stderr)))
    with pytest.raises(EngineError, match=re.escape(stderr)) as failed:
        command.run(["up"], "/project", {})
    assert type(failed.value) is expected


def test_ctrl_c_in_the_driver_ends_the_engine_before_it_goes_on() -> None:
    running = FakeRun(raises=[KeyboardInterrupt()])
    command, _ = pulumi(running)
    with pytest.raises(KeyboardInterrupt):
        command.run(["up"], "/project", {})
    assert running.orders == ["interrupt"]


def test_each_ctrl_c_more_hastens_the_engines_end_and_the_next_run_is_as_the_first() -> None:
    running = FakeRun(ends_on="kill", raises=[KeyboardInterrupt()] * 3)
    command, processes = pulumi(running)
    command._patience = 3600.0
    with pytest.raises(KeyboardInterrupt):
        command.run(["up"], "/project", {})
    assert running.orders == ["interrupt", "interrupt", "kill"]
    command.interrupt()
    assert not command.interrupted
    processes.running = FakeRun()
    assert command.run(["up"], "/project", {}).stdout == "out\n"


def test_an_engine_that_not_even_a_kill_ends_is_not_waited_for_for_ever() -> None:
    running = FakeRun(ends_on="nothing", raises=[KeyboardInterrupt()])
    command, _ = pulumi(running)
    with pytest.raises(KeyboardInterrupt):
        command.run(["up"], "/project", {})
    assert running.orders == ["interrupt", "interrupt", "kill"]
    assert None not in running.limits
    assert command.killed


@pytest.mark.parametrize(("code", "killed"), [(0, False), (1, False), (128 + signal.SIGKILL, True)])
def test_a_killed_run_is_known_until_the_next_one(code: int, *, killed: bool) -> None:
    command, processes = pulumi(FakeRun(result=Finished(exit_code=code, stdout="", stderr="")))
    with suppress(EngineError):
        command.run(["up"], "/project", {})
    assert command.killed == killed
    processes.running = FakeRun()
    command.run(["up"], "/project", {})
    assert not command.killed


def test_what_goes_on_meanwhile_begins_when_the_run_is_under_way_and_ends_it_when_it_fails() -> None:
    running = FakeRun()
    command, processes = pulumi(running)
    under_way: list[int] = []
    command.run(["up"], "/project", {}, lambda: under_way.append(len(processes.started)))
    assert under_way == [1]

    def stopped() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        command.run(["up"], "/project", {}, stopped)
    assert running.orders == ["interrupt"]


@pytest.mark.parametrize(
    ("ends_on", "orders"),
    [
        ("interrupt", ["interrupt"]),
        ("interrupt twice", ["interrupt", "interrupt"]),
    ],
)
def test_a_deaf_engine_is_asked_again(ends_on: str, orders: list[str]) -> None:
    running = FakeRun(ends_on=ends_on)
    command, _ = pulumi(running)
    with ThreadPoolExecutor(max_workers=1) as pool:
        run = pool.submit(command.run, ["up"], "/project", {})
        assert running.waited.wait(timeout=10)
        command.interrupt()
        assert run.result(timeout=10).stdout == "out\n"
    assert running.orders == orders
    assert command.interrupted


def test_an_interrupt_without_a_run_is_nothing_and_a_new_run_forgets_the_old_one() -> None:
    command, _ = pulumi(FakeRun())
    command.interrupt()
    assert not command.interrupted
    command.interrupted = True
    command.run(["up"], "/project", {})
    assert not command.interrupted
