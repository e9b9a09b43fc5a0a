"""Run a sweep, several runs at once, and keep what is finished whatever happens to the rest."""

import sys
from pathlib import Path

from tqdm import tqdm

from runner.lessons import Lesson
from runner.parameters import Value
from runner.points import in_words, varying
from runner.pool import connected, dashboard, run_all
from runner.report import Result
from runner.sweep_files import FINISHED, alone_in, results_so_far
from runner.sweep_report import order_figures, write_sweep_report
from utils.results import in_short


def run_sweep(
    folder: Path,
    lesson: Lesson,
    points: list[dict[str, Value]],
    time_limit: float,
    scheduler: str | None = None,
    figure: str | None = None,
) -> list[Result]:
    """Run the points of the sweep in ``folder`` that are not finished; return all results.

    results.csv and index.html are rewritten after every run. Ctrl-C ends the sweep, not this
    function: the runs at work are ``interrupted``, those after them ``not run``.

    Args:
        time_limit: seconds that each run may take.
        scheduler: the address of Dask's, such as ``tcp://host:8786``; None: this machine's cores.
        figure: what is told of each run and drawn first; None: one that the name speaks for.

    Raises:
        InputError: if another sweep is at work in the folder, or no scheduler answers.
    """
    with alone_in(folder):
        runs = results_so_far(folder, lesson, points)
        _report(folder, runs, figure, all_pictures=False)
        left = [
            index for index, (result, _) in enumerate(runs) if result.status not in FINISHED
        ]
        try:
            if left:
                _run(folder, runs, left, time_limit, scheduler, figure)
        except KeyboardInterrupt:
            pass  # told by the status words
        _report(folder, runs, figure, all_pictures=True)
    return [result for result, _ in runs]


def _run(
    folder: Path, runs: list, left: list[int], time_limit: float, scheduler, figure
) -> None:
    """Run what is ``left`` of ``runs``, putting each result in its place."""
    names = [*varying([result.changes for result, _ in runs], runs[0][0].lesson), "seed"]
    bar = {"desc": runs[0][0].lesson.name, "unit": "run", "leave": False, "disable": None}
    with connected(scheduler, len(left)) as (client, environment):
        slots = sum(client.nthreads().values())
        print(f"{slots or 'waiting for workers, no'} at a time", file=sys.stderr)
        if link := dashboard(client):
            print(f"Dashboard: {link}", file=sys.stderr)
        jobs = [runs[index] for index in left]
        finished = run_all(client, jobs, time_limit, environment)
        with tqdm(total=len(runs), initial=len(runs) - len(left), **bar) as progress:
            try:
                for number, result in finished:
                    run = runs[left[number]][1]
                    runs[left[number]] = (result, run)
                    point = {n: result.changes[n] for n in names if n in result.changes}
                    progress.update()
                    progress.write(
                        f"{run.name}  {in_words(point)}: {_told(result, figure)}", sys.stderr
                    )
                    _report(folder, runs, figure, all_pictures=False)
            finally:
                finished.close()  # ends what is still at work


def _told(result: Result, figure: str | None) -> str:
    names = [name for name in result.figures if type(result.records[name]) is float]
    first = order_figures(names, figure)[:1]
    figures = [f"{name}={in_short(result.records[name])}" for name in first]
    return ", ".join([result.status, f"{result.seconds:.1f} s", *figures])


def _report(folder: Path, runs: list, figure: str | None, *, all_pictures: bool) -> None:
    try:
        write_sweep_report(folder, runs, figure, all_pictures=all_pictures)
    except OSError as error:  # a full disk: the reports of before are still there
        print(f"{folder.name}: no report: {error}", file=sys.stderr)
