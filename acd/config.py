"""Configuration files: TOML to frozen settings, or every mistake at once.

The file's shape is checked by the pydantic models below; ranges and what refers to what are
checked by `acd.validation`, also when the shape has mistakes: faulty values are left out, their
places are remembered, and the rest is checked without false alarms that only follow from them.
docs/configuration.md describes every key.

Files are foreign: before the TOML parser sees one, its size, its lines and its keys are measured.
The parser is quadratic in a dotted key's parts: 32 KB of them cost it 2.5 s and 1 GB.
"""

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, ClassVar, Final, NamedTuple, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from acd.errors import ConfigError, Problem
from acd.ids import Channel, WrapUpMode
from acd.settings import (
    SECOND_US,
    Abandons,
    AgentCriterion,
    AgentSettings,
    CapacitySettings,
    ChannelSettings,
    DomainSettings,
    IdleClock,
    MeasureSettings,
    ProfileSettings,
    QueueSettings,
    Serves,
    SlotSettings,
    Urgency,
)
from acd.skills import did_you_mean, nearest, shown
from acd.validation import (
    AGENTS_MAX,
    SPAN_MAX_US,
    SUGGESTIONS_MAX,
    KeyPath,
    Mistake,
    mistakes,
    seconds_text,
)

FILE_BYTES_MAX: Final = 1_048_576
"""Largest file: 10,000 agents in tables of their own take 1 MB."""

LINE_BYTES_MAX: Final = 4_096
"""Longest line: a table of an agent with 100 skills on one line takes 2 KB."""

KEY_DOTS_MAX: Final = 8
"""Most dots in a key: twice what the deepest key here has."""

GUARD_PROBLEMS_MAX: Final = 20
"""Most lines of one kind that the guard reports: such a file is not one that a person wrote."""

NUMBER_MAX: Final = 2**63
"""Numbers beyond it are refused: they fit no type of 64 bits."""

_ROUNDS_MAX: Final = 8
"""Most rounds of leaving out faulty values; each goes a level deeper, and tables have five."""

UNKNOWN_KEY: Final = "is an unknown key"

OTHER_TABLES: Final = frozenset({"scenario"})
"""Tables that belong to other programs and are left alone here."""

ModelT = TypeVar("ModelT", bound=BaseModel)


