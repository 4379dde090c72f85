"""What a configuration file says of those who wait in a queue, as `acd.config` reads it."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field

from acd.ids import Play
from acd.settings import RoutingStep
from acd.tables import Span, Table, Whole
from acd.waiting_settings import CallbackSettings, Treatment


class StepTable(Table):
    """One of a queue's `steps`."""

    after_us: Span
    if_nobody: bool | None = None
    requires: str | None = None
    lower: dict[str, Whole] | None = None
    priority: Whole | None = None


class TreatmentTable(Table):
    """One of a queue's `treatments`."""

    after_us: Span
    every_us: Span | None = None
    play: Annotated[Play, Field(strict=False)]
    message: str | None = None
    key: str | None = None


class CallbackTable(Table):
    """A queue's `callbacks`."""

    attempts: Whole | None = None
    retry_us: Span | None = None
    dial_us: Span | None = None
    slots: Whole | None = None
    interval_us: Span | None = None
    ahead_us: Span | None = None


def while_waiting(
    steps: Iterable[StepTable],
    treatments: Iterable[TreatmentTable],
    callbacks: CallbackTable | None,
) -> dict[str, Any]:
    """Return the settings of a queue that these tables say, by name."""
    given: dict[str, Any] = {
        "steps": tuple(RoutingStep(**one.model_dump(exclude_none=True)) for one in steps),
        "treatments": tuple(Treatment(**one.model_dump(exclude_none=True)) for one in treatments),
    }
    if callbacks is not None:
        given["callbacks"] = CallbackSettings(**callbacks.model_dump(exclude_none=True))
    return given
