"""Debian's and Ubuntu's packages."""

from collections.abc import Mapping
from typing import Final

from towpath.app.setup_ports import Command, Processes, Report
from towpath.core.errors import Missing

_SECONDS: Final = 900.0
_PATIENT: Final = ("-o", "DPkg::Lock::Timeout=600")  # a system's own upgrades may be under way


class Apt:
    """Installs packages with apt; this user must be root."""

    def __init__(self, processes: Processes, env: Mapping[str, str]) -> None:
        self._processes = processes
        self._env = {**env, "DEBIAN_FRONTEND": "noninteractive"}

    def install(self, thing: str, packages: tuple[str, ...], report: Report) -> None:
        """Install the packages, with fresh lists when the present ones don't do."""
        report.step(thing, f"installing the system packages {', '.join(packages)}")
        words = ("apt-get", *_PATIENT, "install", "--yes", "--no-install-recommends", *packages)
        if self._run(thing, words, report) == "":
            return
        self._run(thing, ("apt-get", *_PATIENT, "update"), report)
        failed = self._run(thing, words, report)
        if failed:
            hint = f"install them yourself: sudo apt-get install {' '.join(packages)}"
            raise Missing(f"apt couldn't install {', '.join(packages)}: {failed}", hint)

    def _run(self, thing: str, words: tuple[str, ...], report: Report) -> str:
        def on_line(line: str) -> None:
            report.progress(thing, line)

        done = self._processes.run(Command(words=words, env=self._env, timeout=_SECONDS, on_line=on_line))
        return "" if done.exit_code == 0 else done.stderr.strip() or f"exit code {done.exit_code}"
