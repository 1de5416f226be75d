"""A model's `holdout.jsonl`: what probes ask."""

import json
from pathlib import Path

from towpath.core.errors import UsageError


def read_rows(path: Path) -> tuple[str, ...]:
    """Request bodies, one per line; none when there is no such file.

    Raises:
        UsageError: it can't be read, or a line is not JSON in UTF-8; the first is named.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    # bytes, because text has more ends of lines than JSON Lines has: U+2028 may stand in a string
    lines = enumerate(content.split(b"\n"), 1)
    return tuple(_row(line.strip(), f"{path}:{number}") for number, line in lines if line.strip())


def _row(line: bytes, place: str) -> str:
    try:
        row = line.decode()
        json.loads(row)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{place}: {error}", "each line is one request body, as JSON in UTF-8") from error
    return row
