"""Names of what is drawn on a platform: told apart by instance and stack, and valid as DNS labels."""

import hashlib

_LABEL = 63  # characters a DNS label may have


def object_name(instance: str, stack: str, *parts: str) -> str:
    """`towpath-<instance>-<stack>-…`; a name that is too long keeps its beginning and ends in a hash."""
    return _shortened("-".join(("towpath", instance, stack, *parts)))


def host_name(stack: str, release: str, suffix: str) -> str:
    """Name under which a router finds all replicas of a release; two stacks on one network never share it."""
    return _shortened(f"{stack}-{release}-{suffix}")


def short_hash(text: str) -> str:
    """12 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _shortened(name: str) -> str:
    if len(name) <= _LABEL:
        return name
    return f"{name[: _LABEL - 13].rstrip('-')}-{short_hash(name)}"
