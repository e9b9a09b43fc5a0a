"""Where do runs happen? In processes on this machine, or on Dask's workers: futures either way.

A pool is two functions: one hands out a run, with the seconds it may take, and returns a future of
it, filled in; the other tells how many runs can be at work now. Leaving its context ends
them, on workers a second or two later.
"""

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import psutil

from runner.kernel import gpus
from runner.process import execute
from runner.result import Run, one_line
from utils.errors import InputError

MEMORY_OF_A_RUN = 2 * 2**30  # bytes; TensorFlow with the largest data set takes less
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
ANSWERS_WITHIN = "10s"
Pool = tuple[Callable[[Run, float], Future], Callable[[], int]]


def share_machine(runs: int, at_once: int | None = None) -> tuple[int, dict[str, str]]:
    """Return how many of the runs fit on this machine at once, and what they find in the environment.

    A GPU has one run at a time. TensorFlow's threads must not fight over the cores: each run gets
    its share.
    """
    import joblib  # not at the top: it sets an environment variable

    cores, limit = joblib.cpu_count(), Path("/sys/fs/cgroup/memory.max")  # a container's
    text = limit.read_text().strip() if limit.exists() else "max"
    memory = psutil.virtual_memory().total if text == "max" else int(text)
    fit = len(gpus()) or min(cores, memory // MEMORY_OF_A_RUN)
    count = max(1, min(runs, at_once or fit))
    return count, dict.fromkeys(THREADS, str(max(1, cores // count))) if count > 1 else {}


@contextmanager
def here(runs: int, at_once: int | None) -> Iterator[Pool]:
    """Open a pool on this machine for so many runs, ``at_once`` or as many as fit."""
    count, environment = share_machine(runs, at_once)
    devices = cycle([{"CUDA_VISIBLE_DEVICES": gpu} for gpu in gpus()] or [{}])
    stopped, of_thread = threading.Event(), threading.local()

    def start_thread() -> None:
        of_thread.variables = environment | next(devices)

    def work(run: Run, time_limit: float) -> Run:
        return execute(run, time_limit, of_thread.variables, stopped.is_set, bar=runs == 1)

    with ThreadPoolExecutor(count, initializer=start_thread) as threads:
        try:
            yield lambda *job: threads.submit(work, *job), lambda: count
        finally:
            stopped.set()
            threads.shutdown(cancel_futures=True)


@contextmanager
def on_workers(scheduler: str) -> Iterator[Pool]:
    """Open a pool of the workers of Dask's scheduler; raises InputError if it does not answer."""
    from distributed import Client

    try:
        client = Client(scheduler, timeout=ANSWERS_WITHIN, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(one_line(f"--scheduler {scheduler}: {error}")) from None
    with client:  # its end cancels what is not done
        executor = client.get_executor(pure=False)
        # one more than nothing, so that a cluster that grows with its work begins to
        slots = lambda: max(1, sum(client.nthreads().values()))
        yield lambda *job: executor.submit(_work_there, *job), slots


def _work_there(run: Run, time_limit: float) -> Run:
    """Run a lesson on a worker; whoever started it said how many threads TensorFlow has there."""
    from distributed import get_worker

    if multiprocessing.current_process().daemon:
        raise RuntimeError("may start no process: set DASK_DISTRIBUTED__WORKER__DAEMON=False")
    worker = get_worker()
    key = worker.get_current_task()

    def is_cancelled() -> bool:  # nobody wants this run any more, its client being gone, say
        task = worker.state.tasks.get(key)
        return task is None or task.state == "cancelled"

    return execute(run, time_limit, {}, is_cancelled)