def load(path: Path, *, members: Mapping[str, int] | None = None) -> DomainSettings:
    """Return the settings in the file at `path`; see `parse`.

    Raises:
        ConfigError: The file is wrong; all its mistakes.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        # One byte more than allowed shows that there are too many, however many there are.
        return parse(file.read(FILE_BYTES_MAX + 1), file=str(path), members=members)


def parse(
    text: str | bytes, *, file: str = "<text>", members: Mapping[str, int] | None = None
) -> DomainSettings:
    """Return the settings in `text`, a TOML document.

    Args:
        text: At most `FILE_BYTES_MAX` bytes in UTF-8.
        file: What messages call it.
        members: How many members a group has, instead of what the file says.

    Raises:
        ConfigError: All mistakes, in the order of the file.
    """
    data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    tree = {k: v for k, v in read_toml(data, file).items() if k not in OTHER_TABLES}
    document, found, faulty = _read_model(_Document, tree)
    sizes, more = _group_sizes(document, members or {})
    settings = _settings(document, sizes)
    found += [mistake for mistake in more if not _within(mistake.path, faulty)]
    found += mistakes(settings, faulty=faulty)
    if found:
        raise ConfigError(file, *in_file_order(found, tree))
    return settings


# Reading TOML


def read_toml(data: bytes, file: str) -> dict[str, Any]:
    """Return the TOML document in `data` as a dict.

    Raises:
        ConfigError: It is too large, not UTF-8, has too long a line or too deep a key, or is no
            TOML. Cost: linear in the size, whatever it holds.
    """
    if found := _refused(data):
        raise ConfigError(file, *found)
    text = data.decode()
    try:
        return tomllib.loads(text)
    except RecursionError:
        found = [Problem("file", "is nested too deeply", "a few tables and arrays in each other")]
    except ValueError as error:  # TOMLDecodeError, or a number that Python refuses to convert.
        found = [_not_toml(str(error), text)]
    raise ConfigError(file, *found)


_STRING: Final = r""""(?:[^"\\\n]++|\\[^\n])*+(?:"|\\?$)|'[^'\n]*+(?:'|$)"""
_PART: Final = rf"(?:[A-Za-z0-9_-]++|{_STRING})"
# What can hold dots that part no key (long strings, comments) or is a key or a plain value. Every
# repetition is possessive and an open string ends with its line or the text, so that no character
# is looked at more than a few times.
_LEXEME: Final = re.compile(
    r'"""(?:[^"\\]++|\\[\s\S]|"{1,2}(?!"))*+(?:"{3,5}|\\?\Z)'
    r"|'''(?:[^']++|'{1,2}(?!'))*+(?:'{3,5}|\Z)"
    r"|\#[^\n]*+"
    rf"|(?P<key>{_PART}(?:[ \t]*+\.[ \t]*+{_PART})*+)",
    re.MULTILINE,
)
_PARTS: Final = re.compile(_PART, re.MULTILINE)


def _refused(data: bytes) -> list[Problem]:
    """Return why the parser must not see `data`, if it must not."""
    if len(data) > FILE_BYTES_MAX:
        return [Problem("file", f"has over {FILE_BYTES_MAX} bytes", f"at most {FILE_BYTES_MAX}")]
    lines = enumerate(data.split(b"\n"), 1)
    long = [
        Problem(f"line {n}", f"has {len(line)} bytes", f"at most {LINE_BYTES_MAX}")
        for n, line in lines
        if len(line) > LINE_BYTES_MAX
    ]
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return [*long, Problem(f"line {line}", "is not UTF-8", "text in UTF-8")]
    deep: list[Problem] = []
    line, counted = 1, 0
    for match in _LEXEME.finditer(text):
        key = match["key"]
        if not key or key.count(".") <= KEY_DOTS_MAX:
            continue
        dots = sum(1 for _ in _PARTS.finditer(key)) - 1
        if dots > KEY_DOTS_MAX and len(deep) < GUARD_PROBLEMS_MAX:
            line += text.count("\n", counted, match.start())
            counted = match.start()
            deep.append(
                Problem(f"line {line}", f"has a key with {dots} dots", f"at most {KEY_DOTS_MAX}")
            )
    return [*long[:GUARD_PROBLEMS_MAX], *deep]


_WHERE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def _not_toml(message: str, text: str) -> Problem:
    """Return the one mistake that the parser found, from its message."""
    where = _WHERE.search(message)
    at_line = where is not None and where[1] is not None
    line = where[1] if where and at_line else str(text.count("\n") + 1)
    column = f" at column {where[2]}" if where and at_line else ""
    what = (message[: where.start()] if where else message)[:200]
    repeated = "twice" in what or "overwrite" in what
    wanted = "each table and key once" if repeated else "TOML 1.0"
    return Problem(f"line {line}", f"is no TOML{column}: {what}", wanted)


# Types of values


def refusal(wanted: str) -> PydanticCustomError:
    """Return what a validator raises to have a value refused as not `wanted`."""
    return PydanticCustomError("wanted", "{wanted}", {"wanted": wanted})


def _number(value: object) -> int | float:
    """Return a number that is finite and not absurdly large."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refusal("a number")
    if not abs(value) < NUMBER_MAX:  # NaN is not below it either.
        raise refusal("a finite number of a usual size")
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise refusal("a whole number")
    _number(value)
    return value


def _microseconds(value: object) -> int:
    """Return seconds as microseconds. A float stands for the decimal number that the file has."""
    number = _number(value)
    if abs(number) * SECOND_US > SPAN_MAX_US:
        raise refusal(f"a number of seconds up to {seconds_text(SPAN_MAX_US)}")
    time_us = Decimal(repr(number)) * SECOND_US
    if time_us % 1:
        raise refusal("a whole number of microseconds")
    return int(time_us)


def _minutes(value: object) -> int:
    return _microseconds(value if isinstance(value, bool) else _number(value) * 60)


def _one_urgency(value: object) -> object:
    if isinstance(value, list):
        raise refusal("one urgency policy for the whole domain")
    return value


Number = Annotated[float, BeforeValidator(_number)]
"""A finite number."""
Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number of at most 63 bits."""
Span = Annotated[int, BeforeValidator(_microseconds)]
"""A number of seconds in the file, an integer of microseconds here: exactly, or refused."""

_ByName = Field(strict=False)  # Strict mode would want the enum's member, which TOML has not.
_AChannel = Annotated[Channel, _ByName]


def _key_of(field: str) -> str:
    """Return the file's key of a field: seconds there, microseconds here."""
    return f"{field.removesuffix('_us')}_s" if field.endswith("_us") else field


class Table(BaseModel):
    """Base of the models of TOML tables: nothing unknown, nothing converted.

    A field `x_us` is read from the key `x_s`.
    """

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", alias_generator=_key_of, hide_input_in_errors=True
    )
    refused_keys: ClassVar[Mapping[str, str]] = {}
    """Keys that people might try, and what is wanted instead."""


