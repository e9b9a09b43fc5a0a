"""`make lab`: JupyterLab on a working copy of the lessons, where a student's changes stay."""

import hashlib
import json
import os
import sys
from itertools import count
from pathlib import Path

from utils.files import write_file
from utils.paths import MY_LESSONS, NOTEBOOKS

COPIED = (
    ".copied.json"  # in the working copy: the SHA-256 of what was copied there, by file name
)


def open_lab(
    arguments: list[str], notebooks: Path = NOTEBOOKS, working_copy: Path = MY_LESSONS
) -> int:
    """Prepare the working copy, say what was done, and run JupyterLab there until it ends."""
    try:
        lines = prepare(notebooks, working_copy)
    except OSError as error:
        problem = f"The lessons could not be copied to {working_copy} ({error})."
        remedy = "Make that folder writable, see that the disk has room, and try again."
        print(f"{problem} Nothing of yours was changed. {remedy}", file=sys.stderr)
        return 2
    print(f"Your lessons are in {working_copy}", *lines, sep="\n", flush=True)

    from jupyterlab import labapp  # here, because importing it takes a second

    os.chdir(working_copy)  # so that the name of a lesson can be an argument
    # The folder is named as well, because a student's Jupyter settings may name another one.
    labapp.main([f"--ServerApp.root_dir={Path.cwd()}", *arguments])
    return 0


def prepare(notebooks: Path = NOTEBOOKS, working_copy: Path = MY_LESSONS) -> list[str]:
    """Copy new and newer lessons to the working copy and return the lines to tell the student.

    A file that differs by a byte from what was copied is the student's and is never written to:
    JupyterLab stores outputs in it, and a run can have taken hours.

    Raises:
        OSError: if something cannot be read or written.
    """
    working_copy.mkdir(parents=True, exist_ok=True)
    copied = _read_copied(working_copy / COPIED)
    lines = []
    for lesson in sorted(notebooks.glob("[0-9][0-9]_*.ipynb")):
        lines += _bring(lesson, working_copy, copied)
    write_file(working_copy / COPIED, json.dumps(copied, indent=1).encode())
    return lines


def _bring(lesson: Path, working_copy: Path, copied: dict[str, str]) -> list[str]:
    """Bring one lesson to the working copy, note it in ``copied``, return what to say, if any."""
    content = lesson.read_bytes()
    copy = working_copy / lesson.name
    state = _put(copy, content, copied)
    if state == "changed" and _digest(content) not in _given(lesson, copied):
        names = (
            f"{lesson.stem}.new{f'-{number}' if number > 1 else ''}.ipynb"
            for number in count(1)
        )
        beside = next(
            name for name in names if _put(working_copy / name, content, copied) != "changed"
        )
        return [
            f"{copy.name}: yours, left as it is; the course's newer version is beside it: {beside}"
        ]
    said = {
        "missing": "copied",
        "untouched": "replaced by a newer version; you had not changed it",
    }
    return [f"{copy.name}: {said[state]}"] if state in said else []


def _put(path: Path, content: bytes, copied: dict[str, str]) -> str:
    """Write the content, unless the file is the student's, and return what stood there before."""
    found = _state(path, content, copied)
    if found in ("missing", "untouched"):
        write_file(path, content)
    if found != "changed":
        copied[path.name] = _digest(content)
    return found


def _state(path: Path, content: bytes, copied: dict[str, str]) -> str:
    """Compare a file with the content it would get and with what was copied there."""
    if not path.exists():
        return "missing"
    digest = _digest(path.read_bytes())
    if digest == _digest(content):
        return "current"
    return "untouched" if digest == copied.get(path.name) else "changed"


def _given(lesson: Path, copied: dict[str, str]) -> list[str]:
    """List the versions of a lesson that the student was given, deleted ones too."""
    beside = f"{lesson.stem}.new"
    return [
        digest
        for name, digest in copied.items()
        if name == lesson.name or name.startswith(beside)
    ]


def _read_copied(path: Path) -> dict[str, str]:
    """Read what was copied; without a readable record every file is the student's."""
    try:
        copied = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return copied if isinstance(copied, dict) else {}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
