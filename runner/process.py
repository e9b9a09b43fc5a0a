"""One run: a process of its own for papermill, a watch over it, and what is read back afterwards."""

import contextlib
import errno
import functools
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import util
from pathlib import Path

import psutil

from runner.environment import versions_that_matter
from runner.kernel import can_fork, fork_kernel
from runner.result import FINISHED, Run, Status, one_line, save
from utils.files import write_file
from utils.results import collect

TRIES = 2  # of a run whose process dies: another may have taken its memory
PAGE_SECONDS = 120
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_starting = threading.Lock()


def execute(
    run: Run, time_limit: float, environment: dict, stop: Callable = lambda: False, bar=False
) -> Run:
    """Run a lesson in the run's folder, emptied before; keep there and return a copy that tells all.

    ``time_limit`` is in seconds; the kernel gets the variables of ``environment`` in addition.
    ``stop`` is asked twice a second: once it is true, the lesson is ended as ``interrupted``.
    ``bar`` says whether to show papermill's progress bar.
    """
    run, log = replace(run, seconds=0.0), run.notebook.with_suffix(".log")
    try:
        for _ in range(TRIES):
            shutil.rmtree(run.folder, ignore_errors=True)
            run.folder.mkdir(parents=True)
            _fork_server()
            started = time.monotonic()  # what the server imports is no run's time
            # a kernel that its process has left behind may still write there
            private = tempfile.TemporaryDirectory(dir=scratch(), ignore_cleanup_errors=True)
            with private as folder:
                variables = environment | {"TMPDIR": folder}
                status, error = _ask(time_limit, stop, log, _work, run, variables, bar)
            if status is not Status.WORKER_DIED:
                break
        run.seconds, run.versions = time.monotonic() - started, versions_that_matter()
        _read_back(run, status, error)
    except (EOFError, OSError) as reason:  # a notebook that lies there now is another run's
        text = f"not started ({type(reason).__name__}: {reason}); see what make check-env says"
        run.status, run.error = _status_of(reason), one_line(text)
    try:
        save(run)  # before the page is made: a run is worth more
    except OSError as error:
        run.status, run.error = Status.NOT_SAVED, one_line(str(error))
    if run.seconds and run.notebook.exists() and not stop():
        with contextlib.suppress(EOFError, OSError):  # no page, if no process can be started
            status, error = _ask(PAGE_SECONDS, stop, log, _write_pages, run)
            if status is Status.NOT_SAVED:
                run.status, run.error = status, one_line(error)
                save(run)
    return run


@functools.cache
def scratch() -> Path:
    """Return this process's folder for temporary files, which goes with it.

    multiprocessing's own is made in it. Those of processes that were killed are removed.
    """
    host = os.uname().nodename  # others may use the same disk
    parent = tempfile.gettempdir()
    parent = parent if len(parent) <= 55 else "/tmp"  # a socket's path must be short
    for mark in Path(parent).glob(f"course-*/[0-9]*@{host}"):
        if not psutil.pid_exists(int(mark.name.partition("@")[0])):
            shutil.rmtree(mark.parent, ignore_errors=True)
    folder = tempfile.mkdtemp(prefix="course-", dir=parent)
    Path(folder, f"{os.getpid()}@{host}").touch()
    # after multiprocessing has removed its own, which it does with priority -100
    util.Finalize(None, shutil.rmtree, (folder, True), exitpriority=-200)
    before, tempfile.tempdir = tempfile.tempdir, folder
    util.get_temp_dir()
    tempfile.tempdir = before
    return Path(folder)


@functools.cache
def _fork_server():
    """Return what starts the processes of runs, when it is ready; raises EOFError if it ends."""
    with _starting:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["runner.preload"])
        scratch()  # before multiprocessing makes a folder of its own
        first = context.Process(target=int)
        os.environ["PYTHONSAFEPATH"] = "1"  # a utils.py in the current folder is none of ours
        first.start()
        first.join()
        del os.environ["PYTHONSAFEPATH"]
    return context