# The file. docs/configuration.md says what each key means.

_ONE_URGENCY: Final = {"urgency": "one urgency policy for the whole domain, in domain.urgency"}
_A_DOMAIN: Final = DomainSettings(name="", queues=(), profiles=(), capacities=(), agents=())
_A_CHANNEL: Final = ChannelSettings()
_A_QUEUE: Final = QueueSettings(name="", channels={})
_A_SLOT: Final = SlotSettings()
_A_MEASURE: Final = MeasureSettings()


class _DomainTable(Table):
    name: str
    urgency: Annotated[Urgency, _ByName, BeforeValidator(_one_urgency)] = _A_DOMAIN.urgency
    agent_selection: list[Annotated[AgentCriterion, _ByName]] = [*_A_DOMAIN.agent_selection]
    idle_clock: Annotated[IdleClock, _ByName] = _A_DOMAIN.idle_clock
    back_off_us: Span = _A_DOMAIN.back_off_us
    connect_us: Span = _A_DOMAIN.connect_us
    skills: list[str] = []
    contact_attributes: list[str] = []


class _ChannelTable(Table):
    refused_keys = _ONE_URGENCY
    objective_us: Span = _A_CHANNEL.objective_us
    ring_us: Span = _A_CHANNEL.ring_us
    wrap_up_us: Span = _A_CHANNEL.wrap_up_us
    wrap_up_cap_us: Span | None = None
    auto_answer: bool = _A_CHANNEL.auto_answer


class _QueueTable(Table):
    refused_keys = _ONE_URGENCY
    requires: str = _A_QUEUE.requires
    prefers: list[str] = []
    priority: Whole | None = None
    head_start_us: Span | None = None
    promise_us: Span | None = None
    exclusion_us: Span = _A_QUEUE.exclusion_us
    voice: _ChannelTable | None = None
    email: _ChannelTable | None = None
    web_form: _ChannelTable | None = None
    chat: _ChannelTable | None = None


class _SlotTable(Table):
    slots: Whole = _A_SLOT.slots
    cost: Whole = _A_SLOT.cost
    interrupted_by: list[_AChannel] = []


class _CapacityTable(Table):
    total: Whole = 100
    voice: _SlotTable | None = None
    email: _SlotTable | None = None
    web_form: _SlotTable | None = None
    chat: _SlotTable | None = None


