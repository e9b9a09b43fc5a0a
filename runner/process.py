"""Run lessons and tell what came out: papermill executes, this module watches and reports."""

import contextlib
import errno
import itertools
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

from runner.environment import versions_that_matter
from runner.kernel import can_fork, fork_kernel
from runner.lessons import Lesson
from runner.parameters import Value
from runner.report import Result, Status, one_line, write_page, write_reports
from utils.errors import InputError
from utils.results import collect

MEMORY_OF_A_RUN = 2 * 2**30  # bytes; TensorFlow with the largest data set takes less
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


def run_lessons(
    lessons: list[Lesson], changes: dict[str, dict[str, Value]], runs: Path, time_limit: float
) -> tuple[Path, list[Result]]:
    """Run lessons, as many at once as the machine can; return the new folder and their results.

    results.csv and index.html in that folder are rewritten after every lesson. Ctrl-C ends the
    run, not this function: the lessons at work are ``interrupted``, those after them ``not run``.

    Args:
        changes: by lesson name, the parameters whose values are not the lesson's own.
        runs: where the folder is made.
        time_limit: seconds that each lesson may take.

    Raises:
        InputError: if ``runs`` cannot be written to.
    """
    folder = new_folder(runs)
    results = [Result(lesson, changes.get(lesson.name, {})) for lesson in lessons]
    write_reports(folder, results)
    with (
        contextlib.suppress(KeyboardInterrupt),  # told by the status words
        contextlib.closing(_execute_all(results, folder, time_limit)) as ended,
    ):
        for result in ended:
            write_page(folder / result.lesson.path.name)
            write_reports(folder, results)
    write_reports(folder, results)
    return folder, results


def _execute_all(results: list[Result], folder: Path, time_limit: float) -> Iterator[Result]:
    """Yield the results, filled in, in the order in which the runs end; tell of each."""
    count, environment = share_cores(len(results))
    stopped = threading.Event()
    how = {"bar": count == 1, "environment": environment, "stop": stopped.is_set}
    bar = {"desc": folder.name, "unit": "lesson", "leave": False}
    bar |= {"total": len(results), "disable": True if count == 1 else None}
    with ThreadPoolExecutor(count) as pool, tqdm(**bar) as progress:
        try:
            work = {
                pool.submit(execute, one, folder, time_limit, **how): one for one in results
            }
            for done in as_completed(work):
                done.result()  # raises what was raised there
                _tell(work[done], progress)
                yield work[done]
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)


def _tell(result: Result, progress: tqdm) -> None:
    progress.update()
    line = f"{result.lesson.name}: {result.status}, {result.seconds:.1f} s"
    clear = "\r\033[K" if sys.stderr.isatty() else ""  # what is left of papermill's bar
    progress.write(clear + line, sys.stderr)


