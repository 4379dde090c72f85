"""What `acd sim erlang` answers: one line as it is, or the fewest agents for what is asked."""

import math
from typing import Final

import msgspec
import numpy as np
from rich.table import Table

from sim.erlang import erlang_b, line
from sim.patience import Exponential, Gamma, Patience, deterministic
from sim.shrinkage import scheduled_for
from sim.staffing import Form, agents_needed, service_level

_BESIDE: Final = 2
"""Lines shown on either side of the answer: what one agent more or less would mean."""

_HOUR_S: Final = 3600.0


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One queue, and what is asked of it. The command's options say what the fields are."""

    per_hour: float
    handle_s: float
    agents: int | None = None
    patience_s: float | None = None
    patience_scv: float = 1.0
    threshold_s: float = 20.0
    level: float = 0.8
    form: str = Form.MISSED
    abandons_max: float = 1.0
    wait_max_s: float | None = None
    occupancy_max: float = 1.0
    shrinkage: float = 0.0

    @property
    def load(self) -> float:
        """The offered load, in Erlang."""
        return self.per_hour * self.handle_s / _HOUR_S

    @property
    def patience(self) -> Patience | None:
        """How long people wait; None: until they are served."""
        if self.patience_s is None:
            return None
        if self.patience_scv == 0:
            return deterministic(self.patience_s)
        if self.patience_scv == 1:
            return Exponential(self.patience_s)
        return Gamma(self.patience_s, self.patience_scv)


class Line(msgspec.Struct, frozen=True):
    """One number of agents, and what it means."""

    agents: int
    paid: int
    """With shrinkage: agents ÷ (1 - shrinkage), rounded up."""
    service_level: float
    waits: float
    abandons: float
    mean_wait_served_s: float | None
    """None: it grows for ever."""
    occupancy: float


class Answer(msgspec.Struct, frozen=True):
    """What came of a question."""

    question: Question
    load: float
    blocked: float
    """Erlang B: who finds all busy where nobody may wait."""
    agents: int
    lines: tuple[Line, ...]


def answer(question: Question) -> Answer:
    """Answer a question.

    Raises:
        ValueError: A number is out of range.
    """
    load, patience, form = question.load, question.patience, Form(question.form)
    if question.agents is None:
        wait_max_s = math.inf if question.wait_max_s is None else question.wait_max_s
        needed = agents_needed(
            load,
            question.handle_s,
            level=question.level,
            threshold_s=question.threshold_s,
            form=form,
            patience=patience,
            abandons_max=question.abandons_max,
            mean_wait_max_s=wait_max_s,
            occupancy_max=question.occupancy_max,
        )
        agents = int(needed)
        numbers = np.arange(max(agents - _BESIDE, 1), agents + _BESIDE + 1)
    else:
        agents = question.agents
        numbers = np.array([agents])
    waits = line(numbers, load, question.handle_s, question.threshold_s, patience=patience)
    levels = service_level(waits, form)
    lines = tuple(
        Line(
            agents=int(number),
            paid=scheduled_for(int(number), question.shrinkage),
            service_level=float(levels[at]),
            waits=float(waits.waits[at]),
            abandons=float(waits.abandons[at]),
            mean_wait_served_s=_finite(float(waits.mean_wait_served_s[at])),
            occupancy=float(waits.occupancy[at]),
        )
        for at, number in enumerate(numbers)
    )
    return Answer(
        question=question,
        load=load,
        blocked=float(erlang_b(agents, load)),
        agents=agents,
        lines=lines,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def as_table(found: Answer) -> Table:
    """Return an answer to be looked at; the line that answers is bold."""
    question = found.question
    patience = "nobody leaves"
    if question.patience_s is not None:
        patience = f"patience {question.patience_s:g} s (scv {question.patience_scv:g})"
    table = Table(
        title=f"{question.per_hour:g} contacts/h of {question.handle_s:g} s: "
        f"{found.load:.2f} Erlang, {patience}"
    )
    level = f"served in {question.threshold_s:g} s ({question.form})"
    for name in ("agents", "paid", level, "wait at all", "abandon", "mean wait", "occupancy"):
        table.add_column(name, justify="right")
    for one in found.lines:
        wait = one.mean_wait_served_s
        table.add_row(
            str(one.agents),
            str(one.paid),
            f"{one.service_level:.1%}",
            f"{one.waits:.1%}",
            f"{one.abandons:.1%}",
            "for ever" if wait is None else f"{wait:.1f} s",
            f"{one.occupancy:.1%}",
            style="bold" if one.agents == found.agents else None,
        )
    return table
