"""What the judge says of running releases, on all that it looks at: one like stable, and four that are worse."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.e2e.support.installation import Installation, ambient, installed
from tests.e2e.support.required import require_setup
from tests.e2e.support.traffic import Sent, load

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.engine]
RATE = 50.0  # requests a second; a replica that takes 30 ms for each has room for half of them
KNOWN = 10.0  # seconds of traffic before the first canary, so that stable's latency is known
CUTS = (0.1, 0.2, 0.3, 0.4)
TRAINED = {"x": {"features": ["size"], "cuts": [CUTS], "counts": [[1000] * 5]}}  # evenly up to 0.5


def bodies(low: float, high: float) -> tuple[str, ...]:
    """What users ask: numbers evenly between two bounds."""
    draws = Random(7)  # noqa: S311 - chance, not a secret
    tensors = [{"name": "x", "shape": [1], "datatype": "FP64", "data": [draws.uniform(low, high)]} for _ in range(200)]
    return tuple(json.dumps({"inputs": [tensor]}) for tensor in tensors)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation of these tests' own, with the one environment."""
    require_setup()
    with installed(tmp_path_factory.mktemp("judged"), ambient=ambient()) as made:
        reference = made.folder / "models" / "tiny" / "reference.json"
        reference.write_text(json.dumps(json.loads(reference.read_text()) | {"inputs": TRAINED}))
        made.draw("judged")
        yield made


@pytest.fixture(scope="module")
def traffic(one: Installation) -> Iterator[Sent]:
    """Users of an environment that serves something good."""
    one.deploy("promote", "--to", "judged", "--release", one.release()).ok()
    one.commit("Publish judged")
    with load(one.url("judged"), RATE, bodies=bodies(0, 0.5)) as sent:
        sent.wait(KNOWN)
        yield sent


def last(one: Installation) -> dict[str, Any]:
    found: dict[str, Any] = one.deploy("history", "judged", "--json").ok().answer["promotions"][0]
    return found


def judged_again(one: Installation, folder: Path) -> dict[str, Any]:
    """The last word of the judge on what was kept of the canary."""
    looks = str(folder / "looks.jsonl")
    one.deploy("explain", "judged", "--looks", looks).ok()
    found: dict[str, Any] = one.deploy("judge", "replay", looks, "--json").ok().answer["looks"][-1]
    return found


def allow_for_a_busy_machine(one: Installation) -> None:
    """What other tests do to both arms' latency must not leave it open whether they are alike."""
    file = one.folder / "deploy.toml"
    text = file.read_text()
    assert "plus_ms = 25" in text
    file.write_text(text.replace("slower = 1.0, plus_ms = 25", "slower = 3.0, plus_ms = 100"))


def both_answered(differs: dict[str, Any]) -> None:
    """What `deploy diff` said in mid-canary: each arm has answered, without an error, and took its share of the CPU."""
    errors = differs["counted"]["live"]["errors"]
    for arm in ("stable", "candidate"):
        assert (errors[arm]["cases"] > 0, errors[arm]["events"]) == (True, 0), errors
        assert differs["containers"][arm]["cpu_seconds_per_request"] > 0
    assert {one["output"] for one in differs["counted"]["live"]["predictions"]} == {"y"}


@pytest.mark.parametrize(
    ("faults", "metric"),
    [
        pytest.param({"errors": 0.3}, "errors", id="errors"),
        pytest.param({"seconds": 0.03}, "latency", id="latency"),
        pytest.param({"shift": 0.4}, "y", id="predictions"),
    ],
)
def test_a_worse_release_is_refused_for_what_is_worse_rolled_back_and_marked(
    one: Installation, traffic: Sent, tmp_path: Path, faults: dict[str, float], metric: str
) -> None:
    before, seen = one.served("judged"), len(traffic.answers)
    bad = one.release(seed=1, **faults)
    ended = one.deploy("promote", "--to", "judged", "--release", bad)
    assert (ended.code, "rolled back" in ended.stderr) == (5, True), ended.told()
    told = last(one)
    assert (told["outcome"], told["candidate"]) == ("rolled back", bad)
    assert told["reason"].startswith(metric), told
    again = judged_again(one, tmp_path)
    assert (again["kind"], again["reason"]) == ("roll back", told["reason"])
    assert one.served("judged") == before
    one.pulumi("preview", "-s", "judged", "--expect-no-changes").ok()
    assert {answer.status for answer in traffic.answers[seen:]} <= ({200, 500} if metric == "errors" else {200})
    refused = one.deploy("promote", "--to", "judged", "--release", bad)
    assert (refused.code, "bad" in refused.stderr) == (3, True), refused.told()


def test_a_release_that_gets_worse_late_is_refused_though_the_driver_was_killed(
    one: Installation, traffic: Sent, tmp_path: Path
) -> None:
    before = one.served("judged")
    late = one.release(seed=2, errors=0.5, after=120)
    driver = one.begin("promote", "--to", "judged", "--release", late)
    try:
        driver.until("observe 50 %")
        driver.kill()
    finally:
        driver.stop()
    ended = one.deploy("resume", "judged")
    assert ended.code == 5, ended.told()
    told, again = last(one), judged_again(one, tmp_path)
    assert (again["kind"], again["reason"]) == ("roll back", told["reason"])
    assert told["reason"].startswith("errors"), told
    assert one.served("judged") == before
    assert traffic.answers[-1].status == 200


def test_a_release_like_stable_is_held_while_users_ask_something_else_and_then_promoted_on_all_metrics(
    one: Installation, traffic: Sent, tmp_path: Path
) -> None:
    seen = len(traffic.answers)
    allow_for_a_busy_machine(one)
    good = one.release()
    driver = one.begin("promote", "--to", "judged", "--release", good)
    try:
        driver.until("observe 50 %")
        with load(one.url("judged"), RATE, bodies=bodies(0.5, 1)):
            differs = one.deploy("diff", "judged", "--json").ok().answer
            driver.until("holding: traffic changed: size (PSI")
        driver.end().ok()
    finally:
        driver.stop()
    both_answered(differs)
    assert [answer for answer in traffic.answers[seen:] if answer.failed] == []
    assert one.served("judged") == good
    again = judged_again(one, tmp_path)
    assert again["kind"] == "promote"
    assert set(again["against"]) == {"errors", "latency", "predictions"}
    one.commit("Publish judged")
