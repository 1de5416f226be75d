import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.schema.units import format_duration, parse_bytes, parse_cpu, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("1h30m", 5400), ("250ms", 0.25), ("1.5h", 5400), ("2d", 172800), (0, 0)]
)
def test_durations_are_numbers_with_units(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("value", [10, "10", "", "s", "-5s", "5 s", "5s x", "1y", None, True, []])
def test_a_duration_without_a_unit_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="a duration such as"):
        parse_duration(value)


@given(st.integers(min_value=0, max_value=10**10))
def test_a_formatted_duration_is_read_back_to_the_millisecond(milliseconds: int) -> None:
    assert round(parse_duration(format_duration(milliseconds / 1000)) * 1000) == milliseconds


@pytest.mark.parametrize(("text", "size"), [("512Mi", 2**29), ("2G", 2 * 10**9), (7, 7), ("1.5Ki", 1536), ("0", 0)])
def test_sizes_have_binary_and_decimal_units(text: object, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("value", ["512MB", "", "Mi", -1, 1.5, True, None])
def test_a_size_of_another_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="a size such as"):
        parse_bytes(value)


@pytest.mark.parametrize(("text", "millis"), [("500m", 500), ("2", 2000), (0.25, 250), (1, 1000)])
def test_cores_are_whole_or_thousandths(text: object, millis: int) -> None:
    assert parse_cpu(text) == millis


@pytest.mark.parametrize("value", ["m", "1.5m", "", -1, None, False])
def test_cores_of_another_form_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="cores such as"):
        parse_cpu(value)
