"""What holds for every test: which ones may run side by side, and with CI=true nothing may be left out."""

import os
import signal
from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

_CHAINS: Final = {  # files by the chain that they belong to; most of one chain share an installation
    "tests/e2e/test_canary.py": "first chain",
    "tests/e2e/test_judged.py": "first chain",
    "tests/e2e/test_bad_input.py": "second chain",
    "tests/e2e/test_road.py": "second chain",
    "tests/e2e/test_serving.py": "second chain",
}
_OWN_INSTALLATIONS: Final = ("tests/e2e/", "tests/docs/test_walk.py")
_BESIDE: Final = "gw3"  # the worker beside the three chains
_PATIENT: Final = 5  # its priority: what it runs may wait, what looks at releases under load may not


def pytest_configure() -> None:
    """A job in the background is born with Ctrl-C ignored, and so would be every command that a test starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.environ.get("PYTEST_XDIST_WORKER") == _BESIDE:
        os.nice(_PATIENT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The chains begin first, since they take longest."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)


class Turns(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Files in turn by whichever worker is free, but those of a chain by one, one after the other.

    There are three chains, since two cores carry no more than three installations side by side. They begin at once, for
    they take longest, and mostly wait; a fourth worker fills the gaps with what needs no installation.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        own = "third chain" if file.startswith(_OWN_INSTALLATIONS) else file
        return _CHAINS.get(file, own)


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
