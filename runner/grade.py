"""The grades of students' copies: a mark for each exercise, from what the lesson's checks showed.

They help a teacher, and judge nobody: answers run in one kernel with the checks, and who sets out
to can deceive those.
"""

from contextlib import suppress
from pathlib import Path

import pandas as pd

from runner import result
from runner.copies import Copies, read_cells
from runner.report import Section, in_columns, write_page
from runner.result import FINISHED, Run, Status, count_words, one_line
from utils.exercises import collect_exercises
from utils.files import write_file

RAISED = "raised"
WHOLE = {*FINISHED, Status.CELL_RAISED}  # the copy was run to its end


def write(copies: Copies, folder: Path, runs: list[Run]) -> None:
    """Write grades.csv and the page anew; raises OSError."""
    (head, *rows), heard = _rows(copies, runs), {}
    text = pd.DataFrame(rows, columns=head).to_csv(index=False)
    write_file(folder / "grades.csv", text.encode(errors="replace"))
    for run in runs:
        for number, (_, messages) in _marks(run, copies.exercises).items():
            for message in dict.fromkeys(messages):
                heard.setdefault((number, message), []).append(run)
    linked = {run.name: [run] for run in runs}
    grades = Section(
        "Grades", head, [[linked.get(name, name), *cells] for name, *cells in rows]
    )
    told = [[*what, those] for what, those in sorted(heard.items(), key=lambda one: one[0])]
    feedback = Section("Feedback", ["exercise", "feedback", "copies"], told)
    title, intro = f"Grades: {copies.lesson.title}", f"{folder.name}: {count_words(runs)}. "
    intro += "✓ right, ✗ wrong, ○ not attempted. For a spreadsheet:"
    content = {"files": ["grades.csv"], "sections": [grades, feedback]}
    write_page(folder / "index.html", title=title, intro=intro, **content)


def table(copies: Copies, runs: list[Run]) -> str:
    """Return the grades as text: a row a copy, then what went wrong, a line each."""
    rows = _rows(copies, runs)
    wrong = [f"{name}: {text}" for name, *_, text in rows[1:] if text]
    return in_columns([row[:-1] for row in rows], wrong)


def exit_code(copies: Copies, runs: list[Run]) -> int:
    """Return 0 if every copy was run to its end, 130 if that was interrupted, else 1."""
    return result.exit_code(runs, WHOLE) or int(bool(copies.broken))


def _rows(copies: Copies, runs: list[Run]) -> list[list[str]]:
    """Return the head of the table, then a row for each copy, run or not."""
    rows = [["copy", *copies.exercises, "right", "status", "put back", "what went wrong"]]
    for run in runs:
        found = _marks(run, copies.exercises)
        marks, back = [mark for mark, _ in found.values()], copies.put_back[run.lesson]
        raised = [f"{n}: {said[0]}" for n, (mark, said) in found.items() if mark == RAISED]
        wrong = "; ".join(raised or run.problems)  # papermill knows of the last error only
        right = f"{marks.count('✓')} of {len(marks)}"
        rows.append([run.lesson, *marks, right, run.status, back, wrong])
    blank = [""] * (len(copies.exercises) + 1)
    rows += [[name, *blank, "not run", "", text] for name, text in copies.broken.items()]
    # what a student raises may hold what a terminal obeys
    plain = lambda text: "".join(c if c.isprintable() else "�" for c in one_line(text))
    return [[*row[:-1], plain(row[-1])] for row in rows]


def _marks(run: Run, exercises: dict) -> dict[str, tuple[str, list[str]]]:
    """Return ✓, ✗, ○ or what happened instead, and the feedback, by the exercise's number."""
    cells, found = {}, {}
    if run.status is not Status.NOT_RUN:
        with suppress(ValueError):  # it ended before the first cell
            cells = {cell["id"]: cell for cell in read_cells(run.notebook)}
    for number, ids in exercises.items():
        stub, check = (cells.get(one, {}).get("outputs", []) for one in ids)
        said = collect_exercises({"cells": [{"outputs": check}]})
        errors = [output for output in stub + check if output["output_type"] == "error"]
        if len(said) == 1 and (said[0]["result"] == "✓" or not errors):
            found[number] = said[0]["result"], said[0]["messages"]
        elif errors:
            found[number] = RAISED, [f"{errors[0]['ename']}: {errors[0]['evalue']}"]
        else:  # nothing, or more than one check says
            found[number] = "✗" if run.status in WHOLE else str(run.status), []
    return found
