"""The wheel, built, installed and tried with the source hidden.

Method: the wheel is built without network from a copy of what git tracks, so that a file that is
not tracked is missed here as it would be by users. It is installed into an environment of its own,
which sees the locked libraries but not this repository; commands run in an empty folder.
"""

import sys
import sysconfig
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

SHOP = """
[domain]
name = "shop"

[queues.sales]
voice = { wrap_up_s = 10 }

[capacities.phone]
voice = {}

[profiles]
sales = [{ queue = "sales" }]

[groups.day]
profile = "sales"
capacity = "phone"

[scenario]
title = "A morning"
start = 2026-12-14T08:00:00
hours = 1
staffing = { day = 3 }

[[scenario.arrivals]]
name = "calls"
queue = "sales"
channel = "voice"
rates_per_h = [30, 50]
handle = { mean_s = 120 }
patience_mean_s = 60
"""


@pytest.fixture(scope="module")
def wheel(build, tmp_path_factory):
    """Return the wheel's path."""
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def environment(install, wheel, tmp_path_factory):
    """Return the folder of commands of an environment that holds the wheel and the libraries."""
    return install(wheel, tmp_path_factory.mktemp("environment"))


def test_the_wheel_holds_the_packages_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    (info,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {"acd", "sim", info}
    assert {"acd/py.typed", "sim/py.typed", "acd/router.py"} <= set(names)
    assert f"{info}/licenses/LICENSE" in names
    assert any(name.startswith("sim/templates/") for name in names)
    assert not [name for name in names if "test" in name or name.endswith(".pyc")]


def test_the_metadata_name_the_licence_and_the_commands(wheel, root):
    with zipfile.ZipFile(wheel) as archive:
        (info,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = Parser().parsestr(archive.read(info).decode())
        commands = archive.read(info.replace("METADATA", "entry_points.txt")).decode()
    assert metadata["Name"] == "acd-engine"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Requires-Python"] == ">=3.11"
    required = {
        line.partition(">")[0]
        for line in metadata.get_all("Requires-Dist", [])
        if "extra ==" not in line
    }
    assert required == {"msgspec", "numpy"}
    for line in ("acd = acd.cli:main", "sim = sim.cli:sim", "scenario = sim.scenario:problems"):
        assert line in commands


def test_the_installed_packages_are_the_wheels(run, environment, root, tmp_path):
    program = "import acd.router, sim.driver; print(acd.router.__file__, sim.driver.__file__)"
    done = run([environment / "python", "-W", "error", "-c", program], cwd=tmp_path)
    for path in done.stdout.split():
        assert path.startswith(str(environment.parent))
        assert not path.startswith(str(root))


def test_the_core_works_with_its_two_libraries_alone(run, environment, tmp_path):
    (ours,) = environment.parent.glob("lib/python*/site-packages/acd")
    libraries = [
        path
        for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        for name in ("msgspec", "numpy", "numpy.libs")
        if (path := Path(folder, name)).exists()
    ]
    alone = tmp_path / "alone"
    alone.mkdir()
    for path in (ours, *libraries):
        (alone / path.name).symlink_to(path)
    program = "import acd.router, acd.metrics, acd.snapshot; print(acd.router.__file__)"
    env = {"PYTHONPATH": str(alone)}
    done = run([sys.executable, "-S", "-W", "error", "-c", program], cwd=tmp_path, env=env)
    assert done.stdout.startswith(str(alone))


def test_the_installed_command_works(run, environment, root, tmp_path):
    acd = environment / "acd"
    version = run([acd, "--version"], cwd=tmp_path).stdout
    assert version == "acd 0.1.0\n"
    (tmp_path / "shop.toml").write_text(SHOP)
    checked = run([acd, "check", "shop.toml"], cwd=tmp_path).stdout
    assert checked == "shop.toml: ok: 1 queue, scenario\n"
    table = run([acd, "sim", "run", "shop.toml", "--report", "day.html"], cwd=tmp_path).stdout
    assert "sales" in table
    assert (tmp_path / "day.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    ours = run([sys.executable, "-m", "acd", "sim", "run", "shop.toml", "--json"], cwd=tmp_path)
    theirs = run([acd, "sim", "run", "shop.toml", "--json"], cwd=tmp_path)
    assert theirs.stdout == ours.stdout


def test_the_installed_demonstration_routes_a_contact(run, environment, tmp_path):
    acd = environment / "acd"
    done = run([acd, "serve", "--demo", "--once", "--speed", "50"], cwd=tmp_path)
    assert "contacts were routed to agents and handled" in done.stdout
    assert not list(tmp_path.iterdir())
