"""Small telephones: SIP user agents on loopback, all moved by one thread.

They speak as much of RFC 3261 as a telephone in a test needs: they ring, answer, refuse, hang up,
hold, send keys, dial, transfer and register, by order of the test or by a habit. There is no sound.
All that happens at a phone stands in its ledger, with the time.
"""

import heapq
import itertools
import selectors
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from random import Random
from types import TracebackType
from typing import Final, NamedTuple, Self

from tests.system.pbx_kit.sip import Dialog, Message, answer_to, parse

WAIT_S: Final = 15.0
BUSY: Final = 486
DECLINED: Final = 603
CONGESTED: Final = 503
GONE: Final = 487


class Habit(NamedTuple):
    """What a phone does by itself."""

    answer_s: float | None = None
    """It answers after so long; None: it rings on."""
    talk_s: float | None = None
    """It hangs up after so long, …"""
    spread: float = 0.0
    """… by this share more or less, drawn from the bank's seed."""
    refuse: int = 0
    """It refuses with this status."""
    dead: bool = False
    """It does not react at all."""


class Line(NamedTuple):
    """One thing that happened at a phone."""

    at_s: float
    did: str
    """invite, answered, cancelled, bye_sent, bye_received, refused, dialled, connected, held."""
    dialog: str
    """The SIP Call-ID."""
    note: str = ""


class Phone:
    """A telephone. What its methods order is done soon, on the bank's thread."""

    def __init__(self, bank: "PhoneBank", name: str) -> None:
        self.name = name
        self.bank = bank
        self.habit = Habit()
        self.ledger: list[Line] = []
        self.dialogs: dict[str, Dialog] = {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]

    # What a test looks at.

    def did(self, what: str) -> list[Line]:
        """Return all that is written of one kind."""
        return [line for line in tuple(self.ledger) if line.did == what]

    def ringing(self) -> list[Dialog]:
        """Return what rings."""
        return [one for one in tuple(self.dialogs.values()) if one.incoming and not one.is_up]

    def talking(self) -> list[Dialog]:
        """Return what is answered."""
        return [one for one in tuple(self.dialogs.values()) if one.is_up]

    def wait(self, true: Callable[["Phone"], object], timeout_s: float = WAIT_S) -> None:
        """Wait until something is true of this phone."""
        self.bank.wait(lambda: true(self), timeout_s, what=lambda: f"{self.name}: {self.ledger}")

    def wait_ringing(self) -> None:
        """Wait until it rings."""
        self.wait(lambda phone: phone.ringing())

    def wait_talking(self) -> None:
        """Wait until it is answered."""
        self.wait(lambda phone: phone.talking())

    def wait_idle(self) -> None:
        """Wait until nothing is left."""
        self.wait(lambda phone: not phone.dialogs)

    # What a test orders.

    def answer(self) -> None:
        """Answer what rings."""
        self._each(self.ringing, self.pick_up)

    def refuse(self, status: int = BUSY) -> None:
        """Refuse what rings."""
        self._each(self.ringing, lambda one: self.turn_down(one, status))

    def hang_up(self) -> None:
        """Hang up what is answered; cancel what was dialled."""
        self._each(lambda: list(self.dialogs.values()), self.put_down)

    def hold(self, *, on: bool) -> None:
        """Put the other end on hold, or take it off."""
        way = "sendonly" if on else "sendrecv"
        self._each(self.talking, lambda one: self.send(one.re_invite(way)))

    def press(self, digits: str) -> None:
        """Press keys."""
        for digit in digits:
            self._each(self.talking, partial(self._press, digit))

    def transfer(self, to: str) -> None:
        """Send the other end elsewhere, by the phone's own key (REFER)."""
        self._each(self.talking, lambda one: self.send(one.refer(to)))

    def dial(self, number: str, *, caller: str = "", headers: tuple[str, ...] = ()) -> None:
        """Dial a number."""

        def dial() -> None:
            dialog = Dialog.dial(self, number, caller=caller, headers=headers)
            self.dialogs[dialog.call_id] = dialog
            self.write("dialled", dialog.call_id, number)
            self.send(dialog.invite)

        self.bank.soon(dial)

    def register(self, *, seconds: int = 60) -> None:
        """Register; with 0 seconds, unregister."""
        self.bank.soon(lambda: self.send(Dialog.registration(self, seconds)))

    def _press(self, digit: str, dialog: Dialog) -> None:
        self.send(dialog.key(digit))

    def _each(self, dialogs: Callable[[], list[Dialog]], do: Callable[[Dialog], None]) -> None:
        """Have something done to each of some calls, on the bank's thread."""

        def each() -> None:
            for dialog in dialogs():
                do(dialog)

        self.bank.soon(each)

    # On the bank's thread.

    def write(self, did: str, dialog: str, note: str = "") -> None:
        """Write down what happened."""
        self.ledger.append(Line(time.monotonic(), did, dialog, note))

    def send(self, text: str) -> None:
        """Send a message to the switch."""
        self.socket.sendto(text.encode(), ("127.0.0.1", self.bank.sip_port))

    def pick_up(self, dialog: Dialog) -> None:
        """Answer one."""
        if not dialog.is_up and dialog.call_id in self.dialogs:
            dialog.is_up = True
            self.write("answered", dialog.call_id)
            self.send(answer_to(dialog.first, 200, self, sdp=True))
            if self.habit.talk_s is not None:
                share = self.bank.random.uniform(-self.habit.spread, self.habit.spread)
                talk_s = self.habit.talk_s * (1 + share)
                self.bank.later(talk_s, lambda: self.put_down(dialog))

    def turn_down(self, dialog: Dialog, status: int) -> None:
        """Refuse one."""
        if self.dialogs.pop(dialog.call_id, None) is not None:
            self.write("refused", dialog.call_id, str(status))
            self.send(answer_to(dialog.first, status, self))

    def put_down(self, dialog: Dialog) -> None:
        """End one."""
        if dialog.call_id not in self.dialogs:
            return
        if dialog.is_up and dialog.incoming and not dialog.is_acknowledged:
            dialog.is_ending = True  # A BYE before the ACK is refused (RFC 3261, 15).
        elif dialog.is_up:
            del self.dialogs[dialog.call_id]
            self.write("bye_sent", dialog.call_id)
            self.send(dialog.bye())
        elif not dialog.incoming:
            self.write("cancelled", dialog.call_id)
            self.send(dialog.cancel())
        else:
            self.turn_down(dialog, 603)

    def take(self, message: Message) -> None:
        """React to a message."""
        if self.habit.dead:
            if message.method == "INVITE":
                self.write("invite", message.call_id)
            return
        match message.method:
            case "":
                self._answered(message)
            case "INVITE":
                self._invited(message)
            case "BYE":
                if self.dialogs.pop(message.call_id, None) is not None:
                    self.write("bye_received", message.call_id)
                self.send(answer_to(message, 200, self))
            case "CANCEL":
                self.send(answer_to(message, 200, self))
                dialog = self.dialogs.get(message.call_id)
                if dialog is not None and not dialog.is_up:
                    del self.dialogs[message.call_id]
                    self.write("cancelled", message.call_id)
                    self.send(answer_to(dialog.first, GONE, self))
            case "ACK":
                dialog = self.dialogs.get(message.call_id)
                if dialog is not None:
                    dialog.is_acknowledged = True
                    if dialog.is_ending:
                        self.put_down(dialog)
            case _:
                self.send(answer_to(message, 200, self))

    def _invited(self, message: Message) -> None:
        known = self.dialogs.get(message.call_id)
        if known is not None:
            if known.is_up:  # A re-INVITE, or the first one again.
                self.send(answer_to(message, 200, self, sdp=True))
            return
        if any(line.dialog == message.call_id for line in self.ledger):
            return
        dialog = Dialog.incoming_call(self, message)
        self.dialogs[message.call_id] = dialog
        self.write("invite", message.call_id, message.header("From"))
        habit = self.habit
        if habit.refuse:
            self.turn_down(dialog, habit.refuse)
            return
        self.send(answer_to(message, 180, self))
        if habit.answer_s is not None:
            self.bank.later(habit.answer_s, lambda: self.pick_up(dialog))

    def _answered(self, message: Message) -> None:
        """React to an answer to what this phone asked."""
        dialog = self.dialogs.get(message.call_id)
        if dialog is None or message.asked != "INVITE" or message.status < 200:
            return
        self.send(dialog.ack(message))
        if message.status >= 300:
            del self.dialogs[message.call_id]
            self.write("refused", message.call_id, str(message.status))
        elif not dialog.is_up:
            dialog.is_up = True
            self.write("connected", message.call_id)
        else:
            self.write("held", message.call_id)


