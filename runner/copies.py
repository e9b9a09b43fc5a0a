"""Students' copies of a lesson: what is in a folder, and what of it is run.

The lesson itself is run, with a copy's answers and added cells in it. So its checks, its imports
and its parameters are its own, whatever a student has changed, moved or removed.
"""

import atexit
import json
import re
from itertools import count, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from runner.lessons import Lesson, select_lessons
from runner.result import as_json, one_line
from utils.errors import InputError

CHECK = re.compile(r'^check\("([^"]+)"', re.MULTILINE)
ANEW = "from utils.exercises import check\n"  # whatever a student calls by that name
TAKEN = "lessons", "batch.json", "index.html", "grades.csv"  # what else lies beside the runs
Cells = list[dict]


class Copies(NamedTuple):
    """What a folder holds: copies of a lesson, ready to be run, and what is none; by name."""

    lesson: Lesson
    exercises: dict[str, tuple[str, str]]  # the ids of stub and check cell, by the number
    ready: list[Lesson]  # the lesson with a copy's answers in it, named like the copy
    put_back: dict[str, str]  # what of the lesson was changed or missing in a copy
    broken: dict[str, str]  # why it can't be run


def read_copies(folder: Path, lessons: list[Lesson], wanted: str | None = None) -> Copies:
    """Return the copies of one lesson that lie in a folder or below it.

    Raises InputError if there are none, or copies of several lessons and none is ``wanted``, or
    the lesson has no exercises.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    found, broken = {}, {}
    for path in filter(Path.is_file, sorted(folder.rglob("*.ipynb"))):
        if re.search(r"(^|/)\.", str(path.relative_to(folder))):
            continue  # one of JupyterLab's checkpoints
        name = _name(path.relative_to(folder), {*TAKEN, *found, *broken})
        try:
            found[name] = read_cells(path)
        except ValueError as error:
            broken[name] = str(error)
    known = {lesson.name: read_cells(lesson.path) for lesson in lessons}
    of = {name: _lesson_of(cells, known) for name, cells in found.items()}
    several = sorted(filter(None, {*of.values()}))
    if not wanted and len(several) != 1:
        text = f"copies of several lessons; --lesson names one: {', '.join(several)}"
        raise InputError(f"{folder}: {text if several else 'no copy of a lesson in it'}")
    (lesson,) = select_lessons(lessons, [wanted or several[0]])
    whole = read_cells(lesson.path)
    exercises = _exercises(whole)
    if not exercises:
        raise InputError(f"{lesson.name} has no exercises")
    unknown = [name for name in of if of[name] is None]
    if wanted:
        of |= dict.fromkeys(unknown, lesson.name)
    else:
        broken |= dict.fromkeys(unknown, "a copy of no lesson; --lesson would say of which")
    mine = [name for name in of if of[name] == lesson.name]
    if not mine:
        raise InputError(f"{folder}: no copy of {lesson.name} in it")
    home = TemporaryDirectory(prefix="copies-", ignore_cleanup_errors=True)
    atexit.register(home.cleanup)
    ready, put_back, notebook = [], {}, json.loads(lesson.path.read_bytes())
    for name in mine:
        cells, put_back[name] = _put_together(whole, found[name], exercises)
        ready.append(lesson._replace(path=Path(home.name, f"{name}.ipynb")))
        ready[-1].path.write_bytes(as_json(notebook | {"cells": cells}))
    return Copies(lesson, exercises, ready, put_back, broken)


def read_cells(path: Path) -> Cells:
    """Return a notebook's cells, with id and source as texts; raises ValueError if it is none."""
    try:
        cells = json.loads(path.read_bytes())["cells"]
        # Colab keeps the ids among the metadata
        ids = [str(cell.get("id") or cell["metadata"].get("id")) for cell in cells]
        texts = ["".join(cell["source"]) for cell in cells]
        return [c | {"id": i, "source": s} for c, i, s in zip(cells, ids, texts, strict=True)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(one_line(f"no notebook: {type(error).__name__}: {error}")) from None


def _name(path: Path, taken: set[str]) -> str:
    """Return a name for a copy and its folder that is plain text, not too long, and not taken."""
    name = re.sub(r"[^\w.,() -]", "_", " ".join(path.with_suffix("").parts))[:60]
    while name.casefold() in map(str.casefold, taken):
        name += "_"
    return name


def _lesson_of(cells: Cells, known: dict[str, Cells]) -> str | None:
    """Return the lesson with the same heading or a check in common."""
    texts = {cell["source"] for cell in cells}
    heads = {text.partition("\n")[0] for text in texts}
    for name, lesson in known.items():
        checks = {cell["source"] for cell in lesson if CHECK.search(cell["source"])}
        if checks & texts or lesson[0]["source"].partition("\n")[0] in heads:
            return name
    return None


def _exercises(lesson: Cells) -> dict[str, tuple[str, str]]:
    """Return the ids of stub and check cell of a lesson's exercises, by the number."""
    code = [cell for cell in lesson if cell["cell_type"] == "code"]
    found = {}
    for stub, check in pairwise(code):
        if "exercise" in _tags(stub) and (shown := CHECK.search(check["source"])):
            found[shown[1]] = stub["id"], check["id"]
    return found


def _put_together(lesson: Cells, copy: Cells, exercises: dict) -> tuple[Cells, str]:
    """Return the lesson's cells with the copy's answers and added cells, and what was put back."""
    ids, texts = {one["id"] for one in lesson}, {one["source"]: one["id"] for one in lesson}
    own, before, added, number = {}, {}, [], count(1)
    for cell in copy:
        same = cell["id"] if cell["id"] in ids else texts.get(cell["source"])
        kind = "code" if cell.get("cell_type") == "code" else "markdown"
        if same and same not in own:
            own[same], before[same], added = cell["source"] * (kind == "code"), added, []
        else:
            new = {"cell_type": kind, "id": f"added-{next(number)}", "metadata": {}}
            added.append(_ready(new, cell["source"]))
    names = {one["id"]: "parameters" for one in lesson if "parameters" in _tags(one)}
    names |= {check: f"check {number}" for number, (_, check) in exercises.items()}
    stubs, cells, changed = {stub for stub, _ in exercises.values()}, [], []
    for cell in lesson:
        mine, text = own.get(cell["id"], "").strip(), cell["source"]
        if cell["id"] in stubs:
            text = mine or text
        elif cell["cell_type"] == "code" and mine != text.strip():
            changed.append(names.get(cell["id"], "other"))
        text = ANEW * names.get(cell["id"], "").startswith("check") + text
        cells += [*before.get(cell["id"], []), _ready(cell, text)]
    named = [name for name in changed if name != "other"]
    others = len(changed) - len(named)
    named += [f"{others} other cell{'s' * (others > 1)}"] * bool(others)
    return cells + added, ", ".join(named)


def _ready(cell: dict, source: str) -> dict:
    """Return a cell to be run, and those behind it all the same if it raises."""
    metadata = cell["metadata"] | {"tags": [*_tags(cell), "raises-exception"]}
    new = {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {}
    return cell | {"source": source, "metadata": metadata} | new


def _tags(cell: dict) -> list[str]:
    return cell["metadata"].get("tags", [])
