"""The demo tells the truth: it fails when anything isn't as it promises, and leaves nothing behind."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest

from examples.demo.__main__ import alone, politely
from examples.demo.scratch import STACKS, Scratch, free_ports
from examples.demo.screen import Screen
from examples.demo.shell import DemoFailed, Shell, clean_environment
from examples.demo.watch import Watch
from examples.load import Answer
from tests.examples.demo import screen, shell, shown
from towpath.schema.pipeline import parse_pipeline

GIT = shutil.which("git") or "git"
ROOT = Path(__file__).resolve().parents[2]


def test_the_copy_is_what_is_committed_and_knows_no_remote(checkout: Path) -> None:
    (checkout / "deploy.toml").write_text("changed and not committed")
    made = Scratch(source=checkout, home=checkout / ".towpath" / "demo")
    made.copy(Shell(screen=screen(), folder=made.checkout, env=dict(os.environ)))
    assert (made.checkout / "deploy.toml").read_text() == (ROOT / "deploy.toml").read_text()
    told = subprocess.run((GIT, "remote"), cwd=made.checkout, capture_output=True, check=True, timeout=30)
    assert told.stdout == b""


def test_a_folder_without_git_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(DemoFailed, match="no Git checkout"):
        Scratch(source=tmp_path, home=tmp_path / "demo").copy(shell(tmp_path))


def test_the_copy_gets_ports_of_its_own_and_a_pipeline_that_parses(scratch: Scratch) -> None:
    ports = scratch.settle()
    assert list(ports) == list(STACKS)
    assert len(set(ports.values())) == len(STACKS)
    for stack, port in ports.items():
        assert f"port: {port}\n" in (scratch.checkout / f"Pulumi.{stack}.yaml").read_text()
    assert scratch.registry_port() == ports["platform"]
    file = scratch.checkout / "deploy.toml"
    policy = parse_pipeline(file.read_text(), str(file)).environment("prod").canary
    assert policy is not None
    assert policy.shares == (50, 95)
    assert policy.dwell * len(policy.shares) <= 15


def test_a_stack_file_without_the_expected_place_is_named(scratch: Scratch) -> None:
    (scratch.checkout / "Pulumi.prod.yaml").write_text("config: {}\n")
    with pytest.raises(DemoFailed, match=r"Pulumi\.prod\.yaml"):
        scratch.settle()


def test_ports_that_somebody_listens_on_are_passed_over() -> None:
    [port] = free_ports(1)
    with closing(socket.create_server(("127.0.0.1", port))):
        assert port not in free_ports(3)


def test_the_instance_is_the_same_in_every_demo_of_a_checkout_and_another_elsewhere(tmp_path: Path) -> None:
    def instance(source: str) -> str:
        return Scratch(source=tmp_path / source, home=tmp_path / "anywhere").instance

    assert instance("a") == instance("a") != instance("b")
    assert re.fullmatch(r"demo-[0-9a-f]{6}", instance("a"))


def test_what_setup_chose_is_kept_under_the_demos_instance(scratch: Scratch) -> None:
    scratch.state.mkdir()
    (scratch.state / "instance.json").write_text('{"id": "random", "docker": {"host": "unix:///run/docker.sock"}}')
    scratch.adopt_instance()
    assert json.loads((scratch.state / "instance.json").read_text())["id"] == scratch.instance
    assert scratch.docker_host() == "unix:///run/docker.sock"


def test_stacks_are_destroyed_before_what_they_stand_on(scratch: Scratch) -> None:
    folder = scratch.state / "pulumi" / ".pulumi" / "stacks" / "towpath"
    folder.mkdir(parents=True)
    for stack in ("platform", "dev", "prod"):
        (folder / f"{stack}.json").write_text("{}")
    assert scratch.drawn() == ["prod", "dev", "platform"]


def test_a_command_is_shown_with_all_it_prints(tmp_path: Path) -> None:
    on = shell(tmp_path)
    done = on.run("sh", "-c", "echo out; echo err >&2; printf last")
    assert (done.exit_code, done.output) == (0, "out\nerr\nlast")
    assert shown(on.screen).splitlines() == [
        "$ sh -c 'echo out; echo err >&2; printf last'",
        "  out",
        "  err",
        "  last",
    ]


@pytest.mark.parametrize(("code", "expect"), [(1, 0), (0, 5)])
def test_another_exit_code_than_expected_fails_the_demo(tmp_path: Path, code: int, expect: int) -> None:
    with pytest.raises(DemoFailed, match=f"ended with {code}, expected was {expect}:\nwhy"):
        shell(tmp_path).run("sh", "-c", f"echo why; exit {code}", expect=expect)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DemoFailed, match="no-such-program isn't there"):
        shell(tmp_path).run("no-such-program")


def test_shellenv_is_evaluated_as_a_shell_does(tmp_path: Path) -> None:
    deploy = tmp_path / "deploy"
    deploy.write_text("#!/bin/sh\necho noise >&2\necho 'export PULUMI_HOME=\"a b\"'\n")
    deploy.chmod(0o755)
    on = shell(tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}", LINES_TWO="a\nb")
    on.adopt_shellenv()
    assert (on.env["PULUMI_HOME"], on.env["LINES_TWO"]) == ("a b", "a\nb")
    assert '$ eval "$(deploy shellenv)"' in shown(on.screen)


def test_another_checkouts_variables_stay_out() -> None:
    ambient = {
        "PATH": "/bin",
        "PULUMI_HOME": "x",
        "TOWPATH_CONFIG": "x",
        "GIT_DIR": "x",
        "PYTHONPATH": "x",
        "LANG": "C",
    }
    env = clean_environment(ambient, Path("/venv/bin"))
    assert env == {"PATH": "/venv/bin:/bin", "LANG": "C", "PYTHONUNBUFFERED": "1"}


def test_an_interrupt_lets_the_command_tidy_up(tmp_path: Path) -> None:
    script = tmp_path / "patient.py"
    script.write_text(
        "import sys, threading\n"
        "print('begun', flush=True)\n"
        "try:\n    threading.Event().wait(20)\n"
        "except KeyboardInterrupt:\n    print('tidied up', flush=True)\n"
    )
    on = shell(tmp_path)

    def interrupt_once_begun() -> None:
        if "begun" in shown(on.screen):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), on.ticking(interrupt_once_begun):
        on.run(sys.executable, str(script))
    assert "tidied up" in shown(on.screen)


def answer(release: str = "", status: int = 200) -> Answer:
    return Answer(due=0.0, seconds=0.01, status=status, release=release)


def test_only_the_candidates_own_server_errors_are_its_own() -> None:
    watch = Watch(known={"a": "v1"}, candidate="v2")
    watch.answers += [answer("a"), answer("b"), answer("b", 500), answer("b", 404), answer("a", 500), answer("", 503)]
    watch.answers.append(Answer(due=0.0, seconds=0.0, error="no answer in 10 s"))
    seen = watch.verdict()
    assert (seen.requests, seen.own, seen.others) == (7, 1, 4)
    assert seen.shares == {"v1": 2, "v2": 3, "nobody": 2}
    assert seen.why == "1 x 404 by v2, 1 x 500 by v1, 1 x 503 by nobody, 1 x no answer in 10 s"
    assert watch.line().endswith(
        "7 requests, 4 failed, and 1 that v2 itself failed · now nobody 29 %, v1 29 %, v2 43 %"
    )


def test_without_a_terminal_the_moving_line_is_plain_and_rare() -> None:
    now = iter((10.0, 11.0, 12.0, 15.5))
    on = Screen(stream=StringIO(), now=lambda: next(now))
    for number in range(4):
        on.moving(f"state {number}")
    assert shown(on) == "state 0\nstate 3\n"


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_moving_line_stays_below_what_is_printed() -> None:
    on = Screen(stream=Terminal())
    on.moving("25 %")
    on.line("printed")
    on.still()
    assert shown(on) == "\x1b[33m25 %\x1b[0m\r\x1b[Kprinted\n\x1b[33m25 %\x1b[0m\r\x1b[K"


def test_a_second_demo_in_the_same_checkout_is_refused(checkout: Path) -> None:

    home = checkout / ".towpath" / "demo"
    with alone(home), pytest.raises(DemoFailed, match="another demo is running"), alone(home):
        pass


def test_a_polite_end_is_an_interrupt() -> None:

    with pytest.raises(KeyboardInterrupt), politely():
        signal.raise_signal(signal.SIGTERM)
