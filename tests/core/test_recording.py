"""What was looked at, written and read, judged again, explained and drawn."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from tests.core.test_watch import POLICY, SINCE, World
from towpath.core.axes import shares
from towpath.core.canary_policy import after_tries
from towpath.core.drawing import Line, Panel, panel_svg
from towpath.core.errors import UsageError
from towpath.core.explanation import explain
from towpath.core.judge.curves import ALIKE
from towpath.core.picture import page, panels
from towpath.core.recording import Recording, frames, read, write
from towpath.core.watch import situation, watched


def recording(median: float = 80.0, polls: int = 25) -> Recording:
    world = World(rng=np.random.default_rng(5), canary_median=median)
    return Recording(policy=POLICY, served_since=SINCE, looks=tuple(world.looks(polls)))


def test_what_is_written_is_read_back() -> None:
    one = recording(polls=4)
    assert read(write(one)) == one
    assert len(write(one).splitlines()) == 5


def test_the_last_frame_says_what_the_driver_heard() -> None:
    one = recording(median=130.0)
    heard = watched(one.policy, one.served_since, one.looks)
    assert frames(one)[-1].verdict == situation(heard, place=0, step_since=SINCE, now=heard.last_at).verdict
    assert frames(one)[-1].verdict.kind == "roll back"
    assert frames(recording())[5].share == pytest.approx(0.5)


def test_a_canary_is_judged_again_with_the_cap_it_was_judged_with() -> None:
    usual = recording(median=130.0)
    slow = replace(usual, policy=replace(POLICY, cap=1.5, outage=0.7))
    again = frames(read(write(slow)))
    assert (again[-1].judge.policy.cap, again[-1].judge.policy.outage) == (1.5, 0.7)
    refused = [[frame.verdict.kind for frame in seen].index("roll back") for seen in (frames(usual), again)]
    assert refused[0] < refused[1]


def test_a_canary_is_judged_again_with_the_stakes_it_was_judged_with() -> None:
    usual = recording(median=88.0, polls=80)
    alike = replace(usual, policy=replace(POLICY, stakes=ALIKE))
    peaks = [frames(read(write(one)))[-1].judge.peaks for one in (usual, alike)]
    assert peaks[0] != peaks[1]
    assert peaks == [frames(one)[-1].judge.peaks for one in (usual, alike)]


def test_a_canary_from_before_cap_and_stakes_were_written_down_had_those_of_then() -> None:
    head, *looks = write(recording(polls=4)).splitlines()
    old = json.loads(head)
    del old["policy"]["cap"], old["policy"]["outage"], old["policy"]["stakes"]
    assert read("\n".join([json.dumps(old), *looks])).policy == replace(POLICY, cap=5.0, outage=0.1, stakes=ALIKE)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1 holds no canary policy"),
        ("{", "line 1 is not JSON"),
        ('{"format": 7, "policy": {}}', "line 1 holds no canary policy"),
    ],
)
def test_what_is_no_recording_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert why in caught.value.message


def test_every_line_that_cannot_be_used_is_named() -> None:
    lines = write(recording(polls=4)).splitlines()
    broken = json.loads(lines[2])
    broken["observation"]["samples"][0]["stable"]["requests"] = -1
    lines[2], lines[4] = json.dumps(broken), lines[4][:50]
    with pytest.raises(UsageError) as caught:
        read("\n".join(lines))
    assert "line 3: " in caught.value.message
    assert "-1 is negative" in caught.value.message
    assert "line 5: " in caught.value.message


def test_a_roll_back_is_explained_with_both_shares_and_how_sure_it_is() -> None:
    words = " ".join(explain(frames(recording(median=130.0))))
    assert "The judge's word: roll back, since latency above " in words
    seen = r"In requests by users, latency above [\d.]+ ms: [\d,]+ of [\d,]+ \([\d.]+%; the true share is from"
    assert re.search(seen, words)
    assert "in at most 1 of 100 canaries, however often one looks" in words
    assert "Compared were failing answers, slow answers, what it predicts" in words


def test_what_is_undecided_says_how_much_is_missing() -> None:
    words = " ".join(explain(frames(recording(polls=3))))
    assert "The judge's word: hold, since " in words
    assert "that going on needs" in words


@pytest.mark.parametrize(("tries", "chance"), [(0, "5%"), (1, "2.5%"), (4, "0.312%")])
def test_a_promotion_is_explained_with_the_chance_to_be_wrong_that_it_had(tries: int, chance: str) -> None:
    words = " ".join(explain(frames(replace(recording(polls=60), policy=after_tries(POLICY, tries)))))
    assert f"Of candidates beyond a margin at most {chance} would get this far" in words


def test_without_a_look_there_is_nothing_to_explain() -> None:
    assert "Nothing was looked at" in explain(())[0]
    assert "No look at both arms was kept" in page("t", (), ())


class Page(HTMLParser):
    """Collects what a reader would see; fails on tags that don't match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.seen.append(data)


def test_the_page_is_whole_and_shows_rates_evidence_and_traffic() -> None:
    seen = frames(recording(median=130.0))
    found = Page(page("Promotion 3 of prod <b>", explain(seen), seen))
    assert found.open == []
    text = "".join(found.seen)
    assert "Promotion 3 of prod <b>" in text
    for part in ("roll back", "promote", "candidate", "stable", "errors", "latency", "predictions"):
        assert part in text


def test_each_panel_is_well_formed_and_inside_its_frame() -> None:
    seen = frames(recording())
    for panel in panels(seen):
        svg = ET.fromstring(panel_svg(panel, seen[-1].elapsed))  # noqa: S314 - made here
        points = [
            tuple(map(float, pair.split(","))) for shape in svg.iter() for pair in shape.get("points", "").split()
        ]
        assert points
        assert all(0 <= x <= 760 and 0 <= y <= 190 for x, y in points)


@pytest.mark.parametrize("at", [0.0, 0.5, 1.0])
def test_names_of_lines_lie_neither_on_each_other_nor_on_the_axis(at: float) -> None:
    same = tuple(Line(points=[(0.0, 1.0), (10.0, at)], name=name, kind="stable") for name in "abc")
    svg = ET.fromstring(panel_svg(Panel(title="t", ticks=shares, lines=same), 10.0))  # noqa: S314 - made here
    heights = sorted(float(text.get("y", "0")) for text in svg.iter("text") if "name" in text.get("class", ""))
    assert all(high - low >= 12 for low, high in pairwise(heights))
    assert len(heights) == 3
    assert heights[-1] <= 164


def test_a_day_of_looks_is_drawn_small() -> None:
    seen = frames(recording(polls=30))
    assert len(page("t", (), seen * 100)) < 400_000
