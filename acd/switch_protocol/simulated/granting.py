"""Grants the wishes of the control socket."""

from itertools import islice
from typing import TYPE_CHECKING

from acd.switch_protocol.simulated import link, wishes
from acd.switch_protocol.simulated.exchange import Exchange
from acd.switch_protocol.simulated.robots import Habits
from acd.switch_protocol.simulated.rudeness import Rudeness
from acd.switch_protocol.words import ConnectionState, EventCause

if TYPE_CHECKING:
    from acd.switch_protocol.simulated.server import Server


async def grant(server: "Server", wish: wishes.Wish) -> wishes.Answer:
    """Do what is wished for; return what came of it."""
    exchange = server.exchange
    now_us = server.now_us()
    match wish:
        case wishes.PlaceCalls():
            return _place(server, wish, now_us)
        case wishes.HangUpCustomer():
            return wishes.Done(happened=exchange.hang_up_customer(wish.call_id, now_us))
        case wishes.UseCustomer():
            return wishes.Done(happened=_use_customer(exchange, wish, now_us))
        case wishes.UsePhone():
            return wishes.Done(happened=_use(server, wish, now_us))
        case wishes.SetAgent():
            happened = exchange.set_agent(wish.device, wish.state, reason=wish.reason)
            return wishes.Done(happened=happened)
        case wishes.SetDevice():
            return wishes.Done(happened=exchange.set_device(wish.device, wish.state, now_us))
        case wishes.AddPhones():
            for device in wish.devices:
                exchange.add_phone(device)
            return wishes.Done(happened=True)
        case wishes.Automate():
            return wishes.Done(happened=_automate(server, wish))
        case wishes.BeRude():
            server.rudeness = Rudeness(wish.rules)
            return wishes.Done(happened=True)
        case wishes.CutLink():
            server.hang_up()
            return wishes.Done(happened=exchange.linked)
        case wishes.ReadLedger():
            await server.wait_for_news(wish.after, wish.wait_us)
            lines = islice(exchange.ledger.after(wish.after), wishes.LINES_AT_ONCE_MAX)
            return wishes.Lines(lines=next(link.pieces(lines), ()))
        case wishes.ReadState():
            return _state(server, now_us)


def _place(server: "Server", wish: wishes.PlaceCalls, now_us: int) -> wishes.Placed:
    call_ids = []
    for _ in range(wish.count):
        call_id = server.exchange.place_call(
            wish.dnis, ani=wish.ani, user_data=wish.user_data, now_us=now_us
        )
        if wish.patience_us is not None:
            server.robots.be_patient(call_id, now_us + wish.patience_us)
        call_ids.append(call_id)
    return wishes.Placed(call_ids=tuple(call_ids))


def _use(server: "Server", wish: wishes.UsePhone, now_us: int) -> bool:
    exchange = server.exchange
    match wish.press:
        case wishes.Press.ANSWER:
            return exchange.answer(wish.device, now_us)
        case wishes.Press.DECLINE:
            return exchange.decline(wish.device, now_us)
        case wishes.Press.HANG_UP:
            return exchange.hang_up(wish.device, now_us)
        case wishes.Press.HOLD:
            return exchange.hold(wish.device, now_us)
        case wishes.Press.RETRIEVE:
            return exchange.retrieve(wish.device, now_us)
        case wishes.Press.TRANSFER | wishes.Press.CONFER | wishes.Press.RECONNECT:
            return _finish(exchange, wish, now_us)


def _use_customer(exchange: Exchange, wish: wishes.UseCustomer, now_us: int) -> bool:
    if wish.answers is None:
        return exchange.press_keys(wish.call_id, wish.digits)
    if wish.answers:
        return exchange.answer_customer(wish.call_id, now_us)
    return exchange.miss_customer(wish.call_id, EventCause.BUSY, now_us)


def _finish(exchange: Exchange, wish: wishes.UsePhone, now_us: int) -> bool:
    """Let an agent end the talk with whom he asks; return whether there was one."""
    talk = exchange.consultations.of_phone(wish.device)
    if talk is None:
        return False
    deeds = {
        wishes.Press.TRANSFER: exchange.consultations.transfer,
        wishes.Press.CONFER: exchange.consultations.confer,
        wishes.Press.RECONNECT: exchange.consultations.reconnect,
    }
    deeds[wish.press](*talk, now_us)
    return True


def _automate(server: "Server", wish: wishes.Automate) -> bool:
    """Let phones act by themselves, or not; return whether the spans made sense."""
    habits = None
    if wish.answer_us is not None and wish.talk_us is not None:
        habits = Habits(wish.answer_us, wish.talk_us)
        if any(least > most for least, most in habits):
            return False
    for device in wish.devices:
        server.robots.settle_in(device, habits)
    return True


def _state(server: "Server", now_us: int) -> wishes.State:
    exchange = server.exchange
    ringing = sum(
        1 for offer in exchange.offers.values() if offer.state is ConnectionState.ALERTING
    )
    return wishes.State(
        now_us=now_us,
        linked=exchange.linked,
        epoch=exchange.epoch,
        calls=len(exchange.calls),
        ringing=ringing,
        talking=len(exchange.offers) - ringing,
        lines=exchange.ledger.last,
    )
