"""Where does a lesson's data set come from? ``load(name)`` finds it, checks it and says."""

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from utils.errors import DataError
from utils.paths import DATA, PROJECT
from utils.sources import download, stand_ins
from utils.sources.files import checksum, read, write

TITLES = {"fashion_mnist": "Fashion-MNIST", "mnist": "MNIST", "reuters": "Reuters"}
SOURCES = ("auto", "real", "stand-in")
IMAGE_CLASSES = {
    "fashion_mnist": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    "mnist": tuple("0123456789"),
}
DRAW = {"fashion_mnist": "garments", "mnist": "digits", "reuters": "newswires"}


@dataclass(frozen=True)
class Dataset:
    """One data set, split into a training and a test part.

    Attributes:
        x_train: images, uint8 (60000, 28, 28), 0 to 255; or newswires, an object array of
            8,982 lists of word ids.
        y_train: class of each, uint8, from 0.
        x_test: like ``x_train``, 10,000 images or 2,246 newswires.
        y_test: like ``y_train``.
        class_names: the name of each class, in the order of the labels.
        source: "real" or "stand-in".
        words: newswires only: ``words[i]`` is the word with id ``i + 4``; 1 starts a newswire,
            2 is an unknown word.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]
    source: str
    words: tuple[str, ...] = ()


def load(name: str, source: str = "auto") -> Dataset:
    """Find a data set, check its arrays, print where it was found, and return it.

    Looked at in this order: the folder that COURSE_DATA names, the project's ``data`` folder,
    Keras's download (kept in ``data``), the stand-in that ``utils.sources.stand_ins`` draws. A relative
    COURSE_DATA counts from the project's folder. COURSE_DATA_SOURCE takes the place of "auto".

    Args:
        name: "fashion_mnist", "mnist" or "reuters".
        source: "auto" looks everywhere, "real" refuses a stand-in, "stand-in" looks no further.

    Raises:
        ValueError: if the name or the source is none of these.
        DataError: if a file can't be used, or "real" was asked for and there is none.
    """
    _check_choice("data set", name, TITLES)
    source = _chosen_source(source)
    if source != "stand-in":
        for find in (_from_course_data, _from_cache, _from_download):
            found = find(name)
            if found is not None:
                arrays, place = found
                print(f"{TITLES[name]}: the real data, {place}")
                return _dataset(name, arrays, "real")
    if source == "real":
        raise _no_real_data(name)
    print(f"{TITLES[name]}: a STAND-IN drawn by code, not the real data. {_advice(name)}")
    return _dataset(name, _stand_in(name), "stand-in")


def locate(name: str) -> str:
    """Say in a few words where ``load(name)`` would find a data set, without fetching it.

    Raises:
        ValueError: if COURSE_DATA_SOURCE is unknown.
        DataError: as ``load`` would.
    """
    source = _chosen_source("auto")
    if source == "stand-in":
        return "stand-in, because COURSE_DATA_SOURCE says so"
    for find in (_from_course_data, _from_cache):
        found = find(name)
        if found is not None:
            return f"real, {found[1]}"
    if download.reachable():
        return "real, by download"
    if source == "real":
        raise _no_real_data(name)
    return "stand-in: no real data here, and no network"


def course_data_folder() -> Path | None:
    """Return the folder that COURSE_DATA names, or None where it is unset or empty.

    Raises:
        DataError: if there is no such folder.
    """
    text = os.environ.get("COURSE_DATA")
    if not text:
        return None
    try:
        folder = PROJECT / Path(text).expanduser()
        problem = "" if folder.is_dir() else f"there is no folder {folder}"
    except (OSError, RuntimeError) as error:  # no permission, or ~user of no user
        problem = str(error)
    if problem:
        raise DataError(f"COURSE_DATA={text}: {problem}. Name another folder, or unset it.")
    return folder


def fetch(name: str, seconds: float, show_progress: bool = False) -> dict[str, np.ndarray]:
    """Download a data set through Keras and check it.

    Raises:
        DataError: if it can't be fetched within ``seconds``, or what came is not the data set.
    """
    try:
        with download.keras_dataset(name, seconds, show_progress) as path:
            arrays = read(path, name)
    except (download.DownloadError, OSError) as error:
        raise DataError(f"{TITLES[name]}: {error}") from error
    if name in download.CHECKSUMS and checksum(arrays) != download.CHECKSUMS[name]:
        raise DataError(
            f"{TITLES[name]}: what came is not the data set (wrong checksum). Nothing was kept."
        )
    return arrays


def fetch_missing() -> bool:
    """Fetch what ``data`` lacks, with a progress bar, and say of each data set what came of it.

    Returns:
        True if all are there afterwards.
    """
    missing = []
    for name, title in TITLES.items():
        path = _cache_file(name)
        try:
            if _from_cache(name) is None:
                write(path, fetch(name, download.PATIENT_SECONDS, show_progress=True))
            print(f"OK    {title}: data/{path.name}")
        except (DataError, OSError) as error:
            print(f"FAIL  {error}")
            missing.append(name)
    if missing:
        print(
            "You can also put the files into data/ yourself; data/README.md gives their layout."
        )
    return not missing


def _from_course_data(name: str):
    folder = course_data_folder()
    if folder is None:
        return None
    try:
        return read(folder / f"{name}.npz", name), "from COURSE_DATA"
    except FileNotFoundError:
        return None
    except (DataError, OSError) as error:  # the folder is the user's: nothing in it is moved
        raise DataError(f"{error} Put the right file there, or unset COURSE_DATA.") from error


def _from_cache(name: str):
    arrays = _read_or_set_aside(_cache_file(name), name)
    return None if arrays is None else (arrays, "from data/")


def _from_download(name: str):
    if not download.reachable():
        return None
    try:
        arrays = fetch(name, download.LESSON_SECONDS)
    except DataError as error:
        print(error)
        return None
    _keep(_cache_file(name), arrays)
    return arrays, "downloaded just now"


def _stand_in(name: str) -> dict[str, np.ndarray]:
    """Read the stand-in from the cache, or draw it and keep it.

    The file's name changes with the code that draws, so that an outdated one is never read.
    """
    version = hashlib.sha256(Path(stand_ins.__file__).read_bytes()).hexdigest()[:8]
    path = DATA / f"{name}.stand-in-{version}.npz"
    arrays = _read_or_set_aside(path, name)
    if arrays is None:
        arrays = getattr(stand_ins, DRAW[name])()
        _keep(path, arrays)
        with suppress(OSError):
            for outdated in set(DATA.glob(f"{name}.stand-in-*.npz")) - {path}:
                outdated.unlink()
    return arrays


def _read_or_set_aside(path: Path, name: str) -> dict[str, np.ndarray] | None:
    """Read a file of the cache; a damaged one is renamed, said, and counts as absent."""
    try:
        found = path.stat()
        return read(path, name)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(
            f"{path}: can't be read ({error.strerror}). Make it readable, or remove it."
        ) from error
    except DataError as error:
        _set_aside(path, found, error)
        return None


def _set_aside(path: Path, found: os.stat_result, problem: DataError) -> None:
    """Rename a damaged file, unless another process has put a new one in its place since."""
    aside = path.with_name(f"{path.name}.{found.st_mtime_ns}.damaged")
    try:
        if path.stat().st_ino == found.st_ino:
            path.replace(aside)
            print(f"{problem} Moved aside to {aside.name}.")
    except FileNotFoundError:
        pass
    except OSError as error:
        raise DataError(
            f"{problem} It can't be moved ({error.strerror}): remove it."
        ) from error


def _keep(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a file of the cache; where that is impossible the lesson goes on from memory."""
    try:
        write(path, arrays)
    except OSError as error:
        where = path.parent.name
        print(f"{path.name} could not be kept in {where}/ ({error.strerror}).")


