"""How are the real data sets fetched? By Keras, in a child process with a time limit."""

import http.client
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
PROBE_SECONDS = 3
LESSON_SECONDS = 120
PATIENT_SECONDS = 1800
# SHA-256 over the four arrays: train images, train labels, test images, test labels. Keras
# itself checks the files of MNIST and Reuters; those of Fashion-MNIST it does not.
CHECKSUMS = {
    "fashion_mnist": "ca3ab2a37f845e1b8ae23cab1b51749a3011ba3bf1d9016176d75cbaabac376f",
    "mnist": "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16",
}


class DownloadError(Exception):
    """A download that did not come: the message says why, in one line."""


def reachable() -> bool:
    """Tell within ``PROBE_SECONDS`` whether the place that Keras downloads from answers."""
    answers = []

    def ask():
        # a wrong answer of any kind, from a hotel's login page for instance, is no answer
        with suppress(OSError, ValueError, http.client.HTTPException):
            request = urllib.request.Request(ORIGIN, method="HEAD")
            with urllib.request.urlopen(request, timeout=PROBE_SECONDS):
                answers.append(True)

    # a thread, because the time limit of urlopen holds for each step, not for all together
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return bool(answers)


@contextmanager
def keras_dataset(name: str, seconds: float, show_progress: bool = False) -> Iterator[Path]:
    """Download one of ``keras.datasets`` and yield a file with its arrays, gone afterwards.

    Args:
        name: the module in ``keras.datasets``.
        seconds: the longest wait, for TensorFlow's start and the download together.
        show_progress: let Keras's progress bar through.

    Raises:
        DownloadError: if it took too long or failed.

    Keras keeps what it downloads, whole or not, in KERAS_HOME: here, a folder that goes too.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.npz"
        environment = os.environ | {"KERAS_HOME": folder, "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, "-m", "utils.sources.download", name, str(path)]
        try:
            subprocess.run(
                command,
                env=environment,
                timeout=seconds,
                check=True,
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=None if show_progress else subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        except subprocess.TimeoutExpired as error:
            raise DownloadError(f"the download did not end within {seconds:.0f} s.") from error
        except subprocess.CalledProcessError as error:
            reason = (error.stderr.strip() or "no reason given").splitlines()[-1]
            raise DownloadError(f"the download failed: {reason}") from error
        yield path


def arrays_from_keras(name: str) -> dict[str, np.ndarray]:
    """Fetch a data set through Keras and return it in the layout of the project's files."""
    import keras

    module = getattr(keras.datasets, name)
    (x_train, y_train), (x_test, y_test) = module.load_data()
    labels = {"y_train": y_train.astype("uint8"), "y_test": y_test.astype("uint8")}
    if name != "reuters":
        return labels | {"x_train": x_train, "x_test": x_test}
    rank_of_word = module.get_word_index()
    return (
        labels
        | _flat("train", x_train)
        | _flat("test", x_test)
        | {
            "words": np.array(sorted(rank_of_word, key=rank_of_word.get)),
            "class_names": np.array(module.get_label_names()),
        }
    )


def _flat(part: str, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Turn lists of word ids into one array and the places where each ends: needs no pickle."""
    return {
        f"x_{part}_tokens": np.concatenate(rows).astype("int32"),
        f"x_{part}_row_splits": np.cumsum([0, *map(len, rows)], dtype="int64"),
    }


if __name__ == "__main__":
    np.savez(sys.argv[2], **arrays_from_keras(sys.argv[1]))
