import sys

import pytest

from towpath.adapters.process import RealProcesses
from towpath.adapters.programs import EnvironmentPrograms
from towpath.app.setup_ports import TimedOut


def test_a_program_that_takes_longer_than_it_was_given_is_ended_and_said() -> None:
    programs = EnvironmentPrograms(RealProcesses(sys.executable), {})
    with pytest.raises(TimedOut, match=r"took longer than 0\.01 s"):
        programs.run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.01)
