"""Processes as an operator starts them: with a small environment, and never in the source tree."""

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SAID: list[str] = []

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the repository."""
    return ROOT


@pytest.fixture(scope="session")
def run() -> Run:
    """Return a function that runs a command and returns what came of it.

    It fails the test unless the exit code is the one `wanted`. Variables that change what Python
    imports are not handed on.
    """

    def run(
        command: Sequence[str | Path],
        *,
        cwd: Path = ROOT,
        wanted: int = 0,
        env: dict[str, str] | None = None,
        text: bool = True,
        timeout_s: float = 120.0,
    ) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**kept, **(env or {})},
            capture_output=True,
            text=text,
            timeout=timeout_s,
            check=False,
        )
        assert done.returncode == wanted, f"{command}: {done.stdout!r} {done.stderr!r}"
        return done

    return run


@pytest.fixture(scope="session")
def say() -> Callable[[str], None]:
    """Return a function whose texts stand at the end of the output, also when all passes."""
    return SAID.append


@pytest.fixture(scope="session")
def missing(say: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function to call where something that a test needs is not on this machine.

    With CI=true it fails; elsewhere it says the reason, and the test goes on without.
    """

    def missing(what: str) -> None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"missing: {what}")
        say(f"missing, so not tested: {what}")

    return missing


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests said."""
    for text in SAID:
        terminalreporter.write_line(text)
