"""The core compiled by mypyc decides as the interpreted one does.

Method: the wheel is built with `ACD_COMPILE=1` and installed apart; whole days routed by it are the
interpreted core's, byte for byte, and it retells every golden story. A compiler is needed, so a
machine without one fails here with the compiler's name in the message.
"""

import sys
from pathlib import Path

import pytest

# To compile takes two minutes, twice that where both cores are busy.
pytestmark = pytest.mark.timeout(600)

SCENARIOS = ("bank_weekday", "toy_store_christmas")


@pytest.fixture(scope="module")
def compiled(build, install, tmp_path_factory):
    """Return the folder of commands of an environment that holds the compiled wheel."""
    wheel = build(tmp_path_factory.mktemp("dist"), ACD_COMPILE="1")
    assert "none-any" not in wheel.name
    return install(wheel, tmp_path_factory.mktemp("environment"))


def test_the_hot_modules_are_compiled(run, compiled, tmp_path):
    program = "import acd.floor, acd.router; print(acd.floor.__file__, acd.router.__file__)"
    done = run([compiled / "python", "-c", program], cwd=tmp_path)
    assert all(path.endswith(".so") for path in done.stdout.split())


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_day_is_routed_alike(run, root, compiled, tmp_path, name):
    scenario = root / "configs" / f"{name}.toml"
    ours = run(
        [Path(sys.executable).with_name("acd"), "sim", "run", scenario, "--json"], cwd=tmp_path
    )
    theirs = run([compiled / "acd", "sim", "run", scenario, "--json"], cwd=tmp_path)
    assert theirs.stdout == ours.stdout


def test_every_story_is_retold(run, root, compiled, tmp_path):
    stories = sorted((root / "tests" / "golden").glob("*.journal"))
    # One process for all: to start one takes ten times as long as to retell a story.
    program = """if True:
        import sys
        from acd.cli import main
        for story in sys.argv[1:]:
            print(main(["replay", "--verify", story]), file=sys.stderr)
    """
    done = run([compiled / "python", "-c", program, *stories], cwd=tmp_path)
    assert done.stderr.split() == ["0"] * len(stories)
    assert len(stories) > 100
