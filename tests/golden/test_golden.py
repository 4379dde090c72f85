"""The cases that other systems got wrong, each a story that can be read.

Method: every `*.journal` here is decided again and must give the same actions, line for line; then
it is only applied, and the router must know the same in the end as the one that decided (under
other entry rules too, where these decided something). The explanation of each offer must find that
the router would make it. What the stories tell was reviewed by hand when they were written
(`regenerate.py` writes actions, not reasons), so a difference is a bug until its review says
otherwise.
"""

from pathlib import Path

import pytest
from msgspec.structs import replace

from acd.actions import OfferContact
from acd.explanation import explain_offer
from acd.journal import followed, read, replay
from acd.router import Router
from acd.settings import EntryRule
from tests.golden.regenerate import regenerated

STORIES = sorted(Path(__file__).parent.glob("*.journal"))
ENTRY_STORIES = [story for story in STORIES if story.stem.startswith("entry_")]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.stem)
def test_the_router_decides_as_the_story_tells(story: Path) -> None:
    with story.open("rb") as stream:
        replayed = replay(read(stream, story.name), verify=True)
    assert replayed.difference is None
    assert replayed.steps > 1
    assert replayed.actions > 1


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.stem)
def test_applying_a_story_leads_to_the_same_state(story: Path) -> None:
    with story.open("rb") as stream:
        applied: Router | None = None
        for decided, entry in followed(read(stream, story.name)):
            if applied is None or entry.settings is not None:
                applied = Router.restore(decided.settings, (applied or decided).snapshot())
            decided.step(entry.event, now_us=entry.now_us)
            applied.apply(entry.event, entry.actions, now_us=entry.now_us)
            assert applied.snapshot() == decided.snapshot()
            assert applied.next_wakeup_us() == decided.next_wakeup_us()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.stem)
def test_a_story_goes_on_alike_after_a_restart_at_every_line(story: Path) -> None:
    """Offers in flight are still known, and still end."""
    with story.open("rb") as stream:
        journal = read(stream, story.name)
        router = Router(journal.settings)
        for entry in journal.entries:
            router = Router.restore(entry.settings or router.settings, router.snapshot())
            assert router.step(entry.event, now_us=entry.now_us) == entry.actions


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.stem)
def test_a_story_begins_with_its_reason_and_is_written_as_the_router_writes(story: Path) -> None:
    text = story.read_text()
    assert text.startswith("# ")
    assert regenerated(text, story.name) == text


@pytest.mark.parametrize("story", ENTRY_STORIES, ids=lambda story: story.stem)
def test_a_story_is_applied_under_other_entry_rules_without_moving_anybody(story: Path) -> None:
    with story.open("rb") as stream:
        journal = read(stream, story.name)
        queue = journal.settings.queues[-1].name
        settings = replace(journal.settings, entry=(EntryRule(name="all", queue=queue),))
        decided, applied, today = (Router(one) for one in (journal.settings, settings, settings))
        for entry in journal.entries:
            decided.step(entry.event, now_us=entry.now_us)
            applied.apply(entry.event, entry.actions, now_us=entry.now_us)
            today.step(entry.event, now_us=entry.now_us)
            wanted = replace(decided.snapshot(), settings_digest=settings.digest())
            assert applied.snapshot() == wanted
        assert today.snapshot() != applied.snapshot()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.stem)
def test_every_offer_of_a_story_is_explained_as_the_router_decides(story: Path) -> None:
    with story.open("rb") as stream:
        for router, entry in followed(read(stream, story.name)):
            event, actions, now_us = entry.event, entry.actions, entry.now_us
            for offer in actions:
                if isinstance(offer, OfferContact):
                    number = offer.offer_id
                    why = explain_offer(router, event, actions, now_us=now_us, offer_id=number)
                    assert why.holds
            router.step(event, now_us=now_us)


def test_every_case_has_a_story() -> None:
    assert len(STORIES) == 117
