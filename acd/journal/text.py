"""The journal as text: one line an event or an action, readable, exact, and complete in one file.

    = acd-journal 1 router=0.1.0
    | name = "shop"
    | …
    > 0.000000 agent.logged_in agent_id=ann
    > 12.500000 contact.arrived contact_id=c1 queue=sales channel=voice
    < offer.contact offer_id=1 leg_id=1 contact_id=c1 agent_id=ann queue=sales channel=voice …

The header names the versions; the lines with `|` hold the settings, and others below a later line
`= settings`; `>` is an event with its instant in seconds, `>>` an event of the batch above, `<` an
action that the event above led to.
Times are exact: they are written and read as whole microseconds, never as floating point.
docs/journal.md is the reference.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, BinaryIO, Final, NamedTuple, get_args, get_type_hints

import msgspec
from msgspec import Struct

from acd import __version__, config
from acd.actions import Action
from acd.errors import CallerError, ConfigError, JournalError
from acd.events import BATCH_MAX, VERSION, Batch, Event, SingleEvent
from acd.ids import TIME_US_MAX, TimeUs
from acd.router import Router
from acd.sentences import seconds
from acd.settings import SECOND_US, DomainSettings

LINE_BYTES_MAX: Final = 65_536
"""Longest line: an arrival with 200 attributes of the longest kind takes 28 KB."""

SETTINGS_BYTES_MAX: Final = 16 * 1_048_576
"""Most bytes of settings: 10,000 agents with 100 skills each, as JSON on lines of their own."""


class Entry(Struct, frozen=True):
    """One step: an event, and what the router answered."""

    now_us: TimeUs
    event: Event
    actions: tuple[Action, ...]
    line: int
    """Where the event stands in its file."""
    action_lines: tuple[int, ...]
    """Where each action stands."""
    settings: DomainSettings | None = None
    """Those that came into force before it; None for no others."""


class Journal(NamedTuple):
    """A journal whose header has been read; the entries are read one by one as they are asked."""

    file: str
    router: str
    """Version of the router that wrote it; empty in a story written by hand."""
    settings: DomainSettings
    entries: Iterator[Entry]


class Difference(NamedTuple):
    """Where the router decides otherwise than the journal says."""

    line: int
    wanted: str | None
    """The journal's line; None if it has no more actions for the event."""
    got: str | None
    """The router's; None if it gives no more."""


class Replayed(NamedTuple):
    """What a replay went through, and the first difference if one was found."""

    steps: int
    actions: int
    until_us: TimeUs
    difference: Difference | None


def replay(journal: Journal, *, verify: bool = False) -> Replayed:
    """Apply a journal's entries to a new router; or decide again, up to the first difference.

    Raises:
        ConfigError: The settings have mistakes.
        JournalError: The journal cannot be read, or no driver can have written it: a tick is owed,
            time runs back, an offer does not fit.
    """
    steps = actions = now_us = 0
    for router, entry in followed(journal):
        try:
            if verify:
                got = router.step(entry.event, now_us=entry.now_us)
            else:
                router.apply(entry.event, entry.actions, now_us=entry.now_us)
                got = entry.actions
        except CallerError as error:
            raise JournalError(journal.file, entry.line, str(error)) from error
        if got != entry.actions:
            return Replayed(steps, actions, now_us, _difference(entry, got))
        steps += 1
        actions += len(got)
        now_us = entry.now_us
    return Replayed(steps, actions, now_us, None)


def followed(journal: Journal) -> Iterator[tuple[Router, Entry]]:
    """Yield each entry with the router that it is for, which whoever asks brings behind it.

    Raises:
        ConfigError: Settings have mistakes, or lack what is inside when they come into force.
        JournalError: A line is wrong.
    """
    router = Router(journal.settings)
    for entry in journal.entries:
        if entry.settings is not None:
            try:
                router = under(entry.settings, router)
            except ConfigError as error:
                where = f"{journal.file}:{entry.line} (settings)"
                raise ConfigError(where, *error.problems) from error
        yield router, entry


def under(settings: DomainSettings, router: Router) -> Router:
    """Return a router that goes on where another is, under other settings.

    Raises:
        ConfigError: They are wrong, or lack what contacts inside or agents at work need.
    """
    return Router.restore(settings, router.snapshot())


