"""JSON that any reader takes.

Method: numbers that are none are put at every depth; the commands that may find such ones are asked
for JSON where nobody is ever answered, and a strict reader reads it.
"""

import json
import re
from pathlib import Path

import pytest

from acd.cli import main
from sim.json_text import json_text

DOCS = Path(__file__).parents[2] / "docs" / "simulation.md"


def strict(text):
    """Read JSON, and refuse what only Python writes: NaN and Infinity."""

    def refuse(name):
        raise AssertionError(name)

    return json.loads(text, parse_constant=refuse)


def test_what_is_no_number_is_null_at_every_depth():
    facts = {"b": (1.5, float("nan")), "a": {"é": [float("inf"), -float("inf"), 2, True, None]}}
    text = json_text(facts)
    assert strict(text) == {"a": {"é": [None, None, 2, True, None]}, "b": [1.5, None]}
    assert text.startswith('{\n "a": {\n  "é"')
    assert text.endswith("}\n")


HASTY = """
[[scenario.arrivals]]
name = "hasty"
queue = "sales"
channel = "voice"
rates_per_h = [0, 20, 0, 0]
handle = { mean_s = 240 }
patience_mean_s = 0.01
"""


@pytest.fixture
def hopeless(tmp_path: Path) -> Path:
    """Return the page's morning with an hour whose callers hang up while an agent's phone rings."""
    match = re.search(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert match is not None
    path = tmp_path / "hopeless.toml"
    ringing = match[1].replace(", auto_answer = true", "")
    path.write_text(ringing.replace("[50, 70, 80, 60]", "[50, 0, 0, 0]") + HASTY)
    return path


ASKED = ["--require", "sales.voice.asa_s<=30", "--replications", "2"]


def test_a_staffing_that_answers_nobody_in_an_hour_is_json_and_said_in_words(hopeless, capsys):
    assert main(["sim", "staff", str(hopeless), *ASKED, "--json"]) == 1
    (one,) = strict(capsys.readouterr().out)["impossible"]
    assert (one["name"], one["interval"]) == ("sales.voice.asa_s", 1)
    assert (one["value"], one["proposed"]) == (None, None)
    assert main(["sim", "staff", str(hopeless), *ASKED]) == 1
    said = capsys.readouterr().out
    never = "Never met: sales.voice.asa_s <= 30 in interval 2, at best nobody answered with"
    assert never in " ".join(said.split())
    assert "nan" not in said
