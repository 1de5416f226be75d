import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from towpath.adapters.process import RealProcesses
from towpath.app.setup_ports import Command, Processes, TimedOut
from towpath.core.errors import Missing
from towpath.engine import guard

ENV = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
SECRET = "hunter2-hunter2"


@pytest.fixture
def processes() -> Processes:
    return RealProcesses(sys.executable)


def python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *arguments)


def until(true: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_exit_code_and_both_outputs_are_told_apart(processes: Processes) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    done = processes.run(Command(words=python(code), env=ENV))
    assert (done.exit_code, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_words_are_passed_as_they_are(processes: Processes) -> None:
    done = processes.run(Command(words=python("import sys; print(sys.argv[1:])", "a b", "$HOME", "*"), env=ENV))
    assert done.stdout == "['a b', '$HOME', '*']\n"


def test_only_the_given_environment_and_folder_are_seen(processes: Processes, tmp_path: Path) -> None:
    code = "import os; print(sorted(k for k in os.environ if k != 'LC_CTYPE'), os.getcwd())"
    done = processes.run(Command(words=python(code), env={"ONLY": "1"}, cwd=tmp_path))
    assert done.stdout == f"['ONLY'] {tmp_path}\n"


def test_input_is_given_and_otherwise_empty(processes: Processes) -> None:
    code = "import sys; print(len(sys.stdin.read()))"
    assert processes.run(Command(words=python(code), env=ENV)).stdout == "0\n"
    assert processes.run(Command(words=python(code), env=ENV, stdin=b"x" * 200_000)).stdout == "200000\n"


def test_lines_come_as_they_are_written(processes: Processes) -> None:
    code = "import sys; print('first', flush=True); sys.stdin.read(); print('second')"
    seen: list[str] = []
    processes.run(Command(words=python(code), env=ENV, on_line=seen.append))
    assert seen == ["first", "second"]


def test_much_output_on_both_streams_does_not_block(processes: Processes) -> None:
    code = "import sys; [print('x' * 100, file=f) for _ in range(5000) for f in (sys.stdout, sys.stderr)]"
    done = processes.run(Command(words=python(code), env=ENV, timeout=30))
    assert len(done.stdout) == len(done.stderr) == 505_000


def test_secrets_are_masked_in_all_that_is_captured(processes: Processes) -> None:
    code = "import os, sys; s = os.environ['S']; print('a', s); print('b', s, file=sys.stderr)"
    seen: list[str] = []
    command = Command(words=python(code), env={**ENV, "S": SECRET}, secrets=(SECRET, ""), on_line=seen.append)
    done = processes.run(command)
    assert done.stdout == "a [secret]\n"
    assert done.stderr == "b [secret]\n"
    assert sorted(seen) == ["a [secret]", "b [secret]"]
    assert SECRET not in repr(command)


def test_a_secret_of_several_lines_is_masked_line_by_line(processes: Processes) -> None:
    secret = "BEGIN KEY\nabcdefgh\nEND KEY"
    code = "import os; print(os.environ['S'])"
    done = processes.run(Command(words=python(code), env={**ENV, "S": secret}, secrets=(secret,)))
    assert "abcdefgh" not in done.stdout


def test_a_program_that_takes_too_long_is_ended_with_its_children(processes: Processes, tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time, pathlib;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "pathlib.Path(sys.argv[1]).write_text(str(child.pid)); time.sleep(60)"
    )
    started = time.monotonic()
    with pytest.raises(TimedOut, match=r"1\.5 s"):
        processes.run(Command(words=python(code, str(tmp_path / "pid")), env=ENV, timeout=1.5))
    assert time.monotonic() - started < 10
    child = int((tmp_path / "pid").read_text())
    assert until(lambda: not alive(child))


@pytest.mark.parametrize("name", ["no-such-program-anywhere", "/no/such/program"])
def test_a_program_that_is_not_there_is_missing(processes: Processes, name: str) -> None:
    with pytest.raises(Missing, match="no such program"):
        processes.run(Command(words=(name,), env=ENV))


def test_a_file_that_may_not_be_run_is_missing(processes: Processes, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    with pytest.raises(Missing, match="no permission"):
        processes.run(Command(words=(str(plain),), env=ENV))


def test_a_guarded_program_ends_as_if_it_were_not_guarded(processes: Processes) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    done = processes.spawn_guarded(Command(words=python(code), env=ENV), grace=1).wait(20)
    assert done is not None
    assert (done.exit_code, done.stdout, done.stderr) == (7, "out\n", "err\n")


def test_a_guarded_program_that_is_not_there_ends_with_127(processes: Processes) -> None:
    done = processes.spawn_guarded(Command(words=("no-such-program-anywhere",), env=ENV), grace=1).wait(20)
    assert done is not None
    assert done.exit_code == 127
    assert "no-such-program-anywhere" in done.stderr


def test_a_guarded_program_can_be_interrupted(processes: Processes) -> None:
    ready = threading.Event()
    code = (
        "import sys, time\n"
        "try:\n    print('ready', flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('saved'); sys.exit(5)"
    )
    command = Command(words=python(code), env=ENV, on_line=lambda _: ready.set())
    running = processes.spawn_guarded(command, grace=1)
    assert ready.wait(20)
    assert running.wait(0.01) is None
    running.interrupt()
    done = running.wait(20)
    assert done is not None
    assert (done.exit_code, done.stdout) == (5, "ready\nsaved\n")


def test_a_guarded_program_that_ignores_everything_can_be_killed(processes: Processes) -> None:
    ready = threading.Event()
    code = "import signal, time; signal.signal(2, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    running = processes.spawn_guarded(Command(words=python(code), env=ENV, on_line=lambda _: ready.set()), grace=1)
    assert ready.wait(20)
    running.kill()
    done = running.wait(20)
    assert done is not None
    assert done.exit_code == 128 + signal.SIGKILL


def test_a_wait_that_ctrl_c_broke_off_doesnt_make_the_next_ones_endless(processes: Processes) -> None:
    ready, asked, ended = threading.Event(), threading.Event(), threading.Event()
    code = "import signal, time; signal.signal(2, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"

    def ctrl_c(_line: str) -> None:
        ready.wait(20)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    running = processes.spawn_guarded(Command(words=python(code), env=ENV, on_line=ctrl_c), grace=1)

    def broken_off() -> None:
        ready.set()
        running.wait(20)

    def look() -> None:
        assert running.wait(0.01) is None
        asked.set()
        running.wait(20)
        ended.set()

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    threading.Thread(target=look, daemon=True).start()
    assert asked.wait(5)
    running.kill()
    assert ended.wait(20)


DRIVER = """
import sys
from towpath.adapters.process import RealProcesses
from towpath.app.setup_ports import Command
import os
words = (sys.executable, "-c", sys.argv[1], sys.argv[2])
RealProcesses(sys.executable).spawn_guarded(Command(words=words, env=dict(os.environ)), grace=float(sys.argv[3])).wait()
"""
# like the engine: a plugin in a process group of its own, and a checkpoint saved on SIGINT
ENGINE = """
import os, pathlib, signal, subprocess, sys, time
place = pathlib.Path(sys.argv[1])
code = "import signal, time; signal.signal(2, signal.SIG_IGN); time.sleep(90)"
plugin = subprocess.Popen([sys.executable, "-c", code], process_group=0)
def save(*_):
    (place / "saved").write_text("")
    {after}
signal.signal(signal.SIGINT, save)
(place / "pids.tmp").write_text(f"{{os.getpid()}} {{plugin.pid}}")
(place / "pids.tmp").rename(place / "pids")
time.sleep(90)
"""


@pytest.mark.parametrize("after", ["sys.exit(1)", "pass"])
def test_engine_and_plugins_die_with_a_driver_that_is_killed(tmp_path: Path, after: str) -> None:
    words = python(DRIVER, ENGINE.format(after=after), str(tmp_path), "1.0")
    driver = subprocess.Popen(words, env=ENV, start_new_session=True)
    assert until((tmp_path / "pids").exists, 20)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert all(alive(pid) for pid in pids)
    os.killpg(driver.pid, signal.SIGKILL)  # as a CI system does: the whole group of the driver
    driver.wait()
    assert until(lambda: not any(alive(pid) for pid in pids))
    assert (tmp_path / "saved").exists()


def test_the_lifeline_may_be_a_fifo_where_no_descriptor_can_be_passed(tmp_path: Path) -> None:
    lifeline = tmp_path / "lifeline"
    os.mkfifo(lifeline)
    held = os.open(lifeline, os.O_RDWR)  # as the driver holds it; a writer alone would wait for the guard
    words = (sys.executable, "-I", "-S", guard.__file__, str(lifeline), "0.1", *python("import time; time.sleep(60)"))
    guarded = subprocess.Popen(words, env=ENV)
    os.write(held, b"k")
    assert guarded.wait(20) == 128 + signal.SIGKILL
    os.close(held)


def test_a_detached_service_outlives_its_starter_and_logs(processes: Processes, tmp_path: Path) -> None:
    log = tmp_path / "run" / "service.log"
    pid = processes.start_detached(Command(words=python("print('up', flush=True); input()"), env=ENV), log)
    os.waitpid(pid, 0)
    assert log.read_text().startswith("up\n")