class _LineTable(Table):
    queue: str
    channels: list[_AChannel] | None = None
    tier: Whole = 1


class _AgentTable(Table):
    profile: str
    capacity: str
    skills: dict[str, Whole] = {}
    attributes: dict[str, str] = {}
    wrap_up_mode: Annotated[WrapUpMode, _ByName] = WrapUpMode.TIMED


class _GroupTable(_AgentTable):
    members: Whole | None = None


class _MeasuresTable(Table):
    interval_us: Annotated[int, BeforeValidator(_minutes)] = Field(
        _A_MEASURE.interval_us, alias="interval_min"
    )
    abandons: Annotated[Abandons, _ByName] = _A_MEASURE.abandons
    short_abandon_us: Span = _A_MEASURE.short_abandon_us


class _Document(Table):
    domain: _DomainTable
    attributes: dict[str, list[str]] = {}
    queues: dict[str, _QueueTable] = {}
    capacities: dict[str, _CapacityTable] = {}
    profiles: dict[str, list[_LineTable]] = {}
    agents: dict[str, _AgentTable] = {}
    groups: dict[str, _GroupTable] = {}
    measures: _MeasuresTable = _MeasuresTable()


# From the file's models to settings


def _group_sizes(
    document: _Document, members: Mapping[str, int]
) -> tuple[dict[str, int], list[Mistake]]:
    """Return how many members each group gets (1 where that is in doubt), and what is wrong."""
    found: list[Mistake] = []
    sizes: dict[str, int] = {}
    for name, group in document.groups.items():
        path = ("groups", name)
        count = members.get(name, group.members)
        least = 0 if name in members else 1
        wanted = f"a whole number from {least} to {AGENTS_MAX}"
        if count is None:
            found.append(Mistake((*path, "members"), "is missing", wanted))
        elif not least <= count <= AGENTS_MAX:
            found.append(Mistake((*path, "members"), f"is {count}", wanted))
        else:
            sizes[name] = count
        if not name:
            found.append(Mistake(path, "has a name of 0 characters", "at least 1"))
    found += [
        Mistake(("groups", name), "is missing", "a table, since its members are given")
        for name in sorted(members.keys() - document.groups.keys())
    ]
    total = len(document.agents) + sum(sizes.values())
    if total > AGENTS_MAX:
        found.append(
            Mistake(("groups",), f"make {total} agents with [agents]", f"at most {AGENTS_MAX}")
        )
        sizes = {}
    return {name: sizes.get(name, 1) for name in document.groups}, found


def _settings(document: _Document, sizes: Mapping[str, int]) -> DomainSettings:
    domain, measures = document.domain, document.measures
    return DomainSettings(
        name=domain.name,
        queues=tuple(_queue(name, table) for name, table in document.queues.items()),
        profiles=tuple(
            ProfileSettings(name=name, serves=tuple(_line(line, document.queues) for line in lines))
            for name, lines in document.profiles.items()
        ),
        capacities=tuple(_capacity(*each) for each in document.capacities.items()),
        agents=(
            *(_agent(name, table) for name, table in document.agents.items()),
            *(
                _agent(f"{name}-{number:03}", table, group=name)
                for name, table in document.groups.items()
                for number in range(1, sizes[name] + 1)
            ),
        ),
        urgency=domain.urgency,
        agent_selection=tuple(domain.agent_selection),
        idle_clock=domain.idle_clock,
        back_off_us=domain.back_off_us,
        connect_us=domain.connect_us,
        skills=tuple(domain.skills),
        attributes={name: tuple(values) for name, values in document.attributes.items()},
        contact_attributes=tuple(domain.contact_attributes),
        measures=MeasureSettings(
            interval_us=measures.interval_us,
            abandons=measures.abandons,
            short_abandon_us=measures.short_abandon_us,
        ),
    )


