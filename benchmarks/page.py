"""Tables of benchmarks: printed, and kept as sections of docs/benchmarks.md."""

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_HEAD = """\
# Benchmarks

Each section is what the last whole run of one script in `benchmarks/` printed. `make bench` runs those scripts, one
after the other, and goes on when one fails. A limit that isn't kept is said in its row, and its script ends with 1;
`make bench` then fails at the end and names it.
"""


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = (columns, ["---"] * len(columns), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def kept(value: float, limit: float, unit: str) -> str:
    """A figure beside its limit."""
    return f"{value:.2f} {unit} (limit {limit:g} {unit}: {'kept' if value <= limit else 'NOT KEPT'})"


def publish(name: str, title: str, text: str) -> None:
    """Print the section and put it in the page, in place of its last one."""
    section = f"<!-- {name} -->\n## {title}\n\n{_when()}\n\n{text.strip()}\n<!-- end {name} -->\n"
    print(section)
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else _HEAD
    old = re.compile(rf"<!-- {name} -->.*?<!-- end {name} -->\n", re.DOTALL)
    page = old.sub(lambda _: section, page) if old.search(page) else f"{page.rstrip()}\n\n{section}"
    PAGE.write_text(page, encoding="utf-8")


def _when() -> str:
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    busy = os.getloadavg()[0]
    return f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {system}, load {busy:.1f} as it ended."
