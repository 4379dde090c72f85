"""What a plan must meet, like `billing.service_level >= 0.8`, and whether a study meets it.

A requirement is about the mean over the runs. Whether a single day meets it is another question,
answered beside it: a plan may meet 80 % on average and miss it every second day. The share of days
has Wilson's interval, which is right for few runs and for shares near 0 and 1 (E. B. Wilson,
"Probable inference, the law of succession, and statistical inference", 1927; L. D. Brown, T. Cai
and A. DasGupta, "Interval estimation for a binomial proportion", 2001).
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from msgspec import Struct
from scipy import special

from acd.errors import listed, shown
from sim.intervals import Estimate
from sim.study import CUSTOMER_MEASURES, MEASURES, SHARES, TEAM_MEASURES, Study, names_of, no_figure

_FORM: Final = re.compile(
    r"\s*(?P<name>.+?)\s*(?P<sign>>=|<=)\s*(?P<value>[^<>=%\s]+)\s*(?P<unit>%?)\s*"
)


class Sign(StrEnum):
    """On which side of its bound a figure must be."""

    AT_LEAST = ">="
    AT_MOST = "<="


class Requirement(Struct, frozen=True):
    """A bound that a figure must keep."""

    name: str
    """A figure's, or one without its channel where the queue has but one: `sales.asa_s`."""
    sign: Sign
    bound: float

    def __str__(self) -> str:
        return f"{self.name} {self.sign} {self.bound:g}"

    def is_met(self, value: float) -> bool:
        """Return whether a figure keeps it."""
        return value >= self.bound if self.sign is Sign.AT_LEAST else value <= self.bound


class Share(NamedTuple):
    """A share of runs, with its interval."""

    share: float
    low: float
    high: float


class Verdict(Struct, frozen=True):
    """What a study says of a requirement."""

    requirement: Requirement
    name: str
    """The figure's full name."""
    estimate: Estimate | None
    """None where no run had the figure: nobody came, or nobody was answered."""
    days: Share | None
    """How likely a single day meets it."""
    came: bool
    """Whether anybody came to the queue and channel that the figure is of, if it is of one."""

    @property
    def is_met(self) -> bool:
        """Whether the mean keeps the bound.

        Where nobody came nothing was missed; where somebody came and there is no figure, all was.
        """
        if self.estimate is None:
            return not self.came
        return self.requirement.is_met(self.estimate.mean)

    @property
    def is_sure(self) -> bool:
        """Whether the whole interval is on one side of the bound."""
        if self.estimate is None:
            return True
        ends = (self.estimate.low, self.estimate.high)
        return len({self.requirement.is_met(end) for end in ends}) == 1


def parse_requirement(text: str) -> Requirement:
    """Return what `NAME>=BOUND` or `NAME<=BOUND` asks; a share's bound may be a percentage.

    >>> parse_requirement("billing.service_level >= 80 %")
    Requirement(name='billing.service_level', sign=<Sign.AT_LEAST: '>='>, bound=0.8)

    Raises:
        ValueError: It is neither, or its bound is none of such a measure.
    """
    match = _FORM.fullmatch(text)
    try:
        bound = float(match["value"]) if match else float("nan")
    except ValueError:
        bound = float("nan")
    if match is None or not abs(bound) < float("inf"):
        wanted = "NAME>=BOUND or NAME<=BOUND, like billing.service_level>=0.8"
        raise ValueError(f"require: is {shown(text)}; wanted {wanted}")
    if match["unit"]:
        bound /= 100
    _refuse_unit(text, match["name"].rpartition(".")[2], bound, is_percentage=bool(match["unit"]))
    return Requirement(match["name"], Sign(match["sign"]), bound)


