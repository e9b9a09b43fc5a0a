"""Many runs: their folder, the plan in it, and the one loop that does what is left of it."""

import fcntl
import hashlib
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from tqdm import tqdm

from runner import pool
from runner.lessons import Lesson
from runner.parameters import check_values, look_up
from runner.report import name_point, order_records, varying, write_report
from runner.result import FINISHED, Run, Status, Value, as_json, load, one_line, settle
from utils.errors import InputError
from utils.files import write_file
from utils.results import in_short

PLAN, LESSONS = "batch.json", "lessons"
REPORT_SECONDS = 2  # the shortest time between two reports


def new_run(lesson: Lesson, changes: dict[str, Value]) -> Run:
    """Return a run of the lesson that belongs to no batch yet."""
    values = {name: parameter.default for name, parameter in lesson.parameters.items()}
    return Run(lesson.name, lesson.title, lesson.path, Path(), values | changes, changes)


def start(parent: Path, runs: list[Run]) -> Path:
    """Make a folder named after the time, with the plan of the runs in it, and return it.

    Raises InputError if ``parent`` can't be written to.
    """
    name = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    sources = {run.lesson: run.source for run in runs}
    codes = {lesson: _fingerprint(source) for lesson, source in sources.items()}
    plan = {"code": codes, "runs": [[run.lesson, run.changes] for run in runs]}
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            folder = parent.resolve() / (name if number == 1 else f"{name}-{number}")
            with suppress(FileExistsError):  # made by another batch in the same second
                folder.mkdir()
                break
        write_file(folder / PLAN, as_json(plan))
        settle(folder / PLAN)
    except OSError as error:
        raise InputError(f"{parent} cannot be written to: {error.strerror}") from None
    _give_folders(folder, runs)
    return folder


def resume(folder: Path, lessons: dict[str, Lesson]) -> list[Run]:
    """Return the runs planned in ``folder``, filled in where they and their notebooks are finished.

    Raises InputError if there is no plan, one of its values is not allowed, or a lesson's code is
    not that of the plan.
    """
    try:
        plan = json.loads((folder / PLAN).read_bytes())
        codes, planned = dict(plan["code"]), [(str(name), v) for name, v in plan["runs"]]
        if not planned:
            raise ValueError("it plans no runs")
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{folder} holds no batch: {PLAN}: {error}") from None
    for name in dict.fromkeys(name for name, _ in planned):
        lesson = look_up(name, lessons, f"{folder}: no lesson")
        if codes.get(name) != _fingerprint(lesson.path):
            text = "has changed since, or another notebook was run: name that, or start anew"
            raise InputError(f"{folder}: the code of {name} {text}")
    runs = []
    for name, changes in planned:
        known = lessons[name].parameters
        changes = check_values(changes, known, f"{folder / PLAN}: {name}")
        runs.append(new_run(lessons[name], changes))
    _give_folders(folder.resolve(), runs)
    for path in (folder / LESSONS, *(run.folder for run in runs)):
        if path.is_symlink():  # what is written there would go elsewhere
            raise InputError(f"{folder}: {path.name} is a link; start anew")
    _fill_in(runs)
    return runs


def _fill_in(runs: list[Run]) -> None:
    """Put what was kept in the place of runs that are finished and whose notebooks are there."""
    for number, run in enumerate(runs):
        kept = load(run.folder)
        same = kept and (kept.lesson, kept.values) == (run.lesson, run.values)
        if same and kept.status in FINISHED and run.notebook.exists():
            runs[number] = replace(kept, source=run.source)


