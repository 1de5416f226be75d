"""Slices ranked by how far the answers moved in them."""

from collections.abc import Callable

import numpy as np
import pytest

from towpath.core.difference import MISS
from towpath.core.samples import Sample, Value, Values
from towpath.core.shifts import FEWEST, Shift, sliced
from towpath.core.slices import Slice, slices

Answer = Callable[[Values, np.random.Generator], dict[str, Value]]


def asked(rng: np.random.Generator) -> dict[str, Value]:
    return {
        "age": rng.uniform(18, 80),
        "segment": ("gold", "silver")[int(rng.integers(2))],
        "floor": float(rng.integers(4)),
    }


def score(inputs: Values, rng: np.random.Generator) -> dict[str, Value]:
    del inputs
    return {"score": float(rng.beta(2, 5))}


def samples(seed: int, answer: Answer = score, count: int = 1000) -> list[Sample]:
    rng = np.random.default_rng(seed)
    inputs = [asked(rng) for _ in range(count)]
    return [Sample(at=0.0, inputs=one, outputs=answer(one, rng)) for one in inputs]


def spoken(shift: Shift) -> tuple[str, str]:
    return shift.where.spoken, shift.measure.spoken


def test_a_mean_that_moved_in_one_class_is_found_there() -> None:
    def moved(inputs: Values, rng: np.random.Generator) -> dict[str, Value]:
        return {"score": float(rng.beta(2, 5)) + (0.1 if inputs["segment"] == "gold" else 0)}

    found = sliced(samples(1), samples(2, moved))

    worst = found.shifts[0]
    assert spoken(worst) == ("segment is 'gold'", "mean score")
    assert worst.difference.low < 0.1 < worst.difference.high
    assert worst.difference.sure
    assert worst.stable.cases + next(
        shift for shift in found.shifts if shift.where.label == "silver"
    ).stable.cases == len(samples(1))


def test_a_mean_that_moved_in_a_range_of_a_number_is_found_there() -> None:
    def moved(inputs: Values, rng: np.random.Generator) -> dict[str, Value]:
        age = inputs["age"]
        assert isinstance(age, float)
        return {"score": float(rng.beta(2, 5)) - (0.15 if age > 64.5 else 0)}

    worst = sliced(samples(1), samples(2, moved)).shifts[0]

    assert (worst.where.feature, worst.where.upto) == ("age", None)
    assert worst.where.above == pytest.approx(64.5, abs=2)
    assert worst.difference.high < 0


def test_a_class_that_became_more_frequent_is_found() -> None:
    def label(more: float) -> Answer:
        def answer(inputs: Values, rng: np.random.Generator) -> dict[str, Value]:
            share = 0.3 + (more if inputs["floor"] == 2 else 0)
            return {"class": "yes" if rng.random() < share else "no"}

        return answer

    worst = sliced(samples(3, label(0)), samples(4, label(0.4))).shifts[0]

    assert worst.where.spoken == "floor is '2'"
    assert worst.measure.is_share
    assert abs(worst.difference.value) == pytest.approx(0.4, abs=0.1)


def test_of_two_classes_one_says_it_all() -> None:
    def answer(_inputs: Values, rng: np.random.Generator) -> dict[str, Value]:
        return {"class": ("no", "yes")[int(rng.integers(2))]}

    labels = {shift.measure.label for shift in sliced(samples(1, answer), samples(2, answer)).shifts}
    assert len(labels) == 1


def test_requests_that_fail_in_one_slice_are_found() -> None:
    def failing(share: float, seed: int) -> list[Sample]:
        rng = np.random.default_rng(seed)
        return [
            Sample(at=0.0, inputs=one, failed=rng.random() < (share if one["segment"] == "gold" else 0.01))
            for one in (asked(rng) for _ in range(1000))
        ]

    worst = sliced(failing(0.01, 1), failing(0.2, 2)).shifts[0]

    assert spoken(worst) == ("segment is 'gold'", "refused or failed")
    assert worst.difference.sure