def _refuse_unit(text: str, measure: str, bound: float, *, is_percentage: bool) -> None:
    """Refuse 80 where 80 % is meant, and a percentage of seconds: no plan would be judged right.

    Raises:
        ValueError: It is one of them.
    """
    if measure in SHARES and not 0 <= bound <= 1:
        wanted = "from 0 to 1, or from 0% to 100%"
        raise ValueError(f"require: is {shown(text)}, but {measure} is a share; wanted {wanted}")
    if is_percentage and measure in {*MEASURES, *TEAM_MEASURES, *CUSTOMER_MEASURES} - SHARES:
        wanted = "a number without %"
        raise ValueError(f"require: is {shown(text)}, but {measure} is no share; wanted {wanted}")


def named(name: str, names: Sequence[str]) -> str:
    """Return the full name of the figure that a requirement means.

    >>> named("sales.asa_s", ["sales.voice.asa_s", "help.voice.asa_s"])
    'sales.voice.asa_s'

    Raises:
        ValueError: There is none, with the nearest, or there are several.
    """
    found = _meant(name, names)
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(
            f"require: {shown(name)} may be one of several; wanted one of {listed(found)}"
        )
    short = {f"{_queue_of(one)}.{one.rpartition('.')[2]}" for one in names}
    raise ValueError(f"require: {no_figure(name, [*names, *sorted(short)])}")


def figure_of(study: Study, name: str) -> str:
    """Return the full name of the figure of a study that a requirement means.

    Of those that some run had, or else of those that it would have had if somebody had come.

    Raises:
        ValueError: There is none, or there are several.
    """
    known = study.names()
    return named(name, known if _meant(name, known) else names_of(study.scenario))


def refuse_unknown(requirements: Sequence[Requirement], names: Sequence[str]) -> None:
    """Tell before a long run, not after it, that no run can have a figure.

    Args:
        requirements: What is required.
        names: The figures that a run may have.

    Raises:
        ValueError: There is one, with the nearest.
    """
    for one in requirements:
        if not _meant(one.name, names):
            named(one.name, names)


def _meant(name: str, names: Sequence[str]) -> list[str]:
    """Return the full names that a name may stand for."""
    if name in names:
        return [name]
    queue, _, measure = name.rpartition(".")
    return [one for one in names if (_queue_of(one), one.rpartition(".")[2]) == (queue, measure)]


def judge(study: Study, requirement: Requirement) -> Verdict:
    """Return what a study says of a requirement.

    Raises:
        ValueError: It names no figure of the study, or several.
    """
    name = figure_of(study, requirement.name)
    values = study.values(name)
    met = sum(map(requirement.is_met, values))
    days = wilson(met, len(values), study.confidence) if values else None
    offered = f"{name.rpartition('.')[0]}.offered"
    came = offered in study.names() and any(study.values(offered))
    return Verdict(requirement, name, study.estimate(name), days, came)


def best_reached(verdicts: Sequence[Verdict]) -> tuple[int, Estimate] | None:
    """Return which plan comes nearest to a requirement that none meets, and the mean there.

    Args:
        verdicts: What each plan says of it, one at least.

    Returns:
        None where a plan meets it, or where none measured it.
    """
    if any(one.is_met for one in verdicts):
        return None
    is_least = verdicts[0].requirement.sign is Sign.AT_LEAST
    means = [
        (place, one.estimate) for place, one in enumerate(verdicts) if one.estimate is not None
    ]
    pick = max if is_least else min
    return pick(means, key=lambda one: one[1].mean, default=None)


def wilson(hits: int, count: int, confidence: float) -> Share:
    """Return the share of hits among so many trials, with Wilson's interval.

    >>> share, low, high = wilson(8, 10, 0.95)
    >>> share, round(low, 4), round(high, 4)
    (0.8, 0.4902, 0.9433)
    """
    share = hits / count
    z = float(special.ndtri((1 + confidence) / 2))
    weight = 1 + z * z / count
    centre = (share + z * z / (2 * count)) / weight
    half = z * (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5 / weight
    return Share(share, max(centre - half, 0.0), min(centre + half, 1.0))


def _queue_of(name: str) -> str:
    """Return a figure's name without channel and measure."""
    return name.rpartition(".")[0].rpartition(".")[0]
