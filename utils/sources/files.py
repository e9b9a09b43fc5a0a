"""Is this file the data set, whole and sound? Reads, checks and writes ``.npz`` files."""

import hashlib
import zipfile
import zlib
from pathlib import Path

import numpy as np

from utils.errors import DataError
from utils.files import whole_file

# The arrays of each file: kind (NumPy's dtype, or U for text) and shape (None: any length).
IMAGES = {
    "x_train": ("uint8", (60_000, 28, 28)),
    "y_train": ("uint8", (60_000,)),
    "x_test": ("uint8", (10_000, 28, 28)),
    "y_test": ("uint8", (10_000,)),
}
NEWSWIRES = {
    "x_train_tokens": ("int32", (None,)),
    "x_train_row_splits": ("int64", (8_983,)),
    "y_train": ("uint8", (8_982,)),
    "x_test_tokens": ("int32", (None,)),
    "x_test_row_splits": ("int64", (2_247,)),
    "y_test": ("uint8", (2_246,)),
    "words": ("U", (None,)),
    "class_names": ("U", (46,)),
}
# What zipfile, zlib and NumPy raise where bytes of an archive are wrong.
DAMAGED = (
    *(ValueError, EOFError, KeyError, OSError, NotImplementedError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)
LAYOUT = {"fashion_mnist": IMAGES, "mnist": IMAGES, "reuters": NEWSWIRES}


def read(path: Path, name: str) -> dict[str, np.ndarray]:
    """Read one data set's arrays from its ``.npz`` file; nothing in it is ever unpickled.

    Raises:
        DataError: if the file is damaged, is something else, or has an array of the wrong dtype
            or shape.
        OSError: if the file can't be opened.
    """
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise DataError(f"{path}: not an .npz file, or cut off.")
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as archive:
                arrays = {key: archive[key] for key in LAYOUT[name] if key in archive}
        except DAMAGED as error:
            raise DataError(
                f"{path}: damaged, or holds more than plain arrays ({error})."
            ) from error
    problem = _problem(arrays, name)
    if problem:
        raise DataError(f"{path}: {problem}.")
    return arrays


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays so that other processes see the whole file or none of it.

    Raises:
        OSError: if the folder can't be written to, or the disk is full; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        np.savez(file, **arrays)


def checksum(arrays: dict[str, np.ndarray]) -> str:
    """Return the SHA-256 of an image data set's four arrays, one after the other."""
    digest = hashlib.sha256()
    for key in IMAGES:
        digest.update(np.ascontiguousarray(arrays[key]).data)
    return digest.hexdigest()


def _problem(arrays: dict[str, np.ndarray], name: str) -> str | None:
    """Say what is wrong with a data set's arrays, or return None."""
    for key, (kind, shape) in LAYOUT[name].items():
        if not isinstance(arrays.get(key), np.ndarray):
            return f"the array {key} is missing"
        array = arrays[key]
        fits = array.ndim == len(shape) and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits or kind not in (array.dtype.kind, array.dtype.name):
            return f"{key} is {array.dtype} {array.shape}, not {kind} {shape}"
    for part in ("train", "test"):
        classes = len(arrays["class_names"]) if "class_names" in arrays else 10
        if arrays[f"y_{part}"].max() >= classes:
            return f"y_{part} has a label above {classes - 1}"
        if name == "reuters" and not _rows_fit(arrays, part):
            return f"x_{part}_row_splits or x_{part}_tokens point outside the data"
    return None


def _rows_fit(arrays: dict[str, np.ndarray], part: str) -> bool:
    tokens, splits = arrays[f"x_{part}_tokens"], arrays[f"x_{part}_row_splits"]
    rising = splits[0] == 0 and (np.diff(splits) >= 0).all() and splits[-1] == len(tokens)
    return bool(
        rising
        and len(tokens)
        and tokens.min() >= 1
        and tokens.max() <= len(arrays["words"]) + 3
    )
