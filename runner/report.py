"""What came out of a run: a table for the screen, results.csv, index.html and a page a lesson."""

import csv
import html
import io
import json
import sys
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

from runner.lessons import Lesson
from runner.parameters import Value
from utils.files import write_file
from utils.results import in_short

HEAD = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{name}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem; color: #222 }}
table {{ border-collapse: collapse }}
th, td {{ text-align: left; padding: .3rem 1rem .3rem 0; border-bottom: 1px solid #ddd }}
b {{ white-space: nowrap }} .ok {{ color: #17692f }} .not {{ color: #b00020 }}
</style>
"""
INDEX = (
    HEAD
    + """<h1>{name}</h1>
<table>
<tr>{head}</tr>
{rows}
</table>
<ul>
{problems}
</ul>
<p>All values in full precision: <a href="results.csv">results.csv</a></p>
</html>
"""
)


class Status(StrEnum):
    """What became of a lesson, in one word or two."""

    OK = "ok"
    CLAIM_FAILED = "claim failed"
    INCOMPLETE = "incomplete"
    CELL_RAISED = "cell raised"
    KERNEL_DIED = "kernel died"
    WORKER_DIED = "worker died"
    NOT_SAVED = "not saved"
    TIME_LIMIT = "time limit"
    INTERRUPTED = "interrupted"
    NOT_RUN = "not run"


@dataclass
class Result:
    """What came out of a lesson run with ``changes``; ``error`` is one line, or empty."""

    lesson: Lesson
    changes: dict[str, Value]
    status: Status = Status.NOT_RUN
    seconds: float = 0.0
    error: str = ""
    claims: list[dict] = field(default_factory=list)
    records: dict[str, Value] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """The error, if any, and the claims that did not hold: lines that name the lesson."""
        failed = [f"✗ {claim['text']}" for claim in self.claims if not claim["holds"]]
        return [f"{self.lesson.name}: {text}" for text in [self.error, *failed] if text]

    @property
    def figures(self) -> list[str]:
        """The names of the single values that were recorded, but for the data source."""
        curves = self.curves
        return [name for name in self.records if name != "data_source" and name not in curves]

    @property
    def curves(self) -> dict[str, list]:
        """What was recorded of every epoch, by its name."""
        return {name: row for name, row in self.records.items() if isinstance(row, list)}

    @property
    def row(self) -> dict[str, Value]:
        """All that is known, in full precision, as a row of results.csv."""
        defaults = {
            name: parameter.default for name, parameter in self.lesson.parameters.items()
        }
        return {
            "lesson": self.lesson.name,
            "status": str(self.status),
            "seconds": round(self.seconds, 1),
            "claims_kept": sum(claim["holds"] for claim in self.claims),
            "claims_made": len(self.claims),
            "data_source": self.records.get("data_source", ""),
            "error": self.error,
            **{f"parameter.{name}": value for name, value in (defaults | self.changes).items()},
            **{f"record.{name}": self.records[name] for name in self.figures},
            **{f"record.{name}": json.dumps(row) for name, row in self.curves.items()},
            **{f"version.{name}": version for name, version in self.versions.items()},
        }

    @property
    def summary(self) -> dict[str, str]:
        """What a person looks at first: the row of the closing table and of index.html."""
        row = self.row
        return {
            "lesson": row["lesson"],
            "status": row["status"],
            "seconds": f"{self.seconds:.1f}",
            "claims": f"{row['claims_kept']}/{row['claims_made']}",
            "data": str(row["data_source"]),
            "figures": _pairs({name: self.records[name] for name in self.figures[:3]}),
            "changed": _pairs(self.changes),
        }


def closing_table(results: list[Result]) -> str:
    """Return the run as text: a row a lesson, then what went wrong, a line each."""
    rows = [list(results[0].summary), *(list(result.summary.values()) for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    problems = [problem for result in results for problem in result.problems]
    return "\n".join([*lines, *([""] if problems else []), *problems])


def count_words(results: list[Result]) -> str:
    """Return ``3 ok, 1 time limit``."""
    found = [result.status for result in results]
    return ", ".join(f"{found.count(status)} {status}" for status in Status if status in found)


def write_reports(folder: Path, results: list[Result]) -> None:
    """Write results.csv and index.html anew; raises OSError where the folder refuses."""
    write_table(folder, [result.row for result in results])
    rows, problems = [], []
    for result in results:
        cells = {name: html.escape(text) for name, text in result.summary.items()}
        files = [result.lesson.path.with_suffix(ending).name for ending in (".html", ".ipynb")]
        for file in [name for name in files if (folder / name).exists()][:1]:
            cells["lesson"] = f'<a href="{quote(file)}">{cells["lesson"]}</a>'
        cells["status"] = (
            f'<b class="{"ok" if result.status is Status.OK else "not"}">{cells["status"]}</b>'
        )
        rows.append("<tr><td>" + "</td><td>".join(cells.values()) + "</td></tr>")
        problems += [f"<li>{html.escape(problem)}</li>" for problem in result.problems]
    head = "".join(f"<th>{name}</th>" for name in results[0].summary)
    blocks = {"head": head, "rows": "\n".join(rows), "problems": "\n".join(problems)}
    page = INDEX.format(name=f"Run {html.escape(folder.name)}", **blocks)
    write_file(folder / "index.html", page.encode())


def write_table(folder: Path, rows: list[dict[str, Value]]) -> None:
    """Write results.csv anew, with a column for every name in a row; raises OSError."""
    table = io.StringIO()
    columns = dict.fromkeys(name for row in rows for name in row)
    writer = csv.DictWriter(table, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_file(folder / "results.csv", table.getvalue().encode())


def write_page(notebook: Path) -> None:
    """Convert an executed notebook to HTML; a page that fails costs no run."""
    from nbconvert import HTMLExporter

    try:
        page, _ = HTMLExporter().from_filename(str(notebook))
        write_file(notebook.with_suffix(".html"), page.encode())
    except Exception as error:  # noqa: BLE001 - whatever nbconvert's many parts raise
        print(one_line(f"{notebook.name}: no HTML page: {error}"), file=sys.stderr)


def _pairs(values: dict[str, Value]) -> str:
    return " ".join(f"{name}={in_short(value)}" for name, value in values.items())


def one_line(text: str) -> str:
    """Join the lines of a text and cut it at 300 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 300 else line[:299] + "…"
