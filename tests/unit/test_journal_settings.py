"""Settings that change within a text journal.

Method: a small story is written with `format_settings`, read back, replayed and explained; then
each way in which the lines may be wrong, with the line that is named.
"""

import io
from itertools import pairwise

import pytest
from msgspec.structs import replace

from acd import events as ev
from acd.errors import ConfigError, JournalError
from acd.journal import (
    format_entry,
    format_header,
    format_settings,
    read,
    replay,
)
from acd.journal.explained import explain
from acd.router import Router
from tests.unit.shop import SHOP, VOICE, arrived, at_work

SKILLED = replace(
    SHOP,
    skills=("cards",),
    queues=(replace(SHOP.queues[0], requires="cards"),),
    agents=(SHOP.agents[0], replace(SHOP.agents[1], skills={"cards": 5})),
)
WITHOUT_ANN = replace(SHOP, agents=SHOP.agents[1:])
HEADER = format_header(SHOP)


def told(settings=SKILLED) -> str:
    """Return a story: c1 rings at Ann when new settings leave it to Bob."""
    router = Router(SHOP)
    text = HEADER
    for event in (at_work("ann", "bob"), arrived("c1")):
        text += format_entry(event, router.step(event, now_us=1), 1)
    router = Router.restore(settings, router.snapshot())
    changed = ev.SettingsChanged()
    text += format_settings(settings)
    return text + format_entry(changed, router.step(changed, now_us=2), 2)


def journal(text: str):
    return read(io.BytesIO(text.encode()), "story.journal")


def line_of(text: str, begins: str) -> int:
    """Return the number of the last line that begins so."""
    return max(number for number, line in enumerate(text.split("\n"), 1) if line.startswith(begins))


def test_settings_are_those_of_the_entry_that_follows():
    text = told()
    assert [one.settings for one in journal(text).entries] == [None, None, SKILLED]
    assert "< offer.withdraw offer_id=1 agent_id=ann outcome=revoked" in text


@pytest.mark.parametrize("verify", [False, True])
def test_a_journal_is_replayed_under_the_settings_in_force(verify):
    replayed = replay(journal(told()), verify=verify)
    assert (replayed.steps, replayed.difference) == (3, None)


def test_a_contact_is_explained_across_a_change():
    said: list[str] = []
    explain(journal(told()), "c1", said.append)
    assert [line for line in said if "offer 2" in line or "ann" in line]
    assert len(said) == 3  # Two offers, and that it rings.


def test_settings_may_be_toml_without_a_digest():
    text = HEADER + "= settings\n"
    text += '| [domain]\n| name = "shop"\n| [queues.sales]\n| voice = {}\n| [capacities.one]\n'
    text += '| voice = {}\n| [profiles]\n| all = [{ queue = "sales" }]\n| [agents.ann]\n'
    text += '| profile = "all"\n| capacity = "one"\n> 1 settings.changed\n'
    (entry,) = journal(text).entries
    assert entry.settings is not None
    assert list(entry.settings.queues[0].channels) == [VOICE]


def test_settings_may_change_again_before_anything_happens():
    text = HEADER + format_settings(SKILLED) + format_settings(SHOP) + "> 1 settings.changed\n"
    assert [one.settings for one in journal(text).entries] == [SHOP]


@pytest.mark.parametrize(
    "lines, begins, what",
    [
        ("= rules\n", "= rules", "says 'rules'; wanted `= settings`"),
        ("= settings now\n", "= settings", "says 'settings now'; wanted `= settings`"),
        ("= settings settings=x y\n", "= settings", "wanted `= settings`"),
        ("=\n", "=", "says ''; wanted `= settings`"),
        ("= settings\n> 1 settings.changed\n", "= settings", "has no settings"),
        (format_settings(SKILLED), "", "has no event under new settings"),
        (
            format_settings(SKILLED) + "< customer.release contact_id=c1\n",
            "< customer",
            "has no event under new settings",
        ),
    ],
)
def test_a_wrong_line_is_named(lines, begins, what):
    text = HEADER + "> 0 clock.ticked\n" + lines
    with pytest.raises(JournalError) as caught:
        list(journal(text).entries)
    assert what in str(caught.value)
    if begins and "no settings" not in what:
        assert f":{line_of(text, begins)}:" in str(caught.value)


def test_settings_are_verified_by_their_hash():
    text = HEADER + format_settings(SKILLED).replace("sha256:", "sha256:0")
    with pytest.raises(JournalError, match=f"wants settings=sha256:0{SKILLED.digest()}"):
        list(journal(text).entries)


def test_mistakes_in_settings_name_the_line():
    text = HEADER + "> 0 clock.ticked\n= settings\n| [domain]\n> 1 settings.changed\n"
    with pytest.raises(ConfigError) as caught:
        list(journal(text).entries)
    assert str(caught.value).startswith(f"story.journal:{line_of(text, '| [domain]')} (settings): ")


@pytest.mark.parametrize("verify", [False, True])
def test_settings_that_lack_what_is_inside_name_line_path_and_reason(verify):
    lines = told().split(format_settings(SKILLED))
    text = lines[0] + format_settings(WITHOUT_ANN) + "> 2 settings.changed\n"
    with pytest.raises(ConfigError) as caught:
        replay(journal(text), verify=verify)
    assert str(caught.value) == (
        f"story.journal:{line_of(text, '> 2')} (settings): agents.ann: is logged in; "
        "wanted him in the settings until he is logged out"
    )


def test_lines_stay_numbered_behind_settings():
    numbers = [one.line for one in journal(told()).entries]
    assert all(first < second for first, second in pairwise(numbers))
