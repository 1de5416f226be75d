"""What Pulumi runs. The language host puts this folder on the path, and not the repository that has the packages."""

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
for _folder in (_ROOT / "src", _ROOT):
    if _folder.is_dir() and str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

from stacks.program import run  # noqa: E402 - only now can it be found

run(_ROOT)
