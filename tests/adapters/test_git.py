"""The checkout, on a real repository."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.fakes.programs import FakePrograms
from towpath.adapters.git import GitCheckout
from towpath.adapters.process import RealProcesses
from towpath.adapters.programs import EnvironmentPrograms
from towpath.app.setup_ports import Finished
from towpath.core.errors import Missing, UsageError

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

IDENTITY = {
    "PATH": os.environ["PATH"],
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


@pytest.fixture
def programs() -> EnvironmentPrograms:
    return EnvironmentPrograms(RealProcesses(sys.executable), IDENTITY)


@pytest.fixture
def repository(tmp_path: Path, programs: EnvironmentPrograms) -> Path:
    folder = tmp_path / "repository"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "serve.py").write_text("x = 1\n")
    (folder / ".gitignore").write_text("weights/\n")
    (folder / "Pulumi.dev.yaml").write_text("config: {}\n")
    for words in ("init -q -b main", "add -A", "commit -q -m one"):
        git(programs, folder, *words.split())
    return folder


def git(programs: EnvironmentPrograms, folder: Path, *words: str) -> Finished:
    answer = programs.run(("git", "-C", str(folder), *words))
    assert answer.exit_code == 0, answer.stderr
    return answer


def test_a_clean_checkout_has_a_commit(repository: Path, programs: EnvironmentPrograms) -> None:
    checkout = GitCheckout(repository, programs)
    state = checkout.state(str(repository / "model"), [str(repository / "model")])
    assert state.id == git(programs, repository, "rev-parse", "HEAD").stdout.strip() == checkout.head()
    assert not state.dirty


@pytest.mark.parametrize(
    ("name", "dirty"), [("model/serve.py", True), ("model/new.py", True), ("model/weights/w", False)]
)
def test_changes_of_the_sources_make_it_dirty_and_ignored_weights_do_not(
    repository: Path,
    programs: EnvironmentPrograms,
    name: str,
    dirty: bool,  # noqa: FBT001
) -> None:
    (repository / name).parent.mkdir(exist_ok=True)
    (repository / name).write_text("changed\n")
    assert (
        GitCheckout(repository, programs).state(str(repository / "model"), [str(repository / "model")]).dirty is dirty
    )


def test_a_promotion_that_wrote_its_stack_file_makes_no_later_build_dirty(
    repository: Path, programs: EnvironmentPrograms
) -> None:
    (repository / "Pulumi.dev.yaml").write_text("config: {promotion: 1}\n")
    assert not GitCheckout(repository, programs).state(str(repository), [str(repository / "model")]).dirty


def test_outside_a_repository_nothing_is_clean(tmp_path: Path, programs: EnvironmentPrograms) -> None:
    state = GitCheckout(tmp_path, programs).state(str(tmp_path), [str(tmp_path)])
    assert (state.id, state.dirty) == ("", True)


def test_before_the_first_commit_nothing_is_clean(tmp_path: Path, programs: EnvironmentPrograms) -> None:
    git(programs, tmp_path, "init", "-q")
    assert GitCheckout(tmp_path, programs).state(str(tmp_path), [str(tmp_path)]).id == ""


def test_a_machine_without_git_has_no_commit(tmp_path: Path) -> None:
    def absent(_: tuple[str, ...]) -> Finished:
        raise Missing("git: no such program")

    assert GitCheckout(tmp_path, FakePrograms(answers={("git",): absent})).head() == ""


def test_a_repository_git_does_not_trust_is_no_folder_without_one(tmp_path: Path) -> None:
    distrust = Finished(exit_code=128, stdout="", stderr="fatal: detected dubious ownership in repository at '/x'\n")
    with pytest.raises(UsageError, match="dubious ownership"):
        GitCheckout(tmp_path, FakePrograms(answers={("git",): distrust})).head()


def test_one_file_is_committed_and_nothing_else_that_was_staged(
    repository: Path, programs: EnvironmentPrograms
) -> None:
    (repository / "Pulumi.dev.yaml").write_text("config: {promotion: 1}\n")
    (repository / "model" / "serve.py").write_text("staged = True\n")
    git(programs, repository, "add", "model/serve.py")
    checkout = GitCheckout(repository, programs)
    commit = checkout.commit(str(repository / "Pulumi.dev.yaml"), "Promote")
    changed = git(programs, repository, "show", "--name-only", "--format=%s", commit).stdout.split()
    assert changed == ["Promote", "Pulumi.dev.yaml"]


def test_a_file_that_is_committed_already_is_no_failure(repository: Path, programs: EnvironmentPrograms) -> None:
    checkout = GitCheckout(repository, programs)
    assert checkout.commit(str(repository / "Pulumi.dev.yaml"), "Promote") == checkout.head()
    assert git(programs, repository, "log", "--format=%s").stdout.split() == ["one"]


def test_a_commit_of_a_stack_file_leaves_the_files_as_they_were_and_one_of_code_does_not(
    repository: Path, programs: EnvironmentPrograms
) -> None:
    checkout, stack = GitCheckout(repository, programs), str(repository / "Pulumi.dev.yaml")
    first = checkout.head()
    (repository / "Pulumi.dev.yaml").write_text("config: {promotion: 1}\n")
    checkout.commit(stack, "Promote")
    assert checkout.same_since(first, [stack])
    assert not checkout.same_since(first, [])
    (repository / "model" / "serve.py").write_text("x = 2\n")
    checkout.commit("model/serve.py", "Change the code")
    assert not checkout.same_since(first, [stack])


def test_a_project_below_the_repositorys_root_is_compared_alone(
    repository: Path, programs: EnvironmentPrograms
) -> None:
    checkout = GitCheckout(repository / "model", programs)
    first = checkout.head()
    (repository / "Pulumi.dev.yaml").write_text("of another project\n")
    GitCheckout(repository, programs).commit("Pulumi.dev.yaml", "Change another project")
    assert checkout.same_since(first, [str(repository / "model" / "Pulumi.dev.yaml")])


@pytest.mark.parametrize("commit", ["c" * 40, "nonsense"])
def test_a_commit_that_is_not_here_has_no_files_to_be_the_same(
    repository: Path, programs: EnvironmentPrograms, commit: str
) -> None:
    assert not GitCheckout(repository, programs).same_since(commit, [])


def test_the_published_text_is_that_of_the_tracked_branch(
    repository: Path, programs: EnvironmentPrograms, tmp_path: Path
) -> None:
    git(programs, tmp_path, "clone", "-q", str(repository), "clone")
    clone = tmp_path / "clone"
    checkout = GitCheckout(clone, programs)
    (clone / "Pulumi.dev.yaml").write_text("config: {promotion: 1}\n")
    checkout.commit("Pulumi.dev.yaml", "Promote")
    assert checkout.published("Pulumi.dev.yaml") == "config: {}\n"
    assert GitCheckout(repository, programs).published("Pulumi.dev.yaml") == "config: {}\n"
    assert checkout.published("absent.yaml") is None


def test_a_file_git_will_not_commit_is_said_with_its_reason(repository: Path, programs: EnvironmentPrograms) -> None:
    (repository / "weights").mkdir()
    (repository / "weights" / "w").write_text("ignored\n")
    with pytest.raises(UsageError, match="was not committed"):
        GitCheckout(repository, programs).commit("weights/w", "Promote")
