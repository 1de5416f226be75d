"""The engine from each source, with a web server and programs of our own in place of the real ones."""

import hashlib
import io
import sys
import tarfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.fakes.toolchain import FakeReport
from towpath.adapters.process import RealProcesses
from towpath.adapters.toolchain.engines import RELEASES, RealEngines
from towpath.adapters.toolchain.surroundings import Surroundings
from towpath.core.errors import Missing
from towpath.core.toolchain import EngineFacts

FACTS = EngineFacts(offline=False)
PULUMI = "#!/bin/sh\necho v3.259.0\n"
# what `go build … -o OUT PACKAGE` does here: notes its own call and writes an engine
GO = """#!/bin/sh
echo "$@" >> "$CALLS"
echo "cgo=$CGO_ENABLED" >> "$CALLS"
ls >> "$CALLS"
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\necho v%s\\n' "${BUILDS:-3.259.0}" > "$2"; chmod +x "$2"
"""


@dataclass(kw_only=True)
class FakeHttp:
    served: Mapping[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def reachable(self, url: str) -> bool:
        return url in self.served

    def text(self, url: str) -> str:
        self.asked.append(url)
        return self.served[url].decode()

    def download(self, url: str, target: Path, progress: Callable[[int, int], None]) -> str:
        self.asked.append(url)
        content = self.served[url]
        target.write_bytes(content)
        progress(len(content), len(content))
        return hashlib.sha256(content).hexdigest()


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    (tmp_path / "path").mkdir()
    env = {"PATH": f"{tmp_path}/path:/usr/bin:/bin", "CALLS": f"{tmp_path}/calls"}
    return Surroundings(state=tmp_path / "state", cache=tmp_path / "cache", env=env, python=sys.executable, root=False)


def engines(around: Surroundings, http: FakeHttp | None = None) -> RealEngines:
    return RealEngines(around, RealProcesses(sys.executable), http or FakeHttp())


def executable(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def release(*, version: str = "3.259.0", tampered: bool = False) -> FakeHttp:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in ("pulumi", "pulumi-language-python"):
            content = f"#!/bin/sh\necho v{version}\n".encode()
            entry = tarfile.TarInfo(f"pulumi/{name}")
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
    base = f"{RELEASES}/v3.259.0"
    served = {}
    lines = []
    for kind in ("linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"):
        name = f"pulumi-v3.259.0-{kind}.tar.gz"
        served[f"{base}/{name}"] = packed.getvalue()
        digest = hashlib.sha256(b"other" if tampered else packed.getvalue()).hexdigest()
        lines.append(f"{digest}  {name}\n")
    served[f"{base}/pulumi-3.259.0-checksums.txt"] = "".join(lines).encode()
    return FakeHttp(served=served)


def test_an_engine_on_the_path_is_told_with_its_host(around: Surroundings, tmp_path: Path) -> None:
    executable(tmp_path / "path" / "pulumi", PULUMI)
    found = engines(around).found()
    assert found is not None
    assert (found.version, found.source, found.language_host) == ("3.259.0", "path", "stand-in")
    executable(tmp_path / "path" / "pulumi-language-python", PULUMI)
    found = engines(around).found()
    assert found is not None
    assert found.language_host == "official"


def test_a_host_beside_the_real_file_of_a_link_counts(around: Surroundings, tmp_path: Path) -> None:
    (tmp_path / "opt").mkdir()
    executable(tmp_path / "opt" / "pulumi-language-python", PULUMI)
    (tmp_path / "path" / "pulumi").symlink_to(executable(tmp_path / "opt" / "pulumi", PULUMI))
    found = engines(around).found()
    assert found is not None
    assert found.language_host == "official"


def test_what_setup_itself_installed_is_not_found_on_the_path(around: Surroundings, tmp_path: Path) -> None:
    own = tmp_path / "state" / "bin"
    own.mkdir(parents=True)
    executable(own / "pulumi", PULUMI)
    around = replace(around, env={**around.env, "PATH": f"{own}:{around.env['PATH']}"})
    assert engines(around).found() is None


def test_the_official_release_is_verified_unpacked_and_then_cached(around: Surroundings) -> None:
    http = release()
    assert engines(around, http).installer_answers()
    engine = engines(around, http).obtain("installer", FACTS, FakeReport())
    assert engine.language_host == "official"
    assert Path(engine.pulumi).with_name("pulumi-language-python").is_file()
    cached = engines(around).cached()
    assert cached is not None
    assert (cached.pulumi, cached.source, cached.language_host) == (engine.pulumi, "cache", "official")
    asked = len(http.asked)
    engines(around, http).obtain("installer", FACTS, FakeReport())
    assert len(http.asked) == asked


def test_a_release_that_was_changed_on_the_way_is_refused_and_not_kept(around: Surroundings) -> None:
    with pytest.raises(Missing, match="SHA-256"):
        engines(around, release(tampered=True)).obtain("installer", FACTS, FakeReport())
    assert engines(around).cached() is None


def test_a_release_that_does_not_run_as_it_should_is_not_kept(around: Surroundings) -> None:
    with pytest.raises(Missing, match=r"3\.1\.0"):
        engines(around, release(version="3.1.0")).obtain("installer", FACTS, FakeReport())
    assert engines(around).cached() is None


def test_no_release_answers_where_nothing_can_be_reached(around: Surroundings) -> None:
    assert not engines(around).installer_answers()


def test_the_build_uses_our_module_and_flags_and_is_cached(around: Surroundings, tmp_path: Path) -> None:
    executable(tmp_path / "path" / "go", GO)
    engine = engines(around).obtain("build", FACTS, FakeReport())
    calls = (tmp_path / "calls").read_text()
    for part in ("-trimpath", "osusergo,grpcnotrace", "version.Version=v3.259.0", "cgo=0", "go.mod", "go.sum"):
        assert part in calls
    assert (engine.source, engine.language_host, engine.version) == ("build", "stand-in", "3.259.0")
    (tmp_path / "path" / "go").unlink()
    again = engines(around).obtain("build", FACTS, FakeReport())
    cached = engines(around).cached()
    assert cached is not None
    assert again.pulumi == engine.pulumi == cached.pulumi


def test_a_build_that_fails_says_its_last_lines_and_leaves_nothing(around: Surroundings, tmp_path: Path) -> None:
    executable(tmp_path / "path" / "go", "#!/bin/sh\necho 'dial tcp: no route' >&2\nexit 1\n")
    with pytest.raises(Missing, match="no route"):
        engines(around).obtain("build", FACTS, FakeReport())
    assert engines(around).cached() is None


def test_a_build_that_is_stopped_ends_with_its_children_and_leaves_nothing(
    around: Surroundings, tmp_path: Path
) -> None:
    executable(tmp_path / "path" / "go", f"#!/bin/sh\ntouch {tmp_path}/begun\nsleep 60\n")
    real, went_wrong = engines(around), Future[None]()

    def build() -> None:
        with pytest.raises(Missing):
            real.obtain("build", FACTS, FakeReport())
        went_wrong.set_result(None)

    threading.Thread(target=build, daemon=True).start()
    look = threading.Event()
    while not (tmp_path / "begun").exists():
        look.wait(0.01)
    real.stop()
    went_wrong.result(10)
    assert engines(around).cached() is None
    assert list((tmp_path / "cache" / "engine").glob("[!.]*")) == []
    assert list((tmp_path / "cache" / "engine").glob(".built-*/")) == []


def test_a_build_of_another_version_is_not_trusted(around: Surroundings, tmp_path: Path) -> None:
    executable(tmp_path / "path" / "go", GO)
    around = replace(around, env={**around.env, "BUILDS": "3.260.0"})
    with pytest.raises(Missing, match=r"3\.260\.0"):
        engines(around).obtain("build", FACTS, FakeReport())
    assert engines(around).cached() is None


def test_a_cached_engine_that_no_longer_runs_is_passed_over(around: Surroundings, tmp_path: Path) -> None:
    executable(tmp_path / "path" / "go", GO)
    built = engines(around).obtain("build", FACTS, FakeReport())
    executable(Path(built.pulumi), "#!/bin/sh\nexit 126\n")
    assert engines(around).cached() is None


def test_stand_ins_are_installed_beside_an_engine_without_a_host(around: Surroundings, tmp_path: Path) -> None:
    executable(tmp_path / "path" / "go", GO)
    real = engines(around)
    engine = real.obtain("build", FACTS, FakeReport())
    for _ in range(2):
        installed = real.install(engine)
    folder = tmp_path / "state" / "bin"
    assert installed.pulumi == str(folder / "pulumi")
    assert sorted(path.name for path in folder.iterdir()) == [
        "pulumi",
        "pulumi-language-python",
        "pulumi-resource-pulumi-python",
    ]
    assert not (folder / "pulumi").is_symlink()
    assert real.runs(installed)


def test_an_official_engine_removes_stand_ins_of_an_earlier_setup(around: Surroundings, tmp_path: Path) -> None:
    executable(tmp_path / "path" / "go", GO)
    real = engines(around, release())
    real.install(real.obtain("build", FACTS, FakeReport()))
    official = real.obtain("installer", FACTS, FakeReport())
    assert real.install(official) == official
    assert list((tmp_path / "state" / "bin").iterdir()) == []