def share_cores(runs: int) -> tuple[int, dict[str, str]]:
    """Return how many runs fit on this machine at once, and the environment to run them with.

    The cores are shared out between the runs: TensorFlow's threads must not fight over them.
    """
    if runs == 1:
        return 1, {}
    # not at the top: distributed takes a second to import
    from dask.system import CPU_COUNT
    from distributed.system import MEMORY_LIMIT

    count = max(1, min(CPU_COUNT, runs, MEMORY_LIMIT // MEMORY_OF_A_RUN))
    return count, dict.fromkeys(THREADS, str(max(1, CPU_COUNT // count)))


def new_folder(runs: Path) -> Path:
    """Make a folder named after the time; raises InputError if ``runs`` can't be written to."""
    name = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    try:
        runs.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            folder = runs.resolve() / (name if number == 1 else f"{name}-{number}")
            with contextlib.suppress(FileExistsError):  # made by another run in the same second
                folder.mkdir()
                return folder
    except OSError as error:
        raise InputError(f"{runs} cannot be written to: {error.strerror}") from None


def execute(
    result: Result,
    folder: Path,
    time_limit: float,
    *,
    bar: bool = True,
    environment: dict[str, str] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Run the lesson of ``result`` in ``folder`` and fill in the rest.

    Args:
        time_limit: seconds.
        bar: whether to show papermill's progress bar.
        environment: variables that the kernel gets in addition.
        stop: asked twice a second; once it is true, the lesson is ended as ``interrupted``.
    """
    outcome, error = Status.INTERRUPTED, "interrupted"  # until it is known better
    started = time.monotonic()
    try:
        context = _fork_server()
        started = time.monotonic()  # what the server imports is no run's time
        with TemporaryDirectory(prefix="kernel-", ignore_cleanup_errors=True) as sockets:
            work = (result.lesson.path, result.changes, folder, bar, environment or {}, sockets)
            outcome, error = _watch(context, work, time_limit, stop)
    except (EOFError, OSError) as reason:
        error = f"not started ({type(reason).__name__}: {reason}); see what make check-env says"
        outcome = Status.KERNEL_DIED
    finally:
        result.seconds = time.monotonic() - started
        result.versions = versions_that_matter()
        _read_back(result, outcome, error, folder / result.lesson.path.name)


def _fork_server() -> BaseContext:
    """Return what starts the processes of runs, when it is ready.

    Raises:
        EOFError: if the server ends while it imports what the runs need.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["runner.preloaded"])
    first = context.Process(target=int)
    first.start()
    first.join()
    return context


def _watch(
    context: BaseContext, work: tuple, time_limit: float, stop: Callable[[], bool]
) -> tuple[Status, str]:
    """Execute a lesson in a process of its own, end what is left of it, return how it went."""
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_execute, args=(*work, sender), daemon=True)
    process.start()
    sender.close()  # so that the end of the process is the end of the pipe
    end = time.monotonic() + time_limit
    try:
        while not receiver.poll(max(0, min(0.5, end - time.monotonic()))):
            if stop():
                return Status.INTERRUPTED, "interrupted"
            if time.monotonic() >= end:
                return Status.TIME_LIMIT, f"ended after {time_limit:g} s"
        return receiver.recv()
    except EOFError:
        process.join(10)
        return (
            Status.KERNEL_DIED,
            f"its process ended without a word (exit code {process.exitcode})",
        )
    finally:
        _end(process)


def _execute(
    path: Path,
    changes: dict,
    folder: Path,
    bar: bool,
    environment: dict,
    sockets: str,
    sender: Connection,
) -> None:
    """Execute a lesson (in the child process) and send its status and an error line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C comes here too: the parent answers it
    os.environ |= environment
    try:
        # What the kernel writes to descriptors 1 and 2 goes to a file; the screen is for the bar.
        screen = os.fdopen(os.dup(2), "w")
        with (folder / f"{path.stem}.log").open("w") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        # To Python this process is a daemon, which may start none; but they end with it.
        multiprocessing.current_process()._config["daemon"] = False
        if can_fork():
            fork_kernel(sender)
        threading.Thread(target=_end_with_parent, daemon=True).start()
        from runner.engine import execute

        # tqdm's own lock is a semaphore: Python reports it as leaked when this process is killed.
        tqdm.set_lock(threading.RLock())
        shown = {"desc": path.stem, "file": screen, "leave": False, "disable": None}
        raised = execute(path, changes, folder, bar and shown, Path(sockets))
        sender.send((Status.CELL_RAISED if raised else Status.OK, raised))
    except Exception as error:  # noqa: BLE001 - papermill, nbclient and zmq have no common one
        full = isinstance(error, OSError) and error.errno in DISK_FULL
        text = f"{type(error).__name__}: {error} (see also {path.stem}.log)"
        sender.send((Status.NOT_SAVED if full else Status.KERNEL_DIED, text))


def _end_with_parent() -> None:
    """End with a parent that is killed; the kernel ends when this process does."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _end(process) -> None:
    """End a process and all that it started, the kernel in its own session too."""
    import psutil

    family = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(family, timeout=10)
    process.join()


def _read_back(result: Result, outcome: Status, error: str, path: Path) -> None:
    """Add what the executed notebook holds to ``result``; judge what papermill calls well."""
    from runner.quick_nbformat import nbformat

    cells = started = []
    with contextlib.suppress(OSError, ValueError):  # ended before, or while, papermill wrote it
        notebook = nbformat.read(path, as_version=4)
        result.claims, result.records = collect(notebook)
        cells = [
            cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()
        ]
        # After a kernel's death papermill calls every cell completed, but not started.
        started = [cell for cell in cells if cell.metadata.papermill.start_time]
    here = f"In [{len(started)}] {started[-1].source.splitlines()[0]}: " if started else ""
    left = len(cells) - len(started)
    if outcome is not Status.OK:
        error = error if outcome is Status.CELL_RAISED else here + error
    elif left or any(
        output.output_type == "error" for cell in cells for output in cell.outputs
    ):
        outcome, error = Status.INCOMPLETE, f"{here}ended the lesson, cells not run: {left}"
    elif not result.claims:
        outcome, error = Status.INCOMPLETE, "no claim was made"
    elif result.problems:
        outcome = Status.CLAIM_FAILED
    result.status, result.error = outcome, one_line(error)


def exit_code(results: list[Result]) -> int:
    """Return 0 if every lesson is ok, 130 (as shells do) if the run was interrupted, else 1."""
    found = {result.status for result in results}
    if found & {Status.INTERRUPTED, Status.NOT_RUN}:
        return 130
    return 0 if found == {Status.OK} else 1
