"""Speaks to a router through its container: replaces fragments of its files and waits until it took them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from infra.docker.host import find_container
from towpath.core.errors import NeedsPerson, Refused

if TYPE_CHECKING:
    from docker import DockerClient

    from infra.serving.xds import Fragment

_SILENT, _FENCED, _REJECTED, _UNKNOWN, _LOST, _LATE = 70, 75, 76, 77, 78, 79


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A replica's answer to one GET; status 0: it gave none."""

    status: int
    body: str

    @property
    def failed(self) -> str:
        """The reason, where the answer says that the model will never be ready."""
        try:
            state = json.loads(self.body)
        except ValueError:
            return ""
        if not isinstance(state, dict) or state.get("state") != "failed":
            return ""
        return str(state.get("reason") or "no reason given")


class RouterFiles:
    """The files of one router."""

    def __init__(self, client: DockerClient, router: str) -> None:
        self._client = client
        self._router = router

    def apply(self, fragment: Fragment, *, fence: int | None = None, needs: tuple[str, ...] = ()) -> None:
        """Put a fragment in place and wait until the router runs it; one it refuses is taken back.

        Args:
            fragment: replaces the one of the same name.
            fence: refused when the router has seen a higher one.
            needs: clusters the router must know before.

        Raises:
            Refused: the fence is outdated.
            NeedsPerson: the router didn't take it.
        """
        body = base64.b64encode(fragment.text.encode()).decode()
        number = "" if fence is None else str(fence)
        code, text = self._run("apply", fragment.kind, fragment.name, body, number, ",".join(needs))
        if code == _FENCED:
            raise Refused(
                f"a newer promotion has fence {text.strip()} at {self._router}, this run has {fence}",
                "`deploy status` says who holds the environment",
            )
        self._expect(code, text, f"its {fragment.kind} {fragment.name}")

    def remove(self, kind: str, name: str) -> None:
        """Take a fragment away; one that isn't there, or a router that is gone, is no error."""
        if find_container(self._client, self._router) is None:
            return
        code, text = self._run("remove", kind, name)
        self._expect(code, text, f"its {kind} without {name}")

    def has(self, kind: str, name: str) -> bool:
        """Whether the fragment is there; what a router that doesn't run has can't be known, and is put there again."""
        container = find_container(self._client, self._router)
        if container is None or container.status != "running":
            return False
        return self._run("has", kind, name)[0] == 0

    def await_healthy(self, cluster: str, hosts: int, seconds: float) -> None:
        """Wait until the router itself finds that many hosts of a cluster healthy.

        Raises:
            NeedsPerson: time ran out; the message has what the router says of each host.
        """
        code, text = self._run("healthy", cluster, str(hosts), str(round(seconds)))
        self._expect(code, text, f"{hosts} healthy hosts in {cluster}")

    def await_idle(self, cluster: str, seconds: float) -> None:
        """Wait until no request is open on a cluster, or time ran out: who is left then is cut off."""
        if find_container(self._client, self._router) is not None:
            self._run("idle", cluster, str(round(seconds)))

    def await_answer(self, host: str, port: int, path: str, seconds: float) -> Answer:
        """What a replica answers to GET over the router's network once it is ready or has failed, or time ran out.

        Asked again and again in there, because starting a process in a container takes longer than the question.
        """
        code, text = self._run("await", host, str(port), path, str(int(seconds)))
        head, _, body = text.partition("\r\n\r\n")
        words = head.split(" ", 2)
        status = int(words[1]) if code == 0 and len(words) > 1 and words[1].isdigit() else 0
        return Answer(status=status, body=_unchunked(head, body))

    def _run(self, *words: str) -> tuple[int, str]:
        script = files("infra.docker").joinpath("router.sh").read_text()
        container = find_container(self._client, self._router)
        if container is None:
            raise NeedsPerson(f"the router {self._router} is gone", "`pulumi refresh`, then `pulumi up` draws it again")
        result = container.exec_run(["bash", "-c", script, "towpath", *words])
        output = result.output.decode(errors="replace") if isinstance(result.output, bytes) else ""
        return result.exit_code or 0, output

    def _expect(self, code: int, text: str, what: str) -> None:
        if code == 0:
            return
        reasons = {
            _SILENT: "it didn't answer whoever asked what it runs; try again",
            _REJECTED: "it was rejected, and what was there before is back",
            _UNKNOWN: "a route may only name clusters that are there",
            _LOST: "requests were sent to a cluster that is not there",
            _LATE: "it took too long",
        }
        reason = reasons.get(code, f"exit code {code}")
        detail = f": {text.strip()}" if text.strip() else ""
        raise NeedsPerson(f"the router {self._router} does not run {what}: {reason}{detail}", "`docker logs` has more")


def _unchunked(head: str, body: str) -> str:
    if "transfer-encoding: chunked" not in head.lower():
        return body
    parts, rest = [], body
    while rest:
        size, _, rest = rest.partition("\r\n")
        length = int(size or "0", 16)
        if length == 0:
            break
        parts.append(rest[:length])
        rest = rest[length + 2 :]
    return "".join(parts)
