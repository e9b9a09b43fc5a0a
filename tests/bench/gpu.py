"""What does a GPU change, and what do 16 bits? Prints a row of data/lesson_10_gpu.csv.

``KERAS_BACKEND=jax python tests/bench/gpu.py NAME POLICY``, with ``JAX_PLATFORMS=cpu`` for the
processor and ``JAX_DEFAULT_MATMUL_PRECISION=highest`` for products of 32 bits. Any backend will do.
"""

import sys
import time

import keras
import numpy as np
from keras import layers

STEPS = 60  # the fastest counts: other programs can only make a step slower
SLOW = 5  # seconds after which a network has been timed long enough


def main() -> None:
    """Time a training step of five networks, and an epoch of the first; print all as CSV."""
    name, policy = sys.argv[1:]
    keras.config.set_dtype_policy(policy)
    networks = {
        "dense 300": (_dense(300, 100), 32),
        "dense 1000": (_dense(1000), 512),
        "conv 32": (_convolutions(32, 64, width=5, pool_after=1), 64),
        "conv 256": (_convolutions(*[256] * 6, width=3, pool_after=2, shape=(32, 32, 3)), 256),
        "dense 8192": (_dense(*[8192] * 4), 4096),
    }
    row = {"on": name}
    for title, (hidden, batch_size) in networks.items():
        row[title] = 1000 * _fastest_step(hidden, batch_size)
    for title, at_once in {"epoch": 1, "50 at once": 50}.items():
        row[title] = _epoch(_dense(300, 100), at_once)
    print(",".join(row), ",".join([name, *(f"{v:.3f}" for v in [*row.values()][1:])]), sep="\n")


def _dense(*sizes: int) -> list:
    hidden = [layers.Dense(size, "relu") for size in sizes]
    return [keras.Input((28, 28)), layers.Flatten(), *hidden]


def _convolutions(*filters: int, width: int, pool_after: int, shape=(28, 28, 1)) -> list:
    found = [keras.Input(shape)]
    for number, size in enumerate(filters, start=1):
        found.append(layers.Conv2D(size, width, padding="same", activation="relu"))
        found += [layers.MaxPooling2D()] if number % pool_after == 0 else []
    return [*found, layers.Flatten()]


def _compiled(hidden: list, **options) -> keras.Model:
    keras.utils.set_random_seed(1)
    network = keras.Sequential([*hidden, layers.Dense(10, dtype="float32")])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.SGD(0.001), loss, **options)
    return network


def _examples(network: keras.Model, count: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    shape = (count, *network.input_shape[1:])
    return random.normal(size=shape).astype("float32"), random.integers(0, 10, count)


def _fastest_step(hidden: list, batch_size: int) -> float:
    network = _compiled(hidden)
    batch, times = _examples(network, batch_size), []
    while len(times) < 3 or (len(times) < STEPS and sum(times) < SLOW):
        start = time.perf_counter()
        network.train_on_batch(*batch)
        times.append(time.perf_counter() - start)
    return min(times[1:])  # the first compiles


def _epoch(hidden: list, at_once: int) -> float:
    """Return the seconds of the second epoch of ``fit`` over 55,000 images, 32 a step."""
    network = _compiled(hidden, metrics=["accuracy"], steps_per_execution=at_once)
    examples = _examples(network, 55_000)
    for _ in range(2):
        start = time.perf_counter()
        network.fit(*examples, batch_size=32, verbose=0)
        seconds = time.perf_counter() - start
    return seconds


if __name__ == "__main__":
    main()
