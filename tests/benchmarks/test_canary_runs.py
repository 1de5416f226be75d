"""What became of a canary is told from the journal and from what clients saw, and kept."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.canary_live import settings, usable
from benchmarks.canary_plan import named
from benchmarks.canary_runs import Kept, Ran, ended, users
from examples.load import Answer


def ran(scenario: str = "errors", number: int = 0, **changed: Any) -> Ran:  # noqa: ANN401 - whatever field
    fields: dict[str, Any] = {
        "scenario": scenario,
        "number": number,
        "outcome": "rolled back",
        "why": "errors",
        "onset": 0.0,
        "verdict": 20.0,
        "lived": 22.0,
        "requests": 300,
        "affected": 300,
        "failed": 7,
        "others": 0,
        "slower": 1.0,
        "seconds": 40.0,
        "load": 0.5,
        "settings": settings(named(scenario)),
    }
    return Ran(**fields | changed)


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "new" / "runs.jsonl")
    assert kept.read() == []
    for number in range(3):
        kept.add(ran(number=number))
    assert kept.read() == [ran(number=number) for number in range(3)]
    kept.forget()
    assert kept.read() == []


def test_a_line_that_was_cut_off_costs_that_run_only(tmp_path: Path) -> None:
    file = tmp_path / "runs.jsonl"
    kept = Kept(file)
    kept.add(ran())
    with file.open("a") as open_file:
        open_file.write('{"scenario": "err')
    assert kept.read() == [ran()]
    kept.add(ran(number=1))
    assert kept.read() == [ran(), ran(number=1)]


def test_runs_of_other_settings_or_beyond_those_wanted_are_not_gone_on_with() -> None:
    good = ran()
    assert usable([good, ran(settings="another"), ran(number=5), ran("good")], {"errors": 2}) == [good]


def entry(kind: str, promotion: int, time: float = 0.0, **payload: object) -> dict[str, object]:
    return {"kind": kind, "promotion": promotion, "time": time, "payload": payload}


OPENED = [entry("promotion-opened", 1), entry("promotion-closed", 1, outcome="promoted"), entry("promotion-opened", 2)]
CLOSED = [entry("promotion-closed", 2, 60.0, outcome="rolled back"), entry("lease-released", 0)]


def test_a_roll_back_is_told_from_an_undecided_canary_by_its_mark() -> None:
    for bad, outcome in ((True, "rolled back"), (False, "undecided")):
        found = ended([*OPENED, entry("rolling-back", 2, 50.0, reason="so", bad=bad), *CLOSED], 5)
        assert (found.outcome, found.why, found.verdict) == (outcome, "so", 50.0)


def test_a_promotion_is_done_when_it_is_closed() -> None:
    found = ended([*OPENED, entry("promotion-closed", 2, 70.0, outcome="promoted")], 0)
    assert (found.outcome, found.verdict) == ("promoted", 70.0)


@pytest.mark.parametrize(("entries", "code"), [(OPENED, 5), ([*OPENED, *CLOSED], 6), ([], 3)])
def test_what_ended_in_no_way_of_a_canary_is_broken(entries: list[dict[str, object]], code: int) -> None:
    assert ended(entries, code).outcome == "broken"


def answer(due: float, release: str, seconds: float = 0.01, status: int = 200) -> Answer:
    return Answer(due=due, seconds=seconds, status=status, release=release)


ANSWERS = [
    answer(0.0, "old"),
    answer(2.0, "new", 0.02, 500),  # came before the one that was due earlier
    answer(1.0, "new", 0.02),
    answer(1.5, "old", 0.01),
    answer(3.0, "new", 0.02),
    answer(3.5, "", status=503),
    answer(4.0, "old", 9.0),  # after the candidate's last: not beside it
]


def test_the_candidate_is_the_release_that_did_not_answer_first() -> None:
    seen = users(ANSWERS, 0)
    assert (seen.first, seen.last, seen.onset, seen.requests, seen.affected) == (1.0, 3.0, 1.0, 3, 3)
    assert (seen.failed, seen.others) == (1, 1)
    assert seen.slower == pytest.approx(2.0)


def test_a_late_fault_begins_after_so_many_of_its_requests() -> None:
    seen = users(ANSWERS, 2)
    assert (seen.onset, seen.affected, seen.requests) == (3.0, 1, 3)


def test_a_candidate_without_requests_has_nothing() -> None:
    seen = users([answer(0.0, "old")], 5)
    assert (seen.requests, seen.affected, seen.failed) == (0, 0, 0)
