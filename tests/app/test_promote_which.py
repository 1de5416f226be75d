"""Which release a promotion takes, and what it refuses to begin with."""

from dataclasses import replace

import pytest

from tests.app.promotions import PROD
from tests.fakes.scene import QUICK, Scene
from tests.fakes.world import WorldGit, image, record
from towpath.app.promote import PromoteRequest, promote
from towpath.core.errors import Refused, UsageError


@pytest.mark.parametrize(("rows", "said"), [((), r"holdout\.jsonl has no request"), (None, "holdout.jsonl:1: no JSON")])
def test_a_release_whose_probes_have_nothing_to_ask_is_refused_before_anything_changed(
    scene: Scene, rows: tuple[str, ...] | None, said: str
) -> None:
    scene.canary = replace(QUICK, probes=5.0)
    scene.holdout = rows

    with pytest.raises(Refused, match=said):
        promote(scene.services(), PROD)
    assert scene.world.ups == []


def test_a_first_release_has_no_probes_to_be_asked_for(scene: Scene) -> None:
    scene.canary = replace(QUICK, probes=5.0)
    scene.holdout = None
    scene.serve("prod", None)

    assert promote(scene.services(), PROD).candidate == image("b")


def test_the_release_of_the_first_environment_is_the_newest_build_of_head(scene: Scene) -> None:
    scene.serve("dev", image("a"), promotion=1)

    done = promote(scene.services(), PromoteRequest(environment="dev"))

    assert done.candidate == image("b")


def test_the_release_of_the_first_environment_may_be_of_a_commit_before_those_of_promotions(scene: Scene) -> None:
    scene.serve("dev", image("a"), promotion=1)
    git = WorldGit(world=scene.world, commit_id="d" * 40, same=("c" * 40,))

    done = promote(replace(scene.services(), git=git), PromoteRequest(environment="dev"))

    assert done.candidate == image("b")
    assert "commit dddddddddddd has the files of cccccccccccc, that bbbbbbbbbbbb is of" in scene.report.lines


def test_the_release_of_the_first_environment_is_no_experiment_of_an_earlier_commit(scene: Scene) -> None:
    scene.serve("dev", image("a"), promotion=1)
    scene.releases.records = [record("b", dirty=True)]
    git = WorldGit(world=scene.world, commit_id="d" * 40, same=("c" * 40,))

    with pytest.raises(UsageError, match="has no release of iris"):
        promote(replace(scene.services(), git=git), PromoteRequest(environment="dev"))


@pytest.mark.parametrize("head", ["d" * 40, ""])
def test_the_release_of_the_first_environment_is_of_no_commit_with_other_files(scene: Scene, head: str) -> None:
    scene.serve("dev", image("a"), promotion=1)
    git = WorldGit(world=scene.world, commit_id=head, same=() if head else ("c" * 40,))

    with pytest.raises(UsageError, match="has no release of iris"):
        promote(replace(scene.services(), git=git), PromoteRequest(environment="dev"))


def test_a_release_is_found_by_its_first_digits(scene: Scene) -> None:
    assert promote(scene.services(), replace(PROD, release="bbbb")).candidate == image("b")
