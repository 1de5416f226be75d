"""The judge's section of the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.judge_compare import OURS
from benchmarks.judge_figures import Held
from benchmarks.judge_rules import RULES
from benchmarks.judge_thin import COLUMNS
from benchmarks.page import table


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line: what was simulated, and its figures beside their limits."""

    row: str
    name: str
    rate: str
    runs: str
    held: tuple[Held, ...]

    def words(self) -> list[str]:
        """As cells of a table."""
        measured = measured_by(self.held)
        limits = "; ".join(held.limit for held in self.held if held.limit)
        if not limits:
            return [self.row, self.name, self.rate, self.runs, measured, "", ""]
        kept = "kept" if all(held.kept for held in self.held) else "NOT KEPT"
        return [self.row, self.name, self.rate, self.runs, measured, limits, kept]


def measured_by(held: Sequence[Held]) -> str:
    """Every figure, once where several limits are about it."""
    return "; ".join(dict.fromkeys(one.measured for one in held))


_HELD: Final = ("row", "candidate", "req/s", "canaries", "measured, 95 % interval", "limit", "")


def text(
    rows: Sequence[Row], families: Sequence[Row], rules: Sequence[Sequence[str]], thin: Sequence[Sequence[str]]
) -> str:
    """All tables and what they mean."""
    return f"""\
Simulated canaries of an hour with a look every 10 s, judged by our defaults: a candidate with 5 % of the requests (of
both arms together, per second), errors, latency at the router's own bucket edges and scores at 39 cuts. B1, B2 and B13
judge all three metrics and split alpha of 1 % between them, other rows judge one. Requests that arrive, fail and
answer at random are drawn for a numpy twin of the judge, which B0 holds against the judge itself. Except where it
says otherwise the hour begins when the candidate is warm; stable was watched for 10 min before it. A site's past
chooses the edges; every 50 canaries have another site.

{table(_HELD, [row.words() for row in rows])}

{_beside(rules)}

### Services it was never tuned on

Batch clients are the exception: they were looked at when the most that one look can multiply the evidence by went from
5 to 4. Everything else here was measured only after all was chosen.

{table(_HELD, [row.words() for row in families])}

### Little traffic

Requests per second of both arms together; the candidate has 5 % of them, or 5, 25 and 50 % by our default steps, with
300 s of warm-up and an hour in all. Stable was watched for an hour before. Medians count from the first request;
what is neither rolled back nor promoted is still open after the hour, and a person is asked. In brackets intervals of
95 %.

{table(("candidate", "canaries", *COLUMNS), thin)}
"""


def _beside(rules: Sequence[Sequence[str]]) -> str:
    return f"""\
### Beside other rules

The same requests, three metrics; in brackets intervals of 95 %. Good candidates: the share that is rolled back within
the hour. Bad ones: seconds until half of them are rolled back, or the share that never is. A rule that rolls back good
ones too has some of the bad ones for nothing; one that had rolled back before the regression began has missed it.
Flagger: success at least 99 % and p99 at most 500 ms in each minute, ten failed minutes. Argo Rollouts: the same
checks, at the first failure or at the fourth. Kayenta: Mann-Whitney on minutes of failing share, p99 and mean score
beside an equally large baseline, asked each minute from the tenth on. KS, z and PSI: everything so far, asked each
minute. {OURS}: alpha of 1 % for the whole hour.

{table(("candidate", "req/s", "canaries", OURS, *RULES), rules)}"""
