"""Taking the demo away, and proving that nothing of it is left."""

from collections.abc import Callable
from typing import Final

from examples.demo.leftovers import Daemon, Leftovers, daemon
from examples.demo.scratch import Scratch
from examples.demo.screen import Screen
from examples.demo.shell import DemoFailed, Shell

_PROTECTED: Final = "prod"
_STAYS: Final = (
    "What stays, because others use it too: .venv; the cache with the engine and layers (~/.cache/towpath, or in",
    "XDG_CACHE_HOME); the images of registry, router and Python (docker image ls 'towpath/*'); and system packages",
    "that `deploy setup` installed, Docker among them.",
)


def clear(screen: Screen, scratch: Scratch) -> None:
    """Remove an earlier demo the quick way: by its label, and its state with the copy."""
    with daemon(scratch.docker_host(), scratch.instance) as found:
        if found is not None:
            _remove(screen, found, scratch.registry_port(), lambda left: f"Removing an earlier demo: {_counted(left)}")
    scratch.remove()


def clean(screen: Screen, shell: Shell, scratch: Scratch) -> int:
    """Destroy the stacks, then whatever is left; 0 when nothing is.

    Raises:
        DemoFailed: something is left.
    """
    with screen.phase("removing the demo"):
        port, host = scratch.registry_port(), scratch.docker_host()
        with daemon(host, scratch.instance) as found:
            if found is None:
                screen.say("No Docker daemon answers, so nothing of the demo runs; its stopped containers may exist.")
                raise DemoFailed("start Docker and clean again: `deploy doctor` says what is missing")
            _destroy(screen, shell, scratch)
            _remove(screen, found, port, _left_over)
            scratch.remove()
            left = found.find(port)
    screen.say(f"With the label towpath.instance={scratch.instance}: {_counted(left)}.")
    if left.total:
        raise DemoFailed(f"left: {_listed(left)}")
    if not scratch.checkout.exists():
        screen.say(f"The scratch copy {scratch.checkout} is gone.")
    for line in _STAYS:
        screen.say(line)
    return 0


def _destroy(screen: Screen, shell: Shell, scratch: Scratch) -> None:
    """Through the front door, as far as it goes; what an interrupted demo left open is removed by its label."""
    for stack in scratch.drawn():
        named = ("--confirm", stack) if stack == _PROTECTED else ()
        try:
            shell.run("deploy", "destroy", stack, "--yes", *named)
        except DemoFailed as failed:
            screen.say(f"{stack} can't be destroyed in order, its label will do: {failed}")
            return


def _remove(screen: Screen, found: Daemon, port: int | None, said: Callable[[Leftovers], str]) -> None:
    left = found.find(port)
    if left.total:
        screen.say(said(left))
        found.remove(left)


def _left_over(left: Leftovers) -> str:
    stuck = (*left.containers, *left.networks, *left.volumes)
    labelled = f"Left, and removed by the label: {', '.join(stuck)}. " if stuck else ""
    return f"{labelled}{len(left.images)} images of its registry are removed from Docker."


def _listed(left: Leftovers) -> str:
    return ", ".join((*left.containers, *left.networks, *left.volumes, *left.images))


def _counted(left: Leftovers) -> str:
    containers, networks, volumes = len(left.containers), len(left.networks), len(left.volumes)
    return f"{containers} containers, {networks} networks, {volumes} volumes, {len(left.images)} images of its registry"
