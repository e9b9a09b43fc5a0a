"""What differs between two batches? The points that both have, record by record, claim by claim."""

from collections.abc import Iterator
from itertools import chain
from math import hypot, sqrt
from pathlib import Path

from runner import report
from runner.plots import Mean
from runner.report import Section, means, name_point, verdict, write_page
from runner.result import Run, by_point, load
from utils.errors import InputError

MOST_ROWS = 40  # of a table on the screen; the page has all
CHANGES = ["change ± standard error", "runs", "beyond 2 errors"]


def write_comparison(first: Path, second: Path) -> tuple[str, Path]:
    """Return what differs as text, and the page of it, which is written into ``second``.

    Raises:
        InputError: if a folder holds no runs, or they have no point in common.
        OSError: if ``second`` can't be written to.
    """
    old, new = [_points(folder) for folder in (first, second)]
    a, b = [folder.resolve().name for folder in (first, second)]
    axes = report.varying([point[0] for point in (old | new).values()])
    axes.pop("seed", None)
    both = [(name_point(old[key][0], axes), old[key], new[key]) for key in old if key in new]
    if not both:
        raise InputError(f"{first} and {second} have no point in common")
    flips = [[name, *row] for name, *point in both for row in _flips(*point)]
    changes = [[name, *row] for name, *point in both for row in _changes(*point)]
    changes.sort(key=lambda row: row[-1], reverse=True)  # first what is marked
    made = [set(report.versions(chain(*batch.values()))) for batch in (old, new)]
    versions = [", ".join(sorted(mine - other)) for mine, other in (made, made[::-1])]
    sections = [
        Section("Claims that hold in only one", ["point", "claim", a, b], flips),
        Section("Means ± standard deviations", ["point", "record", a, b, *CHANGES], changes),
        Section("Versions that differ", [a, b], [versions] if any(versions) else []),
    ]
    page, intro = second / f"compare-{a}.html", f"Points in both: {len(both)}. "
    intro += f"Only in {a}: {len(old) - len(both)}, only in {b}: {len(new) - len(both)}."
    write_page(page, title=f"{a} and {b}", intro=intro, files=["index.html"], sections=sections)
    told = [(one.title, [one.head, *one.rows[:MOST_ROWS]]) for one in sections if one.rows]
    return "\n\n".join([intro, *(f"{t}\n{report.in_columns(rows)}" for t, rows in told)]), page


def _points(folder: Path) -> dict[tuple, list[Run]]:
    """Return the runs that were kept in a folder, by their points; raises InputError if none."""
    kept = [load(path.parent) for path in sorted(folder.glob("*/result.json"))]
    if not any(kept):
        raise InputError(f"{folder} holds no runs")
    return {runs[0].point: runs for runs in by_point(filter(None, kept))}


def _flips(old: list[Run], new: list[Run]) -> Iterator[list]:
    """Yield a row for each claim that holds in all runs here and not in all there."""
    for claim in dict.fromkeys(claim["text"] for run in old for claim in run.claims):
        told = [verdict(old, claim), verdict(new, claim)]
        if told.count("✓") == 1 and "—" not in told:
            yield [claim, *told]


def _changes(old: list[Run], new: list[Run]) -> Iterator[list]:
    """Yield a row for each record, with a mark where chance alone would seldom do that."""
    records = report.order_records(name for run in old for name in run.singles)
    was, now = means(old, records), means(new, records)
    for name, a, b in ((name, was[name], now[name]) for name in was if name in now):
        error, mark = None, ""
        if a.std is not None and b.std is not None:  # there are repeats
            error = hypot(a.std / sqrt(a.n), b.std / sqrt(b.n))
            mark = "≠" * (abs(b.mean - a.mean) > 2 * error)
        yield [name, a, b, Mean(b.mean - a.mean, error, 0), f"{a.n}, {b.n}", mark]