def work(
    folder: Path,
    runs: list[Run],
    time_limit: float,
    scheduler: str | None = None,
    at_once: int | None = None,
    record: str | None = None,
    write: Callable[[Path, list[Run]], None] | None = None,
) -> bool:
    """Do what is left of ``runs``, in place; return whether the last report could be written.

    A run may take ``time_limit`` seconds. ``at_once`` of them (None: as many as it can) are done by
    this machine, or else Dask's workers do them: ``scheduler`` is an address like tcp://host:8786.
    ``record`` is told of each run and stands first in the report; None: one that speaks for it.
    ``write(folder, runs)`` writes another report than ``runner.report`` does.
    Ctrl-C ends the batch, not this function: the runs at work are ``interrupted``, those after
    them ``not run``. Raises InputError if another batch is at work there, or no scheduler answers.
    """
    tell = partial(_report, folder, runs, record, write)
    with _alone_in(folder):
        # anew each time: what is executed is the course's, whatever the folder held
        (folder / LESSONS).mkdir(exist_ok=True)
        for path in {run.source for run in runs}:
            write_file(folder / LESSONS / path.name, path.read_bytes())
        for run in runs:
            run.source = folder / LESSONS / run.source.name
        _fill_in(runs)  # another batch may have been at work until now
        waiting = [number for number, run in enumerate(runs) if run.status not in FINISHED]
        where = pool.on_workers(scheduler) if scheduler else pool.here(len(waiting), at_once)
        tell(final=False)
        try:
            _work_off(folder, runs, waiting, where, time_limit, record, tell)
            return tell(final=True)
        except KeyboardInterrupt:
            pass  # told by the status words
        except (OSError, RuntimeError) as error:  # the scheduler is gone, say
            print(one_line(f"{folder.name}: ended: {error}"), file=sys.stderr)
        return tell(final=True)


def _work_off(folder, runs, waiting, where, time_limit, record, tell) -> None:
    """Hand out the ``waiting`` runs; put what comes back in its place and tell of it."""
    axes, done = varying(runs), len(runs) - len(waiting)
    bar = {"total": len(runs), "initial": done, "unit": "run", "leave": False, "disable": None}
    running: dict[Future, int] = {}
    due, is_behind = 0.0, False
    try:
        with where as (submit, slots), tqdm(desc=folder.name, **bar) as progress:
            while waiting or running:
                # no more than can be at work: Dask holds a worker's death against all it was given
                while waiting and len(running) < slots():
                    number = waiting.pop(0)
                    running[submit(runs[number], time_limit)] = number
                    if progress.disable:  # no bar tells that something is being done
                        print(f"{runs[number].name}: started", file=sys.stderr)
                started = time.monotonic()
                if is_behind and started > due:
                    tell(final=False)
                    took, is_behind = time.monotonic() - started, False
                    due = started + max(REPORT_SECONDS, 5 * took)
                for future in wait(running, timeout=1, return_when=FIRST_COMPLETED).done:
                    number, is_behind = running.pop(future), True
                    runs[number] = _outcome(future, runs[number])
                    progress.update()
                    progress.write(_told(runs[number], axes, record), sys.stderr)
    finally:  # the pool has ended what was at work
        for future, number in running.items():
            runs[number].status = Status.INTERRUPTED
            if future.done() and not future.cancelled():
                runs[number] = _outcome(future, runs[number])


def _outcome(future: Future, run: Run) -> Run:
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001 - the project missing there, say
        text = one_line(f"{type(error).__name__}: {error}")
        return replace(run, status=Status.WORKER_DIED, error=text)


def _told(run: Run, axes: dict, record: str | None) -> str:
    point = f"  {name_point(run, axes)}" if axes else ""
    numbers = {name: value for name, value in run.singles.items() if type(value) is float}
    told = [f", {n}={in_short(numbers[n])}" for n in order_records(numbers, record)[:1]]
    return f"{run.name}{point}: {run.status}, {run.seconds:.1f} s{''.join(told)}"


def _report(folder: Path, runs: list[Run], record: str | None, write=None, *, final) -> bool:
    """Write the report; return whether that went well, since no fault of it ends the batch."""
    title = runs[0].title if len({run.lesson for run in runs}) == 1 else "Keras by Experiment"
    try:
        if write:
            write(folder, runs)
        else:
            write_report(folder, title, runs, record, final=final)
    except Exception as error:  # noqa: BLE001 - a full disk, or whatever a notebook recorded
        print(one_line(f"{folder.name}: no report: {error}"), file=sys.stderr)
        return False
    return True


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    with (folder / PLAN).open("r+b") as file:  # NFS locks only what may be written to
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{folder}: another batch is at work there") from None
        yield


def _give_folders(folder: Path, runs: list[Run]) -> None:
    """Name each run's folder after its lesson or, if that is repeated, its number."""
    is_repeated = len({run.lesson for run in runs}) < len(runs)
    digits = max(3, len(str(len(runs))))
    for number, run in enumerate(runs, start=1):
        run.folder = folder / (f"{number:0{digits}d}" if is_repeated else run.lesson)


def _fingerprint(path: Path) -> str:
    """Return what changes with a lesson's code, parameters included, and not with its prose."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return hashlib.sha256(as_json(code)).hexdigest()
