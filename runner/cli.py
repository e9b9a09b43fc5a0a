"""The project's commands: ``course``."""

import argparse
import atexit
import shutil
import signal
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from utils.errors import InputError
from utils.paths import NOTEBOOKS, RUNS

if TYPE_CHECKING:
    from runner.lessons import Lesson

# Each command imports what it needs when it runs, so that check-env works where a package is
# missing, and list does not wait for what only run needs.


def main(arguments: list[str] | None = None) -> int:
    """Run one of the commands and return its exit code, 2 for what cannot be done."""
    options, rest = _parser().parse_known_args(arguments)
    try:
        return options.action(options, rest)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # a full disk, say
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="course", description="Keras by Experiment")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, action, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(action=action)
        return added

    lists = command("list", _list, "list the lessons and what a run may change in them")
    run = command("run", _run, "run lessons and tell what came out")
    sweep = command("sweep", _sweep, "run a lesson with many values and compare what came out")
    command("data", _data, "fetch the real data sets into data/")
    command("check-env", _check_environment, "check packages, device and data")
    command("lab", _lab, "open JupyterLab on your copy of the lessons; options go to it")
    for added in (lists, run, sweep):
        added.add_argument("--notebooks", type=Path, default=NOTEBOOKS, metavar="DIR")
    which = "01, 01_basics, 01_basics.ipynb or s3://…/01_basics.ipynb"
    run.add_argument("lesson", nargs="*", help=f"{which}; none: all")
    sweep.add_argument("lesson", nargs="?", help=which)
    for added in (run, sweep):
        added.add_argument(
            "-p", metavar="name=value", action="append", default=[], help="change it"
        )
        added.add_argument("--profile", metavar="quick|full", help="values of profiles.yml")
        added.add_argument(
            "--time-limit", metavar="SECONDS", type=float, default=1800, help="of each run"
        )
        added.add_argument(
            "--output", default=str(RUNS), metavar="DIR", help="or s3://…: of the runs"
        )
    sweep.add_argument(
        *("-g", "--axis"),
        metavar="name=value,value",
        action="append",
        default=[],
        help="vary it; several: all combinations",
    )
    sweep.add_argument("--grid", type=Path, metavar="FILE", help="the same, or points, in YAML")
    sweep.add_argument("--repeat", type=int, default=1, metavar="N", help="with N seeds")
    sweep.add_argument(
        "--resume", type=Path, metavar="DIR", help="of a sweep: do what is missing or failed"
    )
    sweep.add_argument("--figure", metavar="NAME", help="what to draw first (test_accuracy)")
    sweep.add_argument(
        "--scheduler", metavar="tcp://HOST:PORT", help="Dask's; none: this machine"
    )
    sweep.add_argument("--dry-run", action="store_true", help="show the runs, start none")
    return parser


def _list(options: argparse.Namespace, rest: list[str]) -> int:
    from runner import lessons

    _refuse(rest)
    for lesson in lessons.find_lessons(options.notebooks):
        print(lesson.title)
        print(f"    {lesson.minutes} min, data: {lesson.data}, before this: {lesson.before}")
        for name, parameter in lesson.parameters.items():
            print(f"    -p {name}={parameter.default}: {parameter.help} ({parameter.needs})")
    return 0


def _run(options: argparse.Namespace, rest: list[str]) -> int:
    from runner import process as runs
    from runner import report as reports

    # argparse takes no lesson that stands behind an option: it comes as a rest
    chosen, values = _choose(options, options.lesson, rest)
    for name in (assignment.partition("=")[0] for assignment in options.p):
        if without := ", ".join(one.name for one in chosen if name not in one.parameters):
            print(f"{name} is no parameter of {without}: not changed there", file=sys.stderr)
    _interrupt_once()
    output = _folder_here(options.output)
    folder, results = runs.run_lessons(chosen, values, output, options.time_limit)
    print(reports.closing_table(results), f"Pages: {folder / 'index.html'}", sep="\n\n")
    _copy(folder, options.output)
    return runs.exit_code(results)


def _sweep(options: argparse.Namespace, rest: list[str]) -> int:
    from runner import lessons, sweep_files
    from runner import points as sweeps

    _refuse_time_limit(options.time_limit)
    folder, planned, chosen = options.resume, None, []
    if folder is None or _names_runs(options, rest):
        named = [options.lesson] if options.lesson else []
        chosen, values = _choose(options, named, rest)
        if len(chosen) != 1:
            raise InputError(f"a sweep is of one lesson, not of {len(chosen)}")
        base = values[chosen[0].name]
        grid = (options.axis, options.grid, options.repeat)
        planned = chosen[0], sweeps.plan_points(chosen[0], base, *grid)
    finished = set()
    if folder is not None:
        there = lessons.find_lessons(options.notebooks)
        found = sweep_files.read_plan(folder, [*there, *chosen])
        if planned not in (None, found):
            raise InputError(
                f"{folder} holds a sweep of other runs; without -g and -p it goes on"
            )
        planned = found
        finished = sweep_files.finished_runs(folder, *planned)
    lesson, points = planned
    sweep_files.refuse_unknown_figure(lesson, options.figure)
    for number, point in enumerate(points, start=1):
        print(f"{number:4d}  {sweeps.in_words(point)}{'  finished' * (number in finished)}")
    left = len(points) - len(finished)
    print(f"{left} run{'s' * (left != 1)} of {lesson.name}", flush=True)
    return 0 if options.dry_run else _start_sweep(options, lesson, points)


