"""What is installed beside Towpath."""

import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions

from packaging.requirements import Requirement


class InstalledPackages:
    """The distributions of the interpreter that runs this."""

    def pins(self, modules: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Pins of what provides the modules and of all that needs; and the modules nobody provides."""
        providers = packages_distributions()
        missing = tuple(module for module in modules if module not in providers)
        found: dict[str, str] = {}
        for module in modules:
            for name in providers.get(module, [])[:1]:
                _collect(name, frozenset(), found)
        return tuple(f"{name}=={version}" for name, version in sorted(found.items())), missing


def _collect(name: str, extras: frozenset[str], found: dict[str, str]) -> None:
    key = re.sub(r"[-_.]+", "-", name).lower()
    try:
        package = distribution(name)
    except PackageNotFoundError:
        return  # an optional dependency of another platform; pip says at build what is really lacking
    known = key in found
    found[key] = package.version
    if known and not extras:
        return
    for line in package.requires or []:
        requirement = Requirement(line)
        if _needed(requirement, extras):
            _collect(requirement.name, frozenset(requirement.extras), found)


def _needed(requirement: Requirement, extras: frozenset[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))
