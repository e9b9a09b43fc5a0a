"""What tests of the runner share: tiny lessons, the command, and waiting."""

import csv
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil

from runner import batch, process
from runner.lessons import Lesson, find_lessons
from runner.parameters import read_profile
from runner.result import Run
from utils.paths import NOTEBOOKS

HEAD = """# {title}

One sentence.

| Minutes on two CPU cores | Data | Before this |
| --- | --- | --- |
| 1 | Fashion-MNIST | nothing |"""
PARAMETERS = """epochs: int = 3  # passes over the data [1 to 100]
units: int = 4  # units [1 to 100]
rate: float = 0.5  # step size [0 to 1]"""
IMPORTS = "import os, sys, time\nfrom utils.results import claim, record"
# tiny lessons use no TensorFlow, which takes seconds to import
WITHOUT_TENSORFLOW = f"PYTHONPATH={Path(__file__).with_name('without_tensorflow')}"
HOLDS = "claim('it holds', True)"

# A kernel's parents: the process of papermill, the server that forked it, the command or worker.
KINDS = {
    "fine": "record(accuracy=units + seed / 10, data_source='stand-in', by_epoch=[0, units])",
    "loses_process": "psutil.Process(os.getppid()).kill()\ntime.sleep(100)",
    "loses_kernel": "os._exit(1)",
    "prints": "for _ in range(100):\n    print('0123456789' * 100_000)",
    # as on a full disk, a file of papermill's process can't grow any more
    "fills_disk": "psutil.Process(os.getppid()).rlimit(psutil.RLIMIT_FSIZE, (9000, 9000))\n"
    "print('0123456789' * 1000)",
    "sleeps": "tried = Path('../tried').exists()\nPath('../tried').touch()\n"
    "Path('pid').write_text(str(os.getpid()))\nif not tried:\n    time.sleep(100)",
    "lasts": "Path('pid').write_text(str(os.getpid()))\ntime.sleep(100)",
    "waits": "Path('pid').write_text(str(os.getpid()))\ntime.sleep(3)",
}
KINDS_PARAMETERS = f"""units: int = 4  # units [1 to 100]
kind: str = "fine"  # what it does [{" | ".join(KINDS)}]
seed: int = 0  # start [0 to 9]"""
KINDS_IMPORTS = f"import psutil\nfrom pathlib import Path\nKINDS = {KINDS!r}"
KINDS_CODE = [KINDS_IMPORTS, HOLDS, "exec(KINDS[kind])", HOLDS]


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


def command(verb, folder, *arguments, tensorflow=False):
    """The command line of a batch whose lessons are in the folder, and its runs/."""
    start = [] if tensorflow else ["env", WITHOUT_TENSORFLOW]
    return [*start, sys.executable, "-m", "runner", *options(verb, folder, *arguments)]


def options(verb, folder, *arguments):
    folders = ("--notebooks", str(folder), "--output", str(folder / "runs"))
    return [verb, *arguments, *folders]


def rows(folder):
    """The rows of the only results.csv below the folder's runs/."""
    (path,) = folder.glob("runs/*/results.csv")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def by_lesson(folder):
    """Those rows by their lesson."""
    return {row["lesson"]: row for row in rows(folder)}


def kernels(folder):
    """What lessons have written down as the number of their kernel's process."""
    found = [path.read_text() for path in folder.glob("runs/*/*/*pid")]
    return [int(text) for text in found if text]


def one_run(folder, cells, time_limit=100, **environment):
    """Run a lesson of these cells by itself and return the run."""
    write_lesson(folder, "01_tiny", cells)
    run = Run("01_tiny", "", folder / "01_tiny.ipynb", folder / "runs/now/01_tiny", {}, {})
    return process.execute(run, time_limit, environment)


def quick_values(name: str) -> dict:
    """Return what the quick profile changes in a lesson."""
    lessons = {one.name: one.parameters for one in find_lessons()}
    return read_profile(NOTEBOOKS / "profiles.yml", "quick", lessons).get(name, {})


def quick_run(lesson: Lesson, folder: Path) -> Run:
    """Run the notebook of that lesson's name in the folder with the values of the quick profile."""
    run = batch.new_run(lesson, quick_values(lesson.name))
    run.source, run.folder = folder / lesson.path.name, folder / "run"
    return process.execute(run, 300, {})


def start_sweep(folder, *arguments, **how):
    write_lesson(folder, "01_tiny", KINDS_CODE, KINDS_PARAMETERS)
    return subprocess.Popen(
        command("sweep", folder, "01", *arguments, **how),
        stdout=-1,
        stderr=-1,
        text=True,
        start_new_session=True,
    )
