"""What `acd check` says of sound settings: limits that undo one another, things that nobody uses.

Method: a table of sound domains, each with all of its notes, word for word, beside near misses that
have none; and on a router, that what is said to be so is so.
"""
# ruff: noqa: E501 - a table of messages is read line by line, and some are long

from typing import Any, Final

import pytest
from msgspec.structs import replace

from acd import implication
from acd.events import ClockTicked
from acd.ids import WrapUpMode
from acd.notes import notes
from acd.settings import (
    DAY_US,
    SECOND_US,
    AdmissionSettings,
    AffinitySettings,
    CalendarSettings,
    ChannelSettings,
    DomainSettings,
    EntryRule,
    OverflowRule,
    ProfileSettings,
    RoutingStep,
    Serves,
    TeamSettings,
    Urgency,
)
from acd.validation import problems
from tests.unit.shop import CHAT, SHOP, VOICE, Play, arrived, at_work

(SALES,) = SHOP.queues
MINUTE_US: Final = 60 * SECOND_US
REST: Final = (
    "but contacts expire after 60: only who brings a time of his own or was passed on waits so long"
)


def shop(**fields: Any) -> DomainSettings:
    return replace(SHOP, queues=(replace(SALES, **fields),))


def short(chat_us: int | None = 30 * SECOND_US, **fields: Any) -> DomainSettings:
    """Return the shop, where calls expire after a minute and chats before."""
    channels = {
        VOICE: ChannelSettings(expires_us=MINUTE_US),
        CHAT: ChannelSettings(expires_us=chat_us),
    }
    return shop(channels=channels, **fields)


def steps(after_us: int, **fields: Any) -> dict[str, Any]:
    return {"requires": "cards", "steps": (RoutingStep(after_us=after_us, requires="", **fields),)}


def skilled(settings: DomainSettings) -> DomainSettings:
    agents = tuple(replace(agent, skills={"cards": 5}) for agent in settings.agents)
    return replace(settings, agents=agents, skills=("cards",))


def delayed(settings: DomainSettings, delay_us: int) -> DomainSettings:
    lines = (Serves(queue="sales", channels=(VOICE, CHAT), delay_us=delay_us),)
    return replace(
        settings, profiles=(*settings.profiles, ProfileSettings(name="late", serves=lines))
    )


def team(limit_us: int) -> DomainSettings:
    teams = TeamSettings(contact="campaign", agent="team", limit_us=limit_us)
    settings = short(affinity=AffinitySettings(team=teams))
    return replace(settings, attributes={"team": ("red",)})


def ageing(cap: int | None, *, tier: int = 1, together: bool = True) -> DomainSettings:
    """Return two queues under ageing, of which the first has a cap, and who serves them."""
    queues = (
        replace(SALES, priority=1, ageing_per_h=10, ageing_cap=cap),
        replace(SALES, name="gold", priority=5, ageing_per_h=10),
    )
    sales, gold = (Serves(queue=one.name, channels=(VOICE, CHAT)) for one in queues)
    lines = [(replace(sales, tier=tier), gold)] if together else [(sales,), (gold,)]
    profiles = tuple(ProfileSettings(name=f"p{n}", serves=some) for n, some in enumerate(lines))
    agents = tuple(
        replace(agent, profile=profiles[n % len(profiles)].name)
        for n, agent in enumerate(SHOP.agents)
    )
    return replace(SHOP, queues=queues, profiles=profiles, agents=agents, urgency=Urgency.AGEING)


def still(*steps: RoutingStep) -> DomainSettings:
    """Return two queues of which the first gains nothing by waiting."""
    settings = ageing(None)
    sales = replace(settings.queues[0], ageing_per_h=None, steps=steps)
    return replace(settings, queues=(sales, settings.queues[1]), ageing_per_h=0)


def told(*, mode: WrapUpMode = WrapUpMode.TIMED, **channel: Any) -> DomainSettings:
    settings = shop(
        channels={VOICE: ChannelSettings(**channel), CHAT: ChannelSettings(wrap_up_us=1)},
        dispositions=("sold",),
        disposition_required=True,
    )
    return replace(settings, agents=(SHOP.agents[0], replace(SHOP.agents[1], wrap_up_mode=mode)))


HOURS: Final = (((28_800, 43_200), (46_800, 64_800)),) * 5 + ((), ())
OFFICE: Final = CalendarSettings(name="office", hours=HOURS)


def office(*, when: str, calendar: CalendarSettings = OFFICE, **fields: Any) -> DomainSettings:
    """Return the shop, open from 8 to 12 and from 13 to 18 on weekdays, with an entry rule."""
    entry = (EntryRule(name="r", queue="sales", when=when), EntryRule(name="rest", queue="sales"))
    settings = shop(opening_hours="office")
    return replace(settings, calendars=(calendar,), entry=entry if when else entry[1:], **fields)


