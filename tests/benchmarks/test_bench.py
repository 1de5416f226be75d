"""`make bench` and the page that it makes."""

import re
import subprocess
from pathlib import Path

from benchmarks import page

ROOT = Path(__file__).resolve().parents[2]
PYTHON = """#!/bin/sh
echo "$1" >> "$(dirname "$0")/ran"
test "$1" != benchmarks/road.py
"""


def scripts() -> set[str]:
    """Those that publish a section when they are run."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks").glob("*.py")}
    return {name for name, text in texts.items() if 'publish("' in text and "__main__" in text}


def program(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)


def test_every_script_is_run_though_one_fails_and_the_end_says_which(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "deploy", "#!/bin/sh\n")
    program(tmp_path / "bin" / "python", PYTHON)
    (tmp_path / ".installed").touch()

    words = ["make", "bench", f"VENV={tmp_path}"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    ran = (tmp_path / "bin" / "ran").read_text().splitlines()
    assert sorted(ran) == sorted(f"benchmarks/{name}.py" for name in scripts())
    assert done.returncode != 0
    assert "bench: ended with an error: road\n" in done.stderr


def test_the_pages_head_is_what_a_new_page_begins_with() -> None:
    assert page.PAGE.read_text(encoding="utf-8").startswith(page._HEAD)


def test_every_section_of_the_page_is_a_published_scripts() -> None:
    assert set(re.findall(r"<!-- (?!end )(\w+) -->", page.PAGE.read_text(encoding="utf-8"))) <= scripts()
