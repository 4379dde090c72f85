"""An answer as files for whoever analyses it further: two tables as Parquet, and a manifest.

- `figures.parquet`: each figure of each run of each variant, of the whole day and by interval.
- `summary.parquet`: the answer's table, as pandas gets it.
- `manifest.json`: what was run, with which seeds, by which versions. It is written last, so where
  it is the others are whole.

All are functions of the answer and of the versions alone: no clock, no paths.
"""

import platform
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TypeAlias

from acd.figures import Report
from sim.answer import Answer, package
from sim.json_text import json_text
from sim.study import MEASURES, Study

FIGURES: Final = "figures.parquet"
SUMMARY: Final = "summary.parquet"
MANIFEST: Final = "manifest.json"

_PACKAGES: Final = ("acd-engine", "msgspec", "numpy", "pyarrow", "scipy", "simpy")

_Value: TypeAlias = tuple[str, int | None, float]
"""A figure's name, the start of its interval (None: of the whole day), and its value."""


def library() -> Any:  # noqa: ANN401 - pyarrow has no types.
    """Return the library that writes Parquet.

    Raises:
        MissingPackageError: It is not installed.
    """
    package("pyarrow.parquet", extra="parquet")
    return package("pyarrow", extra="parquet")


def save(answer: Answer, folder: Path) -> None:
    """Write an answer's files into a folder, which is made if it is missing.

    Args:
        answer: A study, comparison, grid, proposal or replay.
        folder: Where to; files of ours that lie there are replaced.

    Raises:
        MissingPackageError: pyarrow is not installed.
        OSError: The files cannot be written.
    """
    arrow = library()
    folder.mkdir(exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    rows = {
        FIGURES: _write_figures(arrow, answer, folder / FIGURES),
        SUMMARY: _write_summary(arrow, answer, folder / SUMMARY),
    }
    facts = {
        "answer": type(answer).__name__.lower(),
        "files": {
            name: {"rows": count, "sha256": sha256((folder / name).read_bytes()).hexdigest()}
            for name, count in rows.items()
        },
        "variants": [_facts(name, study) for name, study in answer.variants().items()],
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
    }
    (folder / MANIFEST).write_text(json_text(facts), encoding="utf-8")


def _facts(name: str, study: Study) -> dict[str, Any]:
    """Return what tells a variant's runs apart from all others."""
    scenario, samples = study.scenario, study.samples
    return {
        "actions_digest": study.digest if all(one.digest for one in samples) else None,
        "confidence": study.confidence,
        "definition_digest": samples[0].report.definition_digest,
        "name": name,
        "runs": len(samples),
        # As texts: they have up to 128 bits, which most readers of JSON would round.
        "run_seeds": [str(one.seed) for one in samples],
        "scenario_digest": scenario.digest(),
        "seed": str(study.seed),
        "settings_digest": scenario.settings.digest(),
        "title": study.title,
    }


def _write_figures(arrow: Any, answer: Answer, file: Path) -> int:  # noqa: ANN401
    """Write the figures of all runs, a study at a time, and return how many rows they are."""
    schema = arrow.schema(
        [
            arrow.field("variant", arrow.string(), nullable=False),
            arrow.field("run", arrow.int32(), nullable=False),
            arrow.field("figure", arrow.string(), nullable=False),
            arrow.field("interval_start", arrow.timestamp("us", tz="UTC")),
            arrow.field("value", arrow.float64(), nullable=False),
        ]
    )
    count = 0
    with arrow.parquet.ParquetWriter(file, schema) as writer:
        for name, study in answer.variants().items():
            rows = [
                (name, sample.number, *value)
                for sample in study.samples
                for value in (*_of_the_day(sample.figures), *_by_interval(sample.report))
            ]
            writer.write_table(arrow.table(list(zip(*rows, strict=True)), schema=schema))
            count += len(rows)
    return count


def _of_the_day(figures: Mapping[str, float]) -> Iterator[_Value]:
    for figure, value in figures.items():
        yield figure, None, value


def _by_interval(report: Report) -> Iterator[_Value]:
    for row in report.rows:
        for measure in MEASURES:
            if measure.startswith("wait_p"):
                continue  # Of the whole day alone.
            name = f"{row.queue}.{row.channel}.{measure}"
            for one in row.intervals:
                value = getattr(one, measure)
                if value is not None:
                    yield name, one.from_us, float(value)
    for team in (*report.groups, report.total):
        name = f"group.{team.name or 'all'}.occupancy"
        for span in team.intervals:
            if span.occupancy is not None:
                yield name, span.from_us, span.occupancy


def _write_summary(arrow: Any, answer: Answer, file: Path) -> int:  # noqa: ANN401
    columns, rows = answer.table()
    types = {
        str: arrow.string(),
        int: arrow.int64(),
        float: arrow.float64(),
        bool: arrow.bool_(),
    }
    schema = arrow.schema([(name, types[kind]) for name, kind in columns.items()])
    cells = zip(*rows, strict=True) if rows else ((),) * len(columns)
    arrow.parquet.write_table(arrow.table(list(map(list, cells)), schema=schema), file)
    return len(rows)
