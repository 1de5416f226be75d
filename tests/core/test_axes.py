import math

import pytest

from towpath.core.axes import moments, odds, shares


@pytest.mark.parametrize(
    ("top", "said"),
    [
        (1.0, ["0%", "20%", "40%", "60%", "80%", "100%"]),
        (0.37, ["0%", "10%", "20%", "30%"]),
        (0.0213, ["0.0%", "0.5%", "1.0%", "1.5%", "2.0%"]),
        (4e-4, ["0.00%", "0.01%", "0.02%", "0.03%", "0.04%"]),
    ],
)
def test_shares_are_marked_at_round_values_with_the_digits_they_need(top: float, said: list[str]) -> None:
    ticks = shares(0.0, top)
    assert [text for _, text in ticks] == said
    assert [round(at * 100, 6) for at, _ in ticks] == [float(text.rstrip("%")) for text in said]


@pytest.mark.parametrize(
    ("bottom", "top", "said"),
    [
        (0.0, 7.5, ["1", "10", "100", "1,000"]),
        (-1.0, 3.0, ["1", "10"]),
        (-3.0, 2.5, ["1/10", "1", "10"]),
        (0.0, 20.0, ["1", "100", "10,000", "1 M", "100 M"]),
    ],
)
def test_logs_are_marked_at_powers_of_ten(bottom: float, top: float, said: list[str]) -> None:
    ticks = odds(bottom, top)
    assert [text for _, text in ticks] == said
    assert math.isclose(math.exp(ticks[-1][0] - ticks[-2][0]), 100 if top == 20.0 else 10)


@pytest.mark.parametrize(
    ("until", "said"),
    [
        (0.4, ["0 s"]),
        (17.0, ["0 s", "5 s", "10 s", "15 s"]),
        (150.0, ["0 s", "30 s", "60 s", "90 s", "120 s", "150 s"]),
        (400.0, ["0 min", "2 min", "4 min", "6 min"]),
        (5400.0, ["0 min", "30 min", "60 min", "90 min"]),
        (86_400.0, ["0 h", "6 h", "12 h", "18 h", "24 h"]),
        (1e6, ["0 h", *(f"{24 * day} h" for day in range(1, 12))]),
    ],
)
def test_time_is_marked_as_a_clock_would(until: float, said: list[str]) -> None:
    assert [text for _, text in moments(until)] == said
