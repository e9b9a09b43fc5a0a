"""What tests of the runner share: tiny lessons, the command, and waiting."""

import csv
import sys
import time

import nbformat
import psutil

from runner import process
from runner.result import Run

HEAD = """# {title}

One sentence.

| Minutes on two CPU cores | Data | Before this |
| --- | --- | --- |
| 1 | Fashion-MNIST | nothing |"""
PARAMETERS = """epochs: int = 3  # passes over the data [1 to 100]
units: int = 4  # units [1 to 100]
rate: float = 0.5  # step size [0 to 1]"""
IMPORTS = "import os, sys, time\nfrom utils.results import claim, record"
HOLDS = "claim('it holds', True)"


def write_lesson(folder, name, cells, parameters=PARAMETERS):
    v4 = nbformat.v4
    first = v4.new_markdown_cell(HEAD.format(title=name.replace("_", " · ")))
    tagged = v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}
    code = [v4.new_code_cell(source) for source in [IMPORTS, *cells]]
    nbformat.write(
        v4.new_notebook(cells=[first, tagged, *code], metadata=kernel), folder / f"{name}.ipynb"
    )


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def is_gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def command(verb, folder, *arguments):
    """The command line of a batch whose lessons are in the folder, and its runs/."""
    folders = ("--notebooks", str(folder), "--output", str(folder / "runs"))
    return [sys.executable, "-m", "runner", verb, *arguments, *folders]


def rows(folder):
    """The rows of the only results.csv below the folder's runs/."""
    (path,) = folder.glob("runs/*/results.csv")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def kernels(folder):
    """What lessons have written down as the number of their kernel's process."""
    found = [path.read_text() for path in folder.glob("runs/*/*/*pid")]
    return [int(text) for text in found if text]


def one_run(folder, cells, time_limit=100, **environment):
    """Run a lesson of these cells by itself and return the run."""
    write_lesson(folder, "01_tiny", cells)
    run = Run("01_tiny", "", folder / "01_tiny.ipynb", folder / "runs/now/01_tiny", {}, {})
    return process.execute(run, time_limit, environment)
