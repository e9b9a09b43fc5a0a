"""What came out of a batch: results.csv, points.csv, and an index.html that needs no network."""

import json
from base64 import b64encode
from collections import namedtuple
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader

from runner import result
from runner.plots import Mean, draw, draw_curves
from runner.result import FINISHED, Run, Value, by_point, in_words, measured, spread
from utils.files import write_file
from utils.results import in_short

HEAD = ["status", "seconds", "claims", "data", "records", "changed"]
# Which mean of a record is the best, by a word in its name; no other record has a best one.
BEST = dict.fromkeys(("loss", "error", "entropy", "mae", "seconds"), min)
BEST |= dict.fromkeys(("accuracy", "recall", "precision", "auc", "score", "speed_up"), max)
PAGES = Environment(loader=PackageLoader("runner"), autoescape=True, trim_blocks=True)
PAGES.filters |= {"in_short": in_short, "one_line": result.one_line, "base64": b64encode}
PAGES.tests["file"] = Path.exists
Points = list[tuple[list[Run], dict[str, Mean]]]  # a point's runs, what they measured
# a part of a page: a picture, or a table, in whose cells lists of runs become links
Section = namedtuple("Section", "title head rows is_open picture", defaults=((), (), True, b""))
Sections = Iterator[Section]


def write_report(
    folder: Path, title: str, runs: list[Run], record: str | None = None, *, final: bool = True
) -> None:
    """Write the tables and the page anew, ``record`` first; raises OSError.

    Before the ``final`` report one record and one curve are drawn: runs at work need the time.
    """
    records = order_records((name for run in runs for name in run.singles), record)
    points = [(point, means(point, records)) for point in by_point(runs)]
    files = {"results.csv": map(_row, runs), "points.csv": [_point_row(*one) for one in points]}
    for name, rows in files.items():
        table = pd.DataFrame(rows, dtype=object)  # other types have no whole numbers with gaps
        write_file(folder / name, table.to_csv(index=False).encode(errors="replace"))
    changed = runs[0].changes.items()
    alike = {name: v for name, v in changed if all(run.changes.get(name) == v for run in runs)}
    intro = f"{folder.name}: {result.count_words(runs)}. Alike in all runs: {in_words(alike)}. "
    intro += f"Versions: {', '.join(versions(runs)) or 'not known yet'}. In full precision:"
    sections = _sections(runs, points, records, None if final else 1)
    write_page(folder / "index.html", title=title, intro=intro, files=files, sections=sections)


def write_page(path: Path, **content) -> None:
    """Write a page of title, intro, links to files beside it, and sections; raises OSError."""
    page = PAGES.get_template("page.html.j2").render(content)
    write_file(path, page.encode(errors="replace"))


def closing_table(runs: list[Run]) -> str:
    """Return the runs as text: a row a run, then what went wrong, a line each."""
    table = [["lesson", *HEAD], *([run.lesson, *_summary(run)] for run in runs)]
    return in_columns(table, [f"{run.lesson}: {text}" for run in runs for text in run.problems])


