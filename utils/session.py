"""``setup(seed)`` makes a lesson repeatable, quiet and as fast as the machine allows."""

import numbers
import os
import sys
from contextlib import contextmanager
from types import ModuleType

# Okabe and Ito's colors, which color-blind readers tell apart (https://jfly.uni-koeln.de/color/)
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
FIGURE_STYLE = {
    "axes.prop_cycle": f"cycler(color={COLORS})",
    "figure.facecolor": "white",  # opaque: black text stays legible in a dark theme
    "figure.figsize": (8, 4),
    "figure.dpi": 80,
    "figure.constrained_layout.use": True,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.alpha": 0.3,
}


def setup(seed: int, gpu_memory_limit: int | None = None) -> None:
    """Seed all random numbers, choose the device, style the figures, and print what is used.

    Call it before Keras is imported: oneDNN's kernels, which train a small convolutional network
    about three times as fast on a CPU without AVX-512, can be chosen only when TensorFlow is
    loaded.

    Args:
        seed: from 0 to 2**32 - 1; the same seed gives the same numbers again on the same machine.
        gpu_memory_limit: MiB to take on the GPU. None lets the memory grow as it is needed.

    Raises:
        ValueError: if the seed or the limit is out of range.

    Only the first GPU is used; the others are hidden, so that several runs can share a machine.
    Operations are made deterministic
    (https://www.tensorflow.org/api_docs/python/tf/config/experimental/enable_op_determinism).
    """
    if not _whole_number(seed) or not 0 <= seed < 2**32:
        raise ValueError(
            f"setup(seed={seed!r}): the seed is a whole number from 0 to {2**32 - 1}"
        )
    limited = gpu_memory_limit is not None
    if limited and not (_whole_number(gpu_memory_limit) and gpu_memory_limit >= 1):
        raise ValueError(
            f"setup(gpu_memory_limit={gpu_memory_limit!r}): the limit is 1 MiB or more, or None"
        )
    if "tensorflow" in sys.modules and os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "1":
        print(
            "TensorFlow was loaded before setup(): restart the kernel for oneDNN's faster code."
        )
    tf = load_tensorflow()
    with _quiet_file_descriptor(2):
        device = _choose_device(tf, gpu_memory_limit)
        tf.constant(0)  # the first operation starts the device, which greets once more
    import keras
    import matplotlib.pyplot as plt

    tf.get_logger().setLevel("ERROR")
    keras.utils.set_random_seed(int(seed))
    tf.config.experimental.enable_op_determinism()
    plt.rcParams.update(FIGURE_STYLE)
    python = ".".join(map(str, sys.version_info[:2]))
    versions = f"Python {python}, TensorFlow {tf.__version__}, Keras {keras.__version__}"
    print(f"{versions}, {device}, seed {seed}")


def load_tensorflow() -> ModuleType:
    """Import TensorFlow with oneDNN's kernels, without a greeting, and return it."""
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    # TensorFlow's C++ code greets on file descriptor 2, whatever the log level, and ipykernel
    # would store that.
    with _quiet_file_descriptor(2):
        import tensorflow as tf
    return tf


def _whole_number(value) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _choose_device(tf, gpu_memory_limit: int | None) -> str:
    """Show TensorFlow the first GPU alone, and say in words what the lesson runs on."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return f"CPU with {os.cpu_count()} cores"
    try:
        tf.config.set_visible_devices(gpus[0], "GPU")
        if gpu_memory_limit is None:
            tf.config.experimental.set_memory_growth(gpus[0], True)
        else:
            limit = tf.config.LogicalDeviceConfiguration(memory_limit=gpu_memory_limit)
            tf.config.set_logical_device_configuration(gpus[0], [limit])
    except (RuntimeError, ValueError):
        # the GPU is in use already: setup() was called a second time
        return "GPU as set up before"
    return "GPU " + tf.config.experimental.get_device_details(gpus[0]).get(
        "device_name", gpus[0].name
    )


@contextmanager
def _quiet_file_descriptor(descriptor: int):
    """Send to nowhere what is written to a file descriptor meanwhile; exceptions pass as ever."""
    sys.stderr.flush()
    kept = os.dup(descriptor)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, descriptor)
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)
        os.close(nowhere)
