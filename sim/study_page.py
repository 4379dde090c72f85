"""Studies and comparisons as one HTML file that needs nothing beside itself."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from sim.comparison import Comparison
from sim.comparison_table import picked, row_of, thresholds
from sim.page import render, span_of
from sim.requirement import Verdict
from sim.study import Study
from sim.study_plots import plots_of
from sim.study_table import sheets, verdict_row
from sim.workload import Scenario


class Section(Struct, frozen=True):
    """A card of the page: a picture, or a table."""

    title: str
    note: str = ""
    svg: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    names: int = 1
    """How many of the columns, from the left, are names and not figures."""


def study_page(
    scenario: Scenario,
    study: Study,
    verdicts: Sequence[Verdict] = (),
    *,
    first: Sequence[Section] = (),
    title: str = "",
) -> str:
    """Return the page of one scenario's runs.

    Args:
        scenario: The scenario.
        study: Its runs.
        verdicts: What they say of requirements.
        first: Sections that come first.
        title: Of the page; the study's if there is none.
    """
    sections = [
        *first,
        *_required(verdicts),
        *_figures(study),
        *_pictures(scenario, {study.title: study}, None),
    ]
    subtitle = f"{len(study.samples)} runs with seed {study.seed}, {span_of(scenario)}."
    return _page(title or study.title, subtitle, study, sections)


def comparison_page(
    variants: Mapping[str, Scenario],
    comparison: Comparison,
    verdicts: Sequence[Verdict] = (),
    *,
    tables: Sequence[Section] = (),
) -> str:
    """Return the page of variants beside each other.

    Args:
        variants: By name; the first is the base.
        comparison: What became of them.
        verdicts: What it says of requirements.
        tables: What stands in the place of the tables of their differences.
    """
    base = comparison.studies[0]
    scenario = next(iter(variants.values()))
    sections = [*_required(verdicts, comparison.names[-1]), *(tables or _differences(comparison))]
    studies = dict(zip(comparison.names, comparison.studies, strict=True))
    sections += _pictures(scenario, studies, comparison)
    subtitle = (
        f"{len(base.samples)} pairs of runs with seed {base.seed}, {span_of(scenario)}; intervals "
        f"of {100 * base.confidence:g} %."
    )
    title = f"{' and '.join(comparison.names[1:])} against {comparison.names[0]}"
    return _page(title, subtitle, base, sections)


def _differences(comparison: Comparison) -> list[Section]:
    """Return for each variant how its figures differ from the base's."""
    return [
        Section(
            f"{name} against {comparison.names[0]}",
            "Means, and differences by pairs of runs with the same customers; * where the "
            "interval of the difference leaves 0 out. " + " ".join(thresholds(comparison)),
            columns=("Figure", comparison.names[0], name, "Difference", "Variance ratio"),
            rows=tuple(row_of(one) for one in picked(comparison.differences(variant))),
        )
        for variant, name in enumerate(comparison.names[1:], start=1)
    ]


def _page(title: str, subtitle: str, study: Study, sections: Sequence[Section]) -> str:
    definitions = study.samples[0].report.definitions
    return render(
        "answer.html", title=title, subtitle=subtitle, sections=sections, definitions=definitions
    )


def _required(verdicts: Sequence[Verdict], of: str = "") -> list[Section]:
    """Return the verdicts, with the study's name where there are several."""
    if not verdicts:
        return []
    columns = ("Required", "Mean", "", "Days that meet it")
    return [
        Section(
            f"What was required of {of}" if of else "What was required",
            "Of the mean over the runs; and how likely a single day meets it.",
            columns=columns,
            rows=tuple(map(verdict_row, verdicts)),
        )
    ]


def _figures(study: Study) -> list[Section]:
    """Return the tables that the terminal has."""
    note = f"Mean over the runs ± half the width of its {100 * study.confidence:g} % interval."
    return [
        Section(one.title, note, columns=one.columns, rows=one.rows, names=one.names)
        for one in sheets(study)
    ]


def _pictures(
    scenario: Scenario, studies: Mapping[str, Study], comparison: Comparison | None
) -> list[Section]:
    return [Section(plot.title, svg=plot.svg) for plot in plots_of(scenario, studies, comparison)]
