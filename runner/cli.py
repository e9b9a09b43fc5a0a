"""The command ``course``: each verb imports what it needs when it runs.

So check-env works where a package is missing, and list does not wait for what only run needs.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

from utils.errors import InputError
from utils.paths import NOTEBOOKS, RUNS

IMPATIENCE = 10  # seconds after which another Ctrl-C ends what does not end by itself


def main(arguments: list[str] | None = None) -> int:
    """Run one of the verbs and return its exit code, 2 for what cannot be done."""
    options, options.rest = _parser().parse_known_args(arguments)
    try:
        # argparse takes no lesson that stands behind an option: it comes as a rest
        unknown = [one for one in options.rest if one[:1] == "-" or "lesson" not in options]
        if unknown and options.name != "lab":
            raise InputError(f"unknown: {' '.join(unknown)}; `course --help` tells more")
        return options.verb(options)
    except (InputError, OSError) as error:  # a full disk, say
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="course", description="Keras by Experiment")
    parser.set_defaults(axis=[], grid=None, repeat=1, record=None)  # what not every batch has
    verbs = parser.add_subparsers(dest="name", metavar="VERB", required=True)
    resolved = lambda text: Path(text).resolve()

    def verb(name: str, function: Callable, text: str, **defaults) -> Callable:
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(verb=function, **defaults)
        return added.add_argument

    lists = verb("list", _list, "list the lessons and what a run may change in them")
    text = "run a lesson with many values, compare the runs"
    run = verb("run", _batch, "run lessons and tell what came out", time_limit=1800)
    sweep = verb("sweep", _batch, text, time_limit=1800)
    text = "run students' copies of a lesson and grade their exercises"
    grade = verb("grade", _grade, text, profile="quick", time_limit=600)
    compare = verb("compare", _compare, "tell what differs between two batches")
    verb("data", _call("utils.data", "fetch_missing"), "fetch the real data sets into data/")
    lab = "open JupyterLab on your copy of the lessons; options go to it"
    verb("lab", lambda options: import_module("runner.lab").open_lab(options.rest), lab)
    verb("check-env", _call("runner.environment", "check"), "check packages, device and data")
    compare("folders", nargs=2, type=Path, metavar="runs/…", help="the second gets the page")
    grade("folder", type=Path, metavar="FOLDER", help="with the copies, in it or below it")
    grade("--lesson", metavar="01", dest="of", help="of which they are copies, if not clear")
    for option in (lists, run, sweep, grade):
        option("--notebooks", type=Path, default=NOTEBOOKS, metavar="DIR")
    for option in (run, sweep):
        option("lesson", nargs="*", help="number, name, path or s3://…/01_x.ipynb; none: all")
        option("--record", "--figure", metavar="NAME", help="what stands first (test_accuracy)")
    for option in (run, sweep, grade):
        option("-p", metavar="name=value", action="append", default=[], help="change it")
        option("--profile", metavar="quick|full", help="values of profiles.yml")
        option("--time-limit", metavar="SECONDS", type=float, help="of each run")
        option("--output", default=str(RUNS), metavar="DIR", help="or s3://…: of the runs")
        option("--resume", type=resolved, metavar="DIR", help="do what is missing or failed")
        option("--at-once", type=int, metavar="N", help="runs at once (one a core, or a GPU)")
        option("--scheduler", metavar="tcp://HOST:PORT", help="Dask's; none: this machine")
        option("--dry-run", action="store_true", help="show the runs, start none")
    axis = {"metavar": "name=value,value", "action": "append"}
    sweep("-g", "--axis", **axis, default=[], help="vary it; several: all combinations")
    sweep("--grid", type=Path, metavar="FILE", help="the same, or points, in YAML")
    sweep("--repeat", type=int, default=1, metavar="N", help="with N seeds")
    return parser


def _call(module: str, function: str) -> Callable:
    return lambda _: 0 if getattr(import_module(module), function)() else 1


def _list(options: argparse.Namespace) -> int:
    from runner.lessons import find_lessons

    for lesson in find_lessons(options.notebooks):
        print(lesson.title)
        print(f"    {lesson.minutes} min, data: {lesson.data}, before this: {lesson.before}")
        for name, parameter in lesson.parameters.items():
            print(f"    -p {name}={parameter.default}: {parameter.help} ({parameter.needs})")
    return 0


def _compare(options: argparse.Namespace) -> int:
    from runner.compare import write_comparison

    text, page = write_comparison(*options.folders)
    print(text, f"Page: {page}", sep="\n\n")
    return 0


def _batch(options: argparse.Namespace) -> int:
    """Make a batch of lessons and values, or go on with one; run it and tell."""
    from runner.lessons import find_lessons

    there, named = find_lessons(options.notebooks), options.lesson + options.rest
    given = (named, options.p, options.profile, options.axis, options.grid, options.repeat != 1)
    jobs = _jobs(options, there, named) if any(given) or not options.resume else []
    from runner import report, result  # after what is told at once

    runs = _runs(options, jobs, there, "without lessons, -g and -p it goes on")
    if options.record:
        _refuse_unknown_record(options.record, {run.source for run in runs})
    is_sweep = options.name == "sweep"
    if is_sweep or options.dry_run:
        _list_runs(runs, runs[0].lesson if is_sweep else "the course")
    closing = result.count_words if is_sweep else report.closing_table
    return _work(options, runs, closing, result.exit_code)


def _grade(options: argparse.Namespace) -> int:
    """Make a batch of students' copies, or go on with one; run it and tell of the exercises."""
    from runner.copies import read_copies
    from runner.lessons import find_lessons

    there = find_lessons(options.notebooks)
    found = read_copies(options.folder, there, options.of)
    values = _values(options, there, [found.lesson])[found.lesson.name]
    jobs = [(copy, values) for copy in found.ready]
    from runner import grade

    runs = _runs(options, jobs, there, "name the folder and the values of those")
    if options.dry_run:
        _list_runs(runs, found.lesson.name)
    tell = [partial(one, found) for one in (grade.table, grade.exit_code, grade.write)]
    return _work(options, runs, *tell)


