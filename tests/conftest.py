"""What all tests share: how Hypothesis searches, what coverage sees, that nothing is skipped.

Hypothesis runs with one of two profiles. `ci` is the default: it draws the same examples each
time, so that a red build is red again on the next machine. `nightly` searches further, and
differently each night: `pytest --hypothesis-profile=nightly`.
"""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile(
    "nightly",
    derandomize=False,
    # A rude switch needs many steps to reach the states that two faults in a row lead to.
    max_examples=5_000,
    stateful_step_count=200,
    deadline=timedelta(seconds=10),
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")

_SYSTEM = Path(__file__).parent / "system"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the folder they live in, so that no file has to."""
    for item in items:
        if item.path.is_relative_to(_SYSTEM):
            item.add_marker(pytest.mark.system)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that skipped something: a test that may be left out proves nothing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    # The workers of pytest-xdist have no reporter; their controller counts for them.
    if reporter is not None and reporter.stats.get("skipped") and session.exitstatus == 0:
        reporter.write_line("Tests were skipped, which this project counts as failed.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
