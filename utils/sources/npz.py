"""Is this file the data set, whole and sound? Reads, checks and writes ``.npz`` files."""

import zlib
from pathlib import Path
from zipfile import BadZipFile, is_zipfile

import numpy as np

from utils.errors import DataError
from utils.files import whole_file

# What zipfile, zlib and NumPy raise where bytes of an archive are wrong.
DAMAGED = (ValueError, EOFError, KeyError, OSError, RuntimeError, BadZipFile, zlib.error)
# The arrays of each file: kind (NumPy's dtype, or U for text) and shape.
# fmt: off
ANY = (None,)  # one dimension of any length
IMAGES = {
    "x_train": ("uint8", (60_000, 28, 28)), "y_train": ("uint8", (60_000,)),
    "x_test": ("uint8", (10_000, 28, 28)), "y_test": ("uint8", (10_000,)),
}
NEWSWIRES = {
    "x_train_tokens": ("int32", ANY), "x_train_row_splits": ("int64", (8_983,)), "y_train": ("uint8", (8_982,)),
    "x_test_tokens": ("int32", ANY), "x_test_row_splits": ("int64", (2_247,)), "y_test": ("uint8", (2_246,)),
    "words": ("U", ANY), "class_names": ("U", (46,)),
}
# fmt: on
LAYOUT = {"fashion_mnist": IMAGES, "mnist": IMAGES, "reuters": NEWSWIRES}


def read(path: Path, name: str) -> dict[str, np.ndarray]:
    """Read one data set's arrays from its ``.npz`` file; nothing in it is ever unpickled.

    Raises:
        DataError: if the file is damaged or something else, or an array's dtype or shape wrong.
        OSError: if the file can't be opened.
    """
    with path.open("rb") as file:
        if not is_zipfile(file):
            raise DataError(f"{path}: not an .npz file, or cut off.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in LAYOUT[name] if key in archive}
    except DAMAGED as error:
        problem = f"damaged, or holds more than plain arrays ({error})"
        raise DataError(f"{path}: {problem}.") from error
    if problem := _problem(arrays, name):
        raise DataError(f"{path}: {problem}.")
    return arrays


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays as ``utils.files.whole_file`` does; raises OSError, and leaves nothing then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        np.savez(file, **arrays)


def _problem(arrays: dict[str, np.ndarray], name: str) -> str | None:
    """Say what is wrong with a data set's arrays, or return None."""
    for key, (kind, shape) in LAYOUT[name].items():
        array = arrays.get(key)
        if not isinstance(array, np.ndarray):
            return f"the array {key} is missing"
        fits = array.shape == shape or (shape == ANY and array.ndim == 1)
        if not fits or kind not in (array.dtype.kind, array.dtype.name):
            return f"{key} is {array.dtype} {array.shape}, not {kind} {shape}"
    classes = len(arrays.get("class_names", range(10)))
    for part in ("train", "test"):
        if arrays[f"y_{part}"].max() >= classes:
            return f"y_{part} has a label above {classes - 1}"
        if name == "reuters" and not _rows_fit(arrays, part):
            return f"x_{part}_row_splits or x_{part}_tokens point outside the data"
    return None


def _rows_fit(arrays: dict[str, np.ndarray], part: str) -> bool:
    tokens, splits = arrays[f"x_{part}_tokens"], arrays[f"x_{part}_row_splits"]
    rising = splits[0] == 0 and (np.diff(splits) >= 0).all() and splits[-1] == len(tokens) > 0
    return bool(rising and tokens.min() >= 1 and tokens.max() <= len(arrays["words"]) + 3)