def _dataset(name: str, arrays: dict[str, np.ndarray], source: str) -> Dataset:
    build = partial(Dataset, y_train=arrays["y_train"], y_test=arrays["y_test"], source=source)
    if name != "reuters":
        return build(
            x_train=arrays["x_train"], x_test=arrays["x_test"], class_names=IMAGE_CLASSES[name]
        )
    return build(
        x_train=_rows(arrays["x_train_tokens"], arrays["x_train_row_splits"]),
        x_test=_rows(arrays["x_test_tokens"], arrays["x_test_row_splits"]),
        class_names=tuple(arrays["class_names"].tolist()),
        words=tuple(arrays["words"].tolist()),
    )


def _rows(tokens: np.ndarray, splits: np.ndarray) -> np.ndarray:
    """Cut one array of word ids into an object array of lists, as ``keras.datasets`` does."""
    ids = tokens.tolist()
    rows = np.empty(len(splits) - 1, dtype=object)
    for row, (start, end) in enumerate(pairwise(splits)):
        rows[row] = ids[start:end]
    return rows


def _cache_file(name: str) -> Path:
    return DATA / f"{name}.npz"


def _no_real_data(name: str) -> DataError:
    return DataError(f"{TITLES[name]}: no real data found. {_advice(name)}")


def _advice(name: str) -> str:
    return f"For the real data run `make data`, or set COURSE_DATA to a folder with {name}.npz."


def _chosen_source(source: str) -> str:
    """Check a source, and let COURSE_DATA_SOURCE take the place of "auto"."""
    _check_choice("source", source, SOURCES)
    if source == "auto":
        source = os.environ.get("COURSE_DATA_SOURCE") or "auto"
        _check_choice("COURSE_DATA_SOURCE", source, SOURCES)
    return source


def _check_choice(what: str, value: str, allowed) -> None:
    if value not in allowed:
        raise ValueError(f"{what} {value!r} is unknown; allowed: {', '.join(allowed)}")
