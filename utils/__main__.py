"""The project's commands: ``python -m utils``."""

import argparse
import signal
import sys
from pathlib import Path

from utils import lessons, reports, runs
from utils.parameters import InputError, choose_values, read_profile
from utils.paths import NOTEBOOKS, RUNS


def _list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--notebooks", type=Path, default=NOTEBOOKS, metavar="DIR", help="where the lessons are"
    )


def _list(options: argparse.Namespace) -> int:
    for lesson in lessons.find_lessons(options.notebooks):
        print(lesson.title)
        print(f"    {lesson.minutes} min, data: {lesson.data}, before this: {lesson.before}")
        for name, parameter in lesson.parameters.items():
            print(f"    -p {name}={parameter.default}: {parameter.help} ({parameter.needs})")
    return 0


def _run_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("lesson", nargs="*", help="01, 01_basics or 01_basics.ipynb; none means all")
    add("-p", metavar="name=value", action="append", default=[], help="change a parameter")
    add("--profile", metavar="quick|full", help="values from profiles.yml; -p overrules them")
    add("--time-limit", metavar="SECONDS", type=float, default=1800, help="a lesson's (1800)")
    add("--output", type=Path, default=RUNS, metavar="DIR", help="where the run's folder goes")
    _list_options(parser)


def _run(options: argparse.Namespace) -> int:
    if not 0 < options.time_limit <= 604_800:
        raise InputError(f"--time-limit {options.time_limit:g}: not seconds, a week at most")
    there = lessons.find_lessons(options.notebooks)
    parameters = {lesson.name: lesson.parameters for lesson in there}
    profile = {}
    if options.profile is not None:
        path = options.notebooks / "profiles.yml"
        profile = read_profile(path, options.profile, parameters)
    chosen = lessons.select_lessons(there, options.lesson)
    selected = {lesson.name: lesson.parameters for lesson in chosen}
    values = choose_values(selected, profile, options.p)
    for name in (assignment.partition("=")[0] for assignment in options.p):
        if without := ", ".join(lesson for lesson in selected if name not in selected[lesson]):
            print(f"{name} is no parameter of {without}: not changed there", file=sys.stderr)
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, _interrupt)
    folder, results = runs.run_lessons(chosen, values, options.output, options.time_limit)
    print(reports.closing_table(results), f"Pages: {folder / 'index.html'}", sep="\n\n")
    return runs.exit_code(results)


def _interrupt(*_) -> None:
    """Interrupt once: a second Ctrl-C must not stop the ending of kernels and the writing."""
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _no_options(parser: argparse.ArgumentParser) -> None:
    pass


def _data(options: argparse.Namespace) -> int:
    from utils.data import fetch_missing

    return 0 if fetch_missing() else 1


def _check_environment(options: argparse.Namespace) -> int:
    from utils.environment import check

    return 0 if check() else 1


def _lab(options: argparse.Namespace) -> int:
    from utils.lab import open_lab

    return open_lab(options.rest)


# name: what it does, what adds its options, what does it and returns the exit code
COMMANDS = {
    "list": ("list the lessons and what a run may change in them", _list_options, _list),
    "run": ("run lessons and tell what came out", _run_options, _run),
    "data": ("fetch the real data sets into data/", _no_options, _data),
    "check-env": ("check packages, device and data", _no_options, _check_environment),
    "lab": (
        "open JupyterLab on your own copy of the lessons; options go to it",
        _no_options,
        _lab,
    ),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one of the commands and return its exit code, 2 for what cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m utils", description="Keras by Experiment")
    subparsers = parser.add_subparsers(dest="command", required=True)
    for name, (does, add_options, _) in COMMANDS.items():
        add_options(subparsers.add_parser(name, help=does, description=does))
    options, options.rest = parser.parse_known_args(arguments)
    if options.rest and options.command != "lab":  # JupyterLab has options of its own
        parser.error(f"unknown: {' '.join(options.rest)}")
    try:
        return COMMANDS[options.command][2](options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
