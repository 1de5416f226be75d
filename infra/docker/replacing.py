"""A container that takes the place of another: where the new one can't serve, the one before comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.docker.containers import made_alike
from infra.docker.host import AGAIN, find_container, remove_container
from towpath.core.errors import NeedsPerson, TowpathError

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import DockerClient
    from docker.models.containers import Container

    from infra.docker.provider import Props

_DRAIN = 1  # seconds that one has to end in


def standing(client: DockerClient, name: str) -> Container | None:
    """The container of that name; where a run was interrupted while it replaced one, that one is back by then."""
    before = find_container(client, _aside(name))
    if before is None:
        return find_container(client, name)
    remove_container(client, name, _DRAIN)
    before.rename(name)
    return before


def stands(client: DockerClient, name: str) -> bool:
    """Whether the container is there, and no interrupted run left another one set aside for it."""
    return find_container(client, name) is not None and find_container(client, _aside(name)) is None


def discard(client: DockerClient, name: str, drain: float) -> None:
    """Remove the container, and one that an interrupted run set aside for it."""
    for known in (name, _aside(name)):
        remove_container(client, known, drain)


def put(
    client: DockerClient,
    props: Props,
    there: Container | None,
    create: Callable[[], Container],
    begin: Callable[[Container], None],
) -> None:
    """Have one serve that is made from these inputs: the one that is there, or another in its place.

    Args:
        client: of the daemon.
        props: the inputs.
        there: what stands under its name.
        create: makes a new one under that name.
        begin: starts it and waits until it serves.

    Raises:
        TowpathError: what `create` or `begin` raised, with what stands now.
    """
    if there is None:
        begin(create())
    elif made_alike(there, props):
        begin(there)
    else:
        _replace(client, there, create, begin)


def _replace(
    client: DockerClient, before: Container, create: Callable[[], Container], begin: Callable[[Container], None]
) -> None:
    import docker  # noqa: PLC0415 - the SDK loads only in the process that draws

    name = str(before.name)
    before.rename(_aside(name))
    try:
        after = create()  # before anything stops: this finds out that an image isn't there
        before.stop(timeout=_DRAIN)  # ports and volume are for one of them
        begin(after)
    except TowpathError as error:
        raise type(error)(f"{_brought_back(client, before, name)}: {error.message}", error.hint) from error
    except docker.errors.APIError as error:
        raise NeedsPerson(f"{_brought_back(client, before, name)}: {error.explanation}", AGAIN) from error
    except BaseException:
        _brought_back(client, before, name)
        raise
    before.remove(force=True, v=True)


def _brought_back(client: DockerClient, before: Container, name: str) -> str:
    import docker  # noqa: PLC0415

    try:
        remove_container(client, name, _DRAIN)
        before.rename(name)
        before.start()
    except docker.errors.APIError as error:
        return f"{name} was not replaced, and the one before could not be started again ({error.explanation})"
    return f"{name} was not replaced, the one before runs on"


def _aside(name: str) -> str:
    return f"{name}-before"