def _queue(name: str, table: _QueueTable) -> QueueSettings:
    return QueueSettings(
        name=name,
        channels={
            channel: ChannelSettings(
                objective_us=each.objective_us,
                ring_us=each.ring_us,
                wrap_up_us=each.wrap_up_us,
                wrap_up_cap_us=max(_A_CHANNEL.wrap_up_cap_us, each.wrap_up_us)
                if each.wrap_up_cap_us is None
                else each.wrap_up_cap_us,
                auto_answer=each.auto_answer,
            )
            for channel, each in _channel_tables(table)
        },
        requires=table.requires,
        prefers=tuple(table.prefers),
        priority=table.priority,
        head_start_us=table.head_start_us,
        promise_us=table.promise_us,
        exclusion_us=table.exclusion_us,
    )


def _channel_tables(table: _QueueTable) -> list[tuple[Channel, _ChannelTable]]:
    tables = ((channel, getattr(table, channel)) for channel in Channel)
    return [(channel, each) for channel, each in tables if each is not None]


def _capacity(name: str, table: _CapacityTable) -> CapacitySettings:
    tables: list[tuple[Channel, _SlotTable | None]]
    tables = [(channel, getattr(table, channel)) for channel in Channel]
    return CapacitySettings(
        name=name,
        channels={
            channel: SlotSettings(
                slots=each.slots, cost=each.cost, interrupted_by=tuple(each.interrupted_by)
            )
            for channel, each in tables
            if each is not None
        },
        total=table.total,
    )


def _line(table: _LineTable, queues: Mapping[str, _QueueTable]) -> Serves:
    channels = table.channels
    if channels is None:
        queue = queues.get(table.queue)
        channels = [channel for channel, _ in _channel_tables(queue)] if queue else []
    return Serves(queue=table.queue, channels=tuple(channels), tier=table.tier)


def _agent(name: str, table: _AgentTable, *, group: str = "") -> AgentSettings:
    # Members of a group share the two dicts, which nobody changes.
    return AgentSettings(
        agent_id=name,
        profile=table.profile,
        capacity=table.capacity,
        group=group,
        skills=table.skills,
        attributes=table.attributes,
        wrap_up_mode=table.wrap_up_mode,
    )


# From pydantic's errors to mistakes

_WANTED: Final = {
    "bool": "true or false",
    "dict": "a table",
    "float": "a number",
    "finite": "a finite number",
    "int": "a whole number",
    "list": "an array",
    "model": "a table",
    "string": "a text",
    "tuple": "an array",
}
"""What is wanted, by the first word of pydantic's type of error."""

_BOUNDS: Final = {
    "greater_than": ("a number above {}", "gt"),
    "greater_than_equal": ("a number of at least {}", "ge"),
    "less_than": ("a number below {}", "lt"),
    "less_than_equal": ("a number of at most {}", "le"),
    "string_too_long": ("at most {} characters", "max_length"),
    "string_too_short": ("at least {} characters", "min_length"),
    "too_long": ("at most {} of them", "max_length"),
    "too_short": ("at least {} of them", "min_length"),
}
"""What is wanted, by pydantic's type of error, with the key of its bound."""


def mistakes_in(
    error: ValidationError, model: type[BaseModel], *, path: KeyPath = ()
) -> list[Mistake]:
    """Return the mistakes that pydantic found.

    Args:
        error: What `model` raised.
        model: Where near names of unknown keys are searched.
        path: Where in the file the table stands that `model` read.
    """
    return _findings(error, model, path)[0]


def problems_in(
    error: ValidationError, model: type[BaseModel], *, path: KeyPath = ()
) -> list[Problem]:
    """Return `mistakes_in` with their keys as text."""
    return [mistake.problem() for mistake in mistakes_in(error, model, path=path)]


