"""Many runs: their folder, the plan in it, and the one loop that does what is left of it."""

import fcntl
import hashlib
import itertools
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from tqdm import tqdm

from runner import pool
from runner.lessons import Lesson
from runner.parameters import check_values, look_up
from runner.report import order_records, write_report
from runner.result import FINISHED, Run, Status, Value, as_json, in_words, load, one_line
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

    Raises:
        InputError: if ``parent`` can't be written to.
    """
    name = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    codes = {run.lesson: _fingerprint(run.source) for run in runs}
    plan = {"code": codes, "runs": [[run.lesson, run.changes] for run in runs]}
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            folder = parent.resolve() / (name if number == 1 else f"{name}-{number}")
            with suppress(FileExistsError):  # made by another batch in the same second
                folder.mkdir()
                break
        write_file(folder / PLAN, as_json(plan))
    except OSError as error:
        raise InputError(f"{parent} cannot be written to: {error.strerror}") from None
    _give_folders(folder, runs)
    return folder


def resume(folder: Path, lessons: dict[str, Lesson]) -> list[Run]:
    """Return the runs planned in ``folder``, filled in where they are finished.

    Raises:
        InputError: if there is no plan, one of its values is not allowed, or a lesson's code is
            not that of the plan.
    """
    try:
        plan = json.loads((folder / PLAN).read_bytes())
        codes, planned = (
            dict(plan["code"]),
            [(name, dict(values)) for name, values in plan["runs"]],
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{folder} holds no batch: {PLAN}: {error}") from None
    runs = []
    for name, values in planned:
        lesson = look_up(name, lessons, f"{folder}: no lesson")
        check_values(values, lesson.parameters, f"{folder / PLAN}: {name}")
        if codes.get(name) != _fingerprint(lesson.path):
            raise InputError(f"{folder}: the code of {name} has changed since; start anew")
        runs.append(new_run(lesson, values))
    _give_folders(folder.resolve(), runs)
    return [_if_finished(run) for run in runs]


def work(
    folder: Path,
    runs: list[Run],
    time_limit: float,
    scheduler: str | None = None,
    at_once: int | None = None,
    record: str | None = None,
) -> bool:
    """Do what is left of ``runs``, in place; return whether the last report could be written.

    Ctrl-C ends the batch, not this function: the runs at work are ``interrupted``, those after
    them ``not run``.

    Args:
        time_limit: seconds that each run may take.
        scheduler: the address of Dask's, such as ``tcp://host:8786``; None: this machine.
        at_once: runs at once on this machine; None: as many as it can.
        record: is told of each run and stands first in the report; None: one that speaks for it.

    Raises:
        InputError: if another batch is at work in the folder, or no scheduler answers.
    """
    with _alone_in(folder):
        # anew each time: what is executed is the course's, whatever the folder held
        (folder / LESSONS).mkdir(exist_ok=True)
        for path in {run.source for run in runs}:
            write_file(folder / LESSONS / path.name, path.read_bytes())
        for run in runs:
            run.source = folder / LESSONS / run.source.name
        waiting = [number for number, run in enumerate(runs) if run.status not in FINISHED]
        _report(folder, runs, record, final=False)
        with suppress(KeyboardInterrupt):  # told by the status words
            _work_off(folder, runs, waiting, time_limit, scheduler, at_once, record)
        return _report(folder, runs, record, final=True)


def _work_off(folder, runs, waiting, time_limit, scheduler, at_once, record) -> None:
    """Hand out the ``waiting`` runs; put what comes back in its place and tell of it."""
    names = dict.fromkeys(name for run in runs for name in run.changes)
    varying = [name for name in names if len({run.values.get(name) for run in runs}) > 1]
    where = pool.on_workers(scheduler) if scheduler else pool.here(len(waiting), at_once)
    running: dict[Future, int] = {}
    due, is_behind = 0.0, False
    bar = {
        "total": len(runs),
        "initial": len(runs) - len(waiting),
        "unit": "run",
        "leave": False,
    }
    with (
        where as (submit, slots),
        tqdm(desc=folder.name, disable=None, **bar) as progress,
    ):
        try:
            while waiting or running:
                # no more than can be at work: Dask holds a worker's death against all it was given
                while waiting and len(running) < slots():
                    number = waiting.pop(0)
                    running[submit(runs[number], time_limit)] = number
                    if progress.disable:  # no bar tells that something is being done
                        print(f"{runs[number].name}: started", file=sys.stderr)
                if is_behind and time.monotonic() > due:
                    started = time.monotonic()
                    _report(folder, runs, record, final=False)
                    now = time.monotonic()
                    due, is_behind = now + max(REPORT_SECONDS, 4 * (now - started)), False
                done, _ = wait(running, timeout=1, return_when=FIRST_COMPLETED)
                for future in done:
                    number = running.pop(future)
                    runs[number] = _outcome(future, runs[number])
                    is_behind = True
                    progress.update()
                    progress.write(_told(runs[number], varying, record), sys.stderr)
        finally:
            for number in running.values():
                runs[number].status = Status.INTERRUPTED


def _outcome(future: Future, run: Run) -> Run:
    try:
        return future.result()
    except (Exception, CancelledError) as error:  # noqa: BLE001 - the project missing there, say
        text = one_line(f"{type(error).__name__}: {error}")
        return replace(run, status=Status.WORKER_DIED, error=text)


def _told(run: Run, varying: list[str], record: str | None) -> str:
    values = {name: run.changes[name] for name in varying if name in run.changes}
    words = "" if run.name == run.lesson else f"  {in_words(values)}"
    numbers = {name: value for name, value in run.singles.items() if type(value) is float}
    told = [f"{n}={in_short(numbers[n])}" for n in order_records(numbers, record)[:1]]
    return f"{run.name}{words}: {', '.join([run.status, f'{run.seconds:.1f} s', *told])}"


def _report(folder: Path, runs: list[Run], record: str | None, *, final: bool) -> bool:
    """Write the report; return whether that went well, since no fault of it ends the batch."""
    lessons = {run.lesson for run in runs}
    title = runs[0].title if len(lessons) == 1 else "Keras by Experiment"
    try:
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
    names = [run.lesson for run in runs]
    if len(set(names)) < len(names):
        names = [
            f"{number:0{max(3, len(str(len(runs))))}d}" for number in range(1, len(runs) + 1)
        ]
    for name, run in zip(names, runs, strict=True):
        run.folder = folder / name


def _if_finished(run: Run) -> Run:
    """Return what was kept of a run if it is finished and its notebook is there, or else itself."""
    kept = load(run.folder)
    same = kept and (kept.lesson, kept.values) == (run.lesson, run.values)
    if not same or kept.status not in FINISHED or not run.notebook.exists():
        return run
    return replace(kept, source=run.source)


def _fingerprint(path: Path) -> str:
    """Return what changes with a lesson's code, parameters included, and not with its prose."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return hashlib.sha256(as_json(code)).hexdigest()
