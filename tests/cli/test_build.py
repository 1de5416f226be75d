"""deploy build, in process: what --train does before it."""

import pytest

from tests.app.test_build import IMAGE, World
from tests.cli.command import FakeWorld, deploy
from tests.fakes.programs import FakePrograms, says
from towpath.app.setup_ports import Finished

TRAIN = ("python", "train.py")


def training(world: FakeWorld, answer: Finished) -> World:
    """A model whose training ends like this, and what a build of it does."""
    builds = World(programs=FakePrograms(answers={TRAIN: answer}))
    world.scene.train, world.builds = TRAIN, builds.services()
    return builds


def test_a_model_is_trained_in_its_folder_before_it_is_built(world: FakeWorld) -> None:
    builds = training(world, says("loss 0.1\n"))

    done = deploy("build", "--train", world=world)

    assert done.code == 0
    assert [(asked.words, asked.cwd) for asked in builds.programs.asked] == [(TRAIN, "/iris")]
    assert builds.builder.asked == [("iris", "localhost:5055/iris")]
    assert "training of iris: done in" in done.err
    assert done.out.startswith(f"{IMAGE}\n")


def test_a_model_is_trained_only_when_that_is_asked_for(world: FakeWorld) -> None:
    builds = training(world, says("loss 0.1\n"))

    done = deploy("build", world=world)

    assert (done.code, builds.programs.asked) == (0, [])


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (says("epoch 1\n", stderr="Traceback\nValueError: no rows\n", exit_code=1), "ValueError: no rows"),
        (says(exit_code=137), "137"),
    ],
)
def test_a_training_that_fails_is_refused_and_nothing_is_built(world: FakeWorld, answer: Finished, why: str) -> None:
    builds = training(world, answer)

    done = deploy("build", "--train", world=world)

    assert done.code == 3
    assert done.err.endswith(f"error: training iris failed: {why}\nhint: run it: python train.py\n")
    assert (builds.builder.asked, builds.store.objects) == ([], {})


def test_a_model_without_a_training_is_not_built_as_if_it_had_been_trained(world: FakeWorld) -> None:
    builds = training(world, says())
    world.scene.train = ()

    done = deploy("build", "--train", world=world)

    assert done.code == 2
    assert done.err == "error: iris has no train command\nhint: name one: models.iris.train in deploy.toml\n"
    assert builds.builder.asked == []
