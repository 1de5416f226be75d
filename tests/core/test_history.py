"""What a journal amounts to, entry by entry."""

from dataclasses import dataclass, field, replace

import pytest

from tests.core.test_promotion import CANARY
from tests.fakes.world import image
from towpath.core.errors import UsageError
from towpath.core.history import Kind
from towpath.core.history_fold import fold
from towpath.core.journal import JSON
from towpath.core.plan_codec import plan_from_json, plan_to_json
from towpath.core.promotion import Outcome


@dataclass(frozen=True, kw_only=True)
class Said:
    """An entry, as far as the fold reads it."""

    kind: str
    payload: dict[str, JSON] = field(default_factory=dict)
    time: float = 1.0
    actor: str = "ada@box"
    promotion: int = 4


OPENED = Said(kind=Kind.OPENED, payload={"plan": plan_to_json(CANARY), "policy": {"max_gap": 60}})
ROLLING = Said(kind=Kind.ROLLING_BACK, payload={"reason": "errors", "outcome": "rolled back", "bad": True})
CLOSED = Said(kind=Kind.CLOSED, payload={"outcome": "promoted", "reason": ""}, time=9.0)


def test_nothing_said_is_nothing_open() -> None:
    assert fold([]).open is None


def test_a_plan_comes_back_from_the_journal_as_it_was() -> None:
    assert plan_from_json(plan_to_json(CANARY)) == CANARY


@pytest.mark.parametrize("broken", [{}, {"steps": 3}, {"id": "x"}, {"candidate": "iris:latest"}])
def test_a_plan_that_cannot_be_read_is_an_error_not_a_guess(broken: dict[str, JSON]) -> None:
    whole = plan_to_json(CANARY)
    with pytest.raises(UsageError):
        plan_from_json(broken if not broken else whole | broken)


def test_a_step_that_was_done_is_not_taken_again() -> None:
    done = Said(kind=Kind.STEP_DONE, payload={"step": 0, "drawn": "x"})

    now = fold([OPENED, done]).open

    assert now is not None
    assert (now.next_step, now.drawn, now.replicas) == (1, ("x",), 2)
    assert now.stands("x")


def test_a_step_that_was_begun_may_or_may_not_have_been_drawn() -> None:
    now = fold([OPENED, Said(kind=Kind.APPLYING, payload={"drawn": "y"})]).open

    assert now is not None
    assert now.drawn == ("d", "y")
    assert [now.stands(drawn) for drawn in ("d", "y")] == [False, False]


def test_a_step_that_was_begun_again_may_be_drawn_over_what_stood_before_its_first_try() -> None:
    begun = Said(kind=Kind.APPLYING, payload={"drawn": "y", "over": "d"})

    now = fold([OPENED, begun, begun]).open

    assert now is not None
    assert now.drawn == ("d", "y")


def test_a_reset_begins_the_ramp_again() -> None:
    done = [Said(kind=Kind.STEP_DONE, payload={"step": i, "drawn": "x"}) for i in range(5)]
    reset = Said(kind=Kind.RESET, payload={"drawn": "zero", "reason": "alone"})

    now = fold([OPENED, *done, reset]).open

    assert now is not None
    assert (now.plan.steps[now.next_step].name, now.traffic, now.drawn) == ("shift 25 %", 0, ("zero",))


def test_a_promotion_that_closed_is_history() -> None:
    history = fold([OPENED, CLOSED])

    assert history.open is None
    assert history.closed[0].outcome is Outcome.PROMOTED
    assert (history.closed[0].since, history.closed[0].until) == (1.0, 9.0)


def test_a_rollback_by_hand_says_why_somebody_went_back() -> None:
    back = plan_to_json(replace(CANARY, back="support tickets"))
    (went,) = fold([replace(OPENED, payload={"plan": back, "policy": {}}), CLOSED]).closed
    assert (went.reason, went.went_back) == ("support tickets", True)


def test_a_promotion_in_place_of_what_was_marked_bad_is_no_rollback() -> None:
    stable = CANARY.stable
    assert stable is not None
    marked = Said(kind=Kind.MARKED_BAD, payload={"digest": stable.digest, "reason": "slow"}, promotion=3)
    (went,) = fold([marked, OPENED, CLOSED]).closed
    assert (went.reason, went.went_back) == ("", False)


def test_a_roll_back_remembers_its_reason_until_it_is_done() -> None:
    now = fold([OPENED, ROLLING]).open

    assert now is not None
    assert (now.rolling_back, now.bad) == ("errors", True)


def test_words_of_another_promotion_change_nothing() -> None:
    other = Said(kind=Kind.ABORT, payload={"reason": "x"}, promotion=3)

    now = fold([OPENED, other]).open

    assert now is not None
    assert not now.abort


def test_a_bad_mark_lasts_until_it_is_overridden() -> None:
    marked = Said(kind=Kind.MARKED_BAD, payload={"digest": image("b").digest, "reason": "slow"})
    allowed = Said(kind=Kind.ALLOWED, payload={"digest": image("b").digest, "reason": "was the network"})

    assert fold([marked]).bad_reason(image("b")) == "slow"
    assert not fold([marked, allowed]).bad_reason(image("b"))


def test_the_way_back_skips_what_serves_and_what_is_bad() -> None:
    marked = Said(kind=Kind.MARKED_BAD, payload={"digest": image("b").digest, "reason": "slow"})

    assert fold([OPENED, CLOSED]).last_good("iris", image("a")) == image("b")
    assert fold([OPENED, CLOSED]).last_good("iris", image("b")) is None
    assert fold([OPENED, CLOSED, marked]).last_good("iris", image("a")) is None


def test_numbers_only_go_up() -> None:
    assert fold([OPENED, CLOSED]).last_id == 4


def test_pause_and_abort_are_heard() -> None:
    paused = Said(kind=Kind.PAUSED, payload={"reason": "lunch"})
    abort = Said(kind=Kind.ABORT, payload={"reason": "wrong"})

    now = fold([OPENED, paused, abort]).open
    then = fold([OPENED, paused, Said(kind=Kind.UNPAUSED)]).open

    assert now is not None
    assert (now.paused, now.abort) == ("lunch", "wrong")
    assert then is not None
    assert not then.paused
