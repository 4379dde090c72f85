"""The keys of a scenario file that say how people behave: customers, and agents at their work.

docs/people.md describes them. What several of them must agree in, and what they must find in the
rest of the file, is the business of `sim.people`.
"""

from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from acd.ids import Channel
from acd.tables import Number, Span, Table, Whole, refusal
from sim.patience import SHARE_SLACK
from sim.scenario_kinds import Mean
from sim.workload import CallBack, Handle, Lost, Shape, WaitOf

ATTEMPTS_MAX: Final = 20
"""Most attempts of a customer; who calls more often is a machine."""
PHASES_MAX: Final = 1_000
KINDS_MAX: Final = 20
"""Most kinds of customers that a hyperexponential time mixes."""
CONCURRENCY_MAX: Final = 100
"""Most contacts at a time for which a pace is told."""

_USUAL: Final = CallBack()


def _falling(paces: list[float]) -> list[float]:
    if paces[0] != 1 or any(after > before for before, after in pairwise(paces)):
        raise refusal("1 for a contact alone, then numbers that do not rise")
    return paces


def _no_zero(value: object) -> object:
    if value == 0 and type(value) in {int, float}:
        raise refusal(
            "a number above 0; who leaves at once when he hears that he must wait does not lack "
            "patience, he balks: see `accepts`"
        )
    return value


PatienceMean = Annotated[Mean, BeforeValidator(_no_zero)]
Share = Annotated[Number, Field(gt=0, le=1)]
ShareOrNone = Annotated[Number, Field(ge=0, le=1)]
Paces = Annotated[
    list[Annotated[Number, Field(gt=0, le=1)]],
    Field(min_length=1, max_length=CONCURRENCY_MAX),
    AfterValidator(_falling),
]


class HandleTable(Table):
    """`handle = { mean_s, scv, shape }`: how long an agent talks or writes."""

    mean_s: Mean
    shape: Annotated[Shape, Field(strict=False)] = Shape.LOGNORMAL
    scv: Annotated[Number, Field(gt=0, le=100)] = 1.0

    @field_validator("scv")
    @classmethod
    def _fits_the_shape(cls, scv: float, info: ValidationInfo) -> float:
        if info.data.get("shape") is Shape.EXPONENTIAL and scv != 1.0:
            raise refusal("1, which every exponential time has")
        return scv

    def value(self) -> Handle:
        """Return what the table says."""
        return Handle(mean_s=self.mean_s, scv=self.scv, shape=self.shape)


class LawShape(StrEnum):
    """The family of a distribution of times."""

    EXPONENTIAL = "exponential"
    LOGNORMAL = "lognormal"
    GAMMA = "gamma"
    ERLANG = "erlang"
    HYPEREXPONENTIAL = "hyperexponential"
    DETERMINISTIC = "deterministic"
    EMPIRICAL = "empirical"


class Tail(StrEnum):
    """What becomes of those who would have waited longer than anybody was seen to leave."""

    STAYS = "stays"
    LEAVES = "leaves"
    """At the last instant that was seen."""


class LawTable(Table):
    """`{ shape, mean_s, … }`: a distribution of times."""

    shape: Annotated[LawShape, Field(strict=False)] = LawShape.EXPONENTIAL
    mean_s: Mean | None = None
    scv: Annotated[Number, Field(gt=0, le=100)] | None = None
    phases: Annotated[Whole, Field(ge=1, le=PHASES_MAX)] | None = None
    means_s: Annotated[list[Mean], Field(min_length=1, max_length=KINDS_MAX)] | None = None
    shares: Annotated[list[Share], Field(min_length=1, max_length=KINDS_MAX)] | None = None
    share: Share | None = None
    csv: Annotated[str, Field(min_length=1, max_length=1_000)] | None = None
    queue: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    tail: Annotated[Tail, Field(strict=False)] | None = None


class PatienceTable(LawTable):
    """`patience = { shape, mean_s, … }`: how long customers wait."""

    mean_s: PatienceMean | None = None


class RedialTable(Table):
    """`redials = { share, pause, attempts_max, causes }`: who was not served calls again."""

    share: Share
    pause: LawTable
    attempts_max: Annotated[Whole, Field(ge=2, le=ATTEMPTS_MAX)]
    causes: Annotated[list[Annotated[Lost, Field(strict=False)]], Field(min_length=1)] = Field(
        default_factory=lambda: [Lost.ABANDONED]
    )


class CallbackTable(Table):
    """`callbacks = { accept_share, answer_share, busy_share, answer_s }`: who is called back."""

    accept_share: ShareOrNone = _USUAL.accept_share
    answer_share: ShareOrNone = _USUAL.answer_share
    busy_share: ShareOrNone = _USUAL.busy_share
    answer_us: Annotated[Span, Field(ge=0)] = _USUAL.answer_us

    @field_validator("busy_share")
    @classmethod
    def _beside_who_answers(cls, busy_share: float, info: ValidationInfo) -> float:
        answer_share = info.data.get("answer_share", 0.0)
        if busy_share + answer_share > 1 + SHARE_SLACK:
            raise refusal(f"at most {1 - answer_share:g}, which answer_share leaves")
        return busy_share

    def value(self) -> CallBack:
        """Return what the table says."""
        return CallBack(
            accept_share=self.accept_share,
            answer_share=self.answer_share,
            busy_share=self.busy_share,
            answer_us=self.answer_us,
        )


class CustomersTable(Table):
    """What each `[[scenario.arrivals]]` says of its customers."""

    handle: HandleTable | None = None
    patience_mean_s: PatienceMean | None = None
    patience: PatienceTable | None = None
    accepts: LawTable | None = None
    redials: RedialTable | None = None
    callbacks: CallbackTable | None = None


class PaceTable(Table):
    """A line of `[scenario.paces]`: an agent's handling times beside those of the workload."""

    mean_factor: Annotated[Number, Field(ge=0.01, le=100)] = 1.0
    scv_factor: Annotated[Number, Field(ge=0.01, le=100)] = 1.0


class TransferTable(Table):
    """One `[[scenario.transfers]]`: agents give contacts of a queue further to another."""

    queue: str
    channel: Annotated[Channel, Field(strict=False)]
    to: str
    share: Share
    handle: HandleTable | None = None
    answer_us: Annotated[Span, Field(ge=0)] | None = None
    keep_place: bool = False


class PeopleTable(Table):
    """What `[scenario]` says of all."""

    handles: dict[str, dict[Annotated[Channel, Field(strict=False)], HandleTable]] = Field(
        default_factory=dict
    )
    paces: dict[str, PaceTable] = Field(default_factory=dict)
    concurrency: dict[Annotated[Channel, Field(strict=False)], Paces] = Field(default_factory=dict)
    transfers: Annotated[list[TransferTable], Field(max_length=1_000)] = Field(default_factory=list)
    customer_wait: Annotated[WaitOf, Field(strict=False)] = WaitOf.ATTEMPT
