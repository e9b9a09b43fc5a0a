"""Notebooks from, and runs to, a place that is no folder here: s3://, gs://, abs:// and others.

papermill's handlers read and write there; each needs an extra, as in ``pip install papermill[s3]``:
https://papermill.readthedocs.io/en/latest/extending-entry-points.html
"""

import atexit
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from runner.result import one_line
from utils.errors import InputError
from utils.paths import RUNS

TEXT = {".ipynb", ".html", ".csv", ".json", ".log"}  # handlers write text, and nothing else


def is_address(text: str) -> bool:
    """Return whether ``text`` is an address such as ``s3://bucket/runs``, not a path here."""
    return "://" in text


def without_query(address: str) -> str:
    """Return ``address`` as it may be shown: what is before an @ or behind a ? is secret."""
    return re.sub("://[^/]*@", "://", address.partition("?")[0])


def notebook_here(name: str) -> str:
    """Return a lesson's name as it is, of an address the path of its copy; raises InputError."""
    if not is_address(name):
        return name
    file = Path(without_query(name)).name
    if not file.endswith(".ipynb"):
        raise InputError(f"{file} is no lesson's name; 01_basics.ipynb would be one")
    text = _ask("read", name, lambda handlers: handlers.read(name, None))
    # here until this process ends
    folder = TemporaryDirectory(prefix="lesson-", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    path = Path(folder.name, file)
    path.write_text(text, encoding="utf-8")
    return str(path)


def folder_here(output: str) -> Path:
    """Return the folder here for runs that go to ``output``; raises InputError if they can't."""
    if not is_address(output):
        return Path(output)
    _write(output, "keras-by-experiment.txt", "Runs, a folder each, named after the time.\n")
    return RUNS


def copy_runs(folder: Path, address: str) -> None:
    """Copy what runs have left in ``folder`` to ``address``; raises InputError."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in TEXT and path.is_file():
            name = path.relative_to(folder.parent).as_posix()
            _write(address, name, path.read_text(encoding="utf-8", errors="replace"))


def _write(address: str, name: str, text: str) -> None:
    place, mark, query = address.partition("?")  # abs:// carries its signature behind a ?
    whole = f"{place.rstrip('/')}/{name}{mark}{query}"
    _ask("written", whole, lambda handlers: handlers.write(text, whole, extensions=None))


def _ask(what: str, address: str, question: Callable) -> str:
    from papermill.iorw import papermill_io  # not at the top: it takes a second to import

    try:
        return question(papermill_io)
    except Exception as error:  # noqa: BLE001 - every service has exceptions of its own
        place, text = without_query(address), type(error).__name__
        if place == address:  # else the message may tell what is secret, in whatever form
            text += f": {error}"
        raise InputError(f"{place} cannot be {what}: {one_line(text)}") from None