def _runs(options: argparse.Namespace, jobs: list[tuple], there: list, hint: str) -> list:
    """Return a run for each job, or those of the folder to go on with, if they are the same."""
    if not 0 < options.time_limit <= 604_800:
        raise InputError(f"--time-limit {options.time_limit:g}: not seconds, a week at most")
    if options.at_once is not None and options.at_once < 1:
        raise InputError(f"--at-once {options.at_once}: not a number of runs")
    from runner import batch

    if not options.resume:
        return [batch.new_run(*job) for job in jobs]
    lessons = {one.name: one for one in [*there, *(lesson for lesson, _ in jobs)]}
    runs = batch.resume(options.resume, lessons)
    asked = [(lesson.name, changes) for lesson, changes in jobs]
    if asked and asked != [(run.lesson, run.changes) for run in runs]:
        raise InputError(f"{options.resume} holds other runs; {hint}")
    return runs


def _list_runs(runs: list, of: str) -> None:
    from runner.result import FINISHED, in_words

    for number, run in enumerate(runs, start=1):
        name = f"{run.lesson}  " * (run.lesson != of)
        done = "  finished" * (run.status in FINISHED)
        print(f"{number:4d}  {name}{in_words(run.changes)}{done}")
    left = sum(run.status not in FINISHED for run in runs)
    print(f"{left} run{'s' * (left != 1)} of {of}", flush=True)


def _work(options, runs: list, closing: Callable, exit_code: Callable, write=None) -> int:
    """Run the batch, if it is not only to be shown; ``closing`` tells what came of it."""
    if options.dry_run:
        return 0
    from runner import batch, storage

    _interrupt_once()
    folder = options.resume or batch.start(storage.folder_here(options.output), runs)
    how = (options.time_limit, options.scheduler, options.at_once, options.record, write)
    told = batch.work(folder, runs, *how)
    print(closing(runs))
    print(f"Pages: {folder / 'index.html'}" if told else "No report could be written.")
    if storage.is_address(options.output):
        _interrupt_once()  # anew: after Ctrl-C there is still something to copy
        storage.copy_runs(folder, options.output)
        print(f"Copied to {storage.without_query(options.output)}")
    return exit_code(runs) if told else 1


def _jobs(options: argparse.Namespace, there: list, named: list[str]) -> list[tuple]:
    """Return the lesson of each run and what it changes, checked."""
    from runner import lessons, points, storage

    chosen = lessons.select_lessons(there, [storage.notebook_here(text) for text in named])
    if len({lesson.name for lesson in chosen}) < len(chosen):
        raise InputError("two lessons have one name; run them one after the other")
    values = _values(options, there, chosen)
    jobs = [(lesson, values[lesson.name]) for lesson in chosen]
    if options.name == "sweep":
        if len(jobs) != 1:
            raise InputError(f"a sweep is of one lesson, not of {len(jobs)}")
        grid = (options.p, options.axis, options.grid, options.repeat)
        return [(chosen[0], point) for point in points.plan_points(*jobs[0], *grid)]
    for name in (assignment.partition("=")[0] for assignment in options.p):
        if without := ", ".join(one.name for one in chosen if name not in one.parameters):
            print(f"{name} is no parameter of {without}: not changed there", file=sys.stderr)
    return jobs


def _values(options: argparse.Namespace, there: list, chosen: list) -> dict[str, dict]:
    """Return what --profile and -p change in each of the chosen lessons, by its name."""
    from runner.parameters import choose_values, read_profile

    every, profile = {lesson.name: lesson.parameters for lesson in there}, {}
    if options.profile is not None:
        profile = read_profile(options.notebooks / "profiles.yml", options.profile, every)
    return choose_values({one.name: one.parameters for one in chosen}, profile, options.p)


def _refuse_unknown_record(name: str, lessons: set[Path]) -> None:
    """Raise InputError if the lessons' stored outputs hold records, but no single one of it."""
    from runner.parameters import look_up
    from utils.results import collect

    stored = [collect(json.loads(path.read_text(encoding="utf-8")))[1] for path in lessons]
    known = {key: True for one in stored for key, v in one.items() if not isinstance(v, list)}
    if known:
        look_up(name, known, f"--record: {', '.join(path.stem for path in lessons)} records no")


def _interrupt_once() -> None:
    """Have Ctrl-C and SIGTERM interrupt once, and end what IMPATIENCE seconds later still tidies up."""
    since = []

    def interrupt(*_) -> None:
        since.append(time.monotonic())
        if len(since) == 1:
            raise KeyboardInterrupt
        if since[-1] - since[0] > IMPATIENCE:
            os._exit(130)  # the runs' processes see that, and end, too

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