def in_file_order(found: Iterable[Mistake], tree: Mapping[str, Any]) -> list[Problem]:
    """Return mistakes as problems, in the order in which `tree` has their keys."""
    orders: dict[int, dict[str, int]] = {}

    def place(mistake: Mistake) -> list[int]:
        places: list[int] = []
        node: Any = tree
        for part in mistake.path:
            if isinstance(node, dict) and part in node:
                order = orders.setdefault(id(node), {})
                if not order:
                    order.update({key: at for at, key in enumerate(node)})
                places.append(order[str(part)])
                node = node[part]
            elif isinstance(node, list) and isinstance(part, int) and part < len(node):
                places.append(part)
                node = node[part]
            else:  # What is missing comes last in its table.
                return [*places, NUMBER_MAX]
        return places

    return [mistake.problem() for mistake in sorted(found, key=place)]


def _has(tree: Any, path: KeyPath) -> bool:  # noqa: ANN401
    """Return whether `tree` has a value at `path`, whose last part is a key."""
    for part in path[:-1]:
        tree = tree[part]
    return path[-1] in tree


def _within(path: KeyPath, places: Collection[KeyPath]) -> bool:
    return any(path[:length] in places for length in range(1, len(path) + 1))


def _read_model(
    model: type[ModelT], tree: dict[str, Any]
) -> tuple[ModelT, list[Mistake], set[KeyPath]]:
    """Return what can be read of `tree`, the mistakes, and the places that were left out."""
    found: list[Mistake] = []
    faulty: set[KeyPath] = set()
    for _ in range(_ROUNDS_MAX):
        try:
            return model.model_validate(tree), found, faulty
        except ValidationError as error:
            more, meant = _findings(error, model, ())
            found += [mistake for mistake in more if not _within(mistake.path, faulty)]
            faulty |= {place for place in meant if not _has(tree, place)}
            faulty |= {mistake.path for mistake in more if mistake.seen != UNKNOWN_KEY}
            tree = _without_faults(tree, model, error)
    raise AssertionError(found)


def _findings(
    error: ValidationError, model: type[BaseModel], path: KeyPath
) -> tuple[list[Mistake], set[KeyPath]]:
    """Return the mistakes, and the places that misspelt keys seem to mean."""
    details = error.errors(include_url=False)
    found: list[Mistake] = []
    meant: set[KeyPath] = set()
    suggestions = 0
    for detail in details:
        if detail["type"] != "extra_forbidden":
            continue
        *above, key = detail["loc"]
        table = _annotation(model, above)
        keys = _fields(table)
        wanted = getattr(table, "refused_keys", {}).get(key)
        if wanted is None:
            near = nearest(str(key), keys) if suggestions < SUGGESTIONS_MAX else ""
            suggestions += 1
            wanted = f"a known key{did_you_mean(near)}" if near else _one_of(keys)
            meant |= {(*path, *above, near)} if near else set()
        found.append(Mistake((*path, *detail["loc"]), UNKNOWN_KEY, wanted))
    for detail in details:
        where = (*path, *detail["loc"])
        # That a key is missing only follows if another is its misspelling.
        follows = detail["type"] == "missing" and where in meant
        if detail["type"] != "extra_forbidden" and not follows:
            found.append(_mistake(where, detail, _annotation(model, detail["loc"])))
    return found, meant


def _mistake(where: KeyPath, detail: ErrorDetails, annotation: Any) -> Mistake:  # noqa: ANN401
    kind = detail["type"]
    context = detail.get("ctx", {})
    seen = f"is {value_text(detail['input'])}"
    if kind == "missing":
        return Mistake(where, "is missing", _wanted_type(annotation))
    if kind in {"enum", "literal_error"}:
        choices = re.findall(r"'([^']*)'", context["expected"])
        near = nearest(detail["input"], choices) if isinstance(detail["input"], str) else ""
        return Mistake(where, seen, f"{_one_of(choices)}{did_you_mean(near)}")
    if kind == "wanted":
        return Mistake(where, seen, detail["msg"])
    if kind in _BOUNDS:
        text, key = _BOUNDS[kind]
        return Mistake(where, seen, text.format(context[key]))
    return Mistake(where, seen, _WANTED.get(kind.split("_")[0], detail["msg"]))


