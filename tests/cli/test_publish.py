"""What becomes of the stack file that a promotion wrote."""

import pytest

from tests.app.promotions import left_in_mid_canary
from tests.cli.command import FakeWorld, deploy


def test_a_commit_that_git_refuses_is_told_with_what_serves_and_what_to_type(world: FakeWorld) -> None:
    world.scene.world.uncommittable = "Author identity unknown"

    done = deploy("promote", "--to", "prod", "--commit", "--json", world=world)

    assert (done.code, done.json["error"]["kind"]) == (6, "NeedsPerson")
    assert "prod serves bbbbbbbbbbbb; only the commit of its stack file failed" in done.json["error"]["message"]
    assert "Author identity unknown" in done.json["error"]["message"]
    assert "git commit -m 'Promote iris bbbbbbbbbbbb to prod' -- Pulumi.prod.yaml" in done.json["error"]["hint"]


def test_a_commit_after_a_promotion_holds_the_stack_file(world: FakeWorld) -> None:
    done = deploy("promote", "--to", "prod", "--commit", "--json", world=world)

    assert done.json["commit"] == "d" * 40
    assert "Pulumi.prod.yaml" in world.scene.world.published
    assert deploy("status", "--json", world=world).json["environments"][1]["published"] is True


@pytest.mark.parametrize("words", [("promote", "--to", "prod", "--yes"), ("rollback", "prod", "--to", "aaaa")])
def test_without_a_commit_it_is_said_what_is_left_to_do(world: FakeWorld, words: tuple[str, ...]) -> None:
    if words[0] == "rollback":
        deploy("promote", "--to", "prod", "--yes", world=world)

    assert "hint: commit Pulumi.prod.yaml" in deploy(*words, world=world).err


def test_with_a_commit_nothing_is_left_to_do(world: FakeWorld) -> None:
    assert "hint: commit" not in deploy("promote", "--to", "prod", "--commit", world=world).err


def test_a_promotion_that_is_resumed_can_be_committed_too(world: FakeWorld) -> None:
    left_in_mid_canary(world.scene)

    done = deploy("resume", "prod", "--commit", "--json", world=world)

    assert (done.json["ended"], done.json["commit"]) == ([["prod", "promoted"]], "d" * 40)
    assert world.scene.world.messages == ["Promote iris bbbbbbbbbbbb to prod"]


def test_what_a_living_driver_goes_on_with_is_not_committed_yet_and_it_is_said(world: FakeWorld) -> None:
    left_in_mid_canary(world.scene)
    deploy("pause", "prod", "--reason", "lunch", world=world)
    world.scene.holder = "bob@other"

    done = deploy("resume", "prod", "--commit", world=world)

    assert done.code == 0
    assert "hint: nothing was committed: commit Pulumi.prod.yaml once it has ended" in done.err


def test_a_roll_back_is_committed_as_one(world: FakeWorld) -> None:
    deploy("promote", "--to", "prod", "--yes", world=world)

    done = deploy("rollback", "prod", "--to", "aaaa", "--commit", "--json", world=world)

    assert done.json["commit"] == "d" * 40
    assert world.scene.world.messages == ["Roll prod back to iris aaaaaaaaaaaa"]


def test_where_nothing_was_open_nothing_is_committed(world: FakeWorld) -> None:
    done = deploy("resume", "prod", "--commit", "--json", world=world)

    assert (done.json["ended"], done.json["commit"]) == ([], "")
    assert world.scene.world.messages == []


def test_all_environments_at_once_are_not_committed(world: FakeWorld) -> None:
    done = deploy("resume", "--all", "--commit", "--json", world=world)

    assert (done.code, done.json["error"]["hint"]) == (2, "deploy resume ENV --commit")