def _difference(entry: Entry, got: tuple[Action, ...]) -> Difference:
    """Return the first place where an entry's actions are not those that were got."""
    place, wanted, now = first_difference(entry.actions, got)
    line = (*entry.action_lines, *entry.action_lines[-1:], entry.line)[
        min(place, len(entry.action_lines))
    ]
    return Difference(line, wanted, now)


def first_difference(
    wanted: tuple[Action, ...], got: tuple[Action, ...]
) -> tuple[int, str | None, str | None]:
    """Return the first place where actions differ, and their lines there; None for no action."""
    place = 0
    while place < min(len(wanted), len(got)) and wanted[place] == got[place]:
        place += 1
    return (
        place,
        format_action(wanted[place]) if place < len(wanted) else None,
        format_action(got[place]) if place < len(got) else None,
    )


# Writing


def format_header(settings: DomainSettings, *, toml: str | None = None) -> str:
    """Return the lines that a journal begins with, the last one ended.

    Args:
        settings: What the router is set up with.
        toml: The configuration file that says the same; if None, the settings stand as JSON.
    """
    return _with_settings(f"= acd-journal {VERSION} router={__version__}", settings, toml)


def format_settings(settings: DomainSettings, *, toml: str | None = None) -> str:
    """Return the lines by which other settings come into force, the last one ended.

    The event that follows is `settings.changed`. Args: as `format_header`.
    """
    return _with_settings("= settings", settings, toml)


def _with_settings(line: str, settings: DomainSettings, toml: str | None) -> str:
    if toml is None:
        toml = msgspec.json.format(msgspec.json.encode(settings), indent=1).decode()
    lines = [f"{line} settings=sha256:{settings.digest()}"]
    lines += [f"| {line}".rstrip(" ") for line in toml.split("\n")]
    return "\n".join(lines) + "\n"


def format_entry(event: Event, actions: Iterable[Action], now_us: int) -> str:
    """Return the lines of one step, the last one ended."""
    lines = [format_event(event, now_us), *map(format_action, actions)]
    return "\n".join(lines) + "\n"


def format_event(event: Event, now_us: int) -> str:
    """Return an event's line; a batch has one more for each of its events.

    >>> from acd.events import AgentNotReady
    >>> format_event(AgentNotReady(agent_id="ann", reason="has lunch"), 12_500_000)
    '> 12.500000 agent.not_ready agent_id=ann reason="has lunch"'
    """
    time = seconds(now_us)
    if isinstance(event, Batch):
        return "\n".join([f"> {time} batch", *(f">> {_format(one)}" for one in event.events)])
    return f"> {time} {_format(event)}"


def format_action(action: Action) -> str:
    """Return an action's line.

    >>> from acd.actions import ReleaseCustomer
    >>> format_action(ReleaseCustomer("c1"))
    '< customer.release contact_id=c1'
    """
    return f"< {_format(action)}"


_BARE: Final = re.compile(r"[\w.:/@+-]+")
"""Texts that need no quotes."""


def _format(message: SingleEvent | Action) -> str:
    """Return a message's tag, and its fields that differ from their defaults."""
    shape = _SHAPES[type(message)]
    words = [shape.tag]
    for name, default in shape.defaults.items():
        value = getattr(message, name)
        if value == default:
            continue
        if name in shape.texts and _BARE.fullmatch(value):
            words.append(f"{name}={value}")
        else:
            words.append(f"{name}={msgspec.json.encode(value).decode()}")
    return " ".join(words)


class _Shape(NamedTuple):
    """What a message looks like on a line."""

    tag: str
    kind: type[Struct]
    defaults: Mapping[str, object]
    """By name of the field, in their order; `msgspec.NODEFAULT` if it must be given."""
    texts: frozenset[str]
    """Fields that are text, names of a closed set included. All others are written as JSON."""


def _shape(kind: type[Struct]) -> _Shape:
    hints = get_type_hints(kind)
    tag = kind.__struct_config__.tag
    assert isinstance(tag, str)
    return _Shape(
        tag,
        kind,
        {field.name: field.default for field in msgspec.structs.fields(kind)},
        frozenset(
            name for name, hint in hints.items() if isinstance(hint, type) and issubclass(hint, str)
        ),
    )


_EVENTS: Final = {shape.tag: shape for shape in map(_shape, get_args(SingleEvent))}
_ACTIONS: Final = {shape.tag: shape for shape in map(_shape, get_args(Action))}
_SHAPES: Final = {shape.kind: shape for shape in (*_EVENTS.values(), *_ACTIONS.values())}


