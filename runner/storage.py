"""Notebooks from, and runs to, a place that is no folder here: s3://, gs://, abs:// and others.

papermill's handlers read and write there (https://papermill.readthedocs.io/en/latest/extending-entry-points.html);
each needs an extra of papermill, such as ``pip install papermill[s3]``.
"""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from runner.report import one_line
from utils.errors import InputError
from utils.files import write_file

TEXT = {".ipynb", ".html", ".csv", ".json", ".log"}  # handlers write text, and nothing else
GREETING = "keras-by-experiment.txt", "Runs, a folder each, named after the time.\n"


def is_address(text: str) -> bool:
    """Return whether ``text`` is an address such as ``s3://bucket/runs``, not a path here."""
    return "://" in text


def without_query(address: str) -> str:
    """Return ``address`` as it may be shown: a signature behind a ? is secret."""
    return address.partition("?")[0]


def fetch(address: str, folder: Path) -> Path:
    """Copy the file at ``address`` into ``folder`` and return it; raises InputError."""
    path = folder / PurePosixPath(without_query(address)).name
    text = _ask("read", address, lambda handlers: handlers.read(address))
    write_file(path, text.encode())
    return path


def refuse_unwritable(address: str) -> None:
    """Leave a line of greeting at ``address``; raises InputError if that can't be done."""
    _write(address, *GREETING)


def copy_runs(folder: Path, address: str) -> None:
    """Copy what a run or a sweep has left in ``folder`` to a folder at ``address``.

    Raises:
        InputError: if that can't be done; ``folder`` keeps everything.
    """
    for path in sorted(folder.rglob("*")):
        if path.suffix in TEXT and path.is_file():
            name = path.relative_to(folder.parent).as_posix()
            _write(address, name, path.read_text(encoding="utf-8", errors="replace"))


def _write(address: str, name: str, text: str) -> None:
    place, mark, query = address.partition("?")  # abs:// carries its signature behind a ?
    whole = f"{place.rstrip('/')}/{name}{mark}{query}"
    _ask("written", whole, lambda handlers: handlers.write(text, whole, extensions=None))


def _ask(what: str, address: str, question: Callable) -> str:
    """Return papermill's answer; raises InputError that tells the address without its query."""
    from papermill.iorw import papermill_io  # not at the top: it takes a second to import

    try:
        return question(papermill_io)
    except Exception as error:  # noqa: BLE001 - every service has exceptions of its own
        place, _, query = address.partition("?")
        text = f"{type(error).__name__}: {error}"
        text = text.replace(query, "…") if query else text
        raise InputError(f"{place} cannot be {what}: {one_line(text)}") from None
