"""A switchboard at a router that plays a short story, and what it says and orders, as text."""

from acd.daemon.ids import CommandIds
from acd.daemon.settings import SwitchSettings
from acd.daemon.switch_site import Site
from acd.daemon.switchboard import Switchboard
from acd.journal.records import Entry
from acd.settings import SECOND_US
from acd.switch_protocol import call_control as cc
from acd.switch_protocol import messages as sw
from acd.switch_protocol.words import Capability, DeviceState
from tests.unit.shop import SHOP, Play

SWITCH = SwitchSettings(
    kind="any", name="pbx", routes={"4000": "sales"}, devices={"ann": "101", "bob": "102"}
)
ALL = (
    Capability.AGENT_EVENTS
    | Capability.SET_AGENT_STATE
    | Capability.HOLD
    | Capability.TREATMENT
    | Capability.CALL_CONTROL
)
PHONES = (
    sw.DeviceReport("101", DeviceState.IN_SERVICE),
    sw.DeviceReport("102", DeviceState.IN_SERVICE),
)


class Board(Play):
    """A router and its switchboard."""

    def __init__(self, *, capabilities=ALL, settings=SHOP):
        super().__init__(settings)
        self.entries = 0
        self.site = Site(lambda: self.router, SWITCH, CommandIds("shop", "j"))
        self.board = Switchboard(self.site, capabilities)

    def does(self, event):
        """Step a fact; return the commands that it leads to."""
        actions = self.router.step(event, now_us=self.now_s * SECOND_US)
        self.entries += 1
        entry = Entry(self.entries, self.now_s * SECOND_US, event, actions)
        return shown(self.board.commands_for(entry))

    def hear(self, event):
        """Return the reaction to an event of the switch, as text."""
        reaction = self.board.react(event, now_us=self.now_s * SECOND_US)
        return [*shown(reaction.first), *shown(reaction.facts), *shown(reaction.then)]

    def link(self, *, restarted=False):
        """Log in at the switch; return what that leads to."""
        return self.hear(sw.LinkUp(epoch=1, restarted=restarted))

    def compare(self, *calls, devices=PHONES):
        return self.hear(sw.Snapshot(epoch=1, calls=calls, devices=devices))

    def linked(self, *calls):
        self.link()
        self.compare(*calls)
        return self


def shown(messages):
    """Return messages as text, without the ids that do not matter."""
    found = []
    for message in messages:
        texts = [
            f"{name}={value}"
            for name in message.__struct_fields__
            if name not in {"command_id", "epoch", "seq"}
            and (value := getattr(message, name)) not in {"", None}
            and value is not False
            and value != ()
        ]
        if isinstance(message, sw.RouteSelect | cc.ConsultationCall):
            texts.insert(0, message.command_id)
        found.append(" ".join([message.__struct_config__.tag, *texts]))
    return found


def call(call_id="c", *connections, dnis="4000", served=False, queued_us=5):
    return sw.Call(call_id, dnis, "+4930", queued_us, served, connections=connections)
