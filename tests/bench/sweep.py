"""How much faster is a sweep than papermill, run after run? ``make bench`` measures it."""

import argparse
import csv
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from runner.lessons import find_lessons, select_lessons
from runner.parameters import read_profile
from runner.result import FINISHED
from utils.paths import NOTEBOOKS

SEED = 2026


def main() -> None:
    """Run a lesson several times in both ways, each run with its seed, and print a table."""
    parser = argparse.ArgumentParser(prog="python tests/bench/sweep.py")
    parser.add_argument("lesson", nargs="?", default="04")
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--notebooks", type=Path, default=NOTEBOOKS, metavar="DIR")
    options = parser.parse_args()
    lessons = find_lessons(options.notebooks)
    (lesson,) = select_lessons(lessons, [options.lesson])
    every = {one.name: one.parameters for one in lessons}
    profile = read_profile(options.notebooks / "profiles.yml", "quick", every)
    changes = profile.get(lesson.name, {})
    seeds = range(SEED, SEED + options.runs)
    print(f"{options.runs} quick runs of {lesson.name}")
    print(f"{'way':24s} {'seconds':>8s} {'times':>6s} {'seconds of a run over its cells':>32s}")
    first = _measure("papermill, one by one", 0, _one_by_one, lesson.path, changes, seeds)
    _measure("course sweep", first, _sweep, lesson.path, changes, seeds)


def _measure(way: str, first: float, run: Callable, path: Path, *work) -> float:
    """Print a line of the table; return its seconds, which the ``first`` way's are compared to."""
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        mean_of_a_run = run(Path(folder), path, *work)
        seconds = time.perf_counter() - start
        made = set(Path(folder).glob(f"runs/*/{path.name}"))
        made -= set(Path(folder).glob("runs/lessons/*"))  # the copies that were executed
        cells = [_seconds_in_cells(notebook) for notebook in made]
    over = mean_of_a_run - sum(cells) / len(cells)
    print(
        f"{way:24s} {seconds:8.1f} {(first or seconds) / seconds:6.2f} {over:32.1f}", flush=True
    )
    return seconds


def _one_by_one(folder: Path, path: Path, changes: dict, seeds: range) -> float:
    start = time.perf_counter()
    for seed in seeds:
        run = folder / "runs" / str(seed)
        run.mkdir(parents=True)
        command = [sys.executable, "-m", "papermill", str(path), str(run / path.name)]
        for name, value in (changes | {"seed": seed}).items():
            command += ["-p", name, str(value)]
        subprocess.run(command, cwd=run, check=True, capture_output=True)
    return (time.perf_counter() - start) / len(seeds)


def _sweep(folder: Path, path: Path, changes: dict, seeds: range) -> float:
    command = [sys.executable, "-m", "runner", "sweep", path.stem, "--profile", "quick"]
    command += ["-g", f"seed={','.join(map(str, seeds))}", "--notebooks", str(path.parent)]
    subprocess.run([*command, "--output", str(folder)], check=False, capture_output=True)
    (made,) = folder.iterdir()
    made.rename(folder / "runs")
    with (folder / "runs/results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    if unfinished := {row["status"] for row in rows} - FINISHED:
        raise SystemExit(f"the sweep went wrong: {', '.join(unfinished)}")
    seconds = [float(row["seconds"]) for row in rows]
    return sum(seconds) / len(seconds)


def _seconds_in_cells(notebook: Path) -> float:
    cells = json.loads(notebook.read_bytes())["cells"]
    return sum(cell["metadata"]["papermill"]["duration"] or 0 for cell in cells)


if __name__ == "__main__":
    main()
