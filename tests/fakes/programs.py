"""Programs that never run: answers by the first words, and what was asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from towpath.app.setup_ports import Finished

Answer = Callable[[tuple[str, ...]], Finished]


def says(stdout: str = "", *, stderr: str = "", exit_code: int = 0) -> Finished:
    return Finished(exit_code=exit_code, stdout=stdout, stderr=stderr)


@dataclass(frozen=True, kw_only=True)
class Asked:
    words: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]
    stdin: str
    timeout: float | None = None


@dataclass(kw_only=True)
class FakePrograms:
    """`answers` are tried in order; a key is how the words begin."""

    answers: dict[tuple[str, ...], Finished | Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def run(
        self,
        words: Sequence[str],
        *,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        timeout: float | None = None,
    ) -> Finished:
        line = tuple(words)
        self.asked.append(Asked(words=line, cwd=cwd, env=dict(env or {}), stdin=stdin, timeout=timeout))
        for start, answer in self.answers.items():
            if line[: len(start)] == start:
                return answer(line) if callable(answer) else answer
        raise AssertionError(f"nobody said what {line} answers")
