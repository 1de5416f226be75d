"""The language host for Python programs, where the official one can't be had. Started by the Pulumi engine.

It serves what running, planning and policy packs need, over the SDK's own protocol files, and nothing the official host
lacks. Every engine command that runs a program pays for its start, so it imports little.
"""

import os
import signal
import sys
import types
from importlib.machinery import PathFinder
from typing import NoReturn

from towpath.engine.program import Programs


def main() -> int:
    """Serve until the engine stops it; the port is the first line of output."""
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    # before anything starts a thread: forking is sound only then
    programs = Programs()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    _lighten_packages()
    from towpath.engine.language_service import start  # noqa: PLC0415 - imports gRPC: after the fork

    port, server = start(arguments[0] if arguments else "", programs)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()
    return 0


def _leave(*_: object) -> NoReturn:
    # the engine waits ten seconds for a host that shuts down in order; the programs see this end and stop
    os._exit(0)


def _lighten_packages() -> None:
    """Make the SDK's protocol files importable without the SDK, which takes three times as long to import."""
    place = None
    for name in ("pulumi", "pulumi.runtime", "pulumi.runtime.proto"):
        spec = PathFinder.find_spec(name, place)
        if spec is None or spec.submodule_search_locations is None:
            raise ModuleNotFoundError(name)
        place = list(spec.submodule_search_locations)
        package = types.ModuleType(name)
        package.__path__ = place
        sys.modules[name] = package


if __name__ == "__main__":
    sys.exit(main())
