"""The neutral messages survive their encoding, are bounded, and adapters are found by name.

Method: one example of every message, found by its union, is encoded and decoded; then each field is
made too long, of another type, or unknown.
"""

import typing
from pathlib import Path

import msgspec
import pytest

from acd.errors import ConfigError
from acd.switch_protocol import call_control as cc
from acd.switch_protocol import messages as sw
from acd.switch_protocol import registry, words
from acd.switch_protocol.port import Switch, SwitchOptions
from acd.switch_protocol.sequence import EARLY_MAX, EARLY_US_MAX, Sequence
from acd.switch_protocol.words import AgentStateWord, ConnectionState, DeviceState

EVENTS = typing.get_args(sw.SwitchEvent)
COMMANDS = (*typing.get_args(sw.Command), *typing.get_args(cc.CallControl))
Command = sw.Command | cc.CallControl
CALL = sw.Call("c-1", "4000", connections=(sw.Connection("101", ConnectionState.HOLD, "o-1"),))
VALUES = {
    "call_id": "c-1",
    "device": "101",
    "offer": "o-1",
    "command_id": "o-1",
    "call": CALL,
    "calls": (CALL,),
    "devices": (sw.DeviceReport("101", DeviceState.BUSY, AgentStateWord.READY),),
    "cause": "busy",
    "stage": "unknown",
    "error": "timeout",
    "treatment": "music",
    "ring_us": 15,
    "reason": "lunch",
    "media": "queue/welcome",
    "digits": "42#",
    "to": "+4930123",
    "to_offer": "o-2",
    "consultation": "o-2",
    "participation": "whisper",
    "deflection": "voicemail",
    "name": "cards",
    "dnis": "4000",
}
BAD: tuple[object, ...] = ("x" * 1_000, {"deep": [[[[]]]]}, -1, [None])
STATES = {sw.DeviceStateChanged: "busy", sw.SetAgentState: "ready", sw.SystemStatus: "normal"}


def example(kind):
    """Return a message with every field set."""
    raw = {field.encode_name: VALUES.get(field.name, 3) for field in msgspec.structs.fields(kind)}
    if "state" in raw:
        raw["state"] = STATES[kind]
    for name in ("restarted", "replaced", "recovered", "auto_answer", "enabled"):
        if name in raw:
            raw[name] = True
    return msgspec.convert(msgspec.to_builtins(raw), kind)


@pytest.mark.parametrize("union", [sw.SwitchEvent, Command], ids=["events", "commands"])
def test_every_message_comes_back_from_its_encoding(union):
    decoder = msgspec.msgpack.Decoder(union)
    for kind in typing.get_args(union):
        message = example(kind)
        assert decoder.decode(msgspec.msgpack.encode(message)) == message


def test_tags_are_unique_and_each_message_can_carry_its_place():
    for kinds in (EVENTS, COMMANDS):
        tags = [kind.__struct_config__.tag for kind in kinds]
        assert len(set(tags)) == len(tags)
    assert all({"epoch", "seq"} <= set(kind.__struct_fields__) for kind in EVENTS)
    assert all("command_id" in kind.__struct_fields__ for kind in COMMANDS)


@pytest.mark.parametrize("kind", [*EVENTS, *COMMANDS], ids=lambda kind: kind.__name__)
def test_no_field_takes_what_is_too_long_of_another_type_or_unknown(kind):
    union = sw.SwitchEvent if kind in EVENTS else Command
    good = msgspec.to_builtins(example(kind))
    assert msgspec.convert(good, union) == example(kind)
    for name in good:
        for bad in BAD:
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert({**good, name: bad}, union)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**good, "extra": 1}, union)


def test_the_adapter_of_a_kind_is_found_and_an_unknown_kind_is_explained():
    options = SwitchOptions(name="pbx", options={"socket": "s"}, folder=Path("/run"), file="a.toml")
    switch: Switch = registry.load("simulated", options)
    assert words.Capability.HOLD in switch.capabilities
    assert registry.kinds() == ("ari", "simulated")
    with pytest.raises(ConfigError) as caught:
        registry.load("simulatd", options)
    wanted = "wanted one of ari, simulated; did you mean `simulated`?"
    assert str(caught.value) == f"a.toml: daemon.switch.kind: is `simulatd`; {wanted}"
    with pytest.raises(ConfigError, match=r"is `pabx`; wanted one of ari, simulated$"):
        registry.load("pabx", options)


@pytest.mark.parametrize(
    "options, text",
    [
        ({}, "daemon.switch.options: Object missing required field `socket`; wanted socket = "),
        ({"socket": "s", "x": 1}, "unknown field `x`"),
        ({"socket": "s" * 100}, "daemon.switch.options.socket: has 105 bytes in full; wanted a pa"),
    ],
)
def test_options_that_the_simulated_switch_does_not_take_are_explained(options, text):
    with pytest.raises(ConfigError, match=r"a\.toml: ") as caught:
        registry.load(
            "simulated",
            SwitchOptions(name="pbx", options=options, folder=Path("/run"), file="a.toml"),
        )
    assert text in str(caught.value)


# The order of messages.


def test_messages_are_put_in_order_and_repeats_dropped():
    line: Sequence[str] = Sequence("LOST")
    assert line.take(2, "b", 0) == []
    assert line.take(2, "b", 0) == []
    assert line.take(1, "a", 0) == ["a", "b"]
    assert line.take(1, "a", 0) == []
    assert line.repeated == 2
    assert line.due_us() is None


def test_a_gap_that_stays_open_is_told_once():
    line: Sequence[str] = Sequence("LOST")
    assert line.take(1, "a", 0) == ["a"]
    assert line.take(4, "d", 100) == []
    assert line.take(3, "c", 200) == []
    assert line.due_us() == 100 + EARLY_US_MAX
    assert line.expire(EARLY_US_MAX) == []
    assert line.expire(100 + EARLY_US_MAX) == ["LOST", "c", "d"]
    assert line.take(2, "b", 0) == []
    assert line.take(5, "e", 0) == ["e"]
    assert line.due_us() is None


def test_a_lost_end_is_noticed_by_the_number_that_was_given_last():
    line: Sequence[str] = Sequence("LOST")
    assert line.take(1, "a", 0) == ["a"]
    line.note_sent(1, 5)
    assert line.due_us() is None
    line.note_sent(3, 5)
    assert line.expire(5 + EARLY_US_MAX) == ["LOST"]
    assert line.take(3, "late", 9) == []
    assert line.take(4, "d", 9) == ["d"]


def test_no_more_than_a_few_messages_are_kept_for_a_gap():
    line: Sequence[str] = Sequence("LOST")
    got = [item for seq in range(2, 200) for item in line.take(seq, str(seq), 0)]
    assert got == ["LOST", *map(str, range(2, 200))]
    assert got.index("LOST") == 0
    assert len(line.take(300, "x", 0)) == 0
    assert EARLY_MAX < 200
