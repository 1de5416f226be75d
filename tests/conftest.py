"""What holds for every test: which ones may run side by side, and with CI=true nothing may be left out."""

import os
import signal
from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

_SHARED: Final = {  # files by the installation that they share
    "tests/e2e/test_canary.py": "first installation",
    "tests/e2e/test_serving.py": "first installation",
    "tests/e2e/test_judged.py": "third installation",
    "tests/e2e/test_bad_input.py": "second installation",
    "tests/e2e/test_road.py": "second installation",
}
_OWN_INSTALLATIONS: Final = ("tests/e2e/", "tests/docs/test_walk.py")


def pytest_configure() -> None:
    """A job in the background is born with Ctrl-C ignored, and so would be every command that a test starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The road's tests begin first, since they take longest."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)


class Turns(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Files in turn by whichever worker is free, but those that share an installation by one, one after the other.

    Nor do those that draw their own run side by side: two cores carry no more than three installations.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        own = "own installations" if file.startswith(_OWN_INSTALLATIONS) else file
        return _SHARED.get(file, own)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """How tests are dealt out."""
    return Turns(config, log)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A test that was skipped on CI is a promise nobody looked at."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    skipped = reporter.stats.get("skipped", [])
    if skipped and os.environ.get("CI") == "true":
        reporter.write_line(f"CI=true: {len(skipped)} left out, which is a failure", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
