"""What came out of a sweep: results.csv and an index.html that needs no network."""

import base64
import html
from collections.abc import Iterable, Iterator
from math import inf, nan
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from runner.parameters import Value
from runner.plots import draw, draw_curves
from runner.points import in_words, varying
from runner.report import HEAD, Result, Status, count_words, write_table
from runner.sweep_files import FINISHED
from utils.files import write_file
from utils.results import in_short

PAGE = (
    HEAD
    + """<style>
th {{ cursor: pointer; white-space: nowrap }} th:hover {{ text-decoration: underline }}
div {{ overflow-x: auto }} img {{ max-width: 100% }}
summary {{ cursor: pointer; font-weight: bold }}
</style>
<h1>{title}</h1>
<p>{name}: {counts}. Alike in all runs: {alike}.
All values in full precision: <a href="results.csv">results.csv</a></p>
{pictures}
<div><table>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table></div>
<ul>
{problems}
</ul>
<script>
document.querySelectorAll("th").forEach((head, column) => head.onclick = () => {{
  const body = document.querySelector("tbody");
  const sign = head.dataset.sign = head.dataset.sign === "1" ? -1 : 1;
  const value = row => row.cells[column].dataset.value;
  const numbers = [...body.rows].every(row => !isNaN(value(row)));
  body.append(...[...body.rows].sort((a, b) => sign * (numbers
    ? value(a) - value(b) : value(a).localeCompare(value(b)))));
}});
</script>
</html>
"""
)


def order_figures(names: Iterable[str], first: str | None) -> list[str]:
    """Return names of figures: that asked for, what the test set says, accuracies, the others."""
    return sorted(
        dict.fromkeys(names),
        key=lambda name: (name != first, not name.startswith("test"), "accuracy" not in name),
    )


def write_sweep_report(
    folder: Path,
    runs: list[tuple[Result, Path]],
    figure: str | None = None,
    *,
    all_pictures: bool = True,
) -> None:
    """Write results.csv and index.html anew; raises OSError where the folder refuses.

    Drawing takes time from the runs at work: until they are done, the pictures of one ``figure``
    (None: one that the name speaks for) and of one curve will do.
    """
    results = [result for result, _ in runs]
    write_table(folder, [{"run": run.name} | result.row for result, run in runs])
    points = [result.changes for result in results]
    axes = varying(points, results[0].lesson)
    shown = [*axes, *(["seed"] if any("seed" in point for point in points) else [])]
    figures = order_figures((name for result in results for name in result.figures), figure)
    rows = [_row(result, run, shown, figures) for result, run in runs]
    columns = ["run", "status", "seconds", "claims", "data", *shown, *figures]
    alike = {name: value for name, value in points[0].items() if name not in shown}
    page = PAGE.format(
        name=f"Sweep {html.escape(folder.name)}",
        title=html.escape(results[0].lesson.title),
        counts=count_words(results),
        alike=html.escape(", ".join(f"{k}={v}" for k, v in alike.items())) or "no change",
        pictures="\n".join(_pictures(results, axes, figures, most=None if all_pictures else 1)),
        head="".join(f"<th>{html.escape(name)}</th>" for name in columns),
        rows="\n".join(rows),
        problems="\n".join(_problems(runs)),
    )
    write_file(folder / "index.html", page.encode())


def _row(result: Result, run: Path, shown: list[str], figures: list[str]) -> str:
    row = result.row
    cells = [
        (run.name, _link(run, result.lesson.path)),
        (result.status, f'<b class="{_color(result.status)}">{result.status}</b>'),
        (result.seconds, f"{result.seconds:.1f}"),
        (row["claims_kept"], f"{row['claims_kept']}/{row['claims_made']}"),
        *((value, _text(value)) for value in [row["data_source"]]),
        *((value, _text(value)) for value in [row[f"parameter.{name}"] for name in shown]),
        *(
            (value, _text(value))
            for value in [result.records.get(name, "") for name in figures]
        ),
    ]
    return "".join(
        f'<td data-value="{html.escape(str(value))}">{text}</td>' for value, text in cells
    ).join(("<tr>", "</tr>"))


def _problems(runs: list[tuple[Result, Path]]) -> Iterator[str]:
    """Yield a line for everything that went wrong, with the runs in which it did."""
    found = {}
    for result, run in runs:
        for text in result.problems:
            found.setdefault(text.removeprefix(f"{result.lesson.name}: "), []).append(run.name)
    for text, names in found.items():
        yield f"<li>{html.escape(text)} <small>({', '.join(names)})</small></li>"


def _pictures(
    results: list[Result], axes: dict[str, list[Value]], figures: list[str], most: int | None
) -> list[str]:
    """Return a foldable picture per figure that is a number, and per learning curve.

    The first figure and the first curve are open; ``most`` limits both.
    """
    finished = [result for result in results if result.status in FINISHED]
    table = pd.DataFrame(result.row for result in finished)
    over = axes
    if not axes and "parameter.seed" in table:  # repeats of one point
        over = {"seed": list(dict.fromkeys(table["parameter.seed"]))}
    pictures = []
    for name in figures[:most] if over else []:
        column = f"record.{name}"
        if column not in table:
            continue
        numbers = pd.to_numeric(table[column], errors="coerce").replace([inf, -inf], nan)
        measured = table.assign(**{column: numbers}).dropna(subset=column)
        if len(measured):
            text = f"{name} over {' and '.join(over)}"
            pictures.append(_picture(name, text, draw(measured, over, name), not pictures))
    names = dict.fromkeys(name for result in finished for name in result.curves)
    for number, name in enumerate(list(names)[:most]):
        curves = [
            (_point(one, axes), one.curves[name]) for one in finished if name in one.curves
        ]
        image = draw_curves(curves, name)
        pictures.insert(1 + number, _picture(name, f"{name}, a line a run", image, not number))
    return pictures


def _point(result: Result, axes: dict[str, list[Value]]) -> str:
    row = result.row
    return in_words({name: row[f"parameter.{name}"] for name in axes})


def _picture(name: str, text: str, image: bytes, is_open: bool) -> str:
    return (
        f"<details{' open' if is_open else ''}><summary>{html.escape(name)}</summary>"
        f'<img alt="{html.escape(text)}" '
        f'src="data:image/svg+xml;base64,{base64.b64encode(image).decode()}"></details>'
    )


def _link(run: Path, lesson: Path) -> str:
    """Return the run's name, as a link to its page or, where there is none, its notebook."""
    for name in (lesson.with_suffix(".html").name, lesson.name):
        if (run / name).exists():
            return f'<a href="{run.name}/{quote(name)}">{run.name}</a>'
    return run.name


def _color(status: Status) -> str:
    return "ok" if status is Status.OK else "not"


def _text(value: Value) -> str:
    return html.escape(in_short(value))
