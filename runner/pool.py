"""Where do the runs of a sweep happen? On Dask's workers: each run is a process of its own there."""

import importlib.util
import logging
import multiprocessing
import signal
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path

from distributed import Client, KilledWorker, LocalCluster, as_completed, get_worker
from distributed.worker import thread_state

from runner.process import DISK_FULL, execute, share_cores
from runner.report import Result, Status, one_line, write_page
from runner.sweep_files import RESULT, save_result
from runner.sweep_hparams import write_hparams
from utils.errors import InputError

ANSWERS_WITHIN = "10s"


@contextmanager
def connected(scheduler: str | None, runs: int) -> Iterator[tuple[Client, dict[str, str]]]:
    """Yield a client of the scheduler, or of a cluster made for ``runs`` on this machine.

    With it come the environment variables for each run: on this machine they share the cores out
    between TensorFlow's threads; elsewhere whoever starts the workers does that.

    Raises:
        InputError: if no scheduler answers at that address.
    """
    if scheduler:
        try:
            client = Client(scheduler, timeout=ANSWERS_WITHIN, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InputError(one_line(f"--scheduler {scheduler}: {error}")) from None
        with client:
            yield client, {}
        return
    count, environment = share_cores(runs)
    with _local_cluster(count) as cluster, Client(cluster, set_as_default=False) as client:
        yield client, environment


def dashboard(client: Client) -> str:
    """Return the address of Dask's dashboard, or nothing where Bokeh, which draws it, is missing."""
    return client.dashboard_link if importlib.util.find_spec("bokeh") else ""


def run_all(
    client: Client, jobs: list[tuple[Result, Path]], time_limit: float, environment: dict
) -> Iterator[tuple[int, Result]]:
    """Run each result's lesson in its folder; yield the number of each that is finished, filled in.

    Only as many runs are handed out as there are workers to run them: Dask holds the death of a
    worker against all that wait for it, too. Whoever closes the iterator ends the runs that are
    not finished: they are ``interrupted``.

    Args:
        time_limit: seconds that each run may take.
        environment: variables for the runs.
    """
    waiting, running = list(enumerate(jobs)), {}
    finished = as_completed(loop=client.loop)
    slots = 1
    try:
        while waiting or running:
            # a worker that has just died comes back, and others may join: never fewer than before
            slots = max(slots, sum(client.nthreads().values()))
            while waiting and len(running) < slots:
                number, job = waiting.pop(0)
                future = client.submit(_task, *job, time_limit, environment, pure=False)
                running[future] = number
                finished.add(future)
            future = next(finished)
            number = running.pop(future)
            yield number, _outcome(future, jobs[number][0])
    finally:
        for number in running.values():
            jobs[number][0].status = Status.INTERRUPTED
        client.cancel(list(running))


def _outcome(future, result: Result) -> Result:
    try:
        return future.result()
    except KilledWorker as error:
        status, text = Status.WORKER_DIED, f"{error.allowed_failures + 1} workers died of it"
    except OSError as error:
        full = error.errno in DISK_FULL
        status, text = Status.NOT_SAVED if full else Status.WORKER_DIED, str(error)
    except (Exception, CancelledError) as error:  # noqa: BLE001 - utils missing there, say
        status, text = Status.WORKER_DIED, f"{type(error).__name__}: {error}"
    result.status, result.error = status, one_line(text)
    return result


def _task(result: Result, folder: Path, time_limit: float, environment: dict) -> Result:
    """Run a lesson (on a worker), leave the notebook, its page and the result in ``folder``."""
    # To Python a worker is a daemon, which may start no process; this one ends those it starts.
    multiprocessing.current_process()._config["daemon"] = False
    folder.mkdir(exist_ok=True)
    notebook = folder / result.lesson.path.name
    for old in (notebook, notebook.with_suffix(".html"), folder / RESULT):
        old.unlink(missing_ok=True)  # of a try before this one
    execute(
        result, folder, time_limit, bar=False, environment=environment, stop=_is_cancelled()
    )
    try:
        save_result(result, folder)
        write_hparams(result, folder)
    except OSError as error:
        result.status, result.error = Status.NOT_SAVED, str(error)
    if notebook.exists():
        write_page(notebook)
    return result


def _is_cancelled() -> Callable[[], bool]:
    """Return a function that tells if nobody wants this task any more, its client being gone, say."""
    tasks, key = get_worker().state.tasks, thread_state.key
    return lambda: key not in tasks or tasks[key].state == "cancelled"


@contextmanager
def _local_cluster(workers: int) -> Iterator[LocalCluster]:
    # Ctrl-C in a terminal goes to all processes. The workers, those started later too, inherit
    # that it is blocked, and are ended in order by this process. (The tracker, started with the
    # first worker, would undo that.)
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=0,  # it would count the worker, not the kernel that it started
            dashboard_address="127.0.0.1:0",  # a free port
            scheduler_kwargs={"allowed_failures": 1},  # a second try, no third
            silence_logs=logging.CRITICAL,  # what becomes of a run is told by its status
        )
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    with cluster:
        yield cluster