CLOSED: Final = [
    "entry[0].queue: is `sales`, which is closed whenever the rule fires, but for special days"
]
NOT_ASKED: Final = [
    "queues.sales.disposition_required: nobody is asked on voice, where wrap-up ends at once"
]
STARVES: Final = [
    "queues.sales.ageing_cap: is 4, less than the priority of `gold`, 5, whose contacts always go first"
]

CASES: Final[list[tuple[DomainSettings, list[str]]]] = [
    (SHOP, []),
    # The order
    (replace(shop(priority=1), urgency=Urgency.STRICT_PRIORITY), ["urgency strict_priority bounds nobody's wait"]),
    (ageing(None), []),
    (ageing(4), STARVES),
    (ageing(5), []),
    (ageing(4, tier=2), STARVES),
    (replace(ageing(4), profiles=(ProfileSettings(name="p0", serves=(
        Serves(queue="sales", channels=(VOICE, CHAT)), Serves(queue="gold", channels=(VOICE, CHAT), tier=2))),)), []),
    (ageing(4, together=False), []),
    (still(), ["queues.sales: gains no points by waiting and stays at 1, less than the priority of `gold`, 5, whose contacts always go first"]),
    (still(RoutingStep(after_us=1, priority=4)), [
        "queues.sales: gains no points by waiting and stays at 4, less than the priority of `gold`, 5, whose contacts always go first"]),
    (still(RoutingStep(after_us=1, priority=5)), []),
    (replace(still(), ageing_per_h=1), []),
    # Expiry
    (short(), []),
    (skilled(short(**steps(MINUTE_US - 1))), []),
    (skilled(short(**steps(MINUTE_US))), [f"queues.sales.steps[0].after_s: is 60, {REST}"]),
    (skilled(short(**steps(MINUTE_US, if_nobody=True))), []),
    (skilled(short(None, **steps(MINUTE_US))), []),
    (delayed(short(), MINUTE_US - 1), []),
    (delayed(short(), MINUTE_US), [f"profiles.late[0].delay_s: is 60, {REST}"]),
    (delayed(short(None), MINUTE_US), []),
    (short(affinity=AffinitySettings(named_agent_us=MINUTE_US - 1, last_agent_us=MINUTE_US - 1)), []),
    (short(affinity=AffinitySettings(named_agent_us=MINUTE_US, last_agent_us=2 * MINUTE_US)), [
        f"queues.sales.affinity.named_agent_s: is 60, {REST}", f"queues.sales.affinity.last_agent_s: is 120, {REST}"]),
    (team(MINUTE_US - 1), []),
    (team(MINUTE_US), [f"queues.sales.affinity.team.limit_s: is 60, {REST}"]),
    (short(resume_us=MINUTE_US - 1), []),
    (short(resume_us=MINUTE_US), [
        "queues.sales.resume_s: is 60, but contacts expire after 60 from when they first came: who is back later is let go"]),
    (short(15 * SECOND_US + 1), []),
    (short(15 * SECOND_US), [
        "queues.sales.chat.ring_s: is 15, but contacts expire after 15: they are let go when one offer rings out"]),
    # Dispositions
    (told(), NOT_ASKED),
    (told(wrap_up_us=1), []),
    (told(mode=WrapUpMode.UNTIL_DONE), []),
    (told(mode=WrapUpMode.UNTIL_DONE, wrap_up_cap_us=0), NOT_ASKED),
    # Calendars
    (replace(SHOP, calendars=(OFFICE,)), ["calendars.office: no queue or shift keeps it"]),
    (replace(SHOP, calendars=(OFFICE,), agents=(replace(SHOP.agents[0], shift="office"),)), []),
    (office(when=""), []),
    (office(when="weekday in (sat, sun)"), CLOSED),
    (office(when="time < 08:00 or time >= 18:00"), CLOSED),
    (office(when="time >= 12:00 and time < 13:00 and campaign is set"), CLOSED),
    (office(when="time >= 12:00 and time <= 13:00"), []),
    (office(when="weekday == fri"), []),
    (office(when="weekday == sun", utc_offsets=((0, 3_600),)), []),
    (office(when="weekday == sun", calendar=replace(OFFICE, hours=(((0, 86_400),),) * 7)), []),
    (office(when="weekday == sun", calendar=replace(OFFICE, days=(("2026-12-27", ((0, 60),)),))), CLOSED),
]  # fmt: skip


