"""`python -m towpath.serving module:Class`."""

import os
import sys
from pathlib import Path

from towpath.serving import logs
from towpath.serving.server import serve
from towpath.serving.settings import SettingsError, read_settings


def main() -> None:
    """Read what the process was told, then serve."""
    home = Path.cwd()
    if str(home) not in sys.path:
        sys.path.insert(0, str(home))
    logs.configure("INFO")
    try:
        settings = read_settings(sys.argv[1:], os.environ, home)
    except SettingsError as error:
        for problem in error.problems:
            logs.event("bad_setting", problem=problem)
        sys.exit(2)
    logs.configure(settings.log_level)
    serve(settings)


if __name__ == "__main__":
    main()
