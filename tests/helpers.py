"""What tests of the runner share: tiny lessons, and waiting."""

import time

import nbformat
import psutil

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
