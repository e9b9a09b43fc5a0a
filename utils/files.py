"""Write a file in one step: whoever opens it, or a crash, finds the old one or the new one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write to, which takes the place of ``path`` if all went well.

    Raises:
        OSError: if the folder can't be written to, or the disk is full; nothing is left behind.
    """
    name = f".{path.name}."
    with NamedTemporaryFile(dir=path.parent, prefix=name, suffix=".part", delete=False) as file:
        part = Path(file.name)
        try:
            yield file
            file.flush()
            part.chmod(0o644)  # a temporary file is its owner's alone
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def write_file(path: Path, content: bytes) -> None:
    """Write a whole file in one step; raises OSError as ``whole_file`` does."""
    with whole_file(path) as file:
        file.write(content)


def settle(path: Path) -> None:
    """Wait until a file is on the disk, where a power cut leaves it; raises OSError if full."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
