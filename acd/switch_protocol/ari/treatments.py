"""What a customer hears who talks with nobody: music, ringing, silence, an announcement. Pure."""

from functools import partial
from typing import Final

from acd.switch_protocol import messages as sw
from acd.switch_protocol.ari.frames import Playback, Response
from acd.switch_protocol.ari.line import Line
from acd.switch_protocol.ari.table import Call
from acd.switch_protocol.words import Treatment

MUSIC: Final = "moh"

ANY: Final = "*"
"""Announcement of a call that was found: nobody knows whether there is one."""

_SOUNDS: Final = {
    Treatment.MUSIC: MUSIC,
    Treatment.RINGBACK: "ring",
    Treatment.SILENCE: "silence",
}
"""What the switch calls them."""


def playbacks(call: Call) -> tuple[str, str]:
    """Return the ids of a call's announcements, in turns: they can be told after a restart."""
    return f"{call.channel}.even", f"{call.channel}.odd"


class Treatments:
    """Lets customers hear something.

    Args:
        line: Where requests go out.
    """

    def __init__(self, line: Line) -> None:
        self._line = line

    def treat(self, command: sw.QueueTreatment, call: Call) -> None:
        """Let a customer hear what a command says."""
        if command.treatment is Treatment.ANNOUNCEMENT:
            self._play(command, call, command.media, command.digits)
            return
        sound = _SOUNDS[command.treatment]
        if sound != call.hears:
            self.stop(call)
        call.hears = sound
        self._line.order(command, "POST", "channels", call.channel, sound)

    def say_last(self, command: sw.DeflectCall, call: Call) -> None:
        """Let a customer hear a message; when he has, or cannot, he is let go."""
        call.is_last = True
        self._play(command, call, command.name)

    def _play(self, command: sw.Command, call: Call, media: str, digits: str = "") -> None:
        self.stop(call)
        call.announcements += 1
        call.playback = playbacks(call)[call.announcements % 2]
        said = [f"sound:{media}"] if media else []
        said += [f"number:{digits}"] if digits else []
        query = {"media": ",".join(said), "playbackId": call.playback}
        then = partial(self._played, command, call, call.playback)
        self._line.ask("POST", "channels", call.channel, "play", then=then, query=query)

    def play_music(self, call: Call) -> None:
        """Let a customer hear music."""
        if call.hears not in {"", MUSIC}:
            self.stop(call)
        call.hears = MUSIC
        self._line.ask("POST", "channels", call.channel, MUSIC)

    def stop(self, call: Call) -> None:
        """Let a customer hear nothing any more: what comes next would wait for it."""
        if call.hears:
            self._line.ask("DELETE", "channels", call.channel, call.hears)
            call.hears = ""
        if call.playback:
            # While something is played, the switch lets all that comes on this link wait for it.
            for one in playbacks(call) if call.playback == ANY else (call.playback,):
                self._line.ask("DELETE", "playbacks", one)
            call.playback = ""

    def finished(self, playback: Playback, call: Call) -> None:
        """Let music go on after an announcement, or the customer go after his last."""
        if call.playback == playback.id:
            call.playback = ""
            if call.is_last:
                self._let_go(call)
            elif not call.talks():
                self.play_music(call)

    def _played(
        self, command: sw.Command, call: Call, playback: str, response: Response | None
    ) -> None:
        self._line.result(command, response)
        refused = response is not None and not response.is_good
        if refused and call.playback == playback:
            call.playback = ""
            if call.is_last:
                self._let_go(call)
            else:
                self.play_music(call)

    def _let_go(self, call: Call) -> None:
        """Hang up behind the last message."""
        call.clearing = True
        self._line.ask("DELETE", "channels", call.channel)
