"""The user's Git repository, through the `git` command."""

from collections.abc import Sequence
from pathlib import Path

from towpath.app.build_ports import Commit, Programs, last_line
from towpath.app.setup_ports import Finished
from towpath.core.errors import Missing, UsageError

_OUTSIDE = "not a git repository"
_ENGLISH = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}


class GitCheckout:
    """The repository around one folder; a folder outside of any has no commit."""

    def __init__(self, folder: Path, programs: Programs) -> None:
        self._folder = folder
        self._programs = programs

    def head(self) -> str:
        """Commit of the checkout, 40 hex digits; empty outside a repository and before the first commit."""
        return self._head(str(self._folder))

    def state(self, folder: str, paths: Sequence[str]) -> Commit:
        """The commit around a folder; dirty when one of the paths differs from it, untracked files included.

        Ignored files don't count: weights usually are, and the record has their hash.
        """
        head = self._head(folder)
        if not head:
            return Commit(id="", dirty=True)
        answer = self._git(folder, "status", "--porcelain", "--untracked-files=normal", "--", *paths)
        if answer.exit_code != 0:
            raise _unusable(folder, answer)
        return Commit(id=head, dirty=bool(answer.stdout.strip()))

    def published(self, path: str) -> str | None:
        """Text of a file on the tracked branch (HEAD where none is tracked); None when it isn't there."""
        folder = str(self._folder)
        if not self._head(folder):
            return None
        tracked = self._git(folder, "rev-parse", "--verify", "--quiet", "@{upstream}")
        branch = tracked.stdout.strip() if tracked.exit_code == 0 else "HEAD"
        answer = self._git(folder, "show", f"{branch}:./{self._relative(path)}")
        return answer.stdout if answer.exit_code == 0 else None

    def same_since(self, commit: str, leave_out: Sequence[str]) -> bool:
        """Whether HEAD has the folder's files as that commit has them; False for a commit that isn't here."""
        out = (f":(exclude,literal){self._relative(path)}" for path in leave_out)
        words = ("diff", "--quiet", "--no-ext-diff", "--ignore-submodules=none", commit, "HEAD", "--", ".", *out)
        return self._git(str(self._folder), *words).exit_code == 0

    def commit(self, path: str, message: str) -> str:
        """Commit that one file and nothing else that is staged; gives back the commit, HEAD where it is there already.

        Raises:
            UsageError: Git doesn't commit it; the message has Git's own reason.
        """
        folder, name = str(self._folder), self._relative(path)
        self._do(path, "add", "--", name)
        if self._git(folder, "diff", "--cached", "--quiet", "HEAD", "--", name).exit_code != 0:
            self._do(path, "commit", "--quiet", "--message", message, "--only", "--", name)
        return self._head(folder)

    def _do(self, path: str, *words: str) -> None:
        answer = self._git(str(self._folder), *words)
        if answer.exit_code != 0:
            raise UsageError(f"{path} was not committed: {last_line(answer)}", f"commit it yourself: git add {path}")

    def _relative(self, path: str) -> str:
        full = Path(path)
        return str(full.relative_to(self._folder) if full.is_absolute() else full)

    def _head(self, folder: str) -> str:
        try:
            inside = self._git(folder, "rev-parse", "--is-inside-work-tree")
        except Missing:
            return ""
        if inside.exit_code != 0 and _OUTSIDE in inside.stderr:
            return ""
        if inside.exit_code != 0:
            raise _unusable(folder, inside)
        answer = self._git(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        return answer.stdout.strip() if answer.exit_code == 0 else ""

    def _git(self, folder: str, *words: str) -> Finished:
        return self._programs.run(("git", "-C", folder, *words), env=_ENGLISH)


def _unusable(folder: str, answer: Finished) -> UsageError:
    return UsageError(f"git can't read {folder}: {last_line(answer)}", "run `git status` there and do what it says")