# Reading


def read(stream: BinaryIO, file: str) -> Journal:
    """Read a journal's header and settings; its entries follow as they are asked for.

    Args:
        stream: The journal. It is read line by line, so its size does not matter; it must stay
            open as long as entries are read.
        file: What messages call it.

    Raises:
        JournalError: A line is wrong; also raised later, by the entries.
        ConfigError: The settings have mistakes.
    """
    lines = _lines(stream, file)
    number, text = next(lines, (1, ""))
    words = text.split()
    if words[:2] != ["=", "acd-journal"]:
        raise JournalError(file, number, "is no journal; wanted `= acd-journal 1 …` at its head")
    if words[2:3] != [str(VERSION)]:
        what = f"is version {' '.join(words[2:3])}; wanted {VERSION}, which this release reads"
        raise JournalError(file, number, what)
    pairs = dict(word.partition("=")[::2] for word in words[3:])
    if unknown := pairs.keys() - {"router", "settings"}:
        raise JournalError(file, number, f"says {min(unknown)}=; wanted router= or settings=")
    settings, rest = _settings(lines, file, number, pairs.get("settings"))
    return Journal(file, pairs.get("router", ""), settings, _entries(rest, file))


_Lines = Iterator[tuple[int, str]]


def _lines(stream: BinaryIO, file: str) -> _Lines:
    """Yield the lines that say something, numbered, without their ends."""
    number = 0
    while raw := stream.readline(LINE_BYTES_MAX + 2):
        number += 1
        raw = raw.rstrip(b"\r\n")
        if len(raw) > LINE_BYTES_MAX:
            raise JournalError(file, number, f"is longer than {LINE_BYTES_MAX} bytes")
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise JournalError(file, number, "is not UTF-8") from error
        if text.strip() and not text.startswith("#"):
            yield number, text


def _settings(
    lines: _Lines, file: str, header: int, wanted: str | None
) -> tuple[DomainSettings, _Lines]:
    """Return the settings, whose digest must be `wanted` if given, and the lines after them."""
    settings, lines = _read_settings(lines, file, header)
    digest = f"sha256:{settings.digest()}"
    if wanted not in {None, digest}:
        raise JournalError(file, header, f"wants settings={wanted}; these are {digest}")
    return settings, lines


def _read_settings(lines: _Lines, file: str, header: int) -> tuple[DomainSettings, _Lines]:
    kept: list[str] = []
    size = 0
    first = header + 1
    for number, text in lines:
        if not text.startswith("|"):
            lines = chain([(number, text)], lines)
            break
        if not kept:
            first = number
        kept.append(text[2:])
        size += len(text)
        if size > SETTINGS_BYTES_MAX:
            raise JournalError(file, number, f"has over {SETTINGS_BYTES_MAX} bytes of settings")
    if not kept:
        raise JournalError(file, first, "has no settings; wanted them on lines beginning with `| `")
    text = "\n".join(kept)
    if not text.startswith("{"):
        return config.parse(text, file=f"{file}:{first} (settings)"), lines
    try:
        return msgspec.json.decode(text, type=DomainSettings), lines
    except msgspec.DecodeError as error:
        raise JournalError(file, first, f"has settings that are wrong: {error}") from error


class _Open:
    """An entry whose lines are still being read."""

    def __init__(self, line: int, said: str, settings: DomainSettings | None) -> None:
        self.line = line
        self.settings = settings
        self.now_us, self.event = _parse_event(said)
        """None in place of a batch."""
        self.events: list[SingleEvent] = []
        self.actions: list[Action] = []
        self.action_lines: list[int] = []

    def add(self, line: int, sign: str, said: str) -> None:
        """Take one more line."""
        if sign == "<":
            self.actions.append(_parse(said, _ACTIONS, "action"))
            self.action_lines.append(line)
            return
        if sign != ">>":
            raise ValueError(f"begins with {sign[:20]!r}; wanted `>`, `>>`, `<` or `#`")
        if self.event is not None or self.actions:
            raise ValueError("begins with `>>`; wanted it directly below a `batch`")
        if len(self.events) == BATCH_MAX:
            raise ValueError(f"is the batch's event {BATCH_MAX + 1}; wanted at most {BATCH_MAX}")
        self.events.append(_parse(said, _EVENTS, "event"))

    def entry(self) -> Entry:
        """Return what was read."""
        event = Batch(events=tuple(self.events)) if self.event is None else self.event
        actions = tuple(self.actions)
        lines = tuple(self.action_lines)
        return Entry(self.now_us, event, actions, self.line, lines, self.settings)


