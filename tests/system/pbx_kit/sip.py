"""SIP as far as the telephones of the tests need it (RFC 3261, 3515): messages in, messages out."""

import re
import secrets
from typing import TYPE_CHECKING, Final, NamedTuple, Self

if TYPE_CHECKING:
    from tests.system.pbx_kit.phones import Phone

REASONS: Final = {
    180: "Ringing",
    200: "OK",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    487: "Request Terminated",
    603: "Decline",
}


class Message(NamedTuple):
    """A request, or an answer to one."""

    method: str
    """"" of an answer."""
    status: int
    asked: str
    """The method that an answer is to."""
    call_id: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str:
        """Return a header's first value; "" if there is none."""
        return next((value for key, value in self.headers if key == name.lower()), "")

    def lines(self, name: str) -> list[str]:
        """Return a header as it came, all its lines."""
        return [f"{name}: {value}" for key, value in self.headers if key == name.lower()]


def parse(data: bytes) -> Message | None:
    """Return a message; None for what is none, as a keep-alive."""
    head = data.partition(b"\r\n\r\n")[0].decode(errors="replace").split("\r\n")
    pairs = [line.partition(":") for line in head[1:]]
    headers = tuple((key.strip().lower(), value.strip()) for key, _, value in pairs)
    words = head[0].split(" ")
    if len(words) < 3:
        return None
    found = Message("", 0, "", "", headers)
    call_id, asked = found.header("Call-ID"), found.header("CSeq").rpartition(" ")[2]
    if words[0] == "SIP/2.0":
        return found._replace(status=int(words[1]), asked=asked, call_id=call_id)
    return found._replace(method=words[0], asked=words[0], call_id=call_id)


def sound(phone: "Phone", way: str = "sendrecv") -> str:
    """Return a description of a phone's sound; nobody listens at its port."""
    lines = (
        *("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"),
        *(f"m=audio {phone.port} RTP/AVP 0", "a=rtpmap:0 PCMU/8000", f"a={way}"),
    )
    return "".join(f"{line}\r\n" for line in lines)


def answer_to(message: Message, status: int, phone: "Phone", *, sdp: bool = False) -> str:
    """Return an answer to a request."""
    to = message.header("To")
    if "tag=" not in to:
        to += f";tag={phone.name}"
    body = sound(phone) if sdp else ""
    return _text(
        f"SIP/2.0 {status} {REASONS.get(status, 'Refused')}",
        *message.lines("Via"),
        *message.lines("From"),
        f"To: {to}",
        *message.lines("Call-ID"),
        *message.lines("CSeq"),
        f"Contact: <sip:{phone.name}@127.0.0.1:{phone.port}>",
        body=body,
    )


class Dialog:
    """One call of a phone."""

    def __init__(self, phone: "Phone", call_id: str) -> None:
        self.phone = phone
        self.call_id = call_id
        self.incoming = False
        self.is_up = False
        self.is_acknowledged = False
        self.is_ending = False
        self.first: Message
        """The INVITE that came."""
        self.invite = ""
        """The INVITE that was sent."""
        self._ours = ""
        """From of our requests."""
        self._theirs = ""
        self._target = ""
        self._cseq = 100
        self._branch = ""

    @classmethod
    def incoming_call(cls, phone: "Phone", message: Message) -> Self:
        """Return a call that came in."""
        dialog = cls(phone, message.call_id)
        dialog.incoming = True
        dialog.first = message
        dialog._ours = f"{message.header('To')};tag={phone.name}"
        dialog._theirs = message.header("From")
        dialog._target = _address(message.header("Contact"))
        return dialog

    @classmethod
    def dial(cls, phone: "Phone", number: str, *, caller: str, headers: tuple[str, ...]) -> Self:
        """Return a call that is dialled.

        Args:
            phone: Who dials.
            number: What.
            caller: The whole From, if not the phone's own.
            headers: Further ones.
        """
        dialog = cls(phone, secrets.token_hex(8))
        where = f"127.0.0.1:{phone.bank.sip_port}"
        who = caller or f"<sip:{phone.name}@127.0.0.1>"
        dialog._ours = f"{who};tag={secrets.token_hex(4)}"
        dialog._theirs = f"<sip:{number}@{where}>"
        dialog._target = f"sip:{number}@{where}"
        dialog.invite = dialog._request("INVITE", *headers, body=sound(phone))
        return dialog

    @classmethod
    def registration(cls, phone: "Phone", seconds: int) -> str:
        """Return a REGISTER."""
        dialog = cls(phone, secrets.token_hex(8))
        who = f"<sip:{phone.name}@127.0.0.1>"
        dialog._ours, dialog._theirs = f"{who};tag={secrets.token_hex(4)}", who
        dialog._target = f"sip:127.0.0.1:{phone.bank.sip_port}"
        return dialog._request("REGISTER", f"Expires: {seconds}")

    def ack(self, answer: Message) -> str:
        """Return the ACK of an answer to our INVITE."""
        self._theirs = answer.header("To")
        if answer.status < 300:
            self._target = _address(answer.header("Contact")) or self._target
            return self._request("ACK", cseq=self._cseq)
        return self._request("ACK", cseq=self._cseq, branch=self._branch)

    def cancel(self) -> str:
        """Return the CANCEL of our INVITE."""
        return self._request("CANCEL", cseq=self._cseq, branch=self._branch)

    def bye(self) -> str:
        """Return a BYE."""
        return self._request("BYE")

    def re_invite(self, way: str) -> str:
        """Return an INVITE that holds the other end, or takes it off hold."""
        return self._request("INVITE", body=sound(self.phone, way))

    def key(self, digit: str) -> str:
        """Return the press of a key."""
        body = f"Signal={digit}\r\nDuration=160\r\n"
        return self._request("INFO", body=body, kind="application/dtmf-relay")

    def refer(self, to: str) -> str:
        """Return a REFER: the other end shall call somebody else."""
        where = f"127.0.0.1:{self.phone.bank.sip_port}"
        return self._request("REFER", f"Refer-To: <sip:{to}@{where}>")

    def _request(
        self,
        method: str,
        *headers: str,
        body: str = "",
        kind: str = "application/sdp",
        cseq: int = 0,
        branch: str = "",
    ) -> str:
        if not cseq:
            self._cseq += 1
            cseq = self._cseq
        branch = branch or f"z9hG4bK{secrets.token_hex(8)}"
        if method == "INVITE":
            self._branch = branch
        return _text(
            f"{method} {self._target} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.phone.port};branch={branch};rport",
            "Max-Forwards: 70",
            f"From: {self._ours}",
            f"To: {self._theirs}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:{self.phone.name}@127.0.0.1:{self.phone.port}>",
            *headers,
            body=body,
            kind=kind,
        )


def _address(text: str) -> str:
    found = re.search(r"<([^>]*)>", text)
    return found.group(1) if found else text.partition(";")[0]


def _text(*lines: str, body: str = "", kind: str = "application/sdp") -> str:
    typed = (f"Content-Type: {kind}",) if body else ()
    return "\r\n".join((*lines, *typed, f"Content-Length: {len(body.encode())}", "", body))
