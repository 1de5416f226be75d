"""The package as it is installed where there is no checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = {
    "src/towpath/": "towpath/",
    "infra/": "towpath/scaffold/infra/",
    "stacks/": "towpath/scaffold/stacks/",
    "examples/breast-cancer/": "towpath/scaffold/example/",
}
LEFT_BY_USE = ("weights/model.joblib", "metrics.json", "holdout.jsonl", "reference.json", "__pycache__/model.pyc")


def tracked() -> list[str]:
    words = ("git", "ls-files", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in the wheel of a checkout in which somebody has trained the example."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("made")
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    for name in LEFT_BY_USE:
        left = source / "examples/breast-cancer" / name
        left.parent.mkdir(exist_ok=True)
        left.write_text("{}")
    words = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(made))
    subprocess.run(words, cwd=source, capture_output=True, check=True, timeout=60)
    (wheel,) = made.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(made / "site")
    return made / "site"


def test_the_wheel_has_package_program_and_example_and_nothing_that_use_left_behind(unpacked: Path) -> None:
    there = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    expected = {
        name.replace(folder, place, 1)
        for folder, place in SHIPPED.items()
        for name in tracked()
        if name.startswith(folder)
    }
    assert {name for name in there if ".dist-info/" not in name} == expected
    assert {name.partition(".dist-info/")[2] for name in there - expected} >= {"entry_points.txt", "licenses/LICENSE"}


def test_the_installed_command_writes_the_same_project_as_that_of_a_checkout(unpacked: Path, tmp_path: Path) -> None:
    def begun(package: Path) -> dict[str, bytes]:
        folder = tmp_path / package.name / "project"
        folder.mkdir(parents=True)
        words = (sys.executable, "-m", "towpath.cli.main", "init", "--example", "--name", "churn")
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(package)}
        done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    installed = begun(unpacked)
    assert {"deploy.toml", "infra/platform.py", "stacks/__main__.py", "models/churn/model.py"} <= installed.keys()
    assert installed == begun(ROOT / "src")
