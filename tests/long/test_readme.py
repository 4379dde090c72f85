"""What README.md and docs/ show is what happens.

Method: the fenced blocks of each page are run in order, in an empty folder that holds a copy of
configs/ and of tests/golden/.

- ```python: run as a doctest if it has `>>>`, else executed, and a block ```text right after it is
  what it prints. Later blocks see what earlier ones defined.
- ```console: each line after `$ ` is given to bash; what is printed must be what is shown, where
  anything is shown (`...` stands for anything), and the exit code must be 0 unless `$ echo $?` asks
  for it next. In a block without `$ ` every line is a command. Long or far-reaching commands are
  not run: a target of `make` must be in the Makefile, a benchmark given to `python -m` must exist,
  and `git clone` and `cd` are left to readers.
- A file that the page's commands name and the folder has not is the page's first block of its kind
  (```toml for bank.toml, ```journal for story.journal); of docs/journal.md where the page has none.
"""

import contextlib
import doctest
import io
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"(?<![\w/.])([\w-]+)\.(toml|journal)\b")
READERS_OWN = ("git clone ", "cd ")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(path):
    """Return a page's fenced blocks: (kind, text)."""
    return BLOCK.findall(path.read_text(encoding="utf-8")) if path.exists() else []


@pytest.fixture
def page(request, tmp_path, monkeypatch):
    """Return a page, after laying out the files that it speaks of and going there."""
    path = request.param
    for folder in ("configs", "tests/golden"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    here, journals = blocks(path), blocks(ROOT / "docs" / "journal.md")
    shown = "".join(text for kind, text in here if kind in {"console", "python"})
    for stem, kind in FILE.findall(shown):
        texts = [text for of, text in (*here, *journals) if of == kind]
        if texts:
            (tmp_path / f"{stem}.{kind}").write_text(texts[0], encoding="utf-8")
    return path


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name, indirect=True)
def test_what_a_page_shows_is_what_happens(page):
    assert page.exists()
    names = {"__name__": "page"}
    here = blocks(page)
    for (kind, text), (next_kind, shown) in pairwise([*here, ("", "")]):
        if kind == "python" and ">>>" in text:
            run_doctest(text, names, page.name)
        elif kind == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(text, page, "exec"), names)  # noqa: S102 - our own page, which is tested.
            assert next_kind != "text" or printed.getvalue() == shown
        elif kind == "console":
            run_console(text)


def run_doctest(text, names, page):
    """Run a block with `>>>`."""
    test = doctest.DocTestParser().get_doctest(text, names, page, page, 0)
    said: list[str] = []
    failed = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append, clear_globs=False)
    assert not failed.failed, "".join(said)
    names.update(test.globs)


def run_console(text):
    """Run a block's commands, one after the other, and compare what they print."""
    code = 0
    if not text.startswith("$ "):
        text = re.sub(r"^(?=.)", "$ ", text, flags=re.MULTILINE)
    steps = re.split(r"^\$ ", text, flags=re.MULTILINE)
    for number, step in enumerate(steps[1:], start=1):
        command, _, wanted = step.partition("\n")
        command = command.partition("  #")[0].strip()
        if command.startswith(READERS_OWN):
            continue
        if is_checked_only(command):
            continue
        env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-c", f"(exit {code}); {command}"],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        if wanted.strip():
            want, got = (
                re.sub(r"[ \t]+$", "", of, flags=re.MULTILINE) for of in (wanted, done.stdout)
            )
            assert doctest.OutputChecker().check_output(want, got, doctest.ELLIPSIS), (
                f"$ {command}\n{done.stdout}"
            )
        code = done.returncode
        asked = number + 1 < len(steps) and steps[number + 1].startswith("echo $?")
        assert code == 0 or asked, f"$ {command}\n{done.stdout}"


def is_checked_only(command):
    """Check a command that is not run here; return whether it is one."""
    words = command.split()
    if words[0] == "make":
        targets = re.findall(
            r"^([\w-]+)(?=[\w -]*:(?!=))", (ROOT / "Makefile").read_text(), re.MULTILINE
        )
        wanted = [word for word in words[1:] if "=" not in word]
        assert set(wanted) <= set(targets), command
        return True
    if words[:2] == ["python", "-m"] and words[2].startswith("benchmarks"):
        assert find_spec(words[2]) is not None or words[2].endswith("NAME"), command
        return True
    return False


def test_every_page_was_found():
    assert {"glossary.md", "benchmarks.md", "journal.md"} <= {path.name for path in PAGES}


def test_links_between_pages_lead_somewhere():
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
