"""How are the real data sets fetched? By Keras, in a child process with a time limit."""

import hashlib
import os
import subprocess
import sys
import threading
import urllib.request
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from utils.errors import DataError
from utils.sources import npz

ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
PROBE_SECONDS = 3
LESSON_SECONDS = 120
PATIENT_SECONDS = 1800
# SHA-256 of all arrays, in order. Keras checks the files of MNIST and Reuters, not those of Fashion-MNIST.
CHECKSUMS = {
    "fashion_mnist": "ca3ab2a37f845e1b8ae23cab1b51749a3011ba3bf1d9016176d75cbaabac376f",
    "mnist": "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16",
}


def reachable() -> bool:
    """Tell within ``PROBE_SECONDS`` whether the place that Keras downloads from answers."""
    answers = []

    def ask():
        # a wrong answer of any kind, from a hotel's login page for instance, is no answer
        with suppress(OSError, ValueError, HTTPException):
            request = urllib.request.Request(ORIGIN, method="HEAD")
            with urllib.request.urlopen(request, timeout=PROBE_SECONDS):
                answers.append(True)

    # a thread, because the time limit of urlopen holds for each step, not for all together
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return bool(answers)


def fetch(name: str, seconds: float, show_progress: bool = False) -> dict[str, np.ndarray]:
    """Download one of ``keras.datasets``, with Keras's progress bar or without, and check it.

    Raises:
        DataError: if TensorFlow's start and the download took longer than ``seconds``, or failed,
            or what came is not the data set.
        OSError: if there is no place to put it.
    """
    try:
        # Keras keeps what it downloads, whole or not, in KERAS_HOME: here, a folder that goes.
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.npz"
            subprocess.run(
                [sys.executable, "-m", "utils.sources.download", name, str(path)],
                env=os.environ | {"KERAS_HOME": folder, "TF_CPP_MIN_LOG_LEVEL": "3"},
                timeout=seconds,
                check=True,
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=None if show_progress else subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            arrays = npz.read(path, name)
    except subprocess.TimeoutExpired as error:
        raise DataError(f"the download did not end within {seconds:.0f} s.") from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip() or "no reason given").splitlines()[-1]
        raise DataError(f"the download failed: {reason}") from error
    digest = hashlib.sha256(b"".join(array.tobytes() for array in arrays.values())).hexdigest()
    if digest != CHECKSUMS.get(name, digest):
        raise DataError("what came is not the data set (wrong checksum). Nothing was kept.")
    return arrays


def arrays_from_keras(name: str) -> dict[str, np.ndarray]:
    """Fetch a data set through Keras and return it in the layout of the project's files."""
    import keras

    module = getattr(keras.datasets, name)
    arrays = {}
    for part, (x, y) in zip(("train", "test"), module.load_data(), strict=True):
        arrays[f"y_{part}"] = y.astype("uint8")
        if name != "reuters":
            arrays[f"x_{part}"] = x
        else:  # one array, and the places where each newswire ends: it needs no pickle
            arrays[f"x_{part}_tokens"] = np.concatenate(x).astype("int32")
            arrays[f"x_{part}_row_splits"] = np.cumsum([0, *map(len, x)], dtype="int64")
    if name == "reuters":
        rank_of_word = module.get_word_index()
        arrays["words"] = np.array(sorted(rank_of_word, key=rank_of_word.get))
        arrays["class_names"] = np.array(module.get_label_names())
    return arrays


if __name__ == "__main__":
    np.savez(sys.argv[2], **arrays_from_keras(sys.argv[1]))