@pytest.mark.parametrize("settings, lines", CASES)
def test_each_note_is_made_of_sound_settings(settings: DomainSettings, lines: list[str]) -> None:
    assert problems(settings) == []
    assert notes(settings) == lines


def test_a_rule_for_a_queue_that_is_always_open_has_no_note() -> None:
    settings = office(when="weekday == sun")
    other = replace(SALES, name="other", opening_hours="office")
    lines = (
        Serves(queue="sales", channels=(VOICE, CHAT)),
        Serves(queue="other", channels=(VOICE, CHAT)),
    )
    profiles = (ProfileSettings(name="all", serves=lines),)
    assert notes(replace(settings, queues=(SALES, other), profiles=profiles)) == []


def test_who_waits_until_a_step_as_long_as_his_expiry_is_offered_to_nobody() -> None:
    settings = skilled(short(**steps(MINUTE_US)))
    ann, bob = settings.agents
    play = Play(replace(settings, agents=(replace(ann, skills={}), bob)))
    play.tell(at_work("ann"))
    play.tell(arrived("c1"))
    play.now_s += 60
    assert play.tell(ClockTicked())[-1] == "contact.close contact_id=c1 outcome=expired"


def test_no_wait_brings_a_capped_contact_before_one_that_starts_above() -> None:
    play = Play(ageing(4))
    play.tell(arrived("c1"))
    play.now_s += 20 * DAY_US // SECOND_US
    play.tell(arrived("c2", queue="gold"))
    assert "contact_id=c2" in play.tell(at_work("ann"))[0]


def test_what_rules_cost_that_meet_closed_queues_is_bounded_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nights = [EntryRule(name=f"r{n}", queue="sales", when="weekday == sun") for n in range(3)]
    night = office(when="")
    night = replace(night, entry=(*nights, *night.entry))
    told = [note.partition(".")[0] for note in notes(night)]
    assert told == ["entry[0]", "entry[1]", "entry[2]"]
    once = next(n for n in range(1, 1_000) if _notes_within(monkeypatch, night, n))
    assert _notes_within(monkeypatch, night, 2 * once - 1) == 1
    assert _notes_within(monkeypatch, night, 3 * once) == 3


def _notes_within(monkeypatch: pytest.MonkeyPatch, settings: DomainSettings, terms_max: int) -> int:
    """Return how many notes there are if no more terms are looked at."""
    monkeypatch.setattr(implication, "TERMS_MAX", terms_max)
    return len(notes(settings))


def overflowing(max_wait_s: int, *, calls_only: bool = False, **fields: Any) -> DomainSettings:
    """Return the shop, whose contacts overflow after a time."""
    full = OverflowRule(max_waiting=50, message="busy")
    late = OverflowRule(max_wait_us=max_wait_s * SECOND_US, message="busy")
    channels = {VOICE: ChannelSettings(overflow=(full, late))}
    channels[CHAT] = ChannelSettings() if calls_only else channels[VOICE]
    return replace(shop(channels=channels, **fields), messages=("busy",))


def test_a_step_behind_the_overflow_is_noted() -> None:
    late = steps(60 * SECOND_US)
    assert notes(skilled(overflowing(60, **late))) == [
        (
            "queues.sales.steps[0].after_s: is 60, but contacts overflow after 60: only who was passed "
            "on or came from another queue waits so long"
        )
    ]
    for settings in (
        overflowing(61, **late),
        overflowing(60, calls_only=True, **late),
        overflowing(60, **steps(60 * SECOND_US, if_nobody=True)),
    ):
        assert problems(skilled(settings)) == []
        assert notes(skilled(settings)) == []


def test_a_queue_that_a_limit_keeps_from_being_full_is_noted() -> None:
    def held(**fields: Any) -> DomainSettings:
        one = AdmissionSettings(name="all", message="busy", **fields)
        settings = replace(overflowing(60, calls_only=True), admission=(one,))
        assert problems(settings) == []
        return settings

    assert notes(held(max_waiting=49)) == [
        (
            "queues.sales.voice.overflow[0].max_waiting: is 50, but the limit `all` lets 49 wait: only "
            "who was passed on makes it more"
        )
    ]
    assert notes(held(max_waiting=50)) == []
    assert notes(held(rate_per_min=1)) == []
    assert notes(held(max_waiting=4, channels=(CHAT,))) == []
    assert notes(held(max_waiting=4, attributes={"campaign": "spring"})) == []
    play = Play(held(max_waiting=2))
    told = play.tell(*(arrived(f"c{number}") for number in range(60)))
    assert {one.split()[-1] for one in told if one.startswith("leg.overflow")} == {"limit=all"}
