from dataclasses import replace

from infra.serving.placement import arms
from towpath.core.contract import Canary, Endpoint, Serving, release_id
from towpath.core.release import parse_image

A, B = (parse_image("localhost:5055/m@sha256:" + letter * 64) for letter in "ab")
STABLE = Endpoint(name="m", release=A, replicas=4)
CANARY = Canary(release=B, serving=Serving(), traffic=12.5, replicas=2)


def test_an_endpoint_without_release_has_no_arm() -> None:
    assert arms(Endpoint(name="m")) == ()


def test_stable_alone_gets_everything() -> None:
    (arm,) = arms(STABLE)
    assert (arm.role, arm.replicas, arm.weight, arm.traffic) == ("stable", 4, 10_000, 100)
    assert arm.release_id == release_id("m", A, Serving())


def test_both_arms_share_by_hundredths_of_a_percent() -> None:
    stable, canary = arms(replace(STABLE, canary=CANARY))
    assert (stable.weight, canary.weight) == (8_750, 1_250)
    assert (stable.replicas, canary.replicas) == (4, 2)


def test_stable_keeps_its_replicas_unless_the_plan_says_otherwise() -> None:
    stable, _ = arms(replace(STABLE, canary=replace(CANARY, stable_replicas=1)))
    assert stable.replicas == 1


def test_a_release_has_the_same_identity_in_either_arm() -> None:
    _, canary = arms(replace(STABLE, canary=CANARY))
    (promoted,) = arms(replace(STABLE, release=B))
    assert (canary.release_id, canary.cluster) == (promoted.release_id, promoted.cluster)
