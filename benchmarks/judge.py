"""What the judge finds and when, what it leaves alone, beside other rules, on thousands of simulated canaries.

python benchmarks/judge.py [--quick] [--only B6] [--seed 1] [--processes 2]
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # each process has a core to itself

from benchmarks import judge_compare, judge_families, judge_itself, judge_rows, judge_thin  # noqa: E402 - only now
from benchmarks.judge_figures import Held, Hours, hold  # noqa: E402 - only now can it be found
from benchmarks.judge_page import Row, measured_by, text  # noqa: E402 - only now can it be found
from benchmarks.judge_run import Case, Task, each, simulate, tasks, together  # noqa: E402 - only now can it be found
from benchmarks.page import publish  # noqa: E402 - only now can it be found

SEED: Final = 20261122
TABLES: Final = {"rows": judge_rows.CASES, "families": judge_families.CASES, "thin": judge_thin.CASES}
"""What is simulated for the judge alone; `rules` compares it with others, B0 and B15 run the judge itself."""


def work(table: str, task: Task) -> Hours:
    """One batch, in whichever process."""
    return simulate(TABLES[table][task.case], task)


class Bench:
    """One run of the benchmark: how much, from which seed, and what it found."""

    def __init__(self, words: argparse.Namespace) -> None:
        self._quick, self._seed, self._processes = bool(words.quick), int(words.seed), int(words.processes)
        self._only: str = words.only or ""
        self._begun = time.monotonic()

    def wants(self, name: str) -> bool:
        """Whether a row or table was asked for."""
        return self._only in {"", name}

    def say(self, words: str) -> None:
        """Tell how far it is."""
        print(f"{time.monotonic() - self._begun:6.0f} s  {words}", flush=True)

    def _tasks(self, table: str, cases: Sequence[Case]) -> list[Task]:
        wanted = [place for place, case in enumerate(cases) if self.wants(table) or self.wants(case.row)]
        return [
            task for place in wanted for task in tasks(place, cases[place].runs[0 if self._quick else 1], self._seed)
        ]

    def hours(self, table: str) -> list[tuple[Case, Hours]]:
        """Simulate a table's cases."""
        cases, found = TABLES[table], []
        for place, batches in each(partial(work, table), self._tasks(table, cases), self._processes):
            case, hours = cases[place], together(batches)
            found.append((case, hours))
            said = measured_by(held_by(case, hours)) or judge_thin.cell(hours)
            self.say(f"{case.row} {case.name}, {case.rate:,.0f}/s: {said}")
        return found

    def rules(self) -> list[list[str]]:
        """The judge beside other rules."""
        cases, found = judge_compare.CASES, []
        wanted = self._tasks("rules", cases)
        for place, batches in each(judge_compare.race, wanted, self._processes):
            found.append(judge_compare.line(cases[place], batches))
            self.say(" | ".join(found[-1]))
        return found

    def itself(self) -> list[Row]:
        """B0 and B15."""
        rows: list[Row] = []
        if self.wants("B0"):
            held = judge_itself.checked(self._seed)
            rows.append(Row(row="B0", name="the twin beside the judge, poll by poll", rate="", runs="", held=(held,)))
        if self.wants("B15"):
            for probes, beside in ((False, ""), (True, ", users' requests and probes apart and together")):
                name = f"one poll of three metrics and its verdict, by the judge itself{beside}"
                held_both = judge_itself.cost(self._seed, probes=probes)
                rows.append(Row(row="B15", name=name, rate="10,000", runs="1", held=held_both))
        for row in rows:
            self.say(f"{row.row} {row.name}: {measured_by(row.held)}")
        return rows


def held_by(case: Case, hours: Hours) -> tuple[Held, ...]:
    """Every figure of a case beside its limit."""
    return tuple(hold(limit, hours) for limit in case.limits)


def as_row(case: Case, hours: Hours) -> Row:
    """A line of a table."""
    runs = f"{len(hours.refused):,}"
    return Row(row=case.row, name=case.name, rate=f"{case.rate:,.0f}", runs=runs, held=held_by(case, hours))


def options(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer canaries, in minutes; prints only")
    parser.add_argument(
        "--only", metavar="ROW", help="one row (B0 to B15) or table (families, rules, thin); prints only"
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Simulate, print, publish; 1 where a limit isn't kept."""
    asked = options(words)
    bench = Bench(asked)
    own, rows = bench.itself(), [as_row(*one) for one in bench.hours("rows")]
    families = [as_row(*one) for one in bench.hours("families")]
    kept = all(held.kept for row in (*own, *rows, *families) for held in row.held)
    if asked.only:
        _rest(asked.only, bench)
        return int(not kept)
    thin = judge_thin.lines([hours for _, hours in bench.hours("thin")])
    section = text([*own, *rows], families, bench.rules(), thin)
    if asked.quick:
        print(section)
    else:
        publish("judge", "What the judge finds, and when", section)
    return int(not kept)


def _rest(only: str, bench: Bench) -> None:
    others: dict[str, Callable[[], object]] = {"rules": bench.rules, "thin": partial(bench.hours, "thin")}
    if only in others:
        others[only]()


if __name__ == "__main__":
    sys.exit(main())
