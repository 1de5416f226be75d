from dataclasses import replace

import pytest

from towpath.core.canary import CanaryPolicy, Margin, Margins, steps
from towpath.core.canary_offers import Offer, offers
from towpath.core.canary_outlook import Outlook, outlook
from towpath.core.traffic import Traffic, known

POLICY = CanaryPolicy(poll=2.0, min_time=20.0, max_time=600.0, warm_up=5.0)
PLAN = steps(POLICY, 2)


def offered(policy: CanaryPolicy, rps: float) -> dict[str, Offer]:
    traffic = known(policy, rps, None)
    return {offer.kind: offer for offer in offers(policy, traffic, PLAN, seen(policy, rps))}


def seen(policy: CanaryPolicy, rps: float) -> Outlook:
    return outlook(policy, known(policy, rps, None), PLAN)


def at(rps: float) -> Traffic:
    return known(POLICY, rps, None)


def test_nothing_is_offered_where_the_policy_decides() -> None:
    assert seen(POLICY, 500.0).enough
    assert offered(POLICY, 500.0) == {}


@pytest.mark.parametrize("rps", [0.5, 3.0])
def test_every_amount_that_is_offered_is_enough(rps: float) -> None:
    found = offered(POLICY, rps)
    assert list(found) == ["traffic", "longer", "replay", "margin", "unjudged"]
    traffic, longer, replay = (found[kind].value or 0.0 for kind in ("traffic", "longer", "replay"))
    assert outlook(POLICY, at(traffic), PLAN).enough
    assert outlook(replace(POLICY, max_time=longer), at(rps), PLAN).enough
    assert outlook(replace(POLICY, probes=replay), at(rps), PLAN).enough


@pytest.mark.parametrize("rps", [0.5, 3.0])
def test_no_amount_is_much_more_than_is_needed(rps: float) -> None:
    found = offered(POLICY, rps)
    traffic, longer = (found[kind].value or 0.0 for kind in ("traffic", "longer"))
    assert not outlook(POLICY, at(traffic / 4), PLAN).enough
    assert not outlook(replace(POLICY, max_time=longer / 4), at(rps), PLAN).enough


def test_a_wait_of_more_than_a_week_is_not_offered() -> None:
    assert "longer" not in offered(POLICY, 0.001)


def test_without_any_traffic_waiting_longer_is_not_offered_but_probes_are() -> None:
    found = offered(POLICY, 0.0)
    assert "longer" not in found
    assert {"traffic", "replay", "unjudged"} <= found.keys()


def test_what_no_prober_can_send_in_time_is_not_offered() -> None:
    hopeless = replace(POLICY, min_time=5.0, max_time=10.0, warm_up=0.0)
    assert "replay" not in offered(hopeless, 1.0)
    assert "replay" not in offered(replace(POLICY, probes=10.0, max_time=20.0), 1.0)


def test_a_margin_is_offered_for_the_metric_that_keeps_the_judge_waiting() -> None:
    assert offered(POLICY, 3.0)["margin"].subject == "errors"
    wide = replace(POLICY, margins=Margins(errors_promote=Margin(ratio=1.5, points=0.02)))
    assert seen(wide, 10.0).enough
