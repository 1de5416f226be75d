"""The Docker daemon through the `docker` command."""

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from towpath.adapters.builders.dockerfile import DockerBuild
from towpath.adapters.builders.dockerlog import out_of_reach, refused_build, refused_push
from towpath.app.build_ports import Programs
from towpath.app.setup_ports import Finished

_LAYER = re.compile(r"^([0-9a-f]{12}): (Pushed|Layer already exists|Mounted from .*)$", re.MULTILINE)


class DockerCli:
    """Docker's own command, with buildx where it is installed.

    Args:
        programs: runs it.
        host: of the daemon that it speaks to, for messages; empty: the default one.
    """

    def __init__(self, programs: Programs, host: str = "") -> None:
        self._programs = programs
        self._host = host

    @property
    def name(self) -> str:
        """Which builder is used."""
        return "docker buildx" if self._buildx() else "docker build (the classic builder; buildx is not installed)"

    def build(self, what: DockerBuild) -> str:
        """Build; the id comes from a file, because the output is for people."""
        with tempfile.TemporaryDirectory(prefix="towpath-build-") as folder:
            written = Path(folder) / "id"
            shared = ("--file", str(what.dockerfile), "--platform", str(what.platform), "--iidfile", str(written))
            answer = self._build((*shared, str(what.context)))
            if answer.exit_code != 0:
                raise self._out_of_reach(answer) or refused_build(str(what.dockerfile), answer.stdout + answer.stderr)
            return written.read_text(encoding="utf-8").strip()

    def _build(self, shared: tuple[str, ...]) -> Finished:
        if self._buildx():
            words = ("docker", "buildx", "build", "--load", "--provenance=false", "--progress=plain", *shared)
            return self._programs.run(words)
        return self._programs.run(("docker", "build", *shared), env={"DOCKER_BUILDKIT": "0"})

    def diff_ids(self, image: str) -> tuple[str, ...]:
        """From the daemon's own description."""
        words = ("docker", "image", "inspect", "--format", "{{json .RootFS.Layers}}", image)
        answer = self._asked(words)
        return tuple(json.loads(answer.stdout))

    def push(self, image: str, repository: str, tag: str) -> Mapping[str, str]:
        """Tag and push."""
        name = f"{repository}:{tag}"
        self._asked(("docker", "tag", image, name))
        answer = self._programs.run(("docker", "push", name))
        if answer.exit_code != 0:
            raise self._out_of_reach(answer) or refused_push(name, answer.stderr + answer.stdout)
        return dict(_LAYER.findall(answer.stdout))

    def _asked(self, words: tuple[str, ...]) -> Finished:
        answer = self._programs.run(words)
        if answer.exit_code != 0:
            raise self._out_of_reach(answer) or refused_build(" ".join(words[:3]), answer.stderr)
        return answer

    def _buildx(self) -> bool:
        return self._programs.run(("docker", "buildx", "version")).exit_code == 0

    def _out_of_reach(self, answer: Finished) -> Exception | None:
        return out_of_reach(answer.stderr + answer.stdout, self._host)