def test_what_is_sure_comes_before_what_only_looks_far() -> None:
    def answer(inputs: Values, rng: np.random.Generator) -> dict[str, Value]:
        return {"score": float(rng.beta(2, 5)) + (0.05 if inputs["segment"] == "gold" else 0)}

    shifts = sliced(samples(1, count=4000), samples(2, answer, count=4000)).shifts

    sure = [shift.difference.sure for shift in shifts]
    assert True in sure
    assert sure == sorted(sure, reverse=True)


def test_slices_of_two_equal_releases_are_seldom_said_to_have_moved() -> None:
    said = sum(
        any(shift.difference.sure for shift in sliced(samples(2 * k, count=400), samples(2 * k + 1, count=400)).shifts)
        for k in range(100)
    )
    assert said <= 100 * MISS + 5


def test_every_interval_allows_for_all_that_were_compared() -> None:
    stable, canary = samples(1), samples(2)
    bare = (
        [Sample(at=0.0, outputs=sample.outputs) for sample in stable],
        [Sample(at=0.0, outputs=sample.outputs) for sample in canary],
    )

    one, many = sliced(*bare), sliced(stable, canary)

    assert (one.compared, many.compared) == (1, 1 + 4 + 2 + 4)
    whole = next(shift for shift in many.shifts if not shift.where.feature)
    assert many.compared == len(many.shifts)
    assert one.shifts[0].difference.value == whole.difference.value
    assert whole.difference.high - whole.difference.low > 1.2 * (
        one.shifts[0].difference.high - one.shifts[0].difference.low
    )


@pytest.mark.parametrize(("count", "compared"), [(FEWEST - 1, 0), (FEWEST, 1)])
def test_a_slice_needs_enough_samples_of_each_arm(count: int, compared: int) -> None:
    few = [Sample(at=0.0, outputs=sample.outputs) for sample in samples(1, count=count)]
    assert sliced(few, samples(2)).compared == compared
    assert sliced([], []).compared == 0


def test_a_text_that_few_callers_send_is_never_shown() -> None:
    def named(seed: int) -> list[Sample]:
        rng = np.random.default_rng(seed)
        return [
            Sample(at=0.0, inputs={"name": f"user-{rng.random()}"}, outputs={"s": rng.random()}) for _ in range(500)
        ]

    assert {shift.where.spoken for shift in sliced(named(1), named(2)).shifts} == {"all samples"}


def test_long_texts_are_no_classes() -> None:
    many = [Sample(at=0.0, inputs={"text": word * 50}) for word in "ab"] * 100
    assert [where.spoken for where, _, _ in slices(many, many)] == ["all samples"]


def test_a_feature_that_never_varies_cuts_nothing() -> None:
    many = [Sample(at=0.0, inputs={"x": 0.5, "y": 3.0, "z": "a"})] * 100
    assert [where.spoken for where, _, _ in slices(many, many)] == ["all samples"]


def test_every_sample_of_a_feature_is_in_exactly_one_of_its_slices() -> None:
    stable, canary = samples(1), samples(2)
    for feature in ("age", "segment", "floor"):
        parts = [old for where, old, _ in slices(stable, canary) if where.feature == feature]
        assert sum(map(len, parts)) == len(stable)
        assert len(parts) == {"age": 4, "segment": 2, "floor": 4}[feature]


def test_bounds_have_few_digits_and_hold_for_what_is_counted() -> None:
    for where, old, _ in slices(samples(1), samples(2)):
        if where.feature == "age":
            assert where.above is None or float(f"{where.above:.4g}") == where.above
            ages = [age for one in old if isinstance(age := one.inputs["age"], float)]
            assert all(where.above is None or age > where.above for age in ages)
            assert all(where.upto is None or age <= where.upto for age in ages)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (Slice(), "all samples"),
        (Slice(feature="x[3]", upto=1.5), "x[3] up to 1.5"),
        (Slice(feature="x[3]", above=1.5, upto=2.0), "x[3] 1.5 to 2"),
        (Slice(feature="x[3]", above=2.0), "x[3] above 2"),
        (Slice(feature="x", label="a\x1b[2J\n\u202e"), r"x is 'a\x1b[2J\n\u202e'"),
        (Slice(feature="\x1b[2J", above=0.0), r"'\x1b[2J' above 0"),
    ],
)
def test_what_a_caller_sent_can_not_write_to_the_terminal(where: Slice, words: str) -> None:
    assert where.spoken == words
