"""The stand-in language host under the real engine."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from tests.engine.conftest import Project
from towpath.adapters.engine_folder import state_outputs

pytestmark = pytest.mark.engine

BAIT = "correct-horse-battery"


def outputs(project: Project) -> dict[str, object]:
    shown = project.pulumi("stack", "output", "--json", "-s", "dev")
    content = json.loads(shown.stdout)
    assert isinstance(content, dict)
    return content


def test_a_program_draws_and_exports_and_its_output_is_shown(project: Project) -> None:
    project.write("import pulumi\nprint('hello from the program')\npulumi.export('answer', 42)\n")
    done = project.up()
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "hello from the program" in done.stdout
    assert outputs(project) == {"answer": 42}


def test_the_engine_takes_the_stand_ins_for_its_own_without_a_warning(project: Project) -> None:
    project.write("import pulumi\n")
    done = project.up()
    assert "warning" not in done.stdout + done.stderr


def test_a_program_that_raises_shows_its_own_lines_and_nothing_of_the_host(project: Project) -> None:
    project.write("def broken():\n    raise ValueError('the flux is off')\n\nbroken()\n")
    done = project.up()
    assert done.exit_code != 0
    assert "ValueError: the flux is off" in done.stdout
    assert "__main__.py" in done.stdout
    assert "line 2, in broken" in done.stdout
    for foreign in ("language_host", "execute.py", "runpy", "asyncio", "exited with"):
        assert foreign not in done.stdout


def test_a_run_error_is_shown_without_a_traceback(project: Project) -> None:
    project.write("import pulumi\nraise pulumi.RunError('pull first, or deploy rollback')\n")
    done = project.up()
    assert done.exit_code != 0
    assert "pull first, or deploy rollback" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_syntax_error_is_shown_with_its_line(project: Project) -> None:
    project.write("import pulumi\ndef (\n")
    done = project.up()
    assert done.exit_code != 0
    assert "line 2" in done.stdout
    assert "SyntaxError" in done.stdout


@pytest.mark.parametrize(("ending", "said"), [("sys.exit(3)", "non-zero exit code: 3"), ("os._exit(9)", "code: 9")])
def test_an_exit_code_of_a_program_is_told(project: Project, ending: str, said: str) -> None:
    project.write(f"import os, sys\n{ending}\n")
    done = project.up()
    assert done.exit_code != 0
    assert said in done.stdout


def test_an_exit_with_zero_is_no_error(project: Project) -> None:
    project.write("import pulumi, sys\npulumi.export('x', 1)\nsys.exit(0)\n")
    assert project.up().exit_code == 0


DYNAMIC = """
import pulumi
from pathlib import Path
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

class Files(ResourceProvider):
    def create(self, props):
        Path(props["path"]).write_text(props["text"])
        return CreateResult(props["path"], props)
    def diff(self, id, old, new):
        return DiffResult(changes=old["text"] != new["text"])
    def update(self, id, old, new):
        Path(id).write_text(new["text"])
        return UpdateResult(new)
    def delete(self, id, props):
        Path(id).unlink()

class File(Resource):
    text: pulumi.Output[str]
    def __init__(self, name, path, text):
        super().__init__(Files(), name, {"path": path, "text": text})

config = pulumi.Config()
if config.get("text"):
    pulumi.export("text", File("file", config.require("path"), config.require("text")).text)
"""


def test_a_dynamic_resource_is_created_updated_and_deleted(project: Project, tmp_path: Path) -> None:
    drawn = tmp_path / "drawn.txt"
    project.write(DYNAMIC)
    project.pulumi("config", "set", "path", str(drawn), "-s", "dev")
    for text in ("one", "two"):
        project.pulumi("config", "set", "text", text, "-s", "dev")
        done = project.up()
        assert done.exit_code == 0, done.stdout
        assert drawn.read_text() == text
        assert outputs(project) == {"text": text}
    unchanged = project.pulumi("preview", "--expect-no-changes", "-s", "dev")
    assert unchanged.exit_code == 0, unchanged.stdout
    project.pulumi("config", "rm", "text", "-s", "dev")
    assert project.up().exit_code == 0
    assert not drawn.exists()


PEEK = """
import pulumi
from pathlib import Path
secret = pulumi.Config().require("password")
seen = {"files": [], "processes": 0}
for folder in Path("/proc").iterdir():
    if folder.name.isdigit():
        for name in ("cmdline", "environ"):
            try:
                content = (folder / name).read_bytes()
            except OSError:
                continue
            seen["processes"] += 1
            if secret.encode() in content:
                seen["files"].append(f"{folder.name}/{name}")
