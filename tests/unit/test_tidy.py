"""House rules that no linter knows.

Method: read the files that git has, or would have if all that is not ignored were added, and each
module's syntax tree. The core is whatever coverage measures, so a new module is core unless
pyproject.toml says otherwise.
"""

import ast
import re
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ABOVE_CORE = PROJECT["tool"]["coverage"]["run"]["omit"]
CORE = sorted(
    path
    for path in (ROOT / "acd").rglob("*.py")
    if not any(fnmatch(str(path.relative_to(ROOT)), pattern) for pattern in ABOVE_CORE)
)
# Pure parts only: nothing that reads a clock, draws a number or touches the world.
ALLOWED = {
    *("acd", "msgspec", "numpy"),
    *("__future__", "abc", "array", "bisect", "collections", "contextlib", "copy", "dataclasses"),
    *("difflib", "enum", "functools", "gc", "hashlib", "heapq", "itertools", "math", "operator"),
    *("re", "types", "typing"),
}
# `hash` of a text differs from process to process, and `id` from run to run.
BARRED_CALLS = {"__import__", "eval", "exec", "hash", "id", "input", "open", "print"}

LINES_MAX = 500
FUNCTION_LINES_MAX = 60
FILE_BYTES_MAX = 500_000

# Backwards, since this file is one of those that are read.
REGISTRIES = [
    name[::-1]
    for name in (
        *("gro.ipyp", "gro.detsohnohtyp", "nohtyp.ipyp", "gro.sjmpn", "moc.sjmpn", "oi.rekcod"),
        *("oi.setarc", "gro.adnocana", "naibed.bed", "oi.rchg", "oi.yauq", "gro.nevam"),
    )
]


def files(*patterns):
    """Return the repository's files whose names match, those not yet added included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", *patterns]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    # A file that was moved and not yet committed is listed, but not there.
    return [name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]


def imported(tree):
    """Return the top-level name of everything that `tree` imports."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or ".").partition(".")[0])
    return names


def called(tree):
    """Return the plain names that `tree` calls."""
    return {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_core_module_imports_only_pure_things_and_calls_nothing_impure(path):
    tree = ast.parse(path.read_text())
    assert imported(tree) <= ALLOWED
    assert not called(tree) & BARRED_CALLS


def test_what_coverage_leaves_out_is_what_the_import_contract_lets_off():
    core_contract = next(
        contract
        for contract in PROJECT["tool"]["importlinter"]["contracts"]
        if contract["name"].startswith("The core ")
    )
    let_off = {line.split(" -> ")[0].split(".")[1] for line in core_contract["ignore_imports"]}
    assert let_off == {pattern.split("/")[1].removesuffix(".py") for pattern in ABOVE_CORE}


def test_no_requirements_file_names_an_address():
    for path in (ROOT / "requirements").iterdir():
        assert "://" not in path.read_text(), path.name


def test_no_file_names_a_registry():
    for name in files():
        text = (ROOT / name).read_bytes().decode(errors="replace").lower()
        assert not [host for host in REGISTRIES if host in text], name


def test_no_file_is_large():
    large = [name for name in files() if (ROOT / name).stat().st_size > FILE_BYTES_MAX]
    assert not large


def test_no_module_and_no_function_is_too_long():
    long = []
    for name in files("*.py"):
        text = (ROOT / name).read_text()
        lines = text.count("\n")
        # The tables of tests may be long; what a reader must follow may not.
        if lines > LINES_MAX and not name.startswith("tests/"):
            long.append(f"{name}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    long.append(f"{name}: {node.name}: {lines} lines")
    assert not long


def test_tests_do_not_sleep_mock_or_skip():
    barred = {"sleep", "skipif", "xfail", "importorskip", "MagicMock", "Mock"}
    for name in files("tests/**/*.py", "benchmarks/*.py"):
        tree = ast.parse((ROOT / name).read_text())
        attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not attributes & barred, name
        assert "unittest" not in imported(tree), name


def test_no_expression_has_a_possessive_group():
    # Where the repeated group fails half-way, Python 3.11.2 (Debian 12) goes on behind what it had
    # read of it. An atomic group does the same rightly.
    group = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+")
    found = [
        f"{name}:{node.lineno}"
        for name in files("acd/*.py", "sim/*.py")
        for node in ast.walk(ast.parse((ROOT / name).read_text()))
        if isinstance(node, ast.Constant) and group.search(str(node.value))
    ]
    assert not found


def test_every_module_that_the_pages_name_exists():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for name in re.findall(r"`((?:\w+/)*\w+\.py)`", page.read_text(encoding="utf-8")):
            assert (ROOT / name).exists() or (ROOT / "acd" / name).exists(), f"{page.name}: {name}"