def _ask(time_limit: float, stop: Callable, log: Path, *question) -> tuple[Status, str]:
    """Return what ``_answer`` sends from a process of its own; end all that is left of it."""
    receiver, sender = _fork_server().Pipe(duplex=False)
    process = _fork_server().Process(target=_answer, args=(sender, log, *question))
    process.start()
    sender.close()  # so that the end of the process is the end of the pipe
    family, end = [], time.monotonic() + time_limit
    try:
        while not receiver.poll(max(0, min(0.5, end - time.monotonic()))):
            # to be known later: the kernel of a process that has died is nobody's child
            family = [one for one in family if one.is_running()] or _children(process.pid)
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
        _end(process, family)


def _answer(sender, log: Path, function: Callable, *arguments) -> None:
    """Send a status and an error line (from the child process): what is returned or raised."""
    try:
        screen = os.fdopen(os.dup(2), "w")
        with log.open("a") as file:  # what is written to descriptors 1 and 2 goes there
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        sender.send(function(*arguments, screen, sender))
    except Exception as error:  # noqa: BLE001 - papermill, nbclient and zmq have no common one
        text = f"{type(error).__name__}: {error} (see also {log.name})"
        with contextlib.suppress(OSError):  # the disk is full for the log, too
            print(text, file=sys.stderr)
        sender.send((_status_of(error), text))


def _status_of(error: Exception) -> Status:
    is_full = isinstance(error, OSError) and error.errno in DISK_FULL
    return Status.NOT_SAVED if is_full else Status.KERNEL_DIED


def _work(run: Run, environment: dict, bar: bool, screen, sender) -> tuple[Status, str]:
    """Execute a lesson, in the child process."""
    os.environ |= environment
    tempfile.tempdir = None  # to be looked up in this environment
    if can_fork():
        fork_kernel(sender, screen)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from tqdm import tqdm

    from runner.engine import execute_lesson

    # tqdm's own lock is a semaphore: Python reports it as leaked when this process is killed.
    tqdm.set_lock(threading.RLock())
    shown = {"desc": run.lesson, "file": screen, "leave": False, "disable": None}
    if raised := execute_lesson(run, bar and shown, Path(environment["TMPDIR"])):
        return Status.CELL_RAISED, raised
    return Status.OK, ""


def _end_with_parent() -> None:
    """End with a parent that is killed; the kernel ends when this process does."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _write_pages(run: Run, *_) -> tuple[Status, str]:
    """Write what TensorBoard shows of a run, and the notebook's page, in a child process."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if run.status in FINISHED:
        with contextlib.suppress(Exception):  # a TensorFlow that is broken, say
            from runner.hparams import write_hparams

            write_hparams(run)
    from jinja2 import PackageLoader
    from nbconvert import HTMLExporter

    form = {"template_file": "lesson.html.j2", "extra_loaders": [PackageLoader("runner")]}
    page, _ = HTMLExporter(**form).from_filename(str(run.notebook))
    write_file(run.notebook.with_suffix(".html"), page.encode())
    return Status.OK, ""


def _children(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def _end(process, family: list[psutil.Process]) -> None:
    """End a process, its family, and all that they started, a kernel in its own session too."""
    for pid in [process.pid, *(member.pid for member in family)]:
        family += _children(pid)
    for member in [process, *family]:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(family, timeout=10)
    process.join()


def _read_back(run: Run, status: Status, error: str) -> None:
    """Add what the executed notebook holds to the run; judge what papermill calls well."""
    cells, started, here = [], [], ""
    # one that ended before, or while, papermill wrote it has no whole notebook
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
        notebook = json.loads(run.notebook.read_bytes())
        run.claims, run.records = collect(notebook)
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        cells = [cell for cell in code if "".join(cell["source"]).strip()]
        # After a kernel's death papermill calls every cell completed, but not started.
        started = [cell for cell in cells if cell["metadata"]["papermill"]["start_time"]]
    if started:
        here = f"In [{len(started)}] {''.join(started[-1]['source']).strip().splitlines()[0]}: "
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
