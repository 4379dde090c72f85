"""One seed, one result: in separate processes, whatever the hash seed and the Python.

Method: days are routed in processes of their own with different PYTHONHASHSEED; each prints the
SHA-256 of all actions, and of the whole report. The other Python of those supported (3.11, 3.13) is
looked for on the path and where pyenv keeps its versions. An environment with the locked versions
of what the simulator needs is made for it once, in build/, and used until the lock changes. Where
that Python is not installed, which is no fault, the output says so.
"""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PYTHONS = ("3.11", "3.13")
NEEDED = (
    *("annotated-types", "msgspec", "numpy", "pydantic", "pydantic-core", "simpy"),
    *("typing-extensions", "typing-inspection", "tzdata"),
)
"""What `sim.scenario` and `sim.driver` import, and what that imports."""

DAYS = ("configs/toy_store_christmas.toml", "configs/bank_weekday.toml")

PROGRAM = """
import hashlib, sys
from pathlib import Path
import msgspec
from sim import driver
from sim.scenario import load

print("%d.%d" % sys.version_info[:2])
for name in sys.argv[1:]:
    result = driver.run(load(Path(name)), 1, digest=True)
    report = hashlib.sha256(msgspec.json.encode(result.report)).hexdigest()
    print(name, result.arrived, result.steps, result.digest, report)
"""


@pytest.fixture(scope="module")
def digests(run, root, say):
    """Return a function that routes the days in a process and returns what it printed."""

    def digests(python, hash_seed):
        env = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)}
        out = run([python, "-c", PROGRAM, *DAYS], env=env).stdout.splitlines()
        short = ", ".join(line.split()[3][:12] for line in out[1:])
        say(f"Python {out[0]}, hash seed {hash_seed}: actions {short}")
        return out[0], out[1:]

    return digests


@pytest.fixture(scope="module")
def reference(digests):
    """Return the digests of this Python, hash seed 0."""
    return digests(sys.executable, "0")[1]


@pytest.mark.parametrize("hash_seed", ["1", "random"])
def test_the_hash_seed_changes_nothing(digests, reference, hash_seed):
    assert digests(sys.executable, hash_seed)[1] == reference


def test_another_python_routes_the_same_day(digests, reference, made, say, missing):
    own = "{}.{}".format(*sys.version_info)
    for version in PYTHONS:
        if version == own:
            continue
        python = installed(version)
        if python is None:
            say(f"Python {version} is not installed here, so {own} stands alone.")
            continue
        environment = made(python, version)
        if environment is None:
            missing(f"the locked packages for Python {version}")
            continue
        assert digests(environment, "random") == (version, reference)


def installed(version):
    """Return a Python of this version that runs, or None. A shim of pyenv may be there and fail."""
    found = shutil.which(f"python{version}")
    candidates = [Path(found)] if found else []
    candidates += sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    for candidate in candidates:
        tried = subprocess.run([candidate, "-c", "import venv"], capture_output=True, check=False)
        if tried.returncode == 0:
            return candidate
    return None


@pytest.fixture(scope="module")
def made(run, root):
    """Return a function that returns the Python of an environment with the locked packages.

    Or None if they cannot be had.
    """
    lock = (root / "requirements" / "dev.txt").read_text()
    # A requirement begins at the margin; its hashes are indented, and comments may follow.
    blocks = re.split(r"\n(?=\S)", lock)
    wanted = "\n".join(block for block in blocks if block.partition("==")[0] in NEEDED) + "\n"
    assert wanted.count("==") >= len(NEEDED)

    def made(python, version):
        key = hashlib.sha256(f"{python} {wanted}".encode()).hexdigest()[:12]
        folder = root / "build" / f"python-{version}-{key}"
        inside = folder / "bin" / "python"
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            run([python, "-m", "venv", "--without-pip", folder])
            (folder / "requirements.txt").write_text(wanted)
            install = [sys.executable, "-m", "pip", "--python", inside, "install", "--quiet"]
            install += ["--disable-pip-version-check", "--require-hashes", "--no-deps", "-r"]
            done = subprocess.run([*install, folder / "requirements.txt"], check=False)
            if done.returncode != 0:
                return None
            (folder / "ready").touch()
        return inside

    return made
