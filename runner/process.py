"""One run: a process of its own for papermill, a watch over it, and what is read back afterwards."""

import contextlib
import errno
import functools
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing import util
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path

from runner.environment import versions_that_matter
from runner.kernel import can_fork, fork_kernel
from runner.preload import ASKED
from runner.result import Run, Status, one_line, save
from utils.files import write_file
from utils.results import collect

TRIES = 2  # of a run whose process dies: another may have taken its memory
PAGE_SECONDS = 120
PREFIX = "course-"
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_starting = threading.Lock()


def execute(
    run: Run,
    time_limit: float,
    environment: dict[str, str],
    stop: Callable[[], bool] = lambda: False,
    bar: bool = False,
) -> Run:
    """Run a lesson in the run's folder, emptied before; keep there and return what came of it.

    Args:
        time_limit: seconds.
        environment: variables that the kernel gets in addition.
        stop: asked twice a second; once it is true, the lesson is ended as ``interrupted``.
        bar: whether to show papermill's progress bar.
    """
    started, log = time.monotonic(), run.notebook.with_suffix(".log")
    try:
        for _ in range(TRIES):
            shutil.rmtree(run.folder, ignore_errors=True)
            run.folder.mkdir(parents=True)
            with _starting:
                context = _fork_server()
            started = time.monotonic()  # what the server imports is no run's time
            with tempfile.TemporaryDirectory(prefix="", dir=scratch()) as private:
                variables = environment | {"TMPDIR": private}
                question = (log, _work, run, variables, Path(private), bar)
                status, error = _ask(context, time_limit, stop, *question)
            if status is not Status.WORKER_DIED:
                break
    except (EOFError, OSError) as reason:
        status = Status.NOT_SAVED if _is_full(reason) else Status.KERNEL_DIED
        error = f"not started ({type(reason).__name__}: {reason}); see what make check-env says"
    run.seconds = time.monotonic() - started
    run.versions = versions_that_matter()
    _read_back(run, status, error)
    if run.notebook.exists() and not stop():
        status, error = _ask(context, PAGE_SECONDS, stop, log, _write_page, run.notebook)
        if status is Status.NOT_SAVED:
            run.status, run.error = status, one_line(error)
    try:
        save(run)
    except OSError as error:
        run.status, run.error = Status.NOT_SAVED, one_line(str(error))
    return run


@functools.cache
def scratch() -> Path:
    """Return this process's folder for temporary files, which goes with it.

    multiprocessing's own is made in it. Those of processes that were killed are removed.
    """
    import psutil

    for old in Path(tempfile.gettempdir()).glob(f"{PREFIX}[0-9]*-*"):
        if not psutil.pid_exists(int(old.name.split("-")[1])):
            shutil.rmtree(old, ignore_errors=True)
    folder = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")
    # after multiprocessing has removed its own, which it does with priority -100
    util.Finalize(None, shutil.rmtree, (folder, True), exitpriority=-200)
    before, tempfile.tempdir = tempfile.tempdir, folder
    util.get_temp_dir()
    tempfile.tempdir = before
    return Path(folder)


@functools.cache
def _fork_server() -> BaseContext:
    """Return what starts the processes of runs, when it is ready; raises EOFError if it ends."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["runner.preload"])
    scratch()
    os.environ[ASKED] = "yes"
    try:
        first = context.Process(target=int)
        first.start()
    finally:
        del os.environ[ASKED]
    first.join()
    return context


def _ask(
    context: BaseContext, time_limit: float, stop: Callable[[], bool], log: Path, *question
) -> tuple[Status, str]:
    """Return what ``_answer`` sends from a process of its own; end all that is left of it."""
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, log, *question), daemon=False)
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
        code = process.exitcode
        return Status.WORKER_DIED, f"its process ended without a word (exit code {code})"
    finally:
        _end(process)


def _answer(sender: Connection, log: Path, function: Callable, *arguments) -> None:
    """Send a status and an error line (from the child process): what is returned or raised."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C comes here too: the parent answers it
    try:
        screen = os.fdopen(os.dup(2), "w")
        with log.open("a") as file:  # what is written to descriptors 1 and 2 goes there
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        sender.send(function(*arguments, screen, sender))
    except Exception as error:  # noqa: BLE001 - papermill, nbclient and zmq have no common one
        text = f"{type(error).__name__}: {error} (see also {log.name})"
        print(text, file=sys.stderr)
        sender.send((Status.NOT_SAVED if _is_full(error) else Status.KERNEL_DIED, text))


def _work(run: Run, environment: dict, private: Path, bar: bool, screen, sender):
    """Execute a lesson, in the child process."""
    os.environ |= environment
    tempfile.tempdir = None  # to be looked up in this environment
    if can_fork():
        fork_kernel(sender)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from tqdm import tqdm

    from runner.engine import execute_lesson

    # tqdm's own lock is a semaphore: Python reports it as leaked when this process is killed.
    tqdm.set_lock(threading.RLock())
    shown = {"desc": run.lesson, "file": screen, "leave": False, "disable": None}
    if raised := execute_lesson(run, bar and shown, private):
        return Status.CELL_RAISED, raised
    with contextlib.suppress(Exception):  # a TensorFlow that is broken, say: that costs no run
        from runner.hparams import write_hparams

        _, run.records = collect(json.loads(run.notebook.read_bytes()))
        write_hparams(run)
    return Status.OK, ""


def _write_page(notebook: Path, *_) -> tuple[Status, str]:
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter().from_filename(str(notebook))
    write_file(notebook.with_suffix(".html"), page.encode())
    return Status.OK, ""


def _is_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in DISK_FULL


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


def _read_back(run: Run, status: Status, error: str) -> None:
    """Add what the executed notebook holds to the run; judge what papermill calls well."""
    cells = started = []
    try:
        notebook = json.loads(run.notebook.read_bytes())
        run.claims, run.records = collect(notebook)
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        cells = [cell | {"lines": "".join(cell["source"]).splitlines()} for cell in code]
        cells = [cell for cell in cells if any(map(str.strip, cell["lines"]))]
        # After a kernel's death papermill calls every cell completed, but not started.
        started = [cell for cell in cells if cell["metadata"]["papermill"]["start_time"]]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass  # ended before, or while, papermill wrote it
    here = f"In [{len(started)}] {started[-1]['lines'][0]}: " if started else ""
    left = len(cells) - len(started)
    outputs = [output for cell in cells for output in cell["outputs"]]
    if status is not Status.OK:
        error = error if status is Status.CELL_RAISED else here + error
    elif left or any(output["output_type"] == "error" for output in outputs):
        status, error = Status.INCOMPLETE, f"{here}ended the lesson, cells not run: {left}"
    elif not run.claims:
        status, error = Status.INCOMPLETE, "no claim was made"
    elif run.problems:
        status = Status.CLAIM_FAILED
    run.status, run.error = status, one_line(error)