class PhoneBank:
    """Telephones, and the thread that moves them.

    Args:
        names: Of the phones.
    """

    def __init__(self, *names: str) -> None:
        self.sip_port = 0
        """Where the switch is: to be set before anything is sent."""
        self.random = Random(1)
        self._selector = selectors.DefaultSelector()
        self._news = threading.Condition()
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._number = itertools.count()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._is_ending = False
        self._thread = threading.Thread(target=self._run)
        self.phones: dict[str, Phone] = {}
        for name in names:
            phone = self.phones[name] = Phone(self, name)
            self._selector.register(phone.socket, selectors.EVENT_READ, phone)

    def __getitem__(self, name: str) -> Phone:
        return self.phones[name]

    def forget(self) -> None:
        """Let the phones be as new."""
        for phone in self.phones.values():
            phone.habit = Habit()
            phone.dialogs.clear()
            phone.ledger.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_ending = True
        self._wake.send(b"x")
        self._thread.join()
        self._selector.close()
        for one in (self._wake, self._woken, *(phone.socket for phone in self.phones.values())):
            one.close()

    def soon(self, do: Callable[[], object]) -> None:
        """Have something done on the thread."""
        self.later(0, do)

    def later(self, span_s: float, do: Callable[[], object]) -> None:
        """Have something done on the thread after a time."""
        with self._news:
            heapq.heappush(self._timers, (time.monotonic() + span_s, next(self._number), do))
        self._wake.send(b"x")

    def wait(
        self,
        true: Callable[[], object],
        timeout_s: float = WAIT_S,
        *,
        what: Callable[[], str] = lambda: "",
    ) -> None:
        """Wait until something is true that only changes when something happens at a phone."""
        with self._news:
            assert self._news.wait_for(true, timeout_s), f"not within {timeout_s} s {what()}"

    def _run(self) -> None:
        while not self._is_ending:
            for key, _ in self._selector.select(self._due_s()):
                if key.data is None:
                    self._woken.recv(4_096)
                    continue
                message = parse(key.data.socket.recv(65_535))
                if message is not None:
                    key.data.take(message)
            self._ring()
            with self._news:
                self._news.notify_all()

    def _due_s(self) -> float | None:
        with self._news:
            return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _ring(self) -> None:
        while True:
            with self._news:
                if not self._timers or self._timers[0][0] > time.monotonic():
                    return
                do = heapq.heappop(self._timers)[2]
            do()
