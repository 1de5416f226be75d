"""CPU and memory between two readings."""

import pytest

from towpath.core.consumption import FEWEST_REQUESTS, Usage, consumption


def usage(name: str, at: float, cpu: float, memory: int | None = 100, release: str = "r1") -> Usage:
    return Usage(release_id=release, name=name, at=at, cpu_seconds=cpu, memory_bytes=memory)


BEFORE = [usage("a", 10, 3), usage("b", 10, 7), usage("c", 10, 90, release="r2")]
AFTER = [usage("a", 15, 4), usage("b", 15.5, 8.1), usage("c", 15, 99, release="r2")]


def test_an_arm_takes_what_its_replicas_take_together() -> None:
    found = consumption(BEFORE, AFTER, "r1", 210)

    assert found is not None
    assert (found.replicas, found.memory_bytes, found.requests) == (2, 200, 210)
    assert found.cores == pytest.approx(1 / 5 + 1.1 / 5.5)
    assert found.cpu_per_request == pytest.approx(2.1 / 210)


def test_a_release_without_replicas_takes_nothing() -> None:
    assert consumption(BEFORE, AFTER, "r3", 0) is None


def test_few_requests_have_no_price() -> None:
    few, enough = (consumption(BEFORE, AFTER, "r1", count) for count in (FEWEST_REQUESTS - 1, FEWEST_REQUESTS))
    assert few is not None
    assert enough is not None
    assert (few.cpu_per_request, enough.cpu_per_request is None) == (None, False)
    assert few.cores == enough.cores


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([usage("a", 10, 3)], [usage("a", 15, 4), usage("b", 15, 8)]),
        ([usage("a", 10, 3), usage("b", 10, 3)], [usage("a", 15, 4)]),
        ([usage("a", 10, 3), usage("b", 10, 9)], [usage("a", 15, 4), usage("b", 15, 1)]),
    ],
    ids=["came", "went", "began again"],
)
def test_requests_of_replicas_that_were_not_read_twice_have_no_price(before: list[Usage], after: list[Usage]) -> None:
    found = consumption(before, after, "r1", 500)

    assert found is not None
    assert found.cores == pytest.approx(0.2)
    assert found.cpu_per_request is None


def test_one_reading_says_nothing_of_cpu() -> None:
    found = consumption([], AFTER, "r1", 500)
    assert found is not None
    assert (found.cores, found.cpu_per_request, found.memory_bytes) == (None, None, 200)


def test_memory_that_is_not_counted_is_not_known() -> None:
    found = consumption([], [usage("a", 1, 1), usage("b", 1, 1, memory=None)], "r1", 0)
    assert found is not None
    assert found.memory_bytes is None