def _start_sweep(options: argparse.Namespace, lesson: "Lesson", points: list[dict]) -> int:
    from runner import batch as sweep_runs
    from runner import process as runs
    from runner import report as reports
    from runner import sweep_files

    _interrupt_once()
    output, folder = _folder_here(options.output), options.resume
    if folder is None:
        folder = runs.new_folder(output)
        sweep_files.write_plan(folder, lesson, points)
    how = (options.time_limit, options.scheduler, options.figure)
    results = sweep_runs.run_sweep(folder.resolve(), lesson, points, *how)
    print(reports.count_words(results), f"Pages: {folder / 'index.html'}", sep="\n")
    _copy(folder, options.output)
    return runs.exit_code(results)


def _folder_here(output: str) -> Path:
    """Return the folder on this machine for runs that go to ``output``, which is tried out."""
    from runner import storage

    if not storage.is_address(output):
        return Path(output)
    storage.refuse_unwritable(output)
    return RUNS


def _copy(folder: Path, output: str) -> None:
    from runner import storage

    if storage.is_address(output):
        _interrupt_once()  # anew: after Ctrl-C there is still something to copy
        storage.copy_runs(folder, output)
        print(f"Copied to {storage.without_query(output)}")


def _names_runs(options: argparse.Namespace, rest: list[str]) -> bool:
    given = (options.lesson, rest, options.p, options.profile, options.axis, options.grid)
    return any(given) or options.repeat != 1


def _choose(
    options: argparse.Namespace, named: list[str], rest: list[str]
) -> tuple[list["Lesson"], dict[str, dict]]:
    """Return the lessons that are meant and what is changed in each; all options are checked."""
    from runner import lessons, parameters, storage

    _refuse([text for text in rest if text.startswith("-")])
    _refuse_time_limit(options.time_limit)
    there = lessons.find_lessons(options.notebooks)
    profile = {}
    if options.profile is not None:
        every = {lesson.name: lesson.parameters for lesson in there}
        path = options.notebooks / "profiles.yml"
        profile = parameters.read_profile(path, options.profile, every)
    local = [text for text in named + rest if not storage.is_address(text)]
    addresses = [text for text in named + rest if storage.is_address(text)]
    chosen = lessons.select_lessons(there, local) if local or not addresses else []
    chosen = [*chosen, *map(_fetch, addresses)]
    selected = {lesson.name: lesson.parameters for lesson in chosen}
    if len(selected) < len(chosen):
        raise InputError("two lessons have one name; run them one after the other")
    return chosen, parameters.choose_values(selected, profile, options.p)


def _fetch(address: str) -> "Lesson":
    """Return the lesson at an address; its file is removed at the end of this process."""
    from runner import lessons, storage

    folder = mkdtemp(prefix="lesson-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = storage.fetch(address, Path(folder))
    if not path.match(lessons.PATTERN):
        raise InputError(f"{path.name} is no lesson's name; 01_basics.ipynb would be one")
    (lesson,) = lessons.find_lessons(Path(folder))
    return lesson


def _data(options: argparse.Namespace, rest: list[str]) -> int:
    from utils.data import fetch_missing

    _refuse(rest)
    return 0 if fetch_missing() else 1


def _check_environment(options: argparse.Namespace, rest: list[str]) -> int:
    from runner.environment import check

    _refuse(rest)
    return 0 if check() else 1


def _lab(options: argparse.Namespace, rest: list[str]) -> int:
    from runner.lab import open_lab

    return open_lab(rest)


def _refuse(rest: list[str]) -> None:
    if rest:
        raise InputError(f"unknown: {' '.join(rest)}; `course --help` tells more")


def _refuse_time_limit(seconds: float) -> None:
    if not 0 < seconds <= 604_800:
        raise InputError(f"--time-limit {seconds:g}: not seconds, a week at most")


def _interrupt_once() -> None:
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, _interrupt)


def _interrupt(*_) -> None:
    """Interrupt once: a second Ctrl-C must not stop the work of ending kernels and writing."""
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, signal.SIG_IGN)
    raise KeyboardInterrupt
