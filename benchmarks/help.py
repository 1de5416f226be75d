"""How long `deploy --help` takes, beside an empty Python and another command line's version."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.page import kept, publish, table  # noqa: E402 - only now can it be found

LIMIT = 250.0  # milliseconds
ROUNDS = 15


def milliseconds(words: Sequence[str]) -> float:
    """One run."""
    begun = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return 1000 * (time.perf_counter() - begun)


def main() -> int:
    """Take turns, so that a busy moment hits all of them."""
    engine = json.loads((ROOT / ".towpath" / "instance.json").read_text())["engine"]["pulumi"]
    commands = {
        "`deploy --help`": [sys.executable, "-m", "towpath.cli.main", "--help"],
        "`python -c pass`": [sys.executable, "-c", "pass"],
        "`pulumi version`": [engine, "version"],
    }
    runs: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, words in commands.items():
            runs[name].append(milliseconds(words))
    medians = {name: statistics.median(found) for name, found in runs.items()}
    ours = medians["`deploy --help`"]
    rows = [
        [name, kept(median, LIMIT, "ms") if median == ours else f"{median:.2f} ms", f"{max(runs[name]):.0f} ms"]
        for name, median in medians.items()
    ]
    publish("help", "The command's start", table(("command", f"median of {ROUNDS}", "slowest"), rows))
    return int(ours > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
