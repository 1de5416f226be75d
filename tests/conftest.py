"""What holds for every test: with CI=true nothing may be left out."""

import os

import pytest


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
