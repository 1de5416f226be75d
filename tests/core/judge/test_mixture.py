import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from towpath.core.judge import ERRORS, JudgePolicy, start
from towpath.core.judge.alarms import strongest_bet
from towpath.core.judge.mixture import Wealth, bet, log_add, log_evidence, log_mean, new_wealth


def run(gains: Sequence[tuple[float, ...]], planned: int) -> tuple[Wealth, list[float]]:
    wealth, path = new_wealth((1.0,) * len(gains[0])), []
    for gain in gains:
        wealth = bet(wealth, gain, planned)
        path.append(log_evidence([wealth], planned))
    return wealth, path


def test_the_published_path_of_the_mixture_comes_out() -> None:
    _, path = run([(0.5, -0.2), (1.0, 0.3), (-0.4, 0.1)], 360)
    # the last is 0.44384847… in forty-digit arithmetic; published is 0.443849
    assert [f"{evidence:.6f}" for evidence in path] == ["0.110814", "0.642192", "0.443848"]


def test_evidence_begins_at_one_and_polls_that_say_nothing_leave_it_there() -> None:
    _, path = run([(0.0, 0.0)] * 400, 360)
    assert path == pytest.approx([0.0] * 400, abs=1e-12)


def test_a_poll_without_gain_changes_no_evidence() -> None:
    _, path = run([(0.5, -0.2), (0.0, 0.0), (0.0, 0.0)], 360)
    assert path[1] == pytest.approx(path[0], abs=1e-12)
    assert path[2] == pytest.approx(path[0], abs=1e-12)


def test_money_for_late_starts_finds_what_the_early_bets_have_lost_too_much_for() -> None:
    late = [(-0.3,)] * 100 + [(1.0,)] * 15
    wealth, path = run(late, 360)
    assert wealth.plain[0] == pytest.approx(-15.0)
    assert path[-1] > math.log(100)


def test_after_the_planned_polls_no_new_money_is_spent() -> None:
    wealth, _ = run([(0.0,)] * 12, 10)
    assert math.exp(wealth.restarted[0]) == pytest.approx(1.0)


def test_what_is_staked_on_a_bet_decides_its_part_of_the_evidence() -> None:
    wealth = bet(new_wealth((3.0, 1.0)), (1.0, -1.0), 360)
    plain, late = 0.75 * math.e + 0.25 / math.e, 359 / 360
    late += (0.75 * math.e + 0.25 / math.e) / 360
    assert log_evidence([wealth], 360) == pytest.approx(math.log((plain + late) / 2))


def test_only_how_stakes_compare_matters_and_nothing_is_won_by_staking() -> None:
    gains = [(0.5, -0.2), (1.0, 0.3), (-0.4, 0.1)]
    few, many = new_wealth((1.0, 4.0)), new_wealth((10.0, 40.0))
    assert log_evidence([few], 360) == pytest.approx(0.0)
    for gain in gains:
        few, many = bet(few, gain, 360), bet(many, gain, 360)
    assert log_evidence([few], 360) == pytest.approx(log_evidence([many], 360))


def test_who_is_blamed_is_the_bet_that_is_most_of_the_evidence() -> None:
    little, much = (
        replace(ERRORS, name=name, lifts=(1.0,), stakes=(stake,)) for name, stake in (("little", 1.0), ("much", 8.0))
    )
    state = start(JudgePolicy(channels=(little, much)))
    gains = ((6.0,), (5.0,))
    channels = tuple(
        replace(kept, against=bet(kept.against, gain, 360)) for kept, gain in zip(state.channels, gains, strict=True)
    )
    assert strongest_bet(replace(state, channels=channels), "errors").channel == "much"


def test_every_lift_has_a_stake() -> None:
    with pytest.raises(ValueError, match="errors has 1 lifts and stakes"):
        replace(ERRORS, lifts=(1.0,))
    with pytest.raises(ValueError, match="errors has 1 lifts and stakes"):
        replace(ERRORS, lifts=(1.0,), stakes=(0.0,))
    with pytest.raises(ValueError, match="errors has 1 lifts and stakes"):
        replace(ERRORS, lifts=(1.0,), stakes=(math.nan,))


def test_huge_wealth_does_not_overflow() -> None:
    assert log_add(2000.0, 1000.0) == pytest.approx(2000.0)
    assert log_mean([2000.0, -math.inf]) == pytest.approx(2000.0 - math.log(2))