def in_columns(rows: list[list], notes: Iterable[str] = ()) -> str:
    """Return the rows of a table as lines of text, and below them the notes, if any."""
    texts = [list(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in texts]
    return "\n".join([*lines, *([""] if notes else []), *notes])


def order_records(names: Iterable[str], first: str | None = None) -> list[str]:
    """Return names of records: that asked for, what the test set says, accuracies, the others."""
    found = dict.fromkeys(names)
    return sorted(found, key=lambda n: (n != first, n[:4] != "test", "accuracy" not in n))


def varying(runs: list[Run]) -> dict[str, list[Value]]:
    """Return the values, numbers in order, of what differs between runs, if of one lesson."""
    if len({run.lesson for run in runs}) > 1:
        return {}
    names = runs[0].changes | runs[0].values  # those that were asked for come first
    found = {n: list(dict.fromkeys(r.values[n] for r in runs if n in r.values)) for n in names}
    several = {name: values for name, values in found.items() if len(values) > 1}
    return {n: v if isinstance(v[0], str) else sorted(v) for n, v in several.items()}


def name_point(run: Run, axes: Iterable[str]) -> str:
    """Return what tells a run's point from the others: its values of ``axes``, or its lesson."""
    return in_words({name: run.values.get(name) for name in axes}) if axes else run.lesson


def versions(runs: Iterable[Run]) -> list[str]:
    """Return ``keras 3.15.1`` and so on: what the runs were made with."""
    return sorted({f"{name} {text}" for run in runs for name, text in run.versions.items()})


def means(point: list[Run], records: Iterable[str]) -> dict[str, Mean]:
    """Return what the finished runs of a point measured, by record."""
    found = {name: measured(point, name) for name in records}
    return {name: Mean(*spread(those), len(those)) for name, those in found.items() if those}


def verdict(point: list[Run], claim: str) -> str:
    """Return ✓, ✗, ``2 of 3`` where finished runs disagree, — where none made the claim."""
    finished = [run.claims for run in point if run.status in FINISHED]
    made = [[one["holds"] for one in claims if one["text"] == claim] for claims in finished]
    held = [all(holds) for holds in made if holds]
    if len(set(held)) > 1:
        return f"{sum(held)} of {len(held)}"
    return ("✓" if held[0] else "✗") if held else "—"


def _row(run: Run) -> dict[str, Value]:
    """Return all that is known of a run, in full precision."""
    seconds, kept = round(run.seconds, 1), sum(claim["holds"] for claim in run.claims)
    row = {"run": run.name, "lesson": run.lesson, "status": run.status, "seconds": seconds}
    row |= {"claims_kept": kept, "claims_made": len(run.claims)}
    row |= {"data_source": run.records.get("data_source", ""), "error": run.error}
    records = run.singles | {name: json.dumps(curve) for name, curve in run.curves.items()}
    kinds = {"parameter": run.values, "record": records, "version": run.versions}
    return row | {f"{kind}.{n}": v for kind, values in kinds.items() for n, v in values.items()}


def _point_row(point: list[Run], found: dict[str, Mean]) -> dict[str, Value]:
    """Return what the finished runs of a point say together, in full precision."""
    finished = [run for run in point if run.status in FINISHED]
    values = {f"parameter.{name}": v for name, v in point[0].values.items() if name != "seed"}
    row = {"lesson": point[0].lesson, **values, "runs": len(point), "finished": len(finished)}
    row["claims"] = ", ".join(sorted({run.kept for run in finished}))
    for name, one in found.items():
        row |= {f"{name}.mean": one.mean, f"{name}.std": one.std, f"{name}.n": one.n}
    return row


def _summary(run: Run) -> list[str]:
    """Return what a person looks at first, the columns of HEAD."""
    first = dict(list(run.singles.items())[:3])
    words = [in_words(values) if values else "" for values in (first, run.changes)]
    data = in_short(run.records.get("data_source", ""))
    return [run.status, f"{run.seconds:.1f}", run.kept, data, *words]


def _sections(runs: list[Run], points: Points, records: list, most: int | None) -> Sections:
    """Yield the parts of the page in their order."""
    differing, lessons, problems = varying(runs), dict.fromkeys(run.lesson for run in runs), {}
    axes = {name: values for name, values in differing.items() if name != "seed"}
    if len(lessons) > 1:
        records = []  # each lesson has its own: they are told in short
    numeric = [name for name in records if any(name in found for _, found in points)]
    for run in (run for run in runs if run.status not in FINISHED):  # of others the claims tell
        for text in run.problems:
            problems.setdefault(text, []).append(run)
    yield Section("What went wrong", ["what", "runs"], problems.items())
    yield _points_table(points, axes, numeric)
    for lesson in lessons:
        yield from _claims_tables(points, lesson)
    if len(lessons) == 1:  # the curves of several have nothing in common but their names
        yield from _pictures(points, axes or differing, numeric, most)
    head, rows = ["run", *HEAD[:4], *differing, *records], []
    for run in runs:
        values = [run.values[name] for name in differing]
        singles = [run.singles.get(name, "") for name in records]
        rows.append([[run], *_summary(run)[:4], *values, *singles])
    yield Section("All runs", head, rows, is_open=len(points) == len(runs))


def _points_table(points: Points, axes: dict, records: list[str]) -> Section:
    """Return a row a point; the best mean of a record is marked, if there are different ones."""
    best, rows = {}, []
    for name in records:
        numbers = {found[name].mean for _, found in points if name in found}
        choose = next((BEST[word] for word in BEST if word in name), None)
        best[name] = choose(numbers) if choose and len(numbers) > 1 else None
    for number, (point, found) in enumerate(points, start=1):
        told, values = _point_row(point, {}), [point[0].values[name] for name in axes]
        counts = [f"{told['finished']} of {told['runs']}", told["claims"]]
        marked = {n: one._replace(is_best=one.mean == best.get(n)) for n, one in found.items()}
        cells = [marked.get(name, "") for name in records] or _summary(point[0])[4:]
        rows.append([number, *values, point, *counts, *cells])
    head = ["number", *axes, "runs", "finished", "claims", *(records or HEAD[4:])]
    title = "Points: mean ± standard deviation, ★ best mean" if records else "Points"
    return Section(title, head, rows)


def _claims_tables(points: Points, lesson: str) -> Sections:
    """Yield a row a claim and a column a point: first the claims that are broken somewhere."""
    mine = {n: one for n, (one, _) in enumerate(points, start=1) if one[0].lesson == lesson}
    finished = [run for point in mine.values() for run in point if run.status in FINISHED]
    texts = dict.fromkeys(claim["text"] for run in finished for claim in run.claims)
    rows = [[text, *(verdict(point, text) for point in mine.values())] for text in texts]
    for what, is_broken in (("break somewhere", True), ("hold wherever they are made", False)):
        those = [row for row in rows if bool(set(row[1:]) - {"✓", "—"}) == is_broken]
        title = f"Claims of {lesson} that {what}: {len(those)}"
        yield Section(title, ["claim", *mine], those, is_open=is_broken)


def _pictures(points: Points, over: dict, records: list, most: int | None) -> Sections:
    """Yield a picture per record and per curve; the first of each is open."""
    finished = [run for point, _ in points for run in point if run.status in FINISHED]
    if "seed" in over:  # repeats of one point
        points = [([run], means([run], records)) for run in finished]
    for name in records[:most] if over else []:
        cells = [(point[0].values, found[name]) for point, found in points if name in found]
        title, picture = f"{name} over {' and '.join(over)}", draw(cells, over, name)
        yield Section(title, is_open=name == records[0], picture=picture)
    curves = list(dict.fromkeys(n for run in finished for n, row in run.curves.items() if row))
    for name in curves[:most]:
        those = [run for run in finished if run.curves.get(name)]
        lines = [(name_point(run, over), run.curves[name]) for run in those]
        title, picture = f"{name}, a line a run", draw_curves(lines, name)
        yield Section(title, is_open=name == curves[0], picture=picture)
