"""Errors keep their facts.

Method: each error is copied from its `args` and through pickle; class and text stay the same.
"""

import pickle
import re
from pathlib import Path

import pytest

from acd.classes import RefusalError
from acd.daemon.errors import OverloadedError
from acd.errors import (
    AcdError,
    CallerError,
    ConfigError,
    JournalError,
    Problem,
    StorageError,
    UnreachableError,
)
from acd.ids import Reason
from acd.journal.file import InUseError

ERRORS = [
    (
        ConfigError(
            "shop.toml",
            Problem("queues.sales.ring_s", "is -1", "a number above 0"),
            Problem("agents", "is missing", "at least one"),
        ),
        (
            "shop.toml: queues.sales.ring_s: is -1; wanted a number above 0\n"
            "shop.toml: agents: is missing; wanted at least one"
        ),
    ),
    (JournalError("story.journal", 3, "no such event"), "story.journal:3: no such event"),
    (StorageError("journal.db", "cannot be written"), "journal.db: cannot be written"),
    (UnreachableError("switch.sock", "nobody is there"), "switch.sock: nobody is there"),
    (
        InUseError("journal.db"),
        "journal.db: is in use by another process; wanted one daemon for one journal",
    ),
    (OverloadedError(10, 9), "10 inputs are pending; wanted fewer than 9"),
    (CallerError("time is {}; wanted {}", 1, 2), "time is 1; wanted 2"),
    (
        RefusalError(Reason.BAD_NUMBER, "priority"),
        "(<Reason.BAD_NUMBER: 'bad_number'>, 'priority')",
    ),
]


@pytest.mark.parametrize("error, text", ERRORS)
def test_a_copy_says_the_same(error: Exception, text: str) -> None:
    assert str(error) == text
    for copy in (type(error)(*error.args), pickle.loads(pickle.dumps(error))):  # noqa: S301
        assert type(copy) is type(error)
        assert str(copy) == text
        assert copy.args == error.args


def test_a_config_error_names_every_problem_in_order() -> None:
    error = ERRORS[0][0]
    assert isinstance(error, ConfigError)
    assert [problem.key for problem in error.problems] == ["queues.sales.ring_s", "agents"]


def test_all_but_the_cores_own_refusal_are_ours() -> None:
    assert [isinstance(error, AcdError) for error, _ in ERRORS] == [True] * 7 + [False]


def test_the_page_of_refusals_names_every_reason_once() -> None:
    page = (Path(__file__).parents[2] / "docs" / "routing" / "refusals.md").read_text()
    named = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert sorted(named) == sorted(Reason)