def value_text(value: object) -> str:
    """Return a value of a TOML file for a message; never long, whatever it is.

    >>> value_text(True), value_text(1 << 20_000), value_text([1]), value_text("x")
    ('true', 'a number of 20001 bits', 'an array', '`x`')
    """
    match value:
        case bool():
            return str(value).lower()
        case int():
            return (
                str(value) if abs(value) < NUMBER_MAX else f"a number of {value.bit_length()} bits"
            )
        case float():
            return repr(value)
        case str():
            return shown(value)
        case dict():
            return "a table"
        case list():
            return "an array"
        case _:  # A date or a time.
            return f"the {type(value).__name__} {value}"


def _one_of(names: Iterable[str]) -> str:
    return f"one of {', '.join(map(shown, names))}"


def _wanted_type(annotation: Any) -> str:  # noqa: ANN401
    """Return what a missing value should be."""
    names = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
    kind = _bare(annotation)
    return names.get(kind, "an array" if get_origin(kind) is list else "a table")


def _bare(annotation: Any) -> Any:  # noqa: ANN401 - annotations are of many types
    """Return an annotation without metadata and without None."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    inner = [each for each in get_args(annotation) if each is not NoneType]
    optional = len(inner) < len(get_args(annotation))
    return _bare(inner[0]) if optional else annotation


def _fields(table: Any) -> dict[str, FieldInfo]:  # noqa: ANN401
    """Return a model's fields by their keys in the file."""
    return {field.alias or name: field for name, field in table.model_fields.items()}


def _annotation(model: Any, path: Iterable[str | int]) -> Any:  # noqa: ANN401
    """Return what a value at `path` should be. None if no table or array is expected there."""
    kind = model
    for part in path:
        kind = _bare(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = _fields(kind).get(str(part))
            kind = field.annotation if field else None
        else:
            kind = (get_args(kind) or (None,))[-1]
    return _bare(kind)


_GONE: Final = object()


def _without_faults(tree: Any, model: type[BaseModel], error: ValidationError) -> Any:  # noqa: ANN401
    """Return `tree` with faulty values left out, or replaced where something must stand."""
    changes: dict[str | int, Any] = {}
    for detail in error.errors(include_url=False, include_input=False):
        *above, last = detail["loc"]
        at = changes
        for part in above:
            at = at.setdefault(part, {})
        at[last] = _Instead(
            _GONE if detail["type"] == "extra_forbidden" else _stand_in(model, above, last)
        )
    return _changed(tree, changes)


class _Instead(NamedTuple):
    value: Any


def _stand_in(model: type[BaseModel], above: list[str | int], last: str | int) -> Any:  # noqa: ANN401
    """Return what to put in a faulty value's place: nothing, unless a text or table must be."""
    table = _annotation(model, above)
    kind = _annotation(model, [*above, last])
    if isinstance(table, type) and issubclass(table, BaseModel):
        if not _fields(table)[str(last)].is_required():
            return _GONE
    elif get_origin(table) is not list:
        return _GONE
    if kind is str:
        return ""
    return {} if isinstance(kind, type) and issubclass(kind, BaseModel) else _GONE


def _changed(tree: Any, changes: dict[Any, Any]) -> Any:  # noqa: ANN401
    """Return a copy of a dict or list along the changes; the rest is shared."""
    copy = tree.copy()
    # Backwards, so that places in an array stay right while later ones go.
    for part in sorted(changes, reverse=True):
        change = changes[part]
        if not isinstance(change, _Instead):
            copy[part] = _changed(tree[part], change)
        elif change.value is not _GONE:
            copy[part] = change.value
        elif isinstance(tree, list) or part in tree:
            del copy[part]
    return copy
