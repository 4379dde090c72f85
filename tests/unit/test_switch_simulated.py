"""The simulated switch as a process, with a real driver, owner and journal at it.

Method: stories over unix sockets in a temporary folder. What must have happened is read from the
switch's own ledger (an auditor's view) and from the router; nothing is waited for but a fact, with
a deadline.
"""

import asyncio
import contextlib
import signal

import pytest
import uvloop

from acd import events as ev
from acd.ids import Availability, ConsultEnd, Device
from acd.switch_protocol.simulated.ledger import Did
from acd.switch_protocol.simulated.rudeness import Rude, Rule
from acd.switch_protocol.simulated.wishes import Press
from acd.switch_protocol.words import AgentStateWord, DeviceState
from tests.unit.shop import at_work
from tests.unit.switch_kit import Life, Pbx


def run_on_uvloop(story):
    """Run on the daemon's event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story)


@pytest.fixture
def play(tmp_path):
    """Return what plays a story: a coroutine function of a switch and a life."""

    def play(story, *arguments):
        async def run():
            pbx = Pbx(tmp_path)
            await pbx.start(*arguments)
            life = Life(tmp_path)
            try:
                await life.start()
                await story(pbx, life)
            finally:
                await life.end()
                await pbx.stop()

        run_on_uvloop(run())

    return play


def test_a_call_is_routed_answered_and_let_go(play):
    async def story(pbx, life):
        await life.owner.submit(at_work("ann"))
        (call,) = await pbx.control.place_calls("4000", ani="+4930123", user_data=b"\0secret")
        (rang,) = await pbx.wait_for(Did.SELECTED)
        assert (rang.call_id, rang.device) == (call, "101")
        assert await pbx.control.press("101", Press.ANSWER)
        await life.until("states == ['CONNECTED']")
        assert list(life.owner.router.contacts) == [f"pbx:{call}"]
        assert await pbx.control.press("101", Press.HOLD)
        await life.until("states == ['HELD']")
        assert await pbx.control.press("101", Press.RETRIEVE)
        await life.until("states == ['CONNECTED']")
        assert await pbx.control.press("101", Press.HANG_UP)
        await pbx.wait_for(Did.CALL_CLEARED)
        await life.until("states == ['WRAPPING']")
        treated = await pbx.wait_for(Did.TREATED)
        assert treated[0].note == "music"

    play(story)


def test_what_a_customer_sends_stays_out_of_core_and_journal(play, tmp_path):
    async def story(pbx, life):
        (call,) = await pbx.control.place_calls("4000", ani="+4930123", user_data=b"secret")
        await life.until("states == ['QUEUED']")
        assert await pbx.control.hang_up_customer(call)
        await life.until("not router.contacts")

    play(story)
    files = b"".join(path.read_bytes() for path in tmp_path.glob("journal.db*"))
    assert b"sales" in files
    assert b"4930123" not in files
    assert b"secret" not in files


def test_an_offer_that_rings_out_goes_to_the_next_agent(play):
    async def story(pbx, life):
        await life.owner.submit(at_work("ann", "bob"))
        await pbx.control.place_calls("4000")
        (first,) = await pbx.wait_for(Did.SELECTED)
        await pbx.control.press(first.device, Press.DECLINE)
        (_, second) = await pbx.wait_for(Did.SELECTED, times=2)
        assert {first.device, second.device} == {"101", "102"}
        await pbx.control.press(second.device, Press.ANSWER)
        await life.until("states == ['CONNECTED']")
        lines = await pbx.control.ledger()
        assert [line.did for line in lines if line.did is Did.RANG_OUT] == []

    play(story)


def test_a_phone_in_a_private_call_is_not_rung(play):
    async def story(pbx, life):
        await pbx.control.set_device("101", DeviceState.BUSY)
        await life.until("router.agent('ann').device == 'busy_elsewhere'")
        await life.owner.submit(at_work("ann"))
        await pbx.control.place_calls("4000")
        await life.until("states == ['QUEUED']")
        await pbx.control.set_device("101", DeviceState.IN_SERVICE)
        await pbx.wait_for(Did.SELECTED)

    play(story)


def test_a_phone_that_goes_out_of_service_while_it_rings_gives_the_call_back(play):
    async def story(pbx, life):
        await life.owner.submit(at_work("ann"))
        await pbx.control.place_calls("4000")
        await pbx.wait_for(Did.SELECTED)
        await pbx.control.set_device("101", DeviceState.OUT_OF_SERVICE)
        await life.until("states == ['QUEUED']")
        assert life.owner.router.agent("ann").device is Device.UNREACHABLE
        assert life.owner.router.agent("ann").availability is Availability.READY

    play(story)


def test_who_hangs_up_while_it_rings_is_gone_and_the_agent_is_free(play):
    async def story(pbx, life):
        await life.owner.submit(at_work("ann"))
        (call,) = await pbx.control.place_calls("4000")
        await pbx.wait_for(Did.SELECTED)
        await pbx.control.hang_up_customer(call)
        await life.until("not router.contacts and router.agent('ann').is_idle")

    play(story)


def test_a_number_without_a_queue_goes_to_the_switchs_default(play):
    async def story(pbx, life):
        (call,) = await pbx.control.place_calls("5999")
        (line,) = await pbx.wait_for(Did.FALLBACK)
        assert line.call_id == call
        assert not life.owner.router.contacts

    play(story)


def test_agents_log_in_and_out_at_their_phones(play):
    async def story(pbx, life):
        await pbx.control.set_agent("101", AgentStateWord.READY)
        await life.until("router.agent('ann').availability == 'ready'")
        await pbx.control.set_agent("101", AgentStateWord.NOT_READY, "lunch")
        await life.until("router.agent('ann').availability == 'not_ready'")
        assert life.owner.router.agent("ann").reason == "lunch"
        await pbx.control.set_agent("101", AgentStateWord.NULL)
        await life.until("router.agent('ann').availability == 'logged_out'")

    play(story)


def test_a_cut_link_revokes_what_rings_and_the_call_keeps_its_place(play):
    async def story(pbx, life):
        await life.owner.submit(at_work("ann"))
        first, second = await pbx.control.place_calls("4000", count=2)
        (rang,) = await pbx.wait_for(Did.SELECTED)
        assert rang.call_id == first
        assert await pbx.control.cut_link()
        _, _, line = await pbx.wait_for(Did.SELECTED, Did.CANCELED, times=3)
        assert (line.did, line.call_id) == (Did.SELECTED, first)
        lines = [line.did for line in await pbx.control.ledger()]
        assert lines.index(Did.CANCELED) > lines.index(Did.UNLINKED)
        assert life.owner.router.agent("ann").availability is Availability.READY
        assert list(life.owner.router.contacts) == [f"pbx:{first}", f"pbx:{second}"]

    play(story)


def test_a_conversation_outlives_a_cut_link(play):
    async def story(pbx, life):
        await life.owner.submit(at_work("ann"))
        await pbx.control.place_calls("4000")
        await pbx.wait_for(Did.SELECTED)
        await pbx.control.press("101", Press.ANSWER)
        await life.until("states == ['CONNECTED']")
        await pbx.control.cut_link()
        await pbx.wait_for(Did.LINKED, times=2)
        await life.until("driver.is_up")
        assert await pbx.control.press("101", Press.HANG_UP)
        await pbx.wait_for(Did.CALL_CLEARED)

    play(story)


def test_a_second_daemon_replaces_the_first_which_stops_acting(play, tmp_path):
    async def story(pbx, life):
        folder = tmp_path / "other"
        folder.mkdir()
        (folder / "link").symlink_to(tmp_path / "link")
        other = Life(folder)
        try:
            await other.start()
            await life.until("driver.link == 'replaced'")
            await life.owner.submit(at_work("ann"))
            await pbx.control.place_calls("4000")
            await other.until("states == ['QUEUED']")
            assert not life.owner.router.contacts
            assert life.owner.router.agent("ann").device is Device.UNREACHABLE
        finally:
            await other.end()

    play(story)


@pytest.mark.parametrize("meanwhile", ["", "answer", "decline", "hang_up"])
def test_a_daemon_that_starts_again_finds_out_what_became_of_its_offer(tmp_path, meanwhile):
    async def run():
        pbx = Pbx(tmp_path)
        await pbx.start()
        life = Life(tmp_path)
        await life.start()
        await life.owner.submit(at_work("ann"))
        (call,) = await pbx.control.place_calls("4000")
        await pbx.wait_for(Did.SELECTED)
        await life.end()
        if meanwhile == "hang_up":
            assert await pbx.control.hang_up_customer(call)
        elif meanwhile:
            assert await pbx.control.press("101", Press(meanwhile))
        life = Life(tmp_path)
        try:
            await life.start()
            if meanwhile == "answer":
                await life.until("states == ['CONNECTED']")
            elif meanwhile == "decline":
                # The repeat of the same offer is refused: it is over.
                await life.until("states == ['QUEUED']")
            elif meanwhile == "hang_up":
                await life.until("not router.contacts")
            else:
                await life.until("states == ['OFFERED']")
                assert await pbx.control.press("101", Press.ANSWER)
                await life.until("states == ['CONNECTED']")
                lines = await pbx.control.ledger()
                assert [one.did for one in lines].count(Did.SELECTED) == 1
        finally:
            await life.end()
            await pbx.stop()

    run_on_uvloop(run())


def test_a_switch_that_starts_again_has_lost_its_calls(tmp_path):
    async def run():
        pbx = Pbx(tmp_path)
        await pbx.start()
        life = Life(tmp_path)
        try:
            await life.start()
            await pbx.control.place_calls("4000", count=3)
            await life.until("len(states) == 3")
            await pbx.stop(signal.SIGKILL)
            await life.until("driver.link == 'down'")
            assert len(life.owner.router.contacts) == 3
            await pbx.start()
            await life.until("driver.is_up and not router.contacts")
        finally:
            await life.end()
            await pbx.stop()

    run_on_uvloop(run())


def test_calls_wait_for_a_daemon_and_go_to_the_fallback_when_none_comes(tmp_path):
    async def run():
        pbx = Pbx(tmp_path)
        await pbx.start("--fallback-s", "0.2")
        try:
            await pbx.control.place_calls("4000", count=2)
            lines = await pbx.wait_for(Did.FALLBACK, times=2)
            assert {line.note for line in lines} == {"timeout"}
        finally:
            assert await pbx.stop() == 0

    run_on_uvloop(run())


def test_calls_that_came_before_the_daemon_are_served_in_their_order(tmp_path):
    async def run():
        pbx = Pbx(tmp_path)
        await pbx.start()
        placed = await pbx.control.place_calls("4000", count=300)
        life = Life(tmp_path)
        try:
            await life.start()
            await life.until("len(states) == 300")
            assert list(life.owner.router.contacts) == [f"pbx:{call}" for call in placed]
        finally:
            await life.end()
            await pbx.stop()

    run_on_uvloop(run())


RUDE = [
    Rule(Rude.LATE, 0.05),
    Rule(Rude.CROSSED, 0.2),
    Rule(Rude.REPEATED, 0.1),
    Rule(Rude.DROPPED, 0.03),
    Rule(Rude.GHOST, 0.1),
    Rule(Rude.SLOW, 0.02),
    Rule(Rude.DROPPED, 0.05, "route_cancel"),
]


def test_a_rude_switch_loses_nobody(play):
    async def story(pbx, life):
        await life.owner.submit(at_work("ann", "bob"))
        await pbx.control.automate(
            ["101", "102"], answer_us=(5_000, 40_000), talk_us=(5_000, 40_000)
        )
        await pbx.control.be_rude(*RUDE, seed=1)
        # Wrap-up takes ten seconds in this shop, so agents say when they are done.
        stop = asyncio.Event()
        keen = asyncio.ensure_future(_keep_ready(pbx, stop))
        placed = await pbx.control.place_calls("4000", count=10)
        await pbx.wait_for(Did.CALL_CLEARED, times=4)
        await pbx.control.be_rude()
        life.driver._send(life.driver.board.ask(anew=True))
        await pbx.wait_for(Did.CALL_CLEARED, times=len(placed))
        stop.set()
        await keen
        life.driver._send(life.driver.board.ask(anew=True))
        await life.until("not [one for one in states if one != 'WRAPPING']")
        state = await pbx.control.state()
        assert (state.calls, state.ringing, state.talking) == (0, 0, 0)
        check_ledger(await pbx.control.ledger())

    play(story, "--seed", "1")


async def _keep_ready(pbx, stop):
    """Let both agents press "ready" all the time: it ends their wrap-ups, and forgives a miss."""
    while not stop.is_set():
        for device in ("101", "102"):
            await pbx.control.set_agent(device, AgentStateWord.READY)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.05)


def check_ledger(lines):
    """Check, from the ledger alone, that no customer was with two agents who did not confer.

    At the end nobody may be left with anybody.
    """
    parts: dict[str, dict[str, str]] = {}
    conferences = set()
    for line in lines:
        call = parts.setdefault(line.call_id, {})
        match line.did:
            case Did.TALKING | Did.RETRIEVED:
                call[line.offer] = line.device
            case Did.TRANSFERRED | Did.CONFERENCED:
                call[line.offer] = line.device
                if line.did is Did.TRANSFERRED:
                    call.pop(line.note, None)
                else:
                    conferences.add(line.call_id)
            case Did.HELD | Did.AGENT_HUNG_UP | Did.CONNECTION_CLEARED | Did.CANCEL_LATE:
                call.pop(line.offer, None)
            case Did.FALLBACK | Did.CALL_CLEARED | Did.CUSTOMER_HUNG_UP:
                del parts[line.call_id]
            case _:
                pass
        assert len(call) <= 1 or line.call_id in conferences, line
    assert not any(parts.values())


async def ask(pbx, life):
    """Let a customer talk with ann, who asks bob about him; they talk."""
    await life.owner.submit(at_work("ann"))
    (call,) = await pbx.control.place_calls("4000")
    await pbx.wait_for(Did.SELECTED)
    await pbx.control.press("101", Press.ANSWER)
    await life.until("states == ['CONNECTED']")
    await life.owner.submit(at_work("bob"))
    await life.owner.submit(ev.ConsultRequested(offer_id=1, queue="sales"))
    (rings,) = await pbx.wait_for(Did.CONSULTED)
    assert (rings.call_id, rings.device) == (call, "102")
    await pbx.control.press("102", Press.ANSWER)
    await life.until("states == ['HELD', 'CONNECTED']")
    return call


@pytest.mark.parametrize("by", ["desk", "phone", "hanging up"])
def test_an_agent_transfers_whom_he_asked_about(play, by):
    async def story(pbx, life):
        await ask(pbx, life)
        if by == "desk":
            end = ev.ConsultEnded(offer_id=1, how=ConsultEnd.TRANSFER)
            await life.owner.submit(end)
        else:
            press = Press.TRANSFER if by == "phone" else Press.HANG_UP
            assert await pbx.control.press("101", press)
        (line,) = await pbx.wait_for(Did.TRANSFERRED)
        assert line.device == "102"
        await life.until("states == ['WRAPPING', 'CONNECTED']")
        assert not await pbx.control.press("101", Press.HANG_UP)
        assert await pbx.control.press("102", Press.HANG_UP)
        await pbx.wait_for(Did.CALL_CLEARED)
        check_ledger(await pbx.control.ledger())

    play(story)


@pytest.mark.parametrize("by", ["desk", "phone"])
def test_agents_confer_and_the_customer_goes_with_the_last(play, by):
    async def story(pbx, life):
        await ask(pbx, life)
        if by == "desk":
            end = ev.ConsultEnded(offer_id=1, how=ConsultEnd.CONFERENCE)
            await life.owner.submit(end)
        else:
            assert await pbx.control.press("101", Press.CONFER)
        await pbx.wait_for(Did.CONFERENCED)
        await life.until("states == ['CONNECTED', 'CONNECTED']")
        assert await pbx.control.press("101", Press.HANG_UP)
        await life.until("states == ['WRAPPING', 'CONNECTED']")
        assert await pbx.control.press("102", Press.HANG_UP)
        await pbx.wait_for(Did.CALL_CLEARED)
        check_ledger(await pbx.control.ledger())

    play(story)


@pytest.mark.parametrize("by", ["desk", "phone"])
def test_an_agent_has_his_customer_back_also_over_a_cut_link(play, by):
    async def story(pbx, life):
        await ask(pbx, life)
        await pbx.control.cut_link()
        await pbx.wait_for(Did.LINKED, times=2)
        await life.until("driver.is_up and states == ['HELD', 'CONNECTED']")
        if by == "desk":
            await life.owner.submit(ev.ConsultEnded(offer_id=1, how=ConsultEnd.RETURN))
        else:
            assert await pbx.control.press("101", Press.RECONNECT)
        await pbx.wait_for(Did.RECONNECTED)
        await life.until("states == ['CONNECTED', 'WRAPPING']")
        assert not await pbx.control.press("101", Press.CONFER)
        assert await pbx.control.press("101", Press.HANG_UP)
        await pbx.wait_for(Did.CALL_CLEARED)
        check_ledger(await pbx.control.ledger())

    play(story)


@pytest.mark.parametrize("how", list(ConsultEnd))
def test_an_order_that_is_lost_with_the_link_is_given_again(play, how):
    async def story(pbx, life):
        await ask(pbx, life)
        kinds = ("transfer_call", "conference_call", "reconnect_call", "retrieve")
        await pbx.control.be_rude(*(Rule(Rude.DROPPED, 1.0, kind) for kind in kinds))
        await life.owner.submit(ev.ConsultEnded(offer_id=1, how=how))
        await pbx.control.be_rude()
        await pbx.control.cut_link()
        wanted = {
            ConsultEnd.TRANSFER: Did.TRANSFERRED,
            ConsultEnd.CONFERENCE: Did.CONFERENCED,
            ConsultEnd.RETURN: Did.RETRIEVED,
        }
        await pbx.wait_for(wanted[how])
        await life.until(
            {
                ConsultEnd.TRANSFER: "states == ['WRAPPING', 'CONNECTED']",
                ConsultEnd.CONFERENCE: "states == ['CONNECTED', 'CONNECTED']",
                ConsultEnd.RETURN: "states == ['CONNECTED', 'WRAPPING']",
            }[how]
        )
        for phone in ("101", "102"):
            await pbx.control.press(phone, Press.HANG_UP)
        await pbx.wait_for(Did.CALL_CLEARED)
        check_ledger(await pbx.control.ledger())

    play(story)


def test_a_call_is_given_further_and_waits_with_music_for_another(play):
    async def story(pbx, life):
        await life.owner.submit(at_work("ann"))
        await pbx.control.place_calls("4000")
        await pbx.wait_for(Did.SELECTED)
        await pbx.control.press("101", Press.ANSWER)
        await life.until("states == ['CONNECTED']")
        await life.owner.submit(ev.LegTransferred(offer_id=1, queue="sales"))
        await pbx.wait_for(Did.MUSIC)
        await life.owner.submit(at_work("bob"))
        (_, rings) = await pbx.wait_for(Did.SELECTED, times=2)
        assert rings.device == "102"
        await pbx.control.press("102", Press.ANSWER)
        await life.until("'CONNECTED' in states")
        await pbx.control.press("102", Press.HANG_UP)
        await pbx.wait_for(Did.CALL_CLEARED)
        check_ledger(await pbx.control.ledger())

    play(story)
