import pytest

from towpath.core.judge import ERRORS
from towpath.core.judge.outlook import Exposure, smallest_rate


@pytest.mark.parametrize(
    ("requests", "base", "smallest"),
    [
        (300, 0.0001, 0.0126),
        (300, 0.001, 0.0180),
        (300, 0.01, 0.0435),
        (1_800, 0.001, 0.0066),
        (3_000, 0.001, 0.0052),
        (18_000, 0.001, 0.0029),
        (18_000, 0.01, 0.0148),
        (180_000, 0.001, 0.0020),
        (1_800_000, 0.01, 0.0118),
    ],
)
def test_the_published_smallest_regressions_come_out(requests: float, base: float, smallest: float) -> None:
    found = smallest_rate(ERRORS, base, [Exposure(requests=requests, share=0.05)], 0.01)
    assert found == pytest.approx(smallest, abs=0.00006)


def test_too_few_requests_see_nothing_at_all() -> None:
    assert smallest_rate(ERRORS, 0.001, [Exposure(requests=1, share=0.05)], 0.01) is None


def test_steps_add_up() -> None:
    first = Exposure(requests=300, share=0.05)
    one = smallest_rate(ERRORS, 0.001, [first], 0.01)
    both = smallest_rate(ERRORS, 0.001, [first, Exposure(requests=3000, share=0.5)], 0.01)
    assert one is not None
    assert both is not None
    assert both < one