pulumi.export("leaks", seen["files"])
pulumi.export("looked", seen["processes"] > 4)
pulumi.export("length", len(secret))
pulumi.export("marked", pulumi.runtime.is_config_secret("scratch:password"))
"""


def test_a_secret_of_the_config_is_in_no_argument_and_no_environment(project: Project) -> None:
    project.write(PEEK)
    setting = project.pulumi("config", "set", "--secret", "password", "-s", "dev", stdin=BAIT.encode())
    assert setting.exit_code == 0, setting.stderr
    assert project.up().exit_code == 0
    assert outputs(project) == {"leaks": [], "looked": True, "length": len(BAIT), "marked": True}


def test_only_the_programs_own_folder_is_on_the_path_as_with_the_official_host(project: Project) -> None:
    project.write("import pulumi, sys, os\npulumi.export('path', list(sys.path))\npulumi.export('cwd', os.getcwd())\n")
    (project.folder / "program").mkdir()
    (project.folder / "__main__.py").rename(project.folder / "program" / "__main__.py")
    yaml = project.folder / "Pulumi.yaml"
    yaml.write_text(yaml.read_text() + "main: program/\n")
    assert project.up().exit_code == 0
    shown = outputs(project)
    path = shown["path"]
    assert isinstance(path, list)
    assert str(project.folder) not in path
    assert os.path.realpath(str(path[0])) == shown["cwd"] == os.path.realpath(project.folder / "program")


@pytest.fixture
def host(engine_env: Mapping[str, str], tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    process = subprocess.Popen(
        (f"{engine_env['PATH'].split(':')[0]}/pulumi-language-python", "127.0.0.1:1"),
        env=dict(engine_env),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process.stdout:
        yield process, int(process.stdout.readline())
        process.kill()
        process.wait()


def members(session: int) -> list[str]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[3] == str(session) and fields[0] != "Z":
            found.append(stat.parent.name)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_host_and_all_it_started_are_gone_at_once_when_stopped(
    host: tuple[subprocess.Popen[bytes], int], number: signal.Signals
) -> None:
    process, _ = host
    assert len(members(process.pid)) >= 2
    started = time.monotonic()
    process.send_signal(number)
    process.wait(2)
    while members(process.pid) and time.monotonic() - started < 2:
        time.sleep(0.01)
    assert members(process.pid) == []


def test_the_states_file_says_what_the_engine_says_and_hides_what_it_hides(project: Project) -> None:
    project.write(
        "import pulumi\n"
        "pulumi.export('plain', {'a': [1, 2.5, True, None], 'b': 'text'})\n"
        f"pulumi.export('hidden', pulumi.Output.secret({BAIT!r}))\n"
        f"pulumi.export('nested', {{'x': 1, 'y': pulumi.Output.secret({BAIT!r})}})\n"
    )
    assert project.up().exit_code == 0
    read = state_outputs(project.folder, project.env, "dev")
    assert read == outputs(project)
    assert BAIT not in json.dumps(read)


def test_an_interrupted_update_ends_within_two_seconds_and_its_program_too(project: Project) -> None:
    project.write("import pathlib, time\npathlib.Path('running').write_text('')\ntime.sleep(60)\n")
    words = ("pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "-s", "dev")
    update = subprocess.Popen(
        words,
        env=dict(project.env),
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while not (project.folder / "running").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    started = time.monotonic()
    update.send_signal(signal.SIGINT)
    update.wait(10)
    while members(update.pid) and time.monotonic() - started < 10:
        time.sleep(0.01)
    took = time.monotonic() - started
    assert update.returncode != 0
    assert took < 2


def test_the_host_answers_what_it_is_asked_outside_of_runs(host: tuple[subprocess.Popen[bytes], int]) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{host[1]}") as channel:
        stub = language_pb2_grpc.LanguageRuntimeStub(channel)
        stub.Handshake(language_pb2.LanguageHandshakeRequest(engine_address="127.0.0.1:2"))
        assert stub.About(language_pb2.AboutRequest()).executable == sys.executable
        assert re.match(r"3\.\d+", stub.GetPluginInfo(empty_pb2.Empty()).version)
        assert not stub.GetRequiredPackages(language_pb2.GetRequiredPackagesRequest()).packages
        assert not stub.GetRequiredPlugins(language_pb2.GetRequiredPluginsRequest()).plugins
        names = [
            each.name for each in stub.GetProgramDependencies(language_pb2.GetProgramDependenciesRequest()).dependencies
        ]
        assert "pulumi" in names
        stub.Cancel(empty_pb2.Empty())
        with pytest.raises(grpc.RpcError) as caught:
            stub.Pack(language_pb2.PackRequest())
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_plugin_in_python_runs_with_its_output_streamed(
    host: tuple[subprocess.Popen[bytes], int], tmp_path: Path
) -> None:
    (tmp_path / "__main__.py").write_text(
        "import os, sys\nprint(sys.argv[1:], os.environ['GREETING'])\nprint('oops', file=sys.stderr)\nsys.exit(4)\n"
    )
    info = language_pb2.ProgramInfo(root_directory=str(tmp_path), program_directory=str(tmp_path), entry_point=".")
    request = language_pb2.RunPluginRequest(pwd=str(tmp_path), info=info, args=["a b"], env=["GREETING=hi=there"])
    with grpc.insecure_channel(f"127.0.0.1:{host[1]}") as channel:
        pieces = list(language_pb2_grpc.LanguageRuntimeStub(channel).RunPlugin(request))
    assert b"".join(piece.stdout for piece in pieces) == b"['a b'] hi=there\n"
    assert b"".join(piece.stderr for piece in pieces) == b"oops\n"
    assert pieces[-1].exitcode == 4
