import pytest

from tests.cli.command import FakeWorld, deploy, failing
from tests.fakes.observer import FakeObserver
from tests.fakes.scene import Scene
from tests.fakes.toolchain import FakeMachine
from tests.fakes.world import image
from towpath.core import errors
from towpath.core.contract import Endpoint
from towpath.core.errors import NeedsPerson, Parked, TowpathError
from towpath.core.history import Kind
from towpath.core.observation import Observation
from towpath.core.toolchain import DockerFacts, DockerTrouble


def test_0_a_release_that_is_promoted(world: FakeWorld) -> None:
    done = deploy("promote", "--to", "prod", world=world)

    assert (done.code, done.out) == (0, f"prod serves {image('b')}\n")


def test_1_a_bug_says_so_and_how_to_see_more() -> None:
    done = deploy("status", world=failing(ZeroDivisionError("division by zero")))

    assert done.code == 1
    assert done.err.startswith("error: this is a bug in towpath: ZeroDivisionError: division by zero\nhint: ")
    assert "Traceback" not in done.err


def test_1_a_bug_comes_with_its_traceback_when_asked_for() -> None:
    done = deploy("status", "-v", world=failing(ZeroDivisionError("division by zero")))

    assert done.code == 1
    assert "Traceback (most recent call last)" in done.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["promot"], "No such command 'promot'"),
        (["promote"], "Missing option '--to'"),
        (["promote", "--to", "qa"], "has no environment 'qa'"),
        (["promote", "iri", "--to", "prod"], "has no model 'iri'"),
        (["promote", "--to", "prod", "--release", "zz"], "no release of iris begins with 'zz'"),
        (["status", "--al"], "No such option: --al"),
        (["resume"], "name one environment, or all of them"),
        (["resume", "prod", "--all"], "name one environment, or all of them"),
        (["destroy", "prod"], "destroying prod has to be confirmed"),
        (["destroy", "prod", "--yes"], "destroying prod has to be confirmed"),
        (["destroy", "prod", "--yes", "--confirm", "dev"], "--confirm dev doesn't name prod"),
        (["shellenv", "--shell", "tcsh"], "'tcsh' is no shell"),
        (["init", "--example", "--from-image", "x"], "--from-image and --example exclude one another"),
        (["init", "--predict", "p.py"], "--predict and --requirements go with --from-pickle"),
    ],
)
def test_2_what_is_wrong_on_the_command_line_is_said_with_a_hint(world: FakeWorld, words: list[str], says: str) -> None:
    done = deploy(*words, world=world)

    assert done.code == 2
    assert says in done.err
    assert "hint: " in done.err
    assert done.out == ""


def test_3_a_gate_that_fails_changes_nothing(world: FakeWorld) -> None:
    world.scene.missing = {image("b").digest}

    done = deploy("promote", "--to", "prod", world=world)

    assert done.code == 3
    assert "digest: localhost:5055 has no iris" in done.err
    assert world.scene.world.ups == []


def test_4_a_held_environment_names_its_holder(world: FakeWorld) -> None:
    world.scene.holder = "eve@laptop, process 7"

    done = deploy("promote", "--to", "prod", world=world)

    assert (done.code, done.err.splitlines()[-1]) == (4, "error: prod is held by eve@laptop, process 7")


def test_3_a_release_marked_bad_goes_nowhere_before_a_reason_is_given_which_is_kept(world: FakeWorld) -> None:
    world.scene.observer.canary.errors = 0.3
    bad = deploy("promote", "--to", "prod", world=world)
    world.scene.observer.canary.errors = 0.0

    refused = deploy("promote", "--to", "prod", world=world)
    allowed = deploy("promote", "--to", "prod", "--override-bad", "the upstream was down", world=world)

    assert (bad.code, refused.code, allowed.code) == (5, 3, 0)
    assert '--override-bad "reason"' in refused.err
    reasons = [entry.payload["reason"] for entry in world.scene.journal("prod").entries() if entry.kind == Kind.ALLOWED]
    assert [str(reason).partition("; overridden: ")[2] for reason in reasons] == ["the upstream was down"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["prod", "--canary"], "prod runs no canary of iris"),
        (["prod", "--canary", "-f"], "prod runs no canary of iris"),
        (["dev", "-f"], "dev runs no release of iris"),
    ],
)
def test_3_logs_of_an_arm_that_is_not_there_are_refused(world: FakeWorld, words: list[str], says: str) -> None:
    world.scene.serve("dev", None)

    done = deploy("logs", *words, world=world)

    assert (done.code, done.out) == (3, "")
    assert done.err == f"error: {says}\nhint: deploy status says what stands\n"


def test_5_a_bad_candidate_is_rolled_back(world: FakeWorld) -> None:
    world.scene.observer.canary.errors = 0.3

    done = deploy("promote", "--to", "prod", world=world)

    assert done.code == 5
    assert "was rolled back" in done.err
    assert world.scene.world.drawn["prod"][0].release == image("a")


