"""What of a sweep is on the disk? The plan, written at the start, and each finished run."""

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from runner.lessons import Lesson
from runner.parameters import Value, look_up
from runner.report import Result, Status
from utils.errors import InputError
from utils.files import settle, write_file
from utils.results import RECORD

PLAN, RESULT = "sweep.json", "result.json"
FINISHED = {Status.OK, Status.CLAIM_FAILED}  # measured: another run would measure the same
KEPT = ("seconds", "error", "claims", "records", "versions")


def write_plan(folder: Path, lesson: Lesson, points: list[dict[str, Value]]) -> None:
    """Write down what the sweep is, and keep the lesson as it is now; raises OSError."""
    write_file(folder / lesson.path.name, lesson.path.read_bytes())
    plan = {"lesson": lesson.name, "code": _fingerprint(lesson.path), "points": points}
    write_file(folder / PLAN, _json(plan))
    settle(folder / PLAN)


def read_plan(folder: Path, lessons: list[Lesson]) -> tuple[Lesson, list[dict[str, Value]]]:
    """Return the lesson and the points of the sweep in ``folder``.

    Raises:
        InputError: if there is no sweep, or the lesson's code or parameters have changed since.
    """
    try:
        plan = json.loads((folder / PLAN).read_bytes())
        name, code, points = plan["lesson"], plan["code"], plan["points"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{folder} holds no sweep: {PLAN}: {error}") from None
    lesson = look_up(name, {one.name: one for one in lessons}, f"{folder}: no lesson")
    if code != _fingerprint(lesson.path):
        raise InputError(f"{folder}: the code of {name} has changed since; start a new sweep")
    return lesson, points


def refuse_unknown_figure(lesson: Lesson, name: str | None) -> None:
    """Raise InputError if the lesson's stored outputs hold figures, but not one of this name."""
    outputs = json.loads(lesson.path.read_text(encoding="utf-8"))["cells"]
    known = {
        figure: True
        for cell in outputs
        for output in cell.get("outputs", [])
        for figure, value in output.get("data", {}).get(RECORD, {}).items()
        if not isinstance(value, list)
    }
    if name is not None and known:
        look_up(name, known, f"--figure: {lesson.name} records no")


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other sweeps out of ``folder``; raises InputError if one is at work there."""
    with (folder / PLAN).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{folder}: another sweep is at work there") from None
        yield


def results_so_far(
    folder: Path, lesson: Lesson, points: list[dict[str, Value]]
) -> list[tuple[Result, Path]]:
    """Return a result and a folder per point, filled in where a run is finished."""
    kept = replace(lesson, path=folder / lesson.path.name)
    digits = max(3, len(str(len(points))))
    return [
        (_load_result(Result(kept, point), run), run)
        for number, point in enumerate(points, start=1)
        for run in [folder / f"{number:0{digits}d}"]
    ]


def finished_runs(folder: Path, lesson: Lesson, points: list[dict[str, Value]]) -> set[int]:
    """Return the numbers, from 1, of the points whose runs need not be done again."""
    runs = results_so_far(folder, lesson, points)
    return {number for number, (result, _) in enumerate(runs, 1) if result.status in FINISHED}


def save_result(result: Result, folder: Path) -> None:
    """Keep what came out of a run beside its notebook, a power cut later too; raises OSError."""
    if (folder / result.lesson.path.name).exists():
        settle(folder / result.lesson.path.name)
    content = {"status": result.status} | {name: getattr(result, name) for name in KEPT}
    write_file(folder / RESULT, _json(content))
    settle(folder / RESULT)


def _load_result(result: Result, folder: Path) -> Result:
    """Fill in ``result`` if its run is finished and its notebook is there."""
    try:
        content = json.loads((folder / RESULT).read_bytes())
        filled = replace(
            result,
            status=Status(content["status"]),
            **{name: content[name] for name in KEPT},
        )
    except (OSError, ValueError, LookupError, TypeError):
        return result
    there = (folder / result.lesson.path.name).exists()
    return filled if there and filled.status in FINISHED else result


def _fingerprint(path: Path) -> str:
    """Return what changes with a lesson's code, parameters included, and not with its prose."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return hashlib.sha256(_json(code)).hexdigest()


def _json(content) -> bytes:
    return json.dumps(content, indent=1, ensure_ascii=False).encode()
