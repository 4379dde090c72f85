"""The command `acd` as an operator uses it: the same bytes twice, and exit codes for bad files.

Method: each command runs in a process of its own, in an empty folder; what it prints on which
stream is read, and nothing else may have been written.
"""

import json
import sys
from pathlib import Path

import pytest

ACD = Path(sys.executable).with_name("acd")

TOO_LONG = 'x = "' + "y" * (1 << 20) + '"\n'
DOTTED = ".".join("a" * 20) + " = 1\n"
LONG_LINE = "x = [" + "1, " * 2_000 + "]\n"

BAD = {
    "absent.toml": None,
    "not_toml.toml": "this is no TOML\n",
    "binary.toml": b"\xff\xfe\x00\x01",
    "large.toml": TOO_LONG,
    "dotted.toml": DOTTED,
    "long_line.toml": LONG_LINE,
    "empty.toml": "",
    "wrong.toml": '[domain]\nname = "a"\nurgncy = "longest_wait"\n',
}


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_one_seed_gives_the_same_bytes(run, root):
    command = [ACD, "sim", "run", root / "configs" / "toy_store_christmas.toml", "--seed", "1"]
    first, second = (
        run([*command, "--json"], env={"PYTHONHASHSEED": seed}, text=False) for seed in ("0", "1")
    )
    assert first.stdout == second.stdout
    assert first.stderr == b""
    assert json.loads(first.stdout)["arrived"] > 1_000


def test_another_seed_gives_another_day(run, root):
    command = [ACD, "sim", "run", root / "configs" / "toy_store_christmas.toml", "--json"]
    one, two = (json.loads(run([*command, "--seed", seed]).stdout) for seed in ("1", "2"))
    assert one["report"] != two["report"]


def test_the_demonstration_writes_a_table_and_one_self_contained_page(run, root, tmp_path):
    scenario = root / "configs" / "toy_store_christmas.toml"
    done = run([ACD, "sim", "run", scenario, "--report", "toys.html"], cwd=tmp_path)
    for word in ("Service level", "ASA", "orders", "voice", "web form", "toys.html"):
        assert word in done.stdout
    page = (tmp_path / "toys.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    for outside in ('src="http', 'href="http', "url(http", "@import"):
        assert outside not in page
    assert files_in(tmp_path) == ["toys.html"]


def test_every_configuration_is_sound(run, root):
    files = sorted((root / "configs").glob("*.toml"))
    done = run([ACD, "check", *files])
    assert done.stdout.count(": ok: ") == len(files) >= 2
    assert done.stderr == ""


@pytest.mark.parametrize("command", [("check",), ("sim", "run")], ids=" ".join)
@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_by_name_and_nothing_is_written(run, tmp_path, command, name):
    text = BAD[name]
    if text is not None:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    before = files_in(tmp_path)
    done = run([ACD, *command, name], cwd=tmp_path, wanted=2, timeout_s=10)
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines
    assert all(line.startswith(f"acd: {name}") for line in lines)
    assert "Traceback" not in done.stderr
    assert files_in(tmp_path) == before


def test_a_folder_is_no_file(run, tmp_path):
    done = run([ACD, "check", "."], cwd=tmp_path, wanted=2)
    assert done.stderr.startswith("acd: .")


def test_a_wrong_journal_and_a_wrong_decision_have_different_codes(run, root, tmp_path):
    page = (root / "docs" / "journal.md").read_text(encoding="utf-8")
    story = page.partition("```journal\n")[2].partition("```")[0]
    (tmp_path / "good.journal").write_text(story)
    (tmp_path / "other.journal").write_text(
        story.replace("agent_id=ann queue", "agent_id=bob queue")
    )
    (tmp_path / "bad.journal").write_text(story.replace("contact.arrived", "contact.departed"))
    run([ACD, "replay", "--verify", "good.journal"], cwd=tmp_path)
    run([ACD, "replay", "--verify", "other.journal"], cwd=tmp_path, wanted=1)
    done = run([ACD, "replay", "bad.journal"], cwd=tmp_path, wanted=2)
    assert done.stderr.startswith("acd: bad.journal:")


@pytest.mark.parametrize(
    "arguments", [("chek",), ("check",), ("sim", "run", "x.toml", "--seed=-1")]
)
def test_wrong_usage_is_2(run, tmp_path, arguments):
    done = run([ACD, *arguments], cwd=tmp_path, wanted=2)
    assert done.stdout == ""
    assert "Usage: " in done.stderr
