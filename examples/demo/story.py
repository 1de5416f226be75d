"""The story: three versions of a model on their way to prod, told by the commands that move them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from examples.demo.scratch import CANARY, ENVIRONMENTS, MODEL, STACKS, Scratch
from examples.demo.screen import Screen
from examples.demo.shell import DemoFailed, Done, Shell
from examples.demo.watch import Verdict, Watch, catch_up, users, watched
from examples.load import Answer, Load, summary
from examples.traffic import Traffic, read_bodies

RATE: Final = 80.0  # users' requests per second
ROLLED_BACK: Final = 5
_BRIEFLY: Final = ("--suppress-outputs", "--suppress-progress")
_FIRST_FILE: Final = f"examples/{MODEL}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of the table at the end."""

    what: str
    seconds: float
    outcome: str
    failed: str = ""


@dataclass(kw_only=True)
class Story:
    """Everything that happens, in order; `rows` says in the end what did.

    Attributes:
        known: version by identity of the release, as answers name it.
    """

    screen: Screen
    shell: Shell
    scratch: Scratch
    ports: dict[str, int] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where prod answers."""
        return f"http://127.0.0.1:{self.ports['prod']}/v2/models/{MODEL}/infer"

    def tell(self) -> None:
        """All of it.

        Raises:
            DemoFailed: something didn't end as it should.
        """
        self.prepare()
        self.draw()
        self.first_version()
        self.better_version()
        self.faulty_version()
        self.preview()

    def prepare(self) -> None:
        """A copy of the checkout, set up."""
        with self._phase("a scratch copy, set up"):
            self.screen.say(f"A copy of what is committed here, in {self.scratch.checkout}")
            self.scratch.copy(self.shell)
            self.ports = self.scratch.settle()
            self.shell.run("deploy", "setup")
            self.scratch.adopt_instance()
            listed = ", ".join(f"{stack} {port}" for stack, port in self.ports.items())
            self.screen.say(f"Free ports: {listed}. Instance: {self.scratch.instance}. And a canary that fits a demo:")
            for line in CANARY.splitlines():
                self.screen.output(line)
            self._commit("Use free ports and a short canary")
        self._row("copy and set up", "ready")

    def draw(self) -> None:
        """Platform and environments by plain Pulumi."""
        with self._phase("the platform and three environments, drawn by Pulumi"):
            self.shell.adopt_shellenv()
            for stack in STACKS:
                self.shell.run("pulumi", "stack", "init", stack)
                self.shell.run("pulumi", "up", "-s", stack, "--yes", "--skip-preview", *_BRIEFLY)
            self._commit("Draw the stacks")
        self._row("platform, dev, staging, prod", "drawn; nothing served yet")

    def first_version(self) -> None:
        """The first release of all environments."""
        with self._phase("v1: train, build, first release to dev, staging and prod"):
            self.shell.run("deploy", "build", "--train")
            for environment in ENVIRONMENTS:
                self._promote(environment)
            self.shell.run("deploy", "invoke", "prod", "-d", f"@{_FIRST_FILE}/holdout.jsonl")
            self._name("v1")
        self._row("v1 to dev, staging, prod", "serves")

    def better_version(self) -> None:
        """A canary that ends well."""
        with self._phase("v2, a better model: to dev and staging"):
            self._edit("params.toml", r"(?m)^features = .*$", 'features = "all"')
            self._commit("Use all thirty features")
            self.shell.run("deploy", "build", "--train")
            self._promote("dev")
            self._promote("staging")
        self._row("v2 to dev, staging", "serves")
        with self._phase(f"v2 to prod by canary, while users send {RATE:g} requests/s"):
            seen = self._canary("v2", expect=0)
            self._name("v2")
        self._expect(seen.own == 0, f"{seen.own} users' requests failed with v2, by v2 itself")
        self._expect(seen.others == 0, f"{seen.others} users' requests failed with v2: {seen.why}")
        self._row("v2 to prod by canary", "promoted", f"0 of {seen.requests}")

    def faulty_version(self) -> None:
        """A canary that is refused."""
        with self._phase("v3, with a bug: every fifth answer fails once it has given ten"):
            self._edit("faults.toml", r"\Z", "errors = 0.2\nafter_requests = 10\n")
            self._commit("Add a bug")
            self.shell.run("deploy", "build")
            self.screen.say(
                "Neither dev nor staging has a canary: it arrives there, its tests and first answers are fine."
            )
            self._promote("dev")
            self._promote("staging")
        self._row("v3 to dev, staging", "serves: no canary there")
        with self._phase(f"v3 to prod by canary, while users send {RATE:g} requests/s"):
            seen = self._canary("v3", expect=ROLLED_BACK)
            self.shell.run("deploy", "history", "prod")
            self._expect(self._serving() == "v2", "v2 doesn't serve prod again")
        self._expect(seen.own > 0, "v3 answered nobody before it was rolled back")
        self._expect(
            seen.others == 0, f"{seen.others} users' requests failed beside those that v3 itself failed: {seen.why}"
        )
        self._row(
            "v3 to prod by canary", "refused, v2 serves again", f"{seen.own} of {seen.requests}, all by v3 itself"
        )

    def preview(self) -> None:
        """The other door agrees."""
        with self._phase("the same world by hand: Pulumi finds nothing to change"):
            self.shell.run("pulumi", "preview", "-s", "prod", "--expect-no-changes", "--suppress-progress")
        self._row("pulumi preview -s prod", "no changes")

    def _promote(self, environment: str) -> Done:
        return self.shell.run("deploy", "promote", "--to", environment, "--commit")

    def _canary(self, version: str, *, expect: int) -> Verdict:
        watch = Watch(known=dict(self.known), candidate=version)
        traffic = users(self.url, self._bodies(), RATE)

        def tick() -> None:
            catch_up(traffic, watch)
            if watch.answers:
                self.screen.moving(watch.line())

        with watched(self.screen, traffic, watch), self.shell.ticking(tick):
            self.shell.run("deploy", "promote", "--to", "prod", "--commit", expect=expect)
        return watch.verdict()

    def _name(self, version: str) -> None:
        self.known[self._ask().release] = version

    def _serving(self) -> str:
        return self.known.get(self._ask().release, "another release")

    def _ask(self) -> Answer:
        load = Load(url=self.url, bodies=self._bodies()[:1], rate=10.0, seconds=0.1)
        with Traffic(load) as traffic:
            traffic.wait()
        [answer] = traffic.answers()
        self._expect(not answer.failed and bool(answer.release), f"prod answered: {summary([answer])} {answer.error}")
        return answer

    def _bodies(self) -> tuple[bytes, ...]:
        return read_bodies(self.scratch.model / "holdout.jsonl")

    def _edit(self, name: str, pattern: str, text: str) -> None:
        file = self.scratch.model / name
        before = file.read_text()
        file.write_text(re.sub(pattern, lambda _: text, before, count=1))
        self._expect(file.read_text() != before, f"{name} was changed since the demo was made")
        self.shell.run("git", "diff", "--unified=0", "--no-color")

    def _commit(self, message: str) -> None:
        self.shell.run("git", "commit", "--all", "--quiet", "-m", message)

    def _expect(self, fits: object, otherwise: str) -> None:
        if not fits:
            raise DemoFailed(otherwise)

    @contextmanager
    def _phase(self, title: str) -> Iterator[None]:
        self._begun = self.screen.now()
        with self.screen.phase(title):
            yield

    def _row(self, what: str, outcome: str, failed: str = "") -> None:
        seconds = self.screen.now() - self._begun
        self.rows.append(Row(what=what, seconds=seconds, outcome=outcome, failed=failed))
