"""The picture of a canary, opened in a real browser."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.core.test_watch import POLICY, SINCE, World
from tests.support.browser import Page, find, opened
from towpath.core.picture import page
from towpath.core.recording import Frame, Recording, frames

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
TITLE = "promotion 7 of prod: <churn> & friends"
BOXES = """[...document.querySelectorAll('svg')].map(svg => {
  const box = one => { const b = one.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; };
  return {frame: box(svg), texts: [...svg.querySelectorAll('text')].map(one => [one.textContent, box(one)]),
          lines: [...svg.querySelectorAll('polyline')].map(one => [one.textContent, box(one)])};
})"""
COLOURS = "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"

Box = tuple[float, float, float, float]


@pytest.fixture(scope="module")
def judged() -> tuple[Frame, ...]:
    world = World(rng=np.random.default_rng(8), rps=60.0, canary_median=104.0)
    return frames(Recording(policy=POLICY, served_since=SINCE, looks=tuple(world.looks(40))))


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Page]:
    path = find()
    if path is None:
        why = "no Chromium; `make test` as root installs one, else install it yourself"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    with opened(path, tmp_path / "profile") as made:
        yield made


@pytest.fixture
def seen(browser: Page, judged: tuple[Frame, ...], tmp_path: Path) -> Page:
    file = tmp_path / "7.html"
    file.write_text(page(TITLE, ["It was slower: 130 ms & more."], judged), encoding="utf-8")
    browser.visit(file)
    return browser


def overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def within(inner: Box, outer: Box, slack: float = 1.0) -> bool:
    starts = all(a >= b - slack for a, b in zip(inner[:2], outer[:2], strict=True))
    return starts and all(a <= b + slack for a, b in zip(inner[2:], outer[2:], strict=True))


def test_the_page_is_drawn_and_asks_for_nothing_beside_itself(seen: Page) -> None:
    assert seen.value("document.querySelector('h1').textContent") == TITLE
    assert seen.value("document.querySelector('.reason').textContent") == "It was slower: 130 ms & more."
    assert [one["request"]["url"].partition("://")[0] for one in seen.seen("Network.requestWillBeSent")] == ["file"]
    assert seen.seen("Runtime.consoleAPICalled") == seen.seen("Log.entryAdded") == []


def test_every_line_is_in_its_frame_and_no_text_covers_another(seen: Page) -> None:
    drawn: list[dict[str, Any]] = seen.value(BOXES)
    assert len(drawn) >= 4  # errors, latency, evidence, traffic
    for svg in drawn:
        assert svg["lines"]
        for name, box in (*svg["texts"], *svg["lines"]):
            assert within(box, svg["frame"]), f"{name} is cut off"
        texts = [(name, box) for name, box in svg["texts"] if name]
        covered = [(a, b) for n, (a, one) in enumerate(texts) for b, other in texts[n + 1 :] if overlap(one, other)]
        assert covered == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_by_day_and_by_night(seen: Page, scheme: str) -> None:
    seen.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    ink, ground = (sum(int(part) for part in colour.strip("rgb()").split(",")) / 3 for colour in seen.value(COLOURS))
    assert (ground > ink) == (scheme == "light")
    assert abs(ground - ink) > 150


@pytest.mark.parametrize("file", sorted(PICTURES.glob("*.svg")), ids=lambda file: file.stem)
def test_a_picture_of_the_docs_is_a_picture_to_a_browser(browser: Page, file: Path) -> None:
    browser.visit(file)
    assert browser.value("document.documentElement.tagName") == "svg"
    assert browser.value("document.querySelectorAll('polyline').length") >= 4
    assert browser.seen("Log.entryAdded") == []
