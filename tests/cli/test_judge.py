"""explain, judge replay and judge simulate, in process."""

from pathlib import Path

import pytest

from tests.cli.command import FakeWorld, deploy


def test_a_promotion_is_explained_drawn_and_judged_again(world: FakeWorld, tmp_path: Path) -> None:
    assert deploy("promote", "--to", "prod", world=world).code == 0
    html, looks = tmp_path / "1.html", tmp_path / "1.jsonl"

    told = deploy("explain", "prod", "--html", str(html), "--looks", str(looks), world=world)

    assert told.code == 0
    assert "Promotion 4 of prod: iris, aaaaaaaaaaaa to bbbbbbbbbbbb" in told.out
    assert "The judge's word: promote, since " in told.out
    assert f"wrote {html}" in told.out
    assert "<svg" in html.read_text()
    again = deploy("judge", "replay", str(looks), world=FakeWorld())
    assert again.code == 0
    assert again.out.splitlines()[0].startswith("AT")
    assert "promote" in again.out
    drawn = tmp_path / "again.html"
    again = deploy("judge", "replay", str(looks), "--html", str(drawn), world=FakeWorld())
    assert (again.code, again.out.splitlines()[-1]) == (0, f"wrote {drawn}")
    assert "Replay of 1.jsonl" in drawn.read_text()
    assert drawn.read_text().count("<svg") == html.read_text().count("<svg") > 0
    answer = deploy("judge", "replay", str(looks), "--json", world=FakeWorld()).json
    assert (answer["command"], answer["looks"][-1]["kind"]) == ("judge replay", "promote")
    first = deploy("explain", "prod", "4", "--json", world=world).json
    assert first["looks"] == answer["looks"]


@pytest.mark.parametrize(
    ("errors", "rate", "code", "said"),
    [
        (0.0, 50, 0, b"The judge&#x27;s word: promote, since "),
        (0.3, 50, 5, b"The judge&#x27;s word: roll back, since "),
        (0.0, 0, 6, b"The judge&#x27;s word: inconclusive, since "),
    ],
)
def test_every_canary_that_ended_has_its_picture_beside_the_journal(
    world: FakeWorld, errors: float, rate: float, code: int, said: bytes
) -> None:
    world.scene.observer.canary.errors = errors
    world.scene.observer.stable.rate = world.scene.observer.canary.rate = rate

    assert deploy("promote", "--to", "prod", world=world).code == code

    assert "what it was judged on: /.towpath/pictures/prod/000004.html" in world.scene.report.lines
    kept = world.scene.services().store.get("pictures/prod/000004.html")
    assert kept is not None
    assert kept.startswith(b"<!doctype html>")
    assert said in kept
    assert b"<svg" in kept


def test_what_cannot_be_explained_or_replayed_is_a_wrong_use(world: FakeWorld, tmp_path: Path) -> None:
    assert deploy("promote", "--to", "prod", world=world).code == 0
    unknown = deploy("explain", "prod", "7", world=world)
    assert (unknown.code, "prod has no promotion 7" in unknown.err, "there are: 4" in unknown.err) == (2, True, True)
    assert deploy("explain", "qa", world=world).code == 2
    broken = tmp_path / "looks"
    broken.write_text("nonsense\n")
    refused = deploy("judge", "replay", str(broken), world=world)
    assert (refused.code, "line 1 is not JSON" in refused.err) == (2, True)
    assert deploy("explain", "prod", "--html", str(tmp_path / "no" / "such"), world=world).code == 2


def test_a_policy_is_simulated_at_a_traffic(world: FakeWorld) -> None:
    told = deploy("judge", "simulate", "prod", "--rps", "100", "--runs", "2", world=world)
    assert told.code == 0
    assert "in numbers only, at 100 requests/s" in told.out
    rows = told.out.splitlines()
    assert any(row.startswith("like stable") and "0 of 2 (0 to 66 %)" in row for row in rows)
    assert any(row.startswith("5 points more errors") and "2 of 2" in row for row in rows)
    answer = deploy("judge", "simulate", "prod", "--rps", "100", "--runs", "2", "--json", world=world).json
    assert [one["name"] for one in answer["candidates"]][:2] == ["like stable", "1 point more errors"]
    assert answer["candidates"][0]["rolled_back_between"] == pytest.approx([0.0, 0.6576], abs=1e-4)
    none = deploy("judge", "simulate", "dev", world=world)
    assert (none.code, "dev has no canary" in none.err) == (2, True)
