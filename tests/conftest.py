"""What holds for every test: which ones may run side by side, and with CI=true nothing may be left out."""

import os
import signal

import pytest


def pytest_configure() -> None:
    """A job in the background is born with Ctrl-C ignored, and so would be every command that a test starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The road's tests begin first, since they take longest: those on one installation in turn, and the others too."""
    for item in items:
        if item.get_closest_marker("e2e"):
            shared = "one" in getattr(item, "fixturenames", ())
            item.add_marker(pytest.mark.xdist_group("one installation" if shared else "own installations"))
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)


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