def _entries(lines: _Lines, file: str) -> Iterator[Entry]:
    """Yield the entries, each as soon as the next one begins."""
    entry: _Open | None = None
    settings: DomainSettings | None = None
    number = 1
    while (line := next(lines, None)) is not None:
        number, text = line
        sign, _, said = text.partition(" ")
        if sign in {">", "="} and entry is not None:
            yield entry.entry()
            entry = None
        if sign == "=":
            settings, lines = _new_settings(lines, file, number, said)
            continue
        try:
            if sign == ">":
                entry, settings = _Open(number, said, settings), None
            elif entry is not None:
                entry.add(number, sign, said)
            else:
                what = f"begins with {sign[:20]!r} before the first event; wanted `>`"
                raise JournalError(file, number, what if settings is None else _UNDER_NEW)
        except ValueError as error:  # msgspec's own is one, too.
            raise JournalError(file, number, str(error)) from error
    if entry is not None:
        yield entry.entry()
    elif settings is not None:
        raise JournalError(file, number, _UNDER_NEW)


_UNDER_NEW: Final = "has no event under new settings; wanted `> … settings.changed`"


def _new_settings(
    lines: _Lines, file: str, number: int, said: str
) -> tuple[DomainSettings, _Lines]:
    """Return the settings below a line, and the lines after them."""
    what, *rest = said.split()[:3] or [""]
    wanted = rest[0].removeprefix("settings=") if rest else None
    if what != "settings" or len(rest) > 1 or (rest and not rest[0].startswith("settings=")):
        raise JournalError(file, number, f"says {said[:40]!r}; wanted `= settings`")
    return _settings(lines, file, number, wanted)


_EVENT: Final = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,6}))? (.*)")
_FIELD: Final = re.compile(r' +([a-z_]+)=((?>(?:[^\s"]++|"(?>(?:[^"\\]++|\\.)*)")+))')
"""A name and a value: bare words and strings in any mixture, so that JSON arrays are one value."""


def _parse_event(said: str) -> tuple[int, SingleEvent | None]:
    """Return the instant and the event of a line; None in place of a batch."""
    match = _EVENT.fullmatch(said)
    if match is None:
        raise ValueError("has no time; wanted seconds with at most 6 decimals, then an event")
    seconds, fraction, rest = match.groups("")
    now_us = int(seconds) * SECOND_US + int(fraction.ljust(6, "0"))
    if now_us >= TIME_US_MAX:
        raise ValueError(f"is at {seconds} s; wanted less than 2**60 microseconds")
    if rest.strip() == "batch":
        return now_us, None
    return now_us, _parse(rest, _EVENTS, "event")


def _parse(said: str, shapes: Mapping[str, _Shape], what: str) -> Any:  # noqa: ANN401 - see below
    """Return the message on a line. Which type it has, the table of shapes decides."""
    tag, _, rest = said.strip().partition(" ")
    shape = shapes.get(tag)
    if shape is None:
        raise ValueError(f"has no {what} {tag[:40]!r}; wanted one of {', '.join(shapes)}")
    rest = f" {rest}" if rest else ""
    values: dict[str, object] = {}
    end = 0
    while end < len(rest):
        match = _FIELD.match(rest, end)
        if match is None:
            raise ValueError(f"breaks off at {rest[end:][:40]!r}; wanted name=value")
        name, value = match.groups()
        if name not in shape.defaults:
            raise ValueError(f"has a field {name}; wanted one of {', '.join(shape.defaults)}")
        if name in values:
            raise ValueError(f"has {name} twice; wanted it once")
        values[name] = _value(name, value, is_text=name in shape.texts)
        end = match.end()
    return msgspec.convert(values, shape.kind)


def _value(name: str, text: str, *, is_text: bool) -> object:
    """Return what the text after a field's `=` means."""
    if is_text and not text.startswith('"'):
        if not _BARE.fullmatch(text):
            raise ValueError(f"has {name}={text[:40]}; wanted a plain word, or a JSON string")
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"has {name}={text[:40]}; wanted JSON") from error
