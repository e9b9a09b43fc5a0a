"""What the pages include and is read from elsewhere: lessons, runs, modules."""

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from lesson import PROJECT, Lesson, Status, slug

LABELS = {"Minutes on two CPU cores": "{} min to run", "Minutes to study": "{} min to study"}
LABELS |= {"Data": "data: {}", "Before this": "before this: {}"}


def write_fragments(folder: Path, lessons: list[Lesson], runs: Path = PROJECT / "runs") -> None:
    """Write all that the pages include into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    glossary = (PROJECT / "site/glossary.txt").read_text(encoding="utf-8")
    fragments = {
        "lessons": "\n".join(map(overview, lessons)),
        "found": "\n\n".join(map(found, lessons)),
        "glossary": "\n".join(define_terms(glossary, lessons)),
        "run": status_table(last_runs(runs, lessons)),
        "stored": status_table(lesson.stored for lesson in lessons),
        "api": "\n".join(map(document, sorted((PROJECT / "utils").glob("[a-z]*.py")))),
    }
    for name, text in fragments.items():
        (folder / f"{name}.md").write_text(f"{text}\n", encoding="utf-8")


def link(lesson: Lesson, text: str, heading: str = "") -> str:
    return f"[{text}](/notebooks/{lesson.name}.ipynb{'#' if heading else ''}{slug(heading)})"


def overview(lesson: Lesson) -> str:
    """Return an item of a list: the title, what it is about, minutes and data."""
    facts = [
        LABELS.get(name, name + ": {}").format(value) for name, value in lesson.facts.items()
    ]
    return f"- **{link(lesson, lesson.title)}**\\\n  {lesson.summary}\\\n  {', '.join(facts)}"


def found(lesson: Lesson) -> str:
    text = re.sub(r"\]\((?=\d\d_\w+\.ipynb)", "](/notebooks/", lesson.found)
    return f"## {lesson.title}\n\n{text}\n\nThe lesson: {link(lesson, lesson.title)}."


def define_terms(glossary: str, lessons: list[Lesson]) -> Iterator[str]:
    """Yield Markdown for each line, ``term`` or ``term: own words``, that a lesson explains."""
    yield "```{glossary}\n:sorted:"
    for line in filter(None, glossary.splitlines()):
        term, _, words = line.partition(": ")
        places = ((lesson, lesson.define(term)) for lesson in lessons)
        for lesson, (sentence, heading) in [place for place in places if place[1]][:1]:
            number, name = lesson.title.split(":")[0], heading.replace("`", "")
            yield f"{term}\n  {words or sentence}\n  {link(lesson, f'{number}, {name}', heading)}\n"
    yield "```"


def last_runs(folder: Path, lessons: list[Lesson]) -> list[Status]:
    """Return each lesson's newest result, of `course run`: in a sweep lessons come repeatedly."""
    newest = {}
    for path in sorted(folder.glob("*/results.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = {row["lesson"]: row for row in csv.DictReader(file)}
            is_course = file.seek(0) == 0 and len(list(csv.DictReader(file))) == len(rows)
        newest |= {name: (row, path.parent.name) for name, row in rows.items() if is_course}
    return [read_status(*newest[one.name]) for one in lessons if one.name in newest]


def read_status(row: dict[str, str], folder: str) -> Status:
    """Return what a row of results.csv says; its folder is named after the time."""
    words = ", ".join(
        row.get(f"version.{name}", "") for name in ("python", "tensorflow", "keras")
    )
    kept, made = int(row["claims_kept"]), int(row["claims_made"])
    numbers = float(row["seconds"]), kept, made
    date = folder.partition("_")[0]
    return Status(row["lesson"], row["status"], *numbers, row["data_source"], words, date)


def status_table(rows: Iterable[Status]) -> str:
    """Return a table in Markdown, or what to do where there is nothing to tell."""
    lines = [
        f"| [{row.lesson}](/notebooks/{row.lesson}.ipynb) | {'✓' if row.status == 'ok' else '✗'} {row.status} "
        f"| {row.seconds:.1f} | {row.kept} of {row.made} | {row.data} | {row.date} | {row.versions} |"
        for row in rows
    ]
    head = [
        "| lesson | status | seconds | claims kept | data | date | Python, TensorFlow, Keras |",
        "|---" * 7 + "|",
    ]
    return "\n".join([*head, *lines]) if lines else "There is none here: `make run` makes one."


def document(module: Path) -> str:
    name = "utils" if module.stem == "__init__" else f"utils.{module.stem}"
    return f"## {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```\n"
