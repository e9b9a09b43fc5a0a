"""Write a file in one step: whoever opens it, or a crash, finds the old one or the new one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write to, which takes the place of ``path`` if all went well.

    Raises:
        OSError: if the folder can't be written to, or the disk is full; nothing is left behind.
    """
    part = path.with_name(f".{path.name}.{token_hex(8)}.part")
    with part.open("xb") as file:  # not a temporary file, whose mode would not be the umask's
        try:
            yield file
            file.flush()
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def write_file(path: Path, content: bytes) -> None:
    """Write a whole file in one step; raises OSError as ``whole_file`` does."""
    with whole_file(path) as file:
        file.write(content)
