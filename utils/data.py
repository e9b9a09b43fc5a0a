"""Where does a lesson's data set come from? ``load(name)`` finds it, checks it and says."""

import hashlib
import os
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from utils.errors import DataError, InputError
from utils.paths import DATA, PROJECT
from utils.sources import digits, download, garments, images, newswires, npz

TITLES = {"fashion_mnist": "Fashion-MNIST", "mnist": "MNIST", "reuters": "Reuters"}
STAND_INS = {"fashion_mnist": garments, "mnist": digits, "reuters": newswires}
SOURCES = ("auto", "real", "stand-in")
CLOTHES = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
CLASS_NAMES = {"fashion_mnist": tuple(CLOTHES.split(", ")), "mnist": tuple("0123456789")}
ADVICE = "For the real data run `make data`, or set COURSE_DATA to a folder with {}.npz."


@dataclass(frozen=True)
class Dataset:
    """One data set: 60,000 images to train with and 10,000 to test, or 8,982 and 2,246 newswires.

    An image is uint8 (28, 28), from 0 to 255. A newswire is a list of word ids: 1 starts it, 2 is
    an unknown word, ``i + 4`` is ``words[i]``. Labels are uint8, from 0.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]  # in the order of the labels
    source: str  # "real" or "stand-in"
    words: tuple[str, ...] = ()


def load(name: str, source: str = "auto") -> Dataset:
    """Find a data set, check its arrays, print where it was found, and return it.

    Looked at in this order: the folder that COURSE_DATA names, the project's ``data`` folder,
    Keras's download (kept in ``data``), the stand-in that ``utils.sources`` draws. The source
    "real" refuses a stand-in, "stand-in" looks no further. COURSE_DATA_SOURCE can replace "auto".

    Raises:
        InputError: if the name or the source is unknown; it says which there are.
        DataError: if a file can't be used, or "real" was asked for and there is none.
    """
    if name not in TITLES:
        raise InputError(f"data set {name!r} is unknown; allowed: {', '.join(TITLES)}")
    source = _chosen_source(source)
    found = None if source == "stand-in" else _on_disk(name) or _downloaded(name)
    if found:
        print(f"{TITLES[name]}: the real data, {found[1]}")
        return _dataset(name, found[0], "real")
    if source == "real":
        raise _no_real_data(name)
    print(f"{TITLES[name]}: a STAND-IN drawn by code, not the real data. {ADVICE.format(name)}")
    return _dataset(name, _stand_in(name), "stand-in")


def locate(name: str) -> str:
    """Say where ``load(name)`` would find a data set, without fetching it; raises as it does."""
    source = _chosen_source("auto")
    if source == "stand-in":
        return "stand-in, because COURSE_DATA_SOURCE says so"
    if found := _on_disk(name):
        return f"real, {found[1]}"
    if download.reachable():
        return "real, by download"
    if source == "real":
        raise _no_real_data(name)
    return "stand-in: no real data here, and no network"


def fetch_missing() -> bool:
    """Fetch what ``data`` lacks, say of each data set what came of it; True if all are there."""
    complete = True
    for name, title in TITLES.items():
        path = DATA / f"{name}.npz"
        try:
            if _cached(path, name) is None:
                arrays = download.fetch(name, download.PATIENT_SECONDS, show_progress=True)
                npz.write(path, arrays)
            print(f"OK    {title}: data/{path.name}")
        except (DataError, OSError) as error:
            print(f"FAIL  {title}: {error}")
            complete = False
    if not complete:
        print("You can also put files into data/ yourself; data/README.md gives their layout.")
    return complete


def course_data_folder() -> Path | None:
    """Return the folder that COURSE_DATA names, if it is set; raise DataError if it is none."""
    if not (text := os.environ.get("COURSE_DATA")):
        return None
    try:
        folder = PROJECT / Path(text).expanduser()  # a relative path counts from the project
        if not folder.is_dir():
            raise OSError(f"there is no folder {folder}")
    except (OSError, RuntimeError) as error:  # no permission, or ~user of no user
        raise DataError(f"COURSE_DATA={text}: {error}. Name another, or unset it.") from error
    return folder


def _on_disk(name: str) -> tuple[dict, str] | None:
    """Return the arrays of the real data and where they were, if they are on this machine."""
    folder = course_data_folder()
    try:
        if folder:
            return npz.read(folder / f"{name}.npz", name), "from COURSE_DATA"
    except FileNotFoundError:
        pass
    except (DataError, OSError) as error:  # the folder is the user's: nothing in it is moved
        raise DataError(f"{error} Put the right file there, or unset COURSE_DATA.") from error
    arrays = _cached(DATA / f"{name}.npz", name)
    return arrays and (arrays, "from data/")


def _downloaded(name: str) -> tuple[dict, str] | None:
    """Fetch the arrays of the real data and keep them, or say why there are none."""
    if download.reachable():
        try:
            arrays = download.fetch(name, download.LESSON_SECONDS)
            return _kept(DATA / f"{name}.npz", arrays), "downloaded just now"
        except (DataError, OSError) as error:
            print(f"{TITLES[name]}: {error}")
    return None


def _stand_in(name: str) -> dict[str, np.ndarray]:
    """Return the stand-in that was kept, or draw it with the code and the packages of today."""
    code = [Path(module.__file__).read_bytes() for module in (images, STAND_INS[name])]
    packages = [metadata.version(package) for package in ("numpy", "scipy", "scikit-learn")]
    drawn_by = hashlib.sha256(repr((code, packages)).encode()).hexdigest()[:8]
    path = DATA / f"{name}.stand-in-{drawn_by}.npz"
    arrays = _cached(path, name)
    return arrays or _kept(path, STAND_INS[name].draw())


def _cached(path: Path, name: str) -> dict[str, np.ndarray] | None:
    """Read a file of the cache; a damaged one is renamed, said, and counts as absent."""
    try:
        found = path.stat()
        try:
            return npz.read(path, name)
        except DataError as problem:
            if path.stat().st_ino == found.st_ino:  # no other process has put a new one there
                aside = path.with_name(f"{path.name}.{found.st_mtime_ns}.damaged")
                path.replace(aside)
                print(f"{problem} Moved aside to {aside.name}.")
    except FileNotFoundError:
        pass
    except OSError as error:
        what = f"can't be read, or is damaged and can't be moved ({error.strerror})"
        raise DataError(f"{path}: {what}. Make it readable, or remove it.") from error
    return None


def _kept(path: Path, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Write a file of the cache; where that is impossible the lesson goes on from memory."""
    try:
        npz.write(path, arrays)
    except OSError as error:
        print(f"{path.name} could not be kept in {path.parent.name}/ ({error.strerror}).")
    return arrays


def _dataset(name: str, arrays: dict[str, np.ndarray], source: str) -> Dataset:
    if name in CLASS_NAMES:
        return Dataset(**arrays, class_names=CLASS_NAMES[name], source=source)
    for part in ("train", "test"):
        starts = arrays.pop(f"x_{part}_row_splits")[1:-1]
        rows = np.split(arrays.pop(f"x_{part}_tokens"), starts)
        arrays[f"x_{part}"] = np.fromiter((ids.tolist() for ids in rows), dtype=object)
    texts = {key: tuple(arrays.pop(key).tolist()) for key in ("class_names", "words")}
    return Dataset(**arrays, **texts, source=source)


def _no_real_data(name: str) -> DataError:
    return DataError(f"{TITLES[name]}: no real data found. {ADVICE.format(name)}")


def _chosen_source(source: str) -> str:
    """Let COURSE_DATA_SOURCE take the place of "auto"; raise InputError if it is unknown."""
    what = "source"
    if source == "auto":
        what, source = "COURSE_DATA_SOURCE", os.environ.get("COURSE_DATA_SOURCE") or "auto"
    if source not in SOURCES:
        raise InputError(f"{what} {source!r} is unknown; allowed: {', '.join(SOURCES)}")
    return source