class Meddling(FakeObserver):
    """Somebody draws prod by hand while the canary is looked at."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(clock=scene.world.clock)
        self.scene = scene

    def read(self) -> Observation:
        self.scene.world.draw("prod", Endpoint(name="iris", release=image("a"), promotion=3, replicas=1))
        return super().read()


def test_5_somebody_elses_hand_ends_a_promotion_and_nothing_more_is_applied(world: FakeWorld) -> None:
    world.scene.observer = Meddling(world.scene)

    done = deploy("promote", "--to", "prod", world=world)

    assert done.code == 5
    assert "prod was changed by somebody else" in done.err
    assert world.scene.world.drawn["prod"][0].replicas == 1


def test_6_a_stack_file_edited_in_the_middle_needs_a_person(world: FakeWorld) -> None:
    def edit(stack: str, wanted: Endpoint) -> None:
        if wanted.canary is not None and wanted.canary.traffic:
            world.scene.world.edits[stack] = 1

    world.scene.world.before_up = edit

    done = deploy("promote", "--to", "prod", world=world)

    assert done.code == 6
    assert "isn't what was pinned" in done.err


TAKEN = (
    "up of prod failed: router-container: port 8083 of towpath-1f2e-prod-router is already taken\n"
    "  container web publishes it: remove that one, or choose another port in the stack file"
)


def test_6_a_port_that_is_taken_when_all_of_an_environment_is_drawn_again(world: FakeWorld) -> None:
    def take(_stack: str, wanted: Endpoint) -> None:
        if world.scene.world.ups and wanted.canary is None:
            raise NeedsPerson(TAKEN)

    world.scene.observer.canary.errors = 0.3
    world.scene.world.before_up = take

    done = deploy("promote", "--to", "prod", world=world)

    assert (done.code, f"error: {TAKEN}\n" in done.err) == (6, True)


def test_7_a_parked_promotion_says_how_it_goes_on() -> None:
    done = deploy("resume", "prod", world=failing(Parked("promotion 4 waits for an approval", "deploy resume prod")))

    assert (done.code, done.err) == (7, "error: promotion 4 waits for an approval\nhint: deploy resume prod\n")


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ("absent", "there is no Docker on this machine"),
        ("denied", "no permission for the Docker daemon at the default socket"),
    ],
)
def test_8_a_machine_that_lacks_something_is_told_what(trouble: DockerTrouble, says: str) -> None:
    world = FakeWorld(machine=FakeMachine(docker=DockerFacts(trouble=trouble)))

    looked, mended = deploy("doctor", world=world), deploy("setup", world=world)

    assert (looked.code, mended.code) == (8, 8)
    assert says in looked.out
    assert says in mended.err


def test_10_a_plan_with_changes_where_that_was_asked_for(world: FakeWorld) -> None:
    plain = deploy("plan", "--to", "prod", world=world)
    detailed = deploy("plan", "--to", "prod", "--detailed-exitcode", world=world)
    nothing = deploy("plan", "--to", "prod", "--release", str(image("a")), "--detailed-exitcode", world=world)
    world.scene.missing.add(image("b").digest)
    refused = deploy("plan", "--to", "prod", "--detailed-exitcode", world=world)

    assert (plain.code, detailed.code, nothing.code, refused.code) == (0, 10, 0, 3)
    assert world.scene.world.ups == []


def test_130_an_interrupt_in_the_middle_says_how_to_go_on(world: FakeWorld) -> None:
    def interrupt(_stack: str, wanted: Endpoint) -> None:
        if wanted.canary is not None and wanted.canary.traffic == 50:
            raise KeyboardInterrupt

    world.scene.world.before_up = interrupt

    done = deploy("promote", "--to", "prod", world=world)

    assert done.code == 130
    assert "deploy resume prod goes on" in done.err


def test_130_an_interrupt_anywhere_else_says_how_to_go_on() -> None:
    done = deploy("status", world=failing(KeyboardInterrupt()))

    assert done.code == 130
    assert "hint: what was begun can be resumed" in done.err


@pytest.mark.parametrize("kind", TowpathError.__subclasses__())
def test_every_error_ends_with_its_own_code_and_is_printed_once(kind: type[TowpathError]) -> None:
    done = deploy("status", world=failing(kind("what happened", "what to do")))

    assert done.code == kind.exit_code
    assert done.err == "error: what happened\nhint: what to do\n"


def test_the_codes_of_the_errors_are_those_of_the_contract() -> None:
    ours = [kind for kind in TowpathError.__subclasses__() if kind.__module__ == errors.__name__]
    codes = {kind.__name__: kind.exit_code for kind in ours}

    assert codes == {
        "UsageError": 2,
        "Refused": 3,
        "Busy": 4,
        "RolledBack": 5,
        "Overridden": 5,
        "NeedsPerson": 6,
        "Parked": 7,
        "Missing": 8,
        "Interrupted": 130,
    }
