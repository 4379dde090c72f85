"""Models of the tables of overflow, admission and other domains."""

from typing import Annotated

from pydantic import Field

from acd.ids import Channel
from acd.settings import Condition
from acd.tables import Span, Table, Whole

_ACondition = Annotated[Condition, Field(strict=False)]
_AChannel = Annotated[Channel, Field(strict=False)]


class OverflowTable(Table):
    """One `[[queues.NAME.CHANNEL.overflow]]` table."""

    joining: list[_ACondition] | None = None
    leaving: list[_ACondition] | None = None
    max_waiting: Whole | None = None
    max_estimated_wait_us: Span | None = None
    max_wait_us: Span | None = None
    queue: str | None = None
    voicemail: str | None = None
    message: str | None = None
    domain: str | None = None
    callback: str | None = None


class DomainTable(Table):
    """One `[domains.NAME]` table."""

    answer_us: Span | None = None
    retry_us: Span | None = None


class AdmissionTable(Table):
    """One `[admission.NAME]` table."""

    queues: list[str] | None = None
    channels: list[_AChannel] | None = None
    attributes: dict[str, str] | None = None
    max_waiting: Whole | None = None
    rate_per_min: Whole | None = None
    burst: Whole | None = None
    voicemail: str | None = None
    message: str | None = None
