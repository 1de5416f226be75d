"""The scratch copy in which the demo plays: a Git repository, ports and an instance of its own."""

import hashlib
import json
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from examples.demo.shell import DemoFailed, Shell

MODEL: Final = "breast-cancer"
ENVIRONMENTS: Final = ("dev", "staging", "prod")
STACKS: Final = ("platform", *ENVIRONMENTS)
_FIRST_PORT: Final = 18081
_PORT: Final = {
    "platform": re.compile(r"(?m)^(    registry:\s+port: )(\d+)$"),
    "router": re.compile(r"(?m)^(  towpath:router:\s+port: )(\d+)$"),
}
_REPLICAS: Final = re.compile(r"(?m)^(      replicas: )\d+$")
_CANARY: Final = re.compile(r"(?ms)^\[environments\.prod\.canary\]\n.*?(?=^\[|\Z)")

CANARY: Final = """\
[environments.prod.canary]
traffic = [50]        # then 95: holdback leaves 5 % to the old release, to compare with
holdback = 5
poll = "1s"           # a look at both arms' counters every second; the default is 10 s
min_time = "5s"       # before it may promote; the default is 10 minutes
min_polls = 5         # looks in each step
max_time = "2m"       # inconclusive by then
warm_up = "2s"
# in a minute it can't be shown that fewer than 0.2 % more requests fail; that fewer than 1 % more do, it can
margins.errors.promote = {ratio = 1.5, plus = 0.01}
# nor can small differences of latency, on a machine that also builds and sends the requests
margins.latency.rollback = {slower = 0.25, plus_ms = 2}
margins.latency.promote = {slower = 0.5, plus_ms = 5}
# v2 was trained otherwise and is surer of itself, which moves its scores and is meant to
margins.predictions.rollback = 0.3
margins.predictions.promote = 0.4
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scratch:
    """Where the copy is.

    Attributes:
        source: the checkout it is made from.
        home: the demo's folder in that checkout; Git ignores it.
    """

    source: Path
    home: Path

    @property
    def checkout(self) -> Path:
        """The copy."""
        return self.home / "checkout"

    @property
    def model(self) -> Path:
        """The folder of the model in the copy."""
        return self.checkout / "examples" / MODEL

    @property
    def state(self) -> Path:
        """State of the copy."""
        return self.checkout / ".towpath"

    @property
    def instance(self) -> str:
        """The demo's instance id: always the same for one checkout, so that it is found whatever got lost."""
        return f"demo-{hashlib.sha256(str(self.source).encode()).hexdigest()[:6]}"

    def copy(self, shell: Shell) -> None:
        """Copy what is committed into a repository without a remote.

        Raises:
            DemoFailed: this is no Git checkout.
        """
        if not (self.source / ".git").exists():
            raise DemoFailed(f"{self.source} is no Git checkout, and a release names its commit: clone the repository")
        self.checkout.mkdir(parents=True)
        shell.quiet("git", "clone", "--quiet", "--no-hardlinks", str(self.source), str(self.checkout))
        here = ("git", "-C", str(self.checkout))
        shell.quiet(*here, "checkout", "--quiet", "-B", "demo")
        shell.quiet(*here, "remote", "remove", "origin")
        settings = {"user.name": "Demo", "user.email": "demo@localhost", "commit.gpgsign": "false", "gc.auto": "0"}
        for name, value in settings.items():
            shell.quiet(*here, "config", name, value)

    def settle(self) -> dict[str, int]:
        """Free ports, and a prod and a canary that fit into a minute on a small machine; gives back ports by stack."""
        ports = dict(zip(STACKS, free_ports(len(STACKS)), strict=True))
        for stack, port in ports.items():
            file = self.checkout / f"Pulumi.{stack}.yaml"
            pattern = _PORT.get(stack, _PORT["router"])
            file.write_text(_replaced(pattern, rf"\g<1>{port}", file))
        prod = self.checkout / "Pulumi.prod.yaml"
        prod.write_text(_replaced(_REPLICAS, r"\g<1>1", prod))
        pipeline = self.checkout / "deploy.toml"
        pipeline.write_text(_replaced(_CANARY, CANARY.replace("\\", r"\\"), pipeline))
        return ports

    def adopt_instance(self) -> None:
        """Give what setup chose the demo's instance id."""
        file = self.state / "instance.json"
        document = json.loads(file.read_text())
        file.write_text(json.dumps(document | {"id": self.instance}, indent=2) + "\n")

    def registry_port(self) -> int | None:
        """The port of the demo's own registry; None where there is no copy."""
        file = self.checkout / "Pulumi.platform.yaml"
        found = _PORT["platform"].search(file.read_text()) if file.is_file() else None
        return None if found is None else int(found[2])

    def docker_host(self) -> str:
        """Address of the Docker daemon that setup chose; empty for the default one."""
        file = self.state / "instance.json"
        document = json.loads(file.read_text()) if file.is_file() else {}
        host = document.get("docker", {}).get("host", "")
        return str(host)

    def drawn(self) -> list[str]:
        """Stacks that were begun to be drawn, in the order in which they can be destroyed."""
        folder = self.state / "pulumi" / ".pulumi" / "stacks"
        begun = {file.stem for file in folder.glob("**/*.json")} if folder.is_dir() else set()
        return [stack for stack in reversed(STACKS) if stack in begun]

    def remove(self) -> None:
        """Remove the copy with its state."""
        if self.checkout.exists():
            shutil.rmtree(self.checkout)


def free_ports(number: int) -> list[int]:
    """Ports of this machine that nobody listens on, below those that connections get by themselves."""
    with ExitStack() as held:
        found = _listening(held)
        return [next(found) for _ in range(number)]


def _listening(held: ExitStack) -> Iterator[int]:
    for port in count(_FIRST_PORT):
        try:
            held.enter_context(socket.create_server(("127.0.0.1", port)))
        except OSError:
            continue
        yield port


def _replaced(pattern: re.Pattern[str], text: str, file: Path) -> str:
    whole, times = pattern.subn(text, file.read_text())
    if times != 1:
        raise DemoFailed(f"{file.name} has no place for {text.splitlines()[0]}: it was changed since the demo was made")
    return whole
