"""Processes as an operator starts them: with a small environment, and never in the source tree."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.system.pbx_kit.folder import why_missing

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
def build(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that builds the wheel, without network, from a copy of what git tracks."""

    def build(out: Path, **env: str) -> Path:
        source = tmp_path_factory.mktemp("source")
        # With what is not ignored and not yet added: the next commit's files.
        listed = run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        for name in listed.stdout.split("\0"):
            if (ROOT / name).is_file():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                (source / name).write_bytes((ROOT / name).read_bytes())
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out]
        run(command, cwd=source, env=env, timeout_s=600)
        (built,) = out.glob("*.whl")
        return built

    return build


@pytest.fixture(scope="session")
def install(run: Run) -> Callable[[Path, Path], Path]:
    """Return a function that installs a wheel, and returns its environment's commands."""

    def install(wheel: Path, folder: Path) -> Path:
        run([sys.executable, "-m", "venv", "--without-pip", folder])
        python = folder / "bin" / "python"
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
        run([*pip, "--disable-pip-version-check", "--no-index", "--no-deps", wheel])
        where = "import sysconfig; print(sysconfig.get_path('purelib'))"
        purelib = run([python, "-c", where]).stdout.strip()
        # A path named in a .pth file is searched, but its own .pth files, by which this repository
        # would be found, are not read.
        paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        Path(purelib, "libraries.pth").write_text("".join(f"{path}\n" for path in sorted(paths)))
        return folder / "bin"

    return install


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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a real Asterisk where none can be had, and say why; never in CI."""
    for item in items:
        if item.name not in item.nodeid:
            # Schemathesis' tests have one id for all routes under pytest 9.2, and pytest-xdist
            # would run one of them and leave out the others without a word.
            assert item.parent is not None
            item._id = item.parent.id.child(item.name)
    assert len({item.nodeid for item in items}) == len(items)
    why = why_missing()
    if not why or os.environ.get("CI") == "true":
        return
    needing = [item for item in items if item.path.name.startswith("test_asterisk")]
    if needing:
        SAID.append(f"missing, so {len(needing)} tests were left out: {why}")
        config.hook.pytest_deselected(items=needing)
        items[:] = [item for item in items if item not in needing]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand on what the tests of this worker said (pytest-xdist)."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["said"] = SAID


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what the tests of a worker said, each text once; of one that died there is none."""
    texts = getattr(node, "workeroutput", {}).get("said", ())
    SAID.extend(text for text in texts if text not in SAID)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests said."""
    for text in SAID:
        terminalreporter.write_line(text)
