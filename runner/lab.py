"""`make lab`: JupyterLab on a working copy of the lessons, where a student's changes stay."""

import json
import os
from hashlib import sha256
from itertools import chain, count
from pathlib import Path

from jupyterlab import labapp

from runner.lessons import PATTERN
from utils.errors import InputError
from utils.files import write_file
from utils.paths import MY_LESSONS, NOTEBOOKS, PROJECT

START = "00_start_here.md"  # beside the lessons, copied as they are, and the first that is seen
SETTINGS = Path(__file__).parent / "templates"  # labconfig/ in it: what JupyterLab starts with
COPIED = ".copied.json"  # in the working copy: the SHA-256 of what was copied there, by name


def open_lab(arguments: list[str], notebooks=NOTEBOOKS, working_copy=MY_LESSONS) -> int:
    """Run JupyterLab on the working copy until it ends; raises InputError if none can be made."""
    try:
        lines = prepare(notebooks, working_copy)
    except OSError as error:
        remedy = "Make that folder writable, see that the disk has room, and try again"
        raise InputError(f"no lessons in {working_copy}: {error}. {remedy}") from None
    print(f"Your lessons are in {working_copy}", *lines, sep="\n", flush=True)
    os.chdir(working_copy)  # so that the name of a lesson can be an argument
    # Kernels look there before they look here, where a student may have made a utils.py.
    for variable, folder in (("PYTHONPATH", PROJECT), ("JUPYTER_CONFIG_PATH", SETTINGS)):
        paths = [str(folder), os.environ.get(variable)]
        os.environ[variable] = os.pathsep.join(filter(None, paths))
    # The folder is named as well, because a student's Jupyter settings may name another one.
    here = [f"--ServerApp.root_dir={Path.cwd()}", f"--LabApp.default_url=/lab/tree/{START}"]
    labapp.main([*here, *arguments])
    return 0


def prepare(notebooks: Path, working_copy: Path) -> list[str]:
    """Copy the page to start with, new and newer lessons to the working copy; raises OSError.

    What to say of them is returned. A file that differs by a byte from what was copied is the
    student's and is never written to: JupyterLab stores outputs in it, and a run can have taken
    hours.
    """
    working_copy.mkdir(parents=True, exist_ok=True)
    try:
        copied = dict(json.loads((working_copy / COPIED).read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        copied = {}  # every file is the student's
    lessons = [*notebooks.glob(START), *sorted(notebooks.glob(PATTERN))]
    said = {lesson.name: _bring(lesson, working_copy, copied) for lesson in lessons}
    write_file(working_copy / COPIED, json.dumps(copied, indent=1).encode())
    return [f"{name}: {text}" for name, text in said.items() if text]


def _bring(lesson: Path, working_copy: Path, copied: dict[str, str]) -> str:
    """Put a lesson in its place, or else beside the student's; return what to say, if any."""
    content = lesson.read_bytes()
    new = sha256(content).hexdigest()
    given = [digest for name, digest in copied.items() if name.startswith(f"{lesson.stem}.")]
    for ending in chain(["", ".new"], (f".new-{number}" for number in count(2))):
        path = working_copy / f"{lesson.stem}{ending}{lesson.suffix}"
        old = sha256(path.read_bytes()).hexdigest() if path.exists() else None
        if old in (None, new, copied.get(path.name)):
            break
        if new in given:  # beside the student's, and perhaps deleted since
            return ""
    copied[path.name] = new
    if old != new:
        write_file(path, content)
    if ending:
        return f"yours, left as it is; the course's newer version is beside it: {path.name}"
    changed = "replaced by a newer version; you had not changed it" if old else "copied"
    return changed if old != new else ""
